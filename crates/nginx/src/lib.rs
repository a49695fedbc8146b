//! The fence: the only place that knows nginx's C types and the only home of `unsafe`.
//!
//! nginx calls in through [`callbacks`], each callback one statement through [`guard`]; the rest of
//! the shell sees [`Request`], [`Conf`], [`Zone`] and friends, which are safe to use.
//!
//! What every SAFETY note leans on:
//! * one thread runs nginx's event loop and makes every callback; nothing here is `Send`;
//! * a request and its pool live until the request is finalized, which is never during a callback
//!   of ours except as its last act;
//! * configuration lives as long as the worker (or until `nginx -t` ends).

mod auth_request;
pub(crate) mod bell;
mod bits;
pub(crate) mod bytes;
mod callbacks;
pub(crate) mod cidr;
pub(crate) mod conf;
pub(crate) mod content;
pub(crate) mod directive;
mod elements;
pub(crate) mod guard;
pub(crate) mod header_list;
mod host;
pub(crate) mod kept;
mod known_headers;
mod layout;
pub(crate) mod lifecycle;
pub(crate) mod live;
pub(crate) mod log;
mod module;
mod pool;
pub(crate) mod request;
mod respond;
pub(crate) mod rewrite;
mod self_check;
mod shared_memory;
mod state;
pub(crate) mod suspend;
pub(crate) mod ticker;
pub(crate) mod variables;
pub(crate) mod wakeup;
pub(crate) mod zone;

pub(crate) use conf::Place;
pub(crate) use directive::Row;
pub(crate) use guard::{Fault, Flow};
pub(crate) use request::Request;
pub(crate) use zone::Zone;

use gate::time::UnixTime;
use ngx::ffi::ngx_cached_time;

/// The time as nginx knows it: cached once per turn of the event loop, no system call.
pub(crate) fn now() -> UnixTime {
    // SAFETY: `ngx_cached_time` points to a slot of a static array (ngx_times.c) from start to end.
    let seconds = unsafe { (*ngx_cached_time).sec };
    UnixTime(u64::try_from(seconds).unwrap_or(0))
}
