//! What a module declares, and what nginx finds in the shared object.

use core::ffi::c_void;
use core::mem::offset_of;

use ngx::ffi::{
    NGX_HTTP_MODULE, ngx_conf_t, ngx_http_conf_ctx_t, ngx_http_module_t, ngx_http_request_t,
    ngx_int_t, ngx_module_t, ngx_uint_t,
};

use super::conf::{Conf, Mistake};
use super::directive::Row;
use super::guard::{Fault, Flow};
use super::kept::Slots;
use super::respond::Parts;
use super::variables::{Others, Variable};
use super::{Request, callbacks, lifecycle, state};

/// A handler of a phase. nginx calls it again whenever a request that waits is woken.
pub type PhaseHandler<M> =
    for<'r> fn(&mut Request<'r, M>) -> Result<Flow<<M as Module>::Response>, Fault>;

/// A handler that answers in a location. nginx calls it again when the request was woken, or its body
/// read. `Flow::Next` leaves the answer to nginx, as does `Flow::Admit`.
pub type ContentHandler<M> =
    for<'r> fn(&mut Request<'r, M>) -> Result<Flow<<M as Module>::Response>, Fault>;

/// A module for nginx: its configuration, and what it does when. All but a few have a default, which
/// does nothing and costs nothing.
pub trait Module: Exported + Sized + 'static {
    /// Begins each of the module's lines in the error log.
    const NAME: &'static str;

    /// Configuration of the `http` block.
    type Main: Default;
    /// Configuration of a server.
    type Server: Default;
    /// Configuration of a location; of `http` and `server` too, whose settings locations inherit.
    type Location: Default;
    /// What is remembered of a request between callbacks. In cells, since nothing of nginx's is
    /// exclusive.
    type State: Default;
    /// Slices of a request's memory that are remembered with it: a [`Shelf`](super::kept::Shelf).
    type Kept: Slots;
    /// An answer that the module gives itself.
    type Response;

    /// The directives, ended by [`Row::end`].
    const DIRECTIVES: &'static [Row<Self>];
    /// The variables, 32 at most.
    const VARIABLES: &'static [Variable<Self>] = &[];
    /// Runs before rewrite rules see the request, when its headers were read.
    const POST_READ: Option<PhaseHandler<Self>> = None;
    /// Runs in each location that a request comes to, before access is decided.
    const PREACCESS: Option<PhaseHandler<Self>> = None;
    /// Decides who may.
    const ACCESS: Option<PhaseHandler<Self>> = None;
    /// Answers where the configuration says [`Conf::answer_here`].
    const CONTENT: Option<ContentHandler<Self>> = None;

    /// Completes the configuration of `http` when it was read, before locations are merged.
    ///
    /// # Errors
    /// What cannot be used.
    fn finish(main: &mut Self::Main, cf: &Conf<'_, Self>) -> Result<(), Mistake> {
        let _ = (main, cf);
        Ok(())
    }

    /// Completes the configuration of a location by that of what is around it.
    ///
    /// # Errors
    /// What cannot be used.
    fn merge(
        parent: &Self::Location,
        child: &mut Self::Location,
        cf: &mut Conf<'_, Self>,
    ) -> Result<(), Mistake> {
        let _ = (parent, child, cf);
        Ok(())
    }

    /// Looks at the whole configuration when all of it was read.
    ///
    /// # Errors
    /// What cannot be used.
    fn check(cf: &mut Conf<'_, Self>) -> Result<(), Mistake> {
        let _ = cf;
        Ok(())
    }

    /// A configuration was read without a mistake and is used from now on; `None` without an `http`
    /// block. In the master.
    fn begin(main: Option<&Self::Main>) {
        let _ = main;
    }

    /// A worker has started. Threads are started here or later: they do not survive a fork.
    fn start_worker(main: &Self::Main) {
        let _ = main;
    }

    /// A worker exits.
    fn stop_worker() {}

    /// Whether the module's variables are its own for this request. Where they are not, whoever else
    /// defines variables of these names has them.
    fn owns_variables(request: &Request<'_, Self>) -> bool {
        let _ = request;
        true
    }

    /// What there is to send of an answer.
    fn parts(response: &Self::Response) -> Parts<'_>;

    /// How a request ends whose handler failed or panicked; it was logged already. Never lets it in.
    ///
    /// # Errors
    /// If not even that can be said: nginx then answers 500.
    fn refuse(request: &Request<'_, Self>) -> Result<Self::Response, Fault>;
}

