//! The rows of the directive table: a name, its contexts, and the typed setter it calls.

use core::ffi::{CStr, c_char, c_void};
use core::marker::PhantomData;

use ngx::ffi::{
    NGX_CONF_1MORE, NGX_CONF_BLOCK, NGX_CONF_FLAG, NGX_CONF_NOARGS, NGX_CONF_TAKE1,
    NGX_CONF_TAKE12, NGX_HTTP_LIF_CONF, NGX_HTTP_LOC_CONF, NGX_HTTP_MAIN_CONF, NGX_HTTP_SRV_CONF,
    ngx_command_t, ngx_conf_t, ngx_uint_t,
};

use super::conf::{Borrowed, Conf, Mistake, configure};
use super::module::{self, MainSlot};
use super::{Module, bytes};

/// Context `http`.
pub const HTTP: u32 = NGX_HTTP_MAIN_CONF;
/// Context `server`.
pub const SERVER: u32 = NGX_HTTP_SRV_CONF;
/// Context `location`, including `if` inside one.
pub const LOCATION: u32 = NGX_HTTP_LOC_CONF | NGX_HTTP_LIF_CONF;
/// Context `location`, without `if`.
pub const LOCATION_ONLY: u32 = NGX_HTTP_LOC_CONF;
/// Arity: one argument or none.
pub const NONE_OR_ONE: u32 = NGX_CONF_NOARGS | NGX_CONF_TAKE1;
/// Arity: none to two arguments.
pub const NONE_TO_TWO: u32 = NGX_CONF_NOARGS | NGX_CONF_TAKE12;
/// Arity: exactly one argument.
pub const ONE: u32 = NGX_CONF_TAKE1;
/// Arity: one or two.
pub const ONE_OR_TWO: u32 = NGX_CONF_TAKE12;
/// Arity: one or more.
pub const ONE_OR_MORE: u32 = NGX_CONF_1MORE;
/// Arity: `on` or `off`.
pub const FLAG: u32 = NGX_CONF_FLAG;
/// Arity: a name and a block.
pub const NAMED_BLOCK: u32 = NGX_CONF_BLOCK | NGX_CONF_TAKE1;

/// What a directive does: reads its arguments, changes a configuration.
pub type Setter<M, C> = fn(&mut C, &mut Conf<'_, M>) -> Result<(), Mistake>;

/// One row of the directive table.
#[repr(transparent)]
pub struct Row<M>(ngx_command_t, PhantomData<fn() -> M>);

// SAFETY: rows are constants; nginx reads them on its one thread.
unsafe impl<M> Sync for Row<M> {}

impl<M: Module> Row<M> {
    /// A directive that changes the configuration of the `http` block.
    pub const fn main(
        name: &'static CStr,
        contexts: u32,
        arity: u32,
        set: Setter<M, M::Main>,
    ) -> Self {
        Self::new(name, contexts | arity, module::MAIN_OFFSET, set_main::<M>, set as *const c_void)
    }

    /// A directive that changes the configuration of a location (also through `http`, `server`).
    pub const fn location(
        name: &'static CStr,
        contexts: u32,
        arity: u32,
        set: Setter<M, M::Location>,
    ) -> Self {
        let offset = module::LOCATION_OFFSET;
        Self::new(name, contexts | arity, offset, set_location::<M>, set as *const c_void)
    }

    /// The row that ends the table.
    pub const fn end() -> Self {
        Self(ngx_command_t::empty(), PhantomData)
    }

    const fn new(
        name: &'static CStr,
        kind: u32,
        offset: usize,
        callback: unsafe extern "C" fn(
            *mut ngx_conf_t,
            *mut ngx_command_t,
            *mut c_void,
        ) -> *mut c_char,
        set: *const c_void,
    ) -> Self {
        let command = ngx_command_t {
            name: bytes::borrowed(name.to_bytes()),
            type_: kind as ngx_uint_t,
            set: Some(callback),
            conf: offset,
            offset: 0,
            // Free for modules to use (ngx_conf_file.h): the typed setter that the callback calls.
            post: set.cast_mut(),
        };
        Self(command, PhantomData)
    }
}

/// Whether a table of rows ends as nginx expects, and nowhere earlier.
pub(super) const fn is_ended<M>(table: &[Row<M>]) -> bool {
    let mut left = table;
    while let [row, rest @ ..] = left {
        if row.0.name.len == 0 {
            return rest.is_empty();
        }
        left = rest;
    }
    false
}

unsafe extern "C" fn set_main<M: Module>(
    cf: *mut ngx_conf_t,
    command: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    configure(
        cf,
        Borrowed::Main,
        |cf, message| cf.emerg(message),
        |cf| {
            // SAFETY: nginx passes the row's own configuration, and `cf` does not lend it
            // meanwhile; `Row::main` stored a setter of this type.
            let (set, slot) =
                unsafe { (setter::<M, M::Main>(command), &mut *conf.cast::<MainSlot<M>>()) };
            set(&mut slot.main, cf)
        },
    )
}

unsafe extern "C" fn set_location<M: Module>(
    cf: *mut ngx_conf_t,
    command: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    configure(
        cf,
        Borrowed::Nothing,
        |cf, message| cf.emerg(message),
        |cf| {
            // SAFETY: as above, `Row::location`; nothing else lends a location's configuration.
            let (set, location) =
                unsafe { (setter::<M, M::Location>(command), &mut *conf.cast::<M::Location>()) };
            set(location, cf)
        },
    )
}

/// # Safety
/// The row's `post` is a `Setter<M, C>`.
unsafe fn setter<M: Module, C>(command: *mut ngx_command_t) -> Setter<M, C> {
    // SAFETY: by this function's contract.
    unsafe { core::mem::transmute::<*mut c_void, Setter<M, C>>((*command).post) }
}
