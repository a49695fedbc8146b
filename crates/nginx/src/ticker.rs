//! A timer that fires repeatedly as long as the worker lives.

use core::ptr::NonNull;
use std::time::Duration;

use ngx::ffi::{ngx_cycle, ngx_event_t, ngx_msec_t};

use super::{Module, bits, guard};

/// The running timer. Dropped in `stop_worker`.
pub struct Ticker(NonNull<Inner>);

#[repr(C)]
struct Inner {
    event: ngx_event_t,
    every: ngx_msec_t,
    call: fn(),
}

impl Ticker {
    /// Starts a timer that calls `call` each time. A worker that shuts down does not wait for it.
    pub fn start<M: Module>(every: Duration, call: fn()) -> Self {
        let every = ngx_msec_t::try_from(every.as_millis()).unwrap_or(60_000);
        // SAFETY: all-zero is a valid event, as created by nginx's own `pcalloc`; in `init_process`
        // the cycle and its log exist. The memory does not move until `drop`, which deletes the
        // timer first. A debug build of nginx takes `data` for a connection and logs a number from
        // its first bytes, so it points to enough of them.
        unsafe {
            let inner = Box::new(Inner { event: core::mem::zeroed(), every, call });
            let inner = NonNull::from(Box::leak(inner));
            let event = &raw mut (*inner.as_ptr()).event;
            (*event).data = event.cast();
            (*event).handler = Some(on_timer::<M>);
            (*event).log = (*ngx_cycle).log;
            bits::set_cancelable(event);
            bits::add_timer(event, every);
            Self(inner)
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        // SAFETY: created by `start`, reclaimed once, on the event-loop thread.
        unsafe {
            bits::del_timer(&raw mut (*self.0.as_ptr()).event);
            drop(Box::from_raw(self.0.as_ptr()));
        }
    }
}

unsafe extern "C" fn on_timer<M: Module>(event: *mut ngx_event_t) {
    // SAFETY: nginx passes the event of a live `Inner`, which begins with it.
    let (every, call) = unsafe {
        let inner = event.cast::<Inner>();
        ((*inner).every, (*inner).call)
    };
    // Set before the call, which may drop the ticker and so delete the timer.
    // SAFETY: as above.
    unsafe { bits::add_timer(event, every) };
    guard::event::<M>("timer", call);
}