/// What [`module!`](crate::module!) makes of a [`Module`]. Nobody else implements it.
///
/// # Safety
/// `descriptor` is the one that nginx loads this module by; `fixed` is always the same.
pub unsafe trait Exported {
    /// The descriptor. nginx writes the module's index into it.
    fn descriptor() -> *mut ngx_module_t;
    /// Functions with one address.
    fn fixed() -> &'static Fixed;
}

/// Functions that are told by their addresses. That of a generic function may differ between codegen
/// units, so a static of the module has them.
pub struct Fixed {
    pub(super) drop_state: unsafe extern "C" fn(*mut c_void),
    pub(super) content: unsafe extern "C" fn(*mut ngx_http_request_t) -> ngx_int_t,
}

impl Fixed {
    /// Those of a module.
    #[must_use]
    pub const fn of<M: Module>() -> Self {
        Self { drop_state: state::drop_context::<M>, content: callbacks::content::<M> }
    }
}

/// The module's table of callbacks.
#[must_use]
pub const fn context<M: Module>() -> ngx_http_module_t {
    ngx_http_module_t {
        preconfiguration: Some(callbacks::preconfiguration::<M>),
        postconfiguration: Some(callbacks::postconfiguration::<M>),
        create_main_conf: Some(callbacks::create::<M, MainSlot<M>>),
        init_main_conf: Some(callbacks::init_main_conf::<M>),
        create_srv_conf: Some(callbacks::create::<M, M::Server>),
        merge_srv_conf: None,
        create_loc_conf: Some(callbacks::create::<M, M::Location>),
        merge_loc_conf: Some(callbacks::merge_location::<M>),
    }
}

/// The module's descriptor.
#[must_use]
pub const fn descriptor<M: Module>(context: *const ngx_http_module_t) -> ngx_module_t {
    assert!(super::directive::is_ended(M::DIRECTIVES), "the directives do not end with Row::end()");
    assert!(M::VARIABLES.len() <= super::variables::MOST, "too many variables");
    ngx_module_t {
        ctx: context.cast_mut().cast(),
        commands: M::DIRECTIVES.as_ptr().cast_mut().cast(),
        type_: NGX_HTTP_MODULE as ngx_uint_t,
        init_module: Some(lifecycle::init_module::<M>),
        init_process: Some(lifecycle::init_process::<M>),
        exit_process: Some(lifecycle::exit_process::<M>),
        ..ngx_module_t::default()
    }
}

/// What `ngx_load_module` looks up: addresses, ended by NULL.
#[repr(transparent)]
pub struct Symbols<const N: usize>(pub [*const c_void; N]);

// SAFETY: constants, read by nginx on its one thread.
unsafe impl<const N: usize> Sync for Symbols<N> {}

/// Makes the module that nginx finds in the shared object, of a type that implements [`Module`].
///
/// ```ignore
/// nginx::module! {
///     ngx_http_door_module: Door;
///     // Handlers of a phase run in reverse order: our access handler runs after this module's.
///     before: "ngx_http_access_module"
/// }
/// ```
///
/// The modules behind `before:` are those that this one stands in front of in nginx's list.
#[macro_export]
macro_rules! module {
    ($name:ident: $module:ty; before: $($next:literal),*) => {
        static CONTEXT: $crate::export::ngx_http_module_t = $crate::export::context::<$module>();

        static FIXED: $crate::export::Fixed = $crate::export::Fixed::of::<$module>();

        #[unsafe(no_mangle)]
        #[allow(non_upper_case_globals, reason = "nginx's name for it")]
        static mut $name: $crate::export::ngx_module_t =
            $crate::export::descriptor::<$module>(&raw const CONTEXT);

        // SAFETY: nginx finds the descriptor by `ngx_modules`; a static has one address.
        unsafe impl $crate::export::Exported for $module {
            fn descriptor() -> *mut $crate::export::ngx_module_t {
                &raw mut $name
            }

            fn fixed() -> &'static $crate::export::Fixed {
                &FIXED
            }
        }

        #[unsafe(no_mangle)]
        #[allow(non_upper_case_globals, reason = "nginx's name for it")]
        static ngx_modules: $crate::export::Symbols<2> = $crate::export::Symbols([
            (&raw const $name).cast(),
            ::core::ptr::null(),
        ]);

        #[unsafe(no_mangle)]
        #[allow(non_upper_case_globals, reason = "nginx's name for it")]
        static ngx_module_names: $crate::export::Symbols<2> = $crate::export::Symbols([
            concat!(stringify!($name), "\0").as_ptr().cast(),
            ::core::ptr::null(),
        ]);

        #[unsafe(no_mangle)]
        #[allow(non_upper_case_globals, reason = "nginx's name for it")]
        static ngx_module_order: $crate::export::Symbols<{ 2 $(+ { let _ = $next; 1 })* }> =
            $crate::export::Symbols([
                concat!(stringify!($name), "\0").as_ptr().cast(),
                $(concat!($next, "\0").as_ptr().cast(),)*
                ::core::ptr::null(),
            ]);
    };
}

