//! The I/O side against real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "clippy.toml lets tests do so, but does not see that helpers of tests are tests"
)]

mod client;
mod peer;
mod slow;
mod tls;
