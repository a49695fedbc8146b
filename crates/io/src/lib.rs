//! Everything that may block: HTTP and the outpost's WebSocket to authentik, on threads of an nginx worker.
//!
//! The event loop hands a [`pool::Job`] to the [`pool::Pool`] and continues; a thread runs it with the shared
//! [`client::Client`], and the loop picks up the outcome when it is woken. An [`outpost::Agent`] has two threads of
//! its own and reports what authentik says. Nothing here knows nginx or decides anything: the gate writes each
//! request and reads each answer.

#![forbid(unsafe_code)]

pub mod client;
pub mod outpost;
pub mod pool;
pub mod process;
pub mod tls;