/// Where nginx finds the configuration a directive changes (`NGX_HTTP_MAIN_CONF_OFFSET`).
pub(super) const MAIN_OFFSET: usize = offset_of!(ngx_http_conf_ctx_t, main_conf);
/// `NGX_HTTP_LOC_CONF_OFFSET`.
pub(super) const LOCATION_OFFSET: usize = offset_of!(ngx_http_conf_ctx_t, loc_conf);

/// The module's part of the configuration of `http`, and ours.
pub(super) struct MainSlot<M: Module> {
    pub(super) main: M::Main,
    pub(super) others: Others,
}

impl<M: Module> Default for MainSlot<M> {
    fn default() -> Self {
        Self { main: M::Main::default(), others: Others::default() }
    }
}

/// The module's slot in every table of contexts and configurations.
pub(super) fn ctx_index<M: Module>() -> usize {
    // SAFETY: nginx writes it before it creates any configuration, and never again.
    unsafe { (*M::descriptor()).ctx_index }
}

/// Tells the module's shared zones from those of others.
pub(super) fn tag<M: Module>() -> *mut c_void {
    M::descriptor().cast()
}

/// # Safety
/// `table` is a table of main configurations.
pub(super) unsafe fn main_conf<'a, M: Module>(table: *mut *mut c_void) -> &'a MainSlot<M> {
    // SAFETY: by this function's contract; our slot holds what `create_main_conf` made.
    unsafe { &*(*table.add(ctx_index::<M>())).cast::<MainSlot<M>>() }
}

/// # Safety
/// `table` is a table of server configurations.
pub(super) unsafe fn server_conf<'a, M: Module>(table: *mut *mut c_void) -> &'a M::Server {
    // SAFETY: as above.
    unsafe { &*(*table.add(ctx_index::<M>())).cast::<M::Server>() }
}

/// # Safety
/// `table` is a table of location configurations.
pub(super) unsafe fn location_conf<'a, M: Module>(table: *mut *mut c_void) -> &'a M::Location {
    // SAFETY: as above.
    unsafe { &*(*table.add(ctx_index::<M>())).cast::<M::Location>() }
}

/// # Safety
/// `cf` is live, inside `http`, and nobody else borrows the configuration.
pub(super) unsafe fn main_conf_of<'a, M: Module>(cf: *mut ngx_conf_t) -> &'a mut MainSlot<M> {
    // SAFETY: inside `http`, `ctx` is a `ngx_http_conf_ctx_t`.
    unsafe {
        let context = (*cf).ctx.cast::<ngx_http_conf_ctx_t>();
        &mut *(*(*context).main_conf.add(ctx_index::<M>())).cast::<MainSlot<M>>()
    }
}

/// # Safety
/// As [`main_conf_of`], inside a server.
pub(super) unsafe fn server_conf_of<'a, M: Module>(cf: *mut ngx_conf_t) -> &'a mut M::Server {
    // SAFETY: as above.
    unsafe {
        let context = (*cf).ctx.cast::<ngx_http_conf_ctx_t>();
        &mut *(*(*context).srv_conf.add(ctx_index::<M>())).cast::<M::Server>()
    }
}
