//! Epochs: how a worker knows, without the lock, that a session in its cache is still in the zone.
//!
//! Each session belongs to one of 1,024 epochs, depending on its key. Whenever a session leaves the
//! zone (sign-out, end at authentik, expiry, eviction, replacement), its epoch advances. Whoever
//! copied the session under the lock and noted its epoch there may use the copy as long as the
//! epoch is unchanged.
//!
//! A single epoch for all sessions would be simpler. But a zone of a million sessions loses about
//! twenty per second to expiry alone, and each loss would empty every worker's cache: with 1,024
//! epochs a loss costs each worker about one session in a thousand. They take 4 KB.
//!
//! # Why a sign-out is effective everywhere once it is answered
//!
//! 1. Epochs advance only under the zone's lock, and *before* the first write that removes the
//!    record. A worker killed in between leaves a session that must be looked up again, which is
//!    harmless. The opposite order would leave copies in use that no later sign-out could end, as
//!    it would find nothing to remove.
//! 2. The lock is released, with a full barrier (`ngx_shmtx_unlock` is a compare-and-swap), before
//!    anybody is told that the session has ended. If a client then sends a request, another worker
//!    reads it with a system call that follows our own system call, which sent the answer. So the
//!    new epoch is visible to the load that decides about this request.
//! 3. A worker fills its cache under the same lock: it has seen every earlier removal, and each
//!    later one advances the epoch past the one it noted.
//!
//! An epoch wraps after 2^32 removals. A copy is confirmed under the lock every few seconds
//! ([`crate::session_cache`]), and no processor can do that many in between.

use crate::sync::{AtomicU32, Ordering};

use super::record::Key;

/// The epochs of all sessions of a zone, in words shared by all workers.
#[derive(Clone, Copy, Debug)]
pub struct Epochs<'m>(&'m [AtomicU32; COUNT]);

const COUNT: usize = 1024;

/// A session's epoch at some point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(u32);

impl<'m> Epochs<'m> {
    /// The number of epochs.
    pub const COUNT: usize = COUNT;

    /// Uses these words, which must initially be 0. `None` if they are too few.
    #[inline]
    #[must_use]
    pub fn new(words: &'m [AtomicU32]) -> Option<Self> {
        words.first_chunk().map(Self)
    }

    /// The epoch of the session with this key. Needs no lock.
    #[inline]
    #[must_use]
    pub fn of(self, key: &Key) -> Epoch {
        // Acquire: everything that was read of the current request was read before this.
        Epoch(self.slot(key).load(Ordering::Acquire))
    }

    /// Call before the session with this key leaves the zone.
    pub(crate) fn advance(self, key: &Key) {
        // A read-modify-write that acquires and releases: no later write, and so no part of the
        // removal, is moved before it.
        self.slot(key).fetch_add(1, Ordering::SeqCst);
    }

    /// Call before any number of sessions leave the zone.
    pub(crate) fn advance_all(self) {
        for epoch in self.0 {
            epoch.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[inline]
    fn slot(self, key: &Key) -> &'m AtomicU32 {
        // Not the bytes that select the bucket of the index.
        let [.., low, high] = *key;
        let [first, ..] = self.0;
        self.0.get(usize::from(u16::from_le_bytes([low, high])) % COUNT).unwrap_or(first)
    }
}
