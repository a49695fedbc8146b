//! nginx, made safe for modules in Rust.
//!
//! This crate is the only place that knows nginx's C types, and the only home of `unsafe`. A module implements
//! [`Module`], names its type in [`module!`], and gets requests, configurations, shared memory and timers that are
//! safe to use. `examples/door.rs` is a module in about sixty lines.
//!
//! # What nginx promises
//!
//! * **One thread.** A worker's event loop makes every callback. Nothing here is `Send`, except where the type says
//!   so: [`wakeup::Waker`], [`bell::Bell`], the words from [`words::WordZone::get`]. Free functions belong to that
//!   thread too, unless their documentation says otherwise.
//! * **A request and its pool live until the request is finalized.** This never happens during a callback, except
//!   as its last act. So what is borrowed from a [`Request`] lives as long as the callback, `'r`, and what is needed
//!   in the next one is kept in the request's own [state](Module::State) and [slots](Module::Kept).
//! * **A configuration lives as long as its workers**, or until `nginx -t` ends. Threads may live longer: they own
//!   what they need, and never borrow it from a configuration.
//! * **A zone stays mapped until the process ends**, and a reload finds it unchanged. If a worker dies while holding
//!   the lock, the master releases it (the zone's slab mutex); what the worker was writing stays half-written.
//!
//! # What the crate relies on
//!
//! The bindings have each field where the C compiler has it. bindgen guesses at bit-fields, and was wrong for nginx
//! 1.29.3. So during the build, the C compiler is asked about each structure, field and constant that is used here
//! (`build/layout.rs`), and a difference stops the build. Bit-fields are accessed by C only (`src/bits.c`).
//!
//! The running nginx is the one that the headers belong to. This is checked when a configuration is read and at a
//! worker's first request (`src/self_check.c`).
//!
//! # One door
//!
//! Each callback is one statement through the guard. It catches panics, so that they never continue into nginx: a
//! request is then refused by [`Module::refuse`] or answered with 500 by nginx; a configuration is rejected. Only
//! the guard turns a [`Flow`] into one of nginx's return codes. `panic = "abort"` would end the worker instead.
//!
//! # How a request waits
//!
//! A handler calls [`Request::suspend`] and returns [`Flow::Suspended`]. nginx then watches the
//! client, and runs the phases again if
//!
//! * somebody calls [`suspend::wake`] with the ticket, on the event loop: a callback of [`wakeup::Wakeup`], which
//!   threads signal;
//! * or the time is up;
//! * or the client's socket is ready, which means nothing: [`Request::is_suspended`] is still true then, and the
//!   handler returns [`Flow::Suspended`] again.
//!
//! If the client disconnects, nginx destroys the request and its ticket with it; waking it then does nothing. A
//! waiting handler starts from the beginning, so the request's state has to say what it was about to do.
//!
//! ```text
//!  event loop                                    a thread of the module
//!  handler: suspend, hand over a job ──────────▶ works, never sees anything of nginx's
//!  Wakeup calls ◀──────────── Waker::signal ──── puts the result where the loop finds it
//!  wake(ticket): state gets the result
//!  handler again, from the start: answers
//! ```
//!
//! # Contents
//!
//! | module | has |
//! |---|---|
//! | [`mod@module`] | what a module declares; its descriptor |
//! | [`conf`], [`directive`] | reading the configuration; the table of directives |
//! | [`guard`], [`respond`] | how a handler ends; sending answers |
//! | [`request`], [`header_list`], [`cidr`] | the request and its client; headers in and out |
//! | [`body`] | its body |
//! | [`ready_headers`] | headers shared by many requests |
//! | [`kept`] | data borrowed from a request for longer than a callback |
//! | [`suspend`], [`wakeup`], [`ticker`], [`bell`] | waiting and waking |
//! | [`zone`], [`words`] | shared memory, with a lock and without |
//! | [`hidden`] | memory of keys |
//! | [`variables`], [`content`] | variables; locations that the module answers |
//! | [`lifecycle`], [`log`] | start and end of processes; the error log |

mod auth_request;
pub mod bell;
mod bits;
pub mod body;
pub mod bytes;
mod callbacks;
pub mod cidr;
pub mod conf;
pub mod content;
pub mod directive;
mod elements;
pub mod guard;
pub mod header_list;
pub mod hidden;
mod host;
pub mod kept;
mod known_headers;
mod layout;
pub mod lifecycle;
pub mod log;
pub mod module;
mod pool;
pub mod ready_headers;
pub mod request;
pub mod respond;
mod rewrite;
mod self_check;
mod shared_memory;
mod state;
pub mod suspend;
pub mod ticker;
pub mod variables;
pub mod wakeup;
pub mod words;
pub mod zone;

pub use conf::{Conf, Mistake, Place};
pub use directive::Row;
pub use guard::{Fault, Flow};
pub use kept::Shelf;
pub use module::Module;
pub use request::Request;
pub use respond::Parts;
pub use variables::Variable;

/// For [`module!`] only.
#[doc(hidden)]
pub mod export {
    pub use crate::module::{Exported, Fixed, Symbols, context, descriptor};
    pub use ngx::ffi::{ngx_http_module_t, ngx_module_t};
}

use ngx::ffi::ngx_cached_time;

/// Milliseconds since 1970, as cached by nginx once per turn of the event loop: no system call.
#[must_use]
pub fn now_millis() -> u64 {
    // SAFETY: as below.
    let (seconds, millis) = unsafe { ((*ngx_cached_time).sec, (*ngx_cached_time).msec) };
    let seconds = u64::try_from(seconds).unwrap_or(0);
    seconds.saturating_mul(1000).saturating_add(u64::try_from(millis).unwrap_or(0))
}

/// Seconds since 1970, as cached by nginx once per turn of the event loop: no system call.
#[must_use]
pub fn now() -> u64 {
    // SAFETY: `ngx_cached_time` always points to a slot of a static array (ngx_times.c).
    let seconds = unsafe { (*ngx_cached_time).sec };
    u64::try_from(seconds).unwrap_or(0)
}
