//! Where the module keeps what it remembers of a request.

use core::ffi::c_void;
use core::ptr;

use ngx::ffi::ngx_http_request_t;

use super::bits;
use super::guard::Fault;
use super::module::ctx_index;
use super::pool;
use crate::request::state::RequestState;

/// The state of `r`, made when there is none.
///
/// # Safety
/// `r` is live; the state lives as long as its pool and is only borrowed shared.
pub(super) unsafe fn of<'r>(r: *mut ngx_http_request_t) -> Result<&'r RequestState, Fault> {
    // SAFETY: by this function's contract.
    unsafe {
        if let Some(state) = existing(r) {
            return Ok(state);
        }
        let state = pool::place((*r).pool, RequestState::default(), DROP_STATE)?;
        *(*r).ctx.add(ctx_index()) = state.as_ptr().cast();
        Ok(state.as_ref())
    }
}

/// The state of `r` if there is one.
///
/// An internal redirect clears `r->ctx` (`ngx_http_internal_redirect`); the state is then found by
/// its pool cleanup, as `ngx_http_realip_get_module_ctx` does.
///
/// # Safety
/// As [`of`].
pub(super) unsafe fn existing<'r>(r: *mut ngx_http_request_t) -> Option<&'r RequestState> {
    // SAFETY: by this function's contract; only our own cleanup carries our handler.
    unsafe {
        let slot = (*r).ctx.add(ctx_index());
        let state = (*slot).cast::<RequestState>();
        if !state.is_null() {
            return Some(&*state);
        }
        if !bits::is_internal(r) {
            return None;
        }
        let mut cleanup = (*(*r).pool).cleanup;
        while !cleanup.is_null() {
            if (*cleanup).handler.is_some_and(|handler| ptr::fn_addr_eq(handler, DROP_STATE)) {
                *slot = (*cleanup).data;
                return Some(&*(*cleanup).data.cast::<RequestState>());
            }
            cleanup = (*cleanup).next;
        }
        None
    }
}

/// One address for both uses: that of a function may differ between codegen units.
static DROP_STATE: unsafe extern "C" fn(*mut c_void) = drop_state;

unsafe extern "C" fn drop_state(state: *mut c_void) {
    super::guard::event("request state cleanup", || {
        // SAFETY: written by `of`, dropped once, when the request's pool is destroyed.
        unsafe { state.cast::<RequestState>().drop_in_place() }
    });
}
