//! All that may block: HTTP to authentik, on threads of an nginx worker.
//!
//! The event loop hands a [`pool::Job`] to the [`pool::Pool`] and goes on; a thread runs it with
//! the shared [`client::Client`], and the loop picks the outcome up when it is woken. Nothing
//! here knows nginx, and nothing here decides: the gate writes each request and reads each answer.

#![forbid(unsafe_code)]

pub mod client;
pub mod pool;
