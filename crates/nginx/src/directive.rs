//! The rows of the directive table: a name, where it may stand, and the typed setter it calls.

use core::ffi::{CStr, c_char, c_void};

use ngx::ffi::{
    NGX_CONF_1MORE, NGX_CONF_BLOCK, NGX_CONF_FLAG, NGX_CONF_NOARGS, NGX_CONF_TAKE1,
    NGX_CONF_TAKE12, NGX_HTTP_LIF_CONF, NGX_HTTP_LOC_CONF, NGX_HTTP_MAIN_CONF, NGX_HTTP_SRV_CONF,
    ngx_command_t, ngx_conf_t, ngx_uint_t,
};

use super::conf::{Conf, Mistake, configure};
use super::{bytes, module};
use crate::conf::{LocationConf, MainConf};

/// Contexts a directive may stand in.
pub(crate) const HTTP: u32 = NGX_HTTP_MAIN_CONF;
/// `server`.
pub(crate) const SERVER: u32 = NGX_HTTP_SRV_CONF;
/// `location`, also `if` inside one.
pub(crate) const LOCATION: u32 = NGX_HTTP_LOC_CONF | NGX_HTTP_LIF_CONF;
/// `location`, without `if`.
pub(crate) const LOCATION_ONLY: u32 = NGX_HTTP_LOC_CONF;
/// Arity: one argument or none.
pub(crate) const NONE_OR_ONE: u32 = NGX_CONF_NOARGS | NGX_CONF_TAKE1;
/// Arity: exactly one argument.
pub(crate) const ONE: u32 = NGX_CONF_TAKE1;
/// Arity: one or two.
pub(crate) const ONE_OR_TWO: u32 = NGX_CONF_TAKE12;
/// Arity: one or more.
pub(crate) const ONE_OR_MORE: u32 = NGX_CONF_1MORE;
/// Arity: `on` or `off`.
pub(crate) const FLAG: u32 = NGX_CONF_FLAG;
/// Arity: a name and a block.
pub(crate) const NAMED_BLOCK: u32 = NGX_CONF_BLOCK | NGX_CONF_TAKE1;

/// What a directive does: look at its arguments, change a configuration.
pub(crate) type Setter<C> = fn(&mut C, &mut Conf<'_>) -> Result<(), Mistake>;

/// One row of the directive table.
#[repr(transparent)]
pub(crate) struct Row(ngx_command_t);

// SAFETY: rows are constants; nginx reads them on its one thread.
unsafe impl Sync for Row {}

impl Row {
    /// A directive that changes the configuration of the `http` block.
    pub(crate) const fn main(
        name: &'static CStr,
        contexts: u32,
        arity: u32,
        set: Setter<MainConf>,
    ) -> Self {
        Self::new(name, contexts | arity, module::MAIN_OFFSET, set_main, set as *const c_void)
    }

    /// A directive that changes the configuration of a location (also through `http`, `server`).
    pub(crate) const fn location(
        name: &'static CStr,
        contexts: u32,
        arity: u32,
        set: Setter<LocationConf>,
    ) -> Self {
        let offset = module::LOCATION_OFFSET;
        Self::new(name, contexts | arity, offset, set_location, set as *const c_void)
    }

    /// The row that ends the table.
    pub(crate) const fn end() -> Self {
        Self(ngx_command_t::empty())
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
        Self(ngx_command_t {
            name: bytes::borrowed(name.to_bytes()),
            type_: kind as ngx_uint_t,
            set: Some(callback),
            conf: offset,
            offset: 0,
            // Ours to use (ngx_conf_file.h): the typed setter that the callback calls.
            post: set.cast_mut(),
        })
    }
}

unsafe extern "C" fn set_main(
    cf: *mut ngx_conf_t,
    command: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: nginx passes the row's own configuration; `Row::main` stored this type of setter.
    unsafe { set::<MainConf>(cf, command, conf) }
}

unsafe extern "C" fn set_location(
    cf: *mut ngx_conf_t,
    command: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: as above, `Row::location`.
    unsafe { set::<LocationConf>(cf, command, conf) }
}

/// # Safety
/// `conf` is a `C` and the row's `post` a `Setter<C>`.
unsafe fn set<C>(
    cf: *mut ngx_conf_t,
    command: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    configure(
        cf,
        |cf, message| cf.emerg(message),
        |cf| {
            // SAFETY: by this function's contract; nginx lets nobody else at `conf` meanwhile.
            let (setter, conf) = unsafe {
                let setter = core::mem::transmute::<*mut c_void, Setter<C>>((*command).post);
                (setter, &mut *conf.cast::<C>())
            };
            setter(conf, cf)
        },
    )
}
