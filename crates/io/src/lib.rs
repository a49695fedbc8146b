//! All that may block: HTTP and the outpost's WebSocket to authentik, on threads of an nginx worker.
//!
//! The event loop hands a [`pool::Job`] to the [`pool::Pool`] and goes on; a thread runs it with
//! the shared [`client::Client`], and the loop picks the outcome up when it is woken. An
//! [`outpost::Agent`] has two threads of its own and tells what authentik says. Nothing here knows nginx, and nothing here decides: the gate writes each request and reads each answer.

#![forbid(unsafe_code)]

pub mod client;
pub mod outpost;
pub mod pool;
pub mod process;
pub mod tls;
