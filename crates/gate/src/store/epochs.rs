//! Epochs: how a worker knows, without the lock, that a session it remembers is still in the zone.
//!
//! Each session belongs, by its key, to one of 1,024 epochs. Whenever a session leaves the zone
//! (sign-out, end at authentik, expiry, eviction, replacement), its epoch advances. Who copied the
//! session out under the lock, and noted the epoch there, may use the copy as long as the epoch is
//! the same.
//!
//! One epoch for all sessions would be simpler. But a zone of a million sessions loses some twenty in
//! a second by expiry alone, and each loss would empty the memory of every worker: with 1,024 epochs
//! a loss costs each worker about one session in a thousand. They take 4 KB.
//!
//! # Why a sign-out that was answered counts everywhere
//!
//! 1. Epochs advance only while the zone's lock is held, and *before* the first write that takes the
//!    record out. A worker killed in between leaves a session that must be looked up again: that is
//!    harmless. The other order would leave copies in use that no later sign-out could end, as it
//!    would find nothing to remove.
//! 2. The lock is given back, with a full barrier (`ngx_shmtx_unlock` is a compare-and-swap), before
//!    anybody is told that the session has ended. Who is told and then sends a request has it read by
//!    a system call of the other worker, after our own system call that sent the answer. So the new
//!    epoch is visible to the load that judges this request.
//! 3. A worker fills its memory under the same lock: it has seen every removal before, and each later
//!    one advances the epoch past the one it noted.
//!
//! An epoch may wrap after 2^32 removals. A copy is confirmed under the lock every few seconds
//! ([`crate::session_cache`]), which no processor can fill with so many.

use std::sync::atomic::{AtomicU32, Ordering};

use super::record::Key;

/// The epochs of all sessions of a zone, in words that all workers share.
#[derive(Clone, Copy, Debug)]
pub struct Epochs<'m>(&'m [AtomicU32; COUNT]);

const COUNT: usize = 1024;

/// The state of a session's epoch at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(u32);

impl<'m> Epochs<'m> {
    /// How many there are.
    pub const COUNT: usize = COUNT;

    /// In these words, which begin with 0. `None` if they are too few.
    #[inline]
    #[must_use]
    pub fn new(words: &'m [AtomicU32]) -> Option<Self> {
        words.first_chunk().map(Self)
    }

    /// The epoch of the session with this key. Needs no lock.
    #[inline]
    #[must_use]
    pub fn of(self, key: &Key) -> Epoch {
        // Acquire: of the request that is judged, nothing was read later than this.
        Epoch(self.slot(key).load(Ordering::Acquire))
    }

    /// The session with this key is about to leave the zone.
    pub(crate) fn advance(self, key: &Key) {
        // A read-modify-write that acquires and releases: no write that follows, and so no part of
        // the removal, moves before it.
        self.slot(key).fetch_add(1, Ordering::SeqCst);
    }

    /// Any session may be about to leave the zone.
    pub(crate) fn advance_all(self) {
        for epoch in self.0 {
            epoch.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[inline]
    fn slot(self, key: &Key) -> &'m AtomicU32 {
        // Other bytes than those that choose the bucket of the index.
        let [.., low, high] = *key;
        let [first, ..] = self.0;
        self.0.get(usize::from(u16::from_le_bytes([low, high])) % COUNT).unwrap_or(first)
    }
}
