//! All that may block: HTTP to authentik, on threads of an nginx worker.
//!
//! The threads of a worker share one [`client::Client`]. Nothing here knows nginx, and nothing
//! here decides: the gate writes each request and reads each answer.

#![forbid(unsafe_code)]

pub mod client;
