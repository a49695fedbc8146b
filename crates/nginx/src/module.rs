//! What nginx finds in the shared object: the module, its table of callbacks, its place in the
//! order of modules.

use core::ffi::{c_char, c_void};
use core::mem::offset_of;
use core::ptr;

use ngx::ffi::{
    NGX_HTTP_MODULE, ngx_conf_t, ngx_http_conf_ctx_t, ngx_http_module_t, ngx_module_t, ngx_uint_t,
};

use super::{callbacks, lifecycle};
use crate::conf::{LocationConf, MainConf, ServerConf, directives};

/// Where nginx finds the configuration a directive changes (`NGX_HTTP_MAIN_CONF_OFFSET`).
pub(super) const MAIN_OFFSET: usize = offset_of!(ngx_http_conf_ctx_t, main_conf);
/// `NGX_HTTP_LOC_CONF_OFFSET`.
pub(super) const LOCATION_OFFSET: usize = offset_of!(ngx_http_conf_ctx_t, loc_conf);

static CONTEXT: ngx_http_module_t = ngx_http_module_t {
    preconfiguration: Some(callbacks::preconfiguration),
    postconfiguration: Some(callbacks::postconfiguration),
    create_main_conf: Some(callbacks::create::<MainConf>),
    init_main_conf: Some(callbacks::init_main_conf),
    create_srv_conf: Some(callbacks::create::<ServerConf>),
    merge_srv_conf: None,
    create_loc_conf: Some(callbacks::create::<LocationConf>),
    merge_loc_conf: Some(callbacks::merge_location),
};

/// The module. nginx writes its index into it.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "nginx's name for it")]
pub(crate) static mut ngx_http_authentik_module: ngx_module_t = ngx_module_t {
    ctx: (&raw const CONTEXT).cast_mut().cast(),
    commands: directives::TABLE.as_ptr().cast_mut().cast(),
    type_: NGX_HTTP_MODULE as ngx_uint_t,
    init_module: Some(lifecycle::init_module),
    init_process: Some(lifecycle::init_process),
    exit_process: Some(lifecycle::exit_process),
    ..ngx_module_t::default()
};

/// What `ngx_load_module` looks up.
#[repr(transparent)]
pub(crate) struct Symbols<const N: usize>([*const c_void; N]);

// SAFETY: constants, read by nginx on its one thread.
unsafe impl<const N: usize> Sync for Symbols<N> {}

#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "nginx's name for it")]
pub(crate) static ngx_modules: Symbols<2> =
    Symbols([(&raw const ngx_http_authentik_module).cast(), ptr::null()]);

const NAME: *const c_char = c"ngx_http_authentik_module".as_ptr();

#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "nginx's name for it")]
pub(crate) static ngx_module_names: Symbols<2> = Symbols([NAME.cast(), ptr::null()]);

/// We stand before these modules, so that our access handler runs after theirs: handlers of a
/// phase run in reverse order (`ngx_http_init_phase_handlers`). With `satisfy any` an address that
/// `allow` admits, or a password, then needs no session.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "nginx's name for it")]
pub(crate) static ngx_module_order: Symbols<5> = Symbols([
    NAME.cast(),
    c"ngx_http_auth_basic_module".as_ptr().cast(),
    c"ngx_http_access_module".as_ptr().cast(),
    c"ngx_http_auth_request_module".as_ptr().cast(),
    ptr::null(),
]);

/// Our slot in every table of contexts and configurations.
pub(super) fn ctx_index() -> usize {
    // SAFETY: nginx writes it before it creates any configuration, and never again.
    unsafe { ngx_http_authentik_module.ctx_index }
}

/// Tells our shared zones from those of other modules.
pub(super) fn tag() -> *mut c_void {
    (&raw mut ngx_http_authentik_module).cast()
}

/// # Safety
/// `table` is a table of main configurations.
pub(super) unsafe fn main_conf<'a>(table: *mut *mut c_void) -> &'a MainConf {
    // SAFETY: by this function's contract; our slot holds what `create_main_conf` made.
    unsafe { &*(*table.add(ctx_index())).cast::<MainConf>() }
}

/// # Safety
/// `table` is a table of server configurations.
pub(super) unsafe fn server_conf<'a>(table: *mut *mut c_void) -> &'a ServerConf {
    // SAFETY: as above.
    unsafe { &*(*table.add(ctx_index())).cast::<ServerConf>() }
}

/// # Safety
/// `table` is a table of location configurations.
pub(super) unsafe fn location_conf<'a>(table: *mut *mut c_void) -> &'a LocationConf {
    // SAFETY: as above.
    unsafe { &*(*table.add(ctx_index())).cast::<LocationConf>() }
}

/// # Safety
/// `cf` is live, inside `http`, and nobody else borrows the configuration.
pub(super) unsafe fn main_conf_of<'a>(cf: *mut ngx_conf_t) -> &'a mut MainConf {
    // SAFETY: inside `http`, `ctx` is a `ngx_http_conf_ctx_t`.
    unsafe {
        let context = (*cf).ctx.cast::<ngx_http_conf_ctx_t>();
        &mut *(*(*context).main_conf.add(ctx_index())).cast::<MainConf>()
    }
}

/// # Safety
/// As [`main_conf_of`], inside a server.
pub(super) unsafe fn server_conf_of<'a>(cf: *mut ngx_conf_t) -> &'a mut ServerConf {
    // SAFETY: as above.
    unsafe {
        let context = (*cf).ctx.cast::<ngx_http_conf_ctx_t>();
        &mut *(*(*context).srv_conf.add(ctx_index())).cast::<ServerConf>()
    }
}
