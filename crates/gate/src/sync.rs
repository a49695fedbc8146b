//! Words that processes and threads share without a lock.
//!
//! Everything here gets its atomics from this module. `interleavings/` compiles these very sources
//! with the atomics of loom instead, which tries out what threads can see.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// How many there are: `all`, but fewer where every order is tried out, and where Miri takes its time.
pub(crate) const fn fewer_in_trials(all: usize, under_loom: usize, under_miri: usize) -> usize {
    if cfg!(loom) {
        under_loom
    } else if cfg!(miri) {
        under_miri
    } else {
        all
    }
}
