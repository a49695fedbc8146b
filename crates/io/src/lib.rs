//! Everything that may block: HTTP and the outpost's WebSocket to authentik, on threads of an nginx
//! worker.
//!
//! The event loop submits a [`pool::Job`] to the [`pool::Pool`] and goes on; a thread runs it with
//! the shared [`client::Client`], and the loop collects the outcome when woken. An
//! [`outpost::Agent`] has two threads of its own and reports messages from authentik. Nothing here
//! knows nginx or decides anything: the gate writes each request and parses each response.

#![forbid(unsafe_code)]

pub mod client;
pub mod outpost;
pub mod pool;
pub mod process;
pub mod tls;
