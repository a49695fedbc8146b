//! Everything nginx calls: each a statement through the guard.

use core::ffi::{c_char, c_void};

use ngx::ffi::{
    ngx_array_push, ngx_conf_t, ngx_http_conf_ctx_t, ngx_http_core_main_conf_t,
    ngx_http_core_module, ngx_http_handler_pt, ngx_http_phases_NGX_HTTP_ACCESS_PHASE,
    ngx_http_phases_NGX_HTTP_POST_READ_PHASE, ngx_http_phases_NGX_HTTP_PREACCESS_PHASE,
    ngx_http_request_t, ngx_int_t,
};

use super::conf::configure;
use super::guard::{self, Fault, Flow};
use super::{Request, pool, self_check, variables};
use crate::conf::{LocationConf, MainConf, location, needs};
use crate::phases;
use crate::request::status;

pub(super) unsafe extern "C" fn post_read(r: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: phase handlers get a live request, on the event-loop thread.
    unsafe { phase(r, phases::post_read::post_read) }
}

pub(super) unsafe extern "C" fn preaccess(r: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: as above.
    unsafe { phase(r, phases::preaccess::preaccess) }
}

pub(super) unsafe extern "C" fn access(r: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: as above.
    unsafe { phase(r, phases::access::access) }
}

/// # Safety
/// As [`guard::phase`].
unsafe fn phase(
    r: *mut ngx_http_request_t,
    handler: for<'r> fn(&mut Request<'r>) -> Result<Flow, Fault>,
) -> ngx_int_t {
    // SAFETY: by this function's contract.
    unsafe {
        if !self_check::request(r) {
            return guard::SERVER_ERROR;
        }
        guard::phase(r, handler)
    }
}

/// Content handler of `authentik_status`.
pub(super) unsafe extern "C" fn status(r: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: content handlers get a live request, on the event-loop thread.
    unsafe { guard::content(r, status::answer) }
}

pub(super) unsafe extern "C" fn preconfiguration(cf: *mut ngx_conf_t) -> ngx_int_t {
    // SAFETY: nginx passes a live `cf`.
    guard::status("preconfiguration", || unsafe {
        self_check::configuration(cf)?;
        variables::register(cf)
    })
}

pub(super) unsafe extern "C" fn postconfiguration(cf: *mut ngx_conf_t) -> ngx_int_t {
    guard::status("postconfiguration", || {
        // SAFETY: nginx passes a live `cf`, the core module's main configuration exists.
        unsafe {
            add_handler(cf, ngx_http_phases_NGX_HTTP_POST_READ_PHASE, Some(post_read))?;
            add_handler(cf, ngx_http_phases_NGX_HTTP_PREACCESS_PHASE, Some(preaccess))?;
            add_handler(cf, ngx_http_phases_NGX_HTTP_ACCESS_PHASE, Some(access))?;
            variables::claim(cf)?;
        }
        let checked = configure(cf, |cf, message| cf.emerg_without_place(message), needs::check);
        if checked.is_null() { Ok(()) } else { Err(()) }
    })
}

/// # Safety
/// `cf` is live, inside `http`.
unsafe fn add_handler(
    cf: *mut ngx_conf_t,
    phase: core::ffi::c_uint,
    handler: ngx_http_handler_pt,
) -> Result<(), ()> {
    // SAFETY: by this function's contract; `phases` has an entry for each phase number.
    unsafe {
        let context = (*cf).ctx.cast::<ngx_http_conf_ctx_t>();
        let index = ngx_http_core_module.ctx_index;
        let core = (*(*context).main_conf.add(index)).cast::<ngx_http_core_main_conf_t>();
        let phase = (*core).phases.get_mut(phase as usize).ok_or(())?;
        let slot = ngx_array_push(&raw mut phase.handlers).cast::<ngx_http_handler_pt>();
        if slot.is_null() {
            return Err(());
        }
        slot.write(handler);
        Ok(())
    }
}

/// Makes an empty configuration that is dropped with the cycle's pool.
pub(super) unsafe extern "C" fn create<C: Default>(cf: *mut ngx_conf_t) -> *mut c_void {
    let mut made = core::ptr::null_mut();
    guard::event("configuration", || {
        // SAFETY: `cf` and its pool are live; the cleanup owns the value.
        let placed = unsafe { pool::place((*cf).pool, C::default(), drop_conf::<C>) };
        if let Ok(placed) = placed {
            made = placed.as_ptr().cast();
        }
    });
    made
}

unsafe extern "C" fn drop_conf<C>(conf: *mut c_void) {
    guard::event("configuration cleanup", || {
        // SAFETY: written by `create`, dropped once, with the pool.
        unsafe { conf.cast::<C>().drop_in_place() }
    });
}

pub(super) unsafe extern "C" fn init_main_conf(
    cf: *mut ngx_conf_t,
    conf: *mut c_void,
) -> *mut c_char {
    configure(
        cf,
        |cf, message| cf.emerg_without_place(message),
        |cf| {
            // SAFETY: `conf` is what `create::<MainConf>` made.
            let conf = unsafe { &mut *conf.cast::<MainConf>() };
            conf.finish(cf)
        },
    )
}

pub(super) unsafe extern "C" fn merge_location(
    cf: *mut ngx_conf_t,
    parent: *mut c_void,
    child: *mut c_void,
) -> *mut c_char {
    configure(
        cf,
        |cf, message| cf.emerg_without_place(message),
        |cf| {
            // SAFETY: both are what `create::<LocationConf>` made, and they are not the same.
            let (parent, child) =
                unsafe { (&*parent.cast::<LocationConf>(), &mut *child.cast::<LocationConf>()) };
            location::merge(parent, child, cf)
        },
    )
}
