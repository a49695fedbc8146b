//! nginx, made safe for a module in Rust.
//!
//! The only place that knows nginx's C types and the only home of `unsafe`. A module implements
//! [`Module`], names its type in [`module!`], and has requests, configurations, shared memory and
//! timers that are safe to use. `examples/door.rs` is one, in some sixty lines.
//!
//! # What nginx promises
//!
//! * **One thread.** A worker's event loop makes every callback. Nothing here is `Send`, but for what
//!   says so: [`wakeup::Sender`], [`bell::Bell`], what [`words::WordZone::get`] gives. What else is a free
//!   function belongs to that thread, too, unless its documentation says otherwise.
//! * **A request and its pool live until the request is finalized.** Never during a callback, except as
//!   its last act. So what is borrowed from a [`Request`] lives as long as the callback, `'r`, and what
//!   shall be there at the next one is kept in the request's own [state](Module::State) and
//!   [slots](Module::Kept).
//! * **A configuration lives as long as its workers**, or until `nginx -t` ends. Threads may live
//!   longer: what they need is owned by them, never borrowed from a configuration.
//! * **A zone stays mapped until the process ends**, and a reload finds it as it was. If a worker dies with
//!   the lock, the master gives back this one, the zone's slab mutex; what it was writing stays
//!   half-written.
//!
//! # What is leaned on
//!
//! That the bindings have each field where the C compiler has it. bindgen guesses at bit-fields, and was
//! wrong (nginx 1.29.3). So the C compiler is asked, while the crate is built, about each structure, field and
//! constant that is used here (`build/layout.rs`), and a difference stops the build; bit-fields are
//! touched by C only (`src/bits.c`). That the nginx that runs is the one that the headers are of is looked
//! at when a configuration is read and at a worker's first request (`src/self_check.c`).
//!
//! # One door
//!
//! Each callback is one statement through the guard. It catches panics, which never go on into nginx:
//! a request is then refused by [`Module::refuse`], or answered 500 by nginx; a configuration is refused. There
//! alone a [`Flow`] becomes one of nginx's return codes. `panic = "abort"` would end the worker
//! instead.
//!
//! # How a request waits
//!
//! A handler calls [`Request::suspend`] and returns [`Flow::Suspended`]. nginx then watches the client,
//! and runs the phases again when
//!
//! * somebody calls [`suspend::wake`] with the ticket, on the event loop: a callback of
//!   [`wakeup::Wakeup`], to which threads signal;
//! * or the time is up;
//! * or the client's socket is ready, which means nothing: [`Request::is_suspended`] still says yes then,
//!   and the handler returns [`Flow::Suspended`] again.
//!
//! When the client leaves, nginx takes the request apart, and its ticket with it: to wake it does nothing.
//! What a waiting handler was about to do is told by the request's state, since it begins from the start.
//!
//! ```text
//!  event loop                                    a thread of the module
//!  handler: suspend, hand over a job ──────────▶ works, never sees anything of nginx's
//!  Wakeup calls ◀──────────── Sender::signal ─── puts the result where the loop finds it
//!  wake(ticket): state gets the result
//!  handler again, from the start: answers
//! ```
//!
//! # Contents
//!
//! | module | has |
//! |---|---|
//! | [`mod@module`] | what a module says of itself; its descriptor |
//! | [`conf`], [`directive`] | reading the configuration; the table of directives |
//! | [`guard`], [`respond`] | how a handler ends; what is sent |
//! | [`request`], [`header_list`], [`cidr`] | what was asked, and by whom; headers in and out |
//! | [`body`] | what came with it |
//! | [`ready_headers`] | headers that many requests get |
//! | [`kept`] | what is borrowed from a request for longer than a callback |
//! | [`suspend`], [`wakeup`], [`ticker`], [`bell`] | waiting and waking |
//! | [`zone`], [`words`] | shared memory, with a lock and without |
//! | [`variables`], [`content`] | variables; locations that the module answers |
//! | [`lifecycle`], [`log`] | the process and the system; the error log |

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

/// Seconds since 1970 as nginx knows them: cached once per turn of the event loop, no system call.
#[must_use]
pub fn now() -> u64 {
    // SAFETY: `ngx_cached_time` points to a slot of a static array (ngx_times.c) from start to end.
    let seconds = unsafe { (*ngx_cached_time).sec };
    u64::try_from(seconds).unwrap_or(0)
}
