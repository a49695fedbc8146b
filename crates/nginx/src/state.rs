//! Where the module's state of a request is stored.

use core::ffi::c_void;
use core::ptr::{self, NonNull};
use std::cell::Cell;

use ngx::ffi::ngx_http_request_t;

use super::guard::{self, Fault};
use super::kept::Held;
use super::module::{Module, ctx_index};
use super::suspend::Suspension;
use super::{bits, pool};

/// The module's state, and ours.
pub(super) struct Context<M: Module> {
    pub(super) state: M::State,
    pub(super) kept: M::Kept,
    pub(super) held: Held,
    /// Set on the first wait; also lives in the request's pool.
    pub(super) suspension: Cell<Option<NonNull<Suspension>>>,
}

impl<M: Module> Default for Context<M> {
    fn default() -> Self {
        Self {
            state: M::State::default(),
            kept: M::Kept::default(),
            held: Held::default(),
            suspension: Cell::default(),
        }
    }
}

/// The context of `r`, created if there is none.
///
/// # Safety
/// `r` is live; the context lives as long as its pool and is only borrowed shared.
pub(super) unsafe fn of<'r, M: Module>(
    r: *mut ngx_http_request_t,
) -> Result<&'r Context<M>, Fault> {
    // SAFETY: by this function's contract.
    unsafe {
        if let Some(context) = existing(r) {
            return Ok(context);
        }
        let context = pool::place((*r).pool, Context::<M>::default(), M::fixed().drop_state)?;
        *(*r).ctx.add(ctx_index::<M>()) = context.as_ptr().cast();
        Ok(context.as_ref())
    }
}

/// The context of `r` if there is one.
///
/// An internal redirect clears `r->ctx` (`ngx_http_internal_redirect`), as does a filter that
/// answers itself (`ngx_http_filter_finalize_request`: 412 for `If-Match`); the context is then
/// found through its pool cleanup, as in `ngx_http_realip_get_module_ctx`.
///
/// # Safety
/// As [`of`].
pub(super) unsafe fn existing<'r, M: Module>(r: *mut ngx_http_request_t) -> Option<&'r Context<M>> {
    // SAFETY: by this function's contract; only our own cleanup has this handler.
    unsafe {
        let slot = (*r).ctx.add(ctx_index::<M>());
        let context = (*slot).cast::<Context<M>>();
        if !context.is_null() {
            return Some(&*context);
        }
        if !bits::lost_contexts(r) {
            return None;
        }
        let ours = M::fixed().drop_state;
        let mut cleanup = (*(*r).pool).cleanup;
        while !cleanup.is_null() {
            if (*cleanup).handler.is_some_and(|handler| ptr::fn_addr_eq(handler, ours)) {
                *slot = (*cleanup).data;
                return Some(&*(*cleanup).data.cast::<Context<M>>());
            }
            cleanup = (*cleanup).next;
        }
        None
    }
}

pub(super) unsafe extern "C" fn drop_context<M: Module>(context: *mut c_void) {
    guard::event::<M>("request state cleanup", || {
        // SAFETY: written by `of`, dropped once, when the request's pool is destroyed.
        unsafe { context.cast::<Context<M>>().drop_in_place() }
    });
}
