//! The functions that nginx calls: each is one statement through the guard.

use core::ffi::{c_char, c_void};

use ngx::ffi::{
    NGX_DECLINED, ngx_array_push, ngx_conf_t, ngx_http_conf_ctx_t, ngx_http_core_main_conf_t,
    ngx_http_core_module, ngx_http_handler_pt, ngx_http_phases_NGX_HTTP_ACCESS_PHASE,
    ngx_http_phases_NGX_HTTP_POST_READ_PHASE, ngx_http_phases_NGX_HTTP_PREACCESS_PHASE,
    ngx_http_request_t, ngx_int_t,
};

use super::conf::{Borrowed, configure};
use super::module::{MainSlot, Module, PhaseHandler};
use super::{body, guard, pool, self_check, variables};

unsafe extern "C" fn post_read<M: Module>(r: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: phase handlers get a live request, on the event-loop thread.
    unsafe { phase(r, M::POST_READ) }
}

unsafe extern "C" fn preaccess<M: Module>(r: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: as above.
    unsafe { phase(r, M::PREACCESS) }
}

unsafe extern "C" fn access<M: Module>(r: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: as above.
    unsafe { phase(r, M::ACCESS) }
}

/// # Safety
/// As [`guard::phase`].
unsafe fn phase<M: Module>(
    r: *mut ngx_http_request_t,
    handler: Option<PhaseHandler<M>>,
) -> ngx_int_t {
    // SAFETY: by this function's contract.
    unsafe {
        if !self_check::request::<M>(r) {
            return guard::SERVER_ERROR;
        }
        match handler {
            Some(handler) => guard::phase(r, handler),
            None => NGX_DECLINED as ngx_int_t,
        }
    }
}

/// The body that was requested has been read.
pub(super) unsafe extern "C" fn body_is_there<M: Module>(r: *mut ngx_http_request_t) {
    // SAFETY: the request is live, on the event-loop thread; as in ngx_http_mirror_module.
    guard::event::<M>("body of a request", || unsafe { body::go_on(r) });
}

/// Content handler of the locations that the module answers.
pub(super) unsafe extern "C" fn content<M: Module>(r: *mut ngx_http_request_t) -> ngx_int_t {
    match M::CONTENT {
        // SAFETY: content handlers get a live request, on the event-loop thread.
        Some(handler) => unsafe { guard::content(r, handler) },
        None => NGX_DECLINED as ngx_int_t,
    }
}

pub(super) unsafe extern "C" fn preconfiguration<M: Module>(cf: *mut ngx_conf_t) -> ngx_int_t {
    // SAFETY: nginx passes a live `cf`.
    guard::status::<M>("preconfiguration", || unsafe {
        self_check::configuration::<M>(cf)?;
        variables::register::<M>(cf)
    })
}

pub(super) unsafe extern "C" fn postconfiguration<M: Module>(cf: *mut ngx_conf_t) -> ngx_int_t {
    guard::status::<M>("postconfiguration", || {
        // SAFETY: nginx passes a live `cf`, the core module's main configuration exists.
        unsafe {
            if M::POST_READ.is_some() {
                add_handler(cf, ngx_http_phases_NGX_HTTP_POST_READ_PHASE, Some(post_read::<M>))?;
            }
            if M::PREACCESS.is_some() {
                add_handler(cf, ngx_http_phases_NGX_HTTP_PREACCESS_PHASE, Some(preaccess::<M>))?;
            }
            if M::ACCESS.is_some() {
                add_handler(cf, ngx_http_phases_NGX_HTTP_ACCESS_PHASE, Some(access::<M>))?;
            }
            variables::claim::<M>(cf)?;
        }
        let checked = configure(
            cf,
            Borrowed::Nothing,
            |cf, message| cf.emerg_without_place(message),
            M::check,
        );
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

/// Creates an empty configuration, dropped with the cycle's pool.
pub(super) unsafe extern "C" fn create<M: Module, C: Default>(cf: *mut ngx_conf_t) -> *mut c_void {
    let mut made = core::ptr::null_mut();
    guard::event::<M>("configuration", || {
        // SAFETY: `cf` and its pool are live; the cleanup owns the value.
        let placed = unsafe { pool::place((*cf).pool, C::default(), drop_conf::<M, C>) };
        if let Ok(placed) = placed {
            made = placed.as_ptr().cast();
        }
    });
    made
}

unsafe extern "C" fn drop_conf<M: Module, C>(conf: *mut c_void) {
    guard::event::<M>("configuration cleanup", || {
        // SAFETY: written by `create`, dropped once, with the pool.
        unsafe { conf.cast::<C>().drop_in_place() }
    });
}

pub(super) unsafe extern "C" fn init_main_conf<M: Module>(
    cf: *mut ngx_conf_t,
    conf: *mut c_void,
) -> *mut c_char {
    configure(
        cf,
        Borrowed::Main,
        |cf, message| cf.emerg_without_place(message),
        |cf| {
            // SAFETY: `conf` was created by `create_main_conf`, and `cf` does not lend it
            // meanwhile.
            let slot = unsafe { &mut *conf.cast::<MainSlot<M>>() };
            M::finish(&mut slot.main, cf)
        },
    )
}

pub(super) unsafe extern "C" fn merge_location<M: Module>(
    cf: *mut ngx_conf_t,
    parent: *mut c_void,
    child: *mut c_void,
) -> *mut c_char {
    configure(
        cf,
        Borrowed::Nothing,
        |cf, message| cf.emerg_without_place(message),
        |cf| {
            // SAFETY: both were created by `create_loc_conf`, and they differ.
            let (parent, child) =
                unsafe { (&*parent.cast::<M::Location>(), &mut *child.cast::<M::Location>()) };
            M::merge(parent, child, cf)
        },
    )
}
