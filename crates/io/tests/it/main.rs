//! The I/O side against real sockets and real threads.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "clippy.toml lets tests do so, but does not see that helpers of tests are tests"
)]

mod client;
mod diary;
mod outpost;
mod outpost_socket;
mod peer;
mod pool;
mod slow;
mod tls;
