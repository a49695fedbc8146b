//! Requests that wait for a thread or a timeout, and how they continue.
//!
//! Follows `ngx_http_limit_req_module.c`: return `NGX_AGAIN`, watch the client, run the phases
//! again later. The reference count stays the same: the request belongs to its connection, and if
//! the client disconnects, the [`Suspension`] is destroyed with the request's pool.

use core::ffi::c_void;
use core::ptr::NonNull;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use ngx::ffi::{
    NGX_DONE, NGX_OK, ngx_event_t, ngx_handle_read_event, ngx_http_block_reading,
    ngx_http_core_run_phases, ngx_http_log_ctx_t, ngx_http_post_request, ngx_http_request_t,
    ngx_http_run_posted_requests, ngx_http_test_reading, ngx_int_t, ngx_msec_t,
};

use super::bits;
use super::guard::{self, Fault};
use super::{Module, Request, pool};

/// Identifies one wait of one request; never reused in a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// Lives in the request's pool from the first wait on.
pub struct Suspension {
    timer: ngx_event_t,
    request: *mut ngx_http_request_t,
    /// The current wait.
    pending: Cell<Option<Ticket>>,
}

thread_local! {
    // Used on the event-loop thread only.
    static WAITING: RefCell<HashMap<Ticket, NonNull<Suspension>>> = RefCell::default();
    static NEXT: Cell<u64> = const { Cell::new(1) };
}

impl<M: Module> Request<'_, M> {
    /// Whether the request is waiting: nginx also runs the phases when the client's socket is
    /// ready.
    pub fn is_suspended(&self) -> bool {
        let Some(context) = self.existing_context() else { return false };
        // SAFETY: set by `suspend` only, lives in this request's pool.
        context.suspension.get().is_some_and(|s| unsafe { s.as_ref() }.pending.get().is_some())
    }

    /// Makes the request wait until [`wake`] is called with the ticket, at most for `longest`.
    ///
    /// The timer keeps a worker that shuts down gracefully alive until the request is answered, so
    /// it is not cancelable (`ngx_event_no_timers_left`).
    pub fn suspend(&mut self, longest: Duration) -> Result<Ticket, Fault> {
        let suspension = self.suspension()?;
        let ticket = Ticket(NEXT.replace(NEXT.get() + 1));
        WAITING.with_borrow_mut(|waiting| waiting.insert(ticket, suspension));
        // SAFETY: the suspension lives in the pool of this live request; the connection too.
        unsafe {
            let suspension = suspension.as_ptr();
            end_wait(suspension); // no entry may outlive the request, even if this is called twice
            (*suspension).pending.set(Some(ticket));
            let r = self.raw;
            (*r).read_event_handler = Some(ngx_http_test_reading);
            (*r).write_event_handler = Some(ngx_http_core_run_phases);
            let read = (*(*r).connection).read;
            if bits::is_ready(read) {
                bits::post_event(read);
            } else if ngx_handle_read_event(read, 0) != NGX_OK as ngx_int_t {
                end_wait(suspension);
                return Err(Fault::Nginx("to watch the client"));
            }
            let milliseconds = ngx_msec_t::try_from(longest.as_millis()).unwrap_or(60_000);
            bits::add_timer(&raw mut (*suspension).timer, milliseconds);
        }
        Ok(ticket)
    }

    /// Cancels a wait that is pointless: the job was refused.
    pub fn resume_now(&mut self) {
        if let Some(suspension) = self.existing_context().and_then(|c| c.suspension.get()) {
            // SAFETY: lives in this request's pool; we are inside its phase handler, so it simply
            // continues instead of being posted.
            unsafe {
                end_wait(suspension.as_ptr());
                (*self.raw).read_event_handler = Some(ngx_http_block_reading);
            }
        }
    }

    fn suspension(&mut self) -> Result<NonNull<Suspension>, Fault> {
        let context = self.context()?;
        if let Some(suspension) = context.suspension.get() {
            return Ok(suspension);
        }
        // SAFETY: the request is live; the cleanup runs when its pool is destroyed. All-zero is a
        // timer that is not set.
        let suspension = unsafe {
            let mut timer: ngx_event_t = core::mem::zeroed();
            timer.handler = Some(on_timer::<M>);
            timer.log = (*(*self.raw).connection).log;
            let made = Suspension { timer, request: self.raw, pending: Cell::new(None) };
            let placed = pool::place((*self.raw).pool, made, drop_suspension::<M>)?;
            (*placed.as_ptr()).timer.data = placed.as_ptr().cast();
            placed
        };
        context.suspension.set(Some(suspension));
        Ok(suspension)
    }
}

/// The return value of a content handler whose request waits: finalizing drops a reference, so one
/// is added.
pub(super) fn hold<M: Module>(request: &Request<'_, M>) -> ngx_int_t {
    // SAFETY: the request is live.
    unsafe { bits::hold(request.raw) };
    NGX_DONE as ngx_int_t
}

/// Ends the wait of `ticket`: `deliver` gets the state of its request, then the request continues.
/// Does nothing if the request is gone or no longer waits for this ticket.
pub fn wake<M: Module>(ticket: Ticket, deliver: impl FnOnce(&M::State)) {
    let Some(suspension) = WAITING.with_borrow(|waiting| waiting.get(&ticket).copied()) else {
        return;
    };
    // SAFETY: an entry leaves the map before its suspension is dropped, so this one is live, and so
    // is its request. We are on the event-loop thread, outside any request's phases.
    unsafe {
        let r = (*suspension.as_ptr()).request;
        if let Some(context) = super::state::existing::<M>(r) {
            deliver(&context.state);
        }
        resume(suspension.as_ptr());
    }
}

/// # Safety
/// The suspension and its request are live, and we are outside the request's phases.
unsafe fn resume(suspension: *mut Suspension) {
    // SAFETY: by this function's contract. The request is posted, not run: if it is being
    // terminated, its write handler is a different one, and that one must run.
    unsafe {
        end_wait(suspension);
        let r = (*suspension).request;
        let connection = (*r).connection;
        (*r).read_event_handler = Some(ngx_http_block_reading);
        // As in the macro ngx_http_set_log_request.
        let context = (*(*connection).log).data.cast::<ngx_http_log_ctx_t>();
        (*context).current_request = r;
        if ngx_http_post_request(r, core::ptr::null_mut()) == NGX_OK as ngx_int_t {
            ngx_http_run_posted_requests(connection);
        }
    }
}

/// # Safety
/// The suspension is live.
unsafe fn end_wait(suspension: *mut Suspension) {
    // SAFETY: by this function's contract.
    unsafe {
        if let Some(ticket) = (*suspension).pending.take() {
            WAITING.with_borrow_mut(|waiting| waiting.remove(&ticket));
        }
        bits::del_timer(&raw mut (*suspension).timer);
    }
}

unsafe extern "C" fn on_timer<M: Module>(event: *mut ngx_event_t) {
    guard::event::<M>("timer of a waiting request", || {
        // SAFETY: `data` is the suspension this timer is part of; its drop removes the timer.
        unsafe { resume((*event).data.cast::<Suspension>()) }
    });
}

unsafe extern "C" fn drop_suspension<M: Module>(suspension: *mut c_void) {
    guard::event::<M>("waiting request cleanup", || {
        // SAFETY: written by `suspension()`, dropped once, when the request's pool is destroyed.
        unsafe {
            end_wait(suspension.cast());
            suspension.cast::<Suspension>().drop_in_place();
        }
    });
}
