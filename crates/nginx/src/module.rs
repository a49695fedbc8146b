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

/// A phase handler. nginx calls it again whenever a waiting request is woken.
pub type PhaseHandler<M> =
    for<'r> fn(&mut Request<'r, M>) -> Result<Flow<<M as Module>::Response>, Fault>;

/// A content handler. nginx calls it again when the request is woken or its body has been read.
/// `Flow::Next` and `Flow::Admit` leave the response to nginx.
pub type ContentHandler<M> =
    for<'r> fn(&mut Request<'r, M>) -> Result<Flow<<M as Module>::Response>, Fault>;

/// An nginx module: its configuration and its handlers. All but a few have a default, which does
/// nothing and costs nothing.
pub trait Module: Exported + Sized + 'static {
    /// Prefix of the module's lines in the error log.
    const NAME: &'static str;

    /// Configuration of the `http` block.
    type Main: Default;
    /// Configuration of a server.
    type Server: Default;
    /// Configuration of a location; also of `http` and `server`, from which locations inherit.
    type Location: Default;
    /// State of a request, kept between callbacks. Use cells: nothing of nginx's is borrowed
    /// exclusively.
    type State: Default;
    /// Slices of a request's memory, kept with its state: a [`Shelf`](super::kept::Shelf).
    type Kept: Slots;
    /// A response of the module itself.
    type Response;

    /// The directives, ending with [`Row::end`].
    const DIRECTIVES: &'static [Row<Self>];
    /// The variables, at most 32.
    const VARIABLES: &'static [Variable<Self>] = &[];
    /// Runs when the request's headers have been read, before rewrite rules.
    const POST_READ: Option<PhaseHandler<Self>> = None;
    /// Runs in each location that a request enters, before the access check.
    const PREACCESS: Option<PhaseHandler<Self>> = None;
    /// Decides on access.
    const ACCESS: Option<PhaseHandler<Self>> = None;
    /// Answers in locations with [`Conf::answer_here`].
    const CONTENT: Option<ContentHandler<Self>> = None;

    /// Completes the configuration of `http` once it has been read, before locations are merged.
    ///
    /// # Errors
    /// The configuration is unusable.
    fn finish(main: &mut Self::Main, cf: &Conf<'_, Self>) -> Result<(), Mistake> {
        let _ = (main, cf);
        Ok(())
    }

    /// Completes a location's configuration from the enclosing one.
    ///
    /// # Errors
    /// The configuration is unusable.
    fn merge(
        parent: &Self::Location,
        child: &mut Self::Location,
        cf: &mut Conf<'_, Self>,
    ) -> Result<(), Mistake> {
        let _ = (parent, child, cf);
        Ok(())
    }

    /// Checks the whole configuration once it has been read.
    ///
    /// # Errors
    /// The configuration is unusable.
    fn check(cf: &mut Conf<'_, Self>) -> Result<(), Mistake> {
        let _ = cf;
        Ok(())
    }

    /// A valid configuration takes effect; `None` without an `http` block. In the master, and in
    /// `nginx -t`. Also whether `error_log` in the main context keeps lines of the level `error` out.
    fn begin(main: Option<&Self::Main>, main_log_hides_errors: bool) {
        let _ = (main, main_log_hides_errors);
    }

    /// A worker has started. Threads must be started here or later: they do not survive a fork.
    fn start_worker(main: &Self::Main) {
        let _ = main;
    }

    /// A worker exits.
    fn stop_worker() {}

    /// Whether the module's variables are its own for this request. If not, they belong to any
    /// other module or directive that defines variables with these names.
    fn owns_variables(request: &Request<'_, Self>) -> bool {
        let _ = request;
        true
    }

    /// The parts of a response to send.
    fn parts(response: &Self::Response) -> Parts<'_>;

    /// The response after a handler failed or panicked, which has been logged already. Never lets
    /// the request in.
    ///
    /// # Errors
    /// There is no such response: nginx then answers with 500.
    fn refuse(request: &Request<'_, Self>) -> Result<Self::Response, Fault>;
}

/// What [`module!`](crate::module!) generates for a [`Module`]. Only the macro implements it.
///
/// # Safety
/// `descriptor` is the one by which nginx loads this module; `fixed` is always the same.
pub unsafe trait Exported {
    /// The descriptor. nginx writes the module's index into it.
    fn descriptor() -> *mut ngx_module_t;
    /// Functions with a unique address.
    fn fixed() -> &'static Fixed;
}

/// Functions that are identified by their addresses. The address of a generic function may differ
/// between codegen units, so a static of the module holds them.
pub struct Fixed {
    pub(super) drop_state: unsafe extern "C" fn(*mut c_void),
    pub(super) content: unsafe extern "C" fn(*mut ngx_http_request_t) -> ngx_int_t,
}

impl Fixed {
    /// The functions of a module.
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

/// What `ngx_load_module` looks up: addresses, terminated by NULL.
#[repr(transparent)]
pub struct Symbols<const N: usize>(pub [*const c_void; N]);

// SAFETY: constants, read by nginx on its one thread.
unsafe impl<const N: usize> Sync for Symbols<N> {}

/// Defines the nginx module for a type that implements [`Module`].
///
/// ```ignore
/// nginx::module! {
///     ngx_http_door_module: Door;
///     // Handlers of a phase run in reverse order: our access handler runs after this module's.
///     before: "ngx_http_access_module"
/// }
/// ```
///
/// The modules after `before:` are those that this one precedes in nginx's list.
#[macro_export]
macro_rules! module {
    ($name:ident: $module:ty; before: $($next:literal),*) => {
        static CONTEXT: $crate::export::ngx_http_module_t = $crate::export::context::<$module>();

        static FIXED: $crate::export::Fixed = $crate::export::Fixed::of::<$module>();

        #[unsafe(no_mangle)]
        #[allow(non_upper_case_globals, reason = "nginx's name for it")]
        static mut $name: $crate::export::ngx_module_t =
            $crate::export::descriptor::<$module>(&raw const CONTEXT);

        // SAFETY: nginx finds the descriptor through `ngx_modules`; a static has one address.
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

/// Where nginx finds the configuration that a directive changes (`NGX_HTTP_MAIN_CONF_OFFSET`).
pub(super) const MAIN_OFFSET: usize = offset_of!(ngx_http_conf_ctx_t, main_conf);
/// `NGX_HTTP_LOC_CONF_OFFSET`.
pub(super) const LOCATION_OFFSET: usize = offset_of!(ngx_http_conf_ctx_t, loc_conf);

/// The module's configuration of `http`, and ours.
pub(super) struct MainSlot<M: Module> {
    pub(super) main: M::Main,
    pub(super) others: Others,
}

impl<M: Module> Default for MainSlot<M> {
    fn default() -> Self {
        Self { main: M::Main::default(), others: Others::default() }
    }
}

/// The module's index in every table of contexts and configurations.
pub(super) fn ctx_index<M: Module>() -> usize {
    // SAFETY: nginx writes it before it creates any configuration, and never again.
    unsafe { (*M::descriptor()).ctx_index }
}

/// Distinguishes the module's shared zones from those of others.
pub(super) fn tag<M: Module>() -> *mut c_void {
    M::descriptor().cast()
}

/// # Safety
/// `table` is a table of main configurations.
pub(super) unsafe fn main_conf<'a, M: Module>(table: *mut *mut c_void) -> &'a MainSlot<M> {
    // SAFETY: by this function's contract; our slot holds what `create_main_conf` created.
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
