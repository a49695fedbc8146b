//! Which process of nginx talks to authentik: one at a time, and never none for long.
//!
//! The state is in two words of shared memory. The holder renews its heartbeat; if that stops, or
//! the process is gone, any other may take over. Processes of a newer configuration take over at
//! once. Two holders at the same time do no harm: they do the same thing.

use crate::sync::{AtomicU64, Ordering};
use std::time::Duration;

/// A holder whose last heartbeat is this old has lost the tenure, in milliseconds.
pub const LOST_AFTER: u64 = 3_000;

/// After losing the tenure, a process keeps its connection this long, unless its successor connects
/// earlier, so that no message from authentik is lost.
const HANDOVER: Duration = Duration::from_secs(10);
/// If nobody has taken the tenure by then, nobody will: all of nginx is shutting down.
const SUCCESSION: Duration = Duration::from_secs(1);

/// Whether the former holder can close its connection without losing messages, this long after
/// losing the tenure. `connected` is the process that has the WebSocket open.
#[must_use]
pub fn may_leave(successor: Option<Candidate>, connected: Option<u32>, after: Duration) -> bool {
    match successor {
        Some(next) => Some(next.pid) == connected || after >= HANDOVER,
        None => after >= SUCCESSION,
    }
}

/// The two words: all zeros means that nobody holds it.
#[derive(Clone, Copy)]
pub struct Tenure<'m> {
    holder: &'m AtomicU64,
    beat: &'m AtomicU64,
}

/// A process that may hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Number of its configuration, which grows with each reload.
    pub epoch: u32,
    /// Process id, not 0.
    pub pid: u32,
}

impl Candidate {
    fn word(self) -> u64 {
        u64::from(self.epoch) << 32 | u64::from(self.pid)
    }

    fn of(word: u64) -> Option<Self> {
        let [epoch, pid] = [(word >> 32) as u32, word as u32];
        (pid != 0).then_some(Self { epoch, pid })
    }
}

impl<'m> Tenure<'m> {
    /// A tenure in these two words.
    #[must_use]
    pub fn new(holder: &'m AtomicU64, beat: &'m AtomicU64) -> Self {
        Self { holder, beat }
    }

    /// The current holder.
    #[must_use]
    pub fn holder(&self) -> Option<Candidate> {
        Candidate::of(self.holder.load(Ordering::Acquire))
    }

    /// Renews the tenure, or takes it if allowed. Returns whether `me` holds it now. Call this a
    /// few times within [`LOST_AFTER`].
    ///
    /// `now` is a clock in milliseconds that all processes share and nobody can set; `started`
    /// gives, by that clock, the start time of the process with an id.
    pub fn claim(&self, me: Candidate, now: u64, started: impl Fn(u32) -> Option<u64>) -> bool {
        let found = self.holder.load(Ordering::Acquire);
        match Candidate::of(found) {
            Some(holder) if holder == me => {}
            Some(holder) if holder.epoch > me.epoch => return false,
            Some(holder) if holder.epoch == me.epoch && self.is_kept(holder, now, started) => {
                return false;
            }
            Some(_) | None => {
                // The heartbeat first, so that others see a holder that already existed at its
                // heartbeat.
                self.beat.store(now, Ordering::Release);
                let taken = self.holder.compare_exchange(
                    found,
                    me.word(),
                    Ordering::AcqRel,
                    Ordering::Acquire,
                );
                if taken.is_err() {
                    return false;
                }
            }
        }
        self.beat.store(now, Ordering::Release);
        true
    }

    /// Gives up the tenure, so that another process need not wait.
    pub fn resign(&self, me: Candidate) {
        // Fails if another process holds it, which is fine.
        let _ = self.holder.compare_exchange(me.word(), 0, Ordering::AcqRel, Ordering::Acquire);
    }

    fn is_kept(&self, holder: Candidate, now: u64, started: impl Fn(u32) -> Option<u64>) -> bool {
        let beat = self.beat.load(Ordering::Acquire);
        // A process younger than the heartbeat has reused the id of the holder, which is gone.
        let is_there = || started(holder.pid).is_some_and(|at| at <= beat);
        now.saturating_sub(beat) < LOST_AFTER && is_there()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Candidate = Candidate { epoch: 1, pid: 10 };
    const B: Candidate = Candidate { epoch: 1, pid: 11 };
    const NEWER: Candidate = Candidate { epoch: 2, pid: 12 };

    #[test]
    fn a_connection_is_kept_until_the_successor_has_one_or_there_will_be_none() {
        let next = Some(Candidate { epoch: 2, pid: 8 });
        for (successor, connected, millis, expected) in [
            (next, Some(7), 0, false),
            (next, None, 9_999, false),
            (next, Some(8), 0, true),
            (next, Some(7), 10_000, true),
            (None, Some(7), 999, false),
            (None, Some(7), 1_000, true),
        ] {
            let found = may_leave(successor, connected, Duration::from_millis(millis));
            assert_eq!(found, expected, "{successor:?} {connected:?} {millis}");
        }
    }

    #[test]
    fn one_holds_it_until_it_is_silent_dead_or_outdated() {
        let (holder, beat) = (AtomicU64::new(0), AtomicU64::new(0));
        let tenure = Tenure::new(&holder, &beat);
        let alive = |_| Some(900);
        assert!(tenure.claim(A, 1_000, alive));
        assert!(!tenure.claim(B, 1_100, alive));
        assert!(tenure.claim(A, 2_000, alive), "renewed");
        assert!(!tenure.claim(B, 2_000 + LOST_AFTER - 1, alive));
        assert!(tenure.claim(B, 2_000 + LOST_AFTER, alive), "silent");
        assert!(!tenure.claim(A, 5_100, alive), "and the old one sees that it lost it");
        assert!(tenure.claim(A, 5_100, |pid| (pid != B.pid).then_some(900)), "dead");
        assert!(tenure.claim(NEWER, 5_200, alive), "a newer configuration takes over at once");
        assert!(!tenure.claim(A, 90_000, |_| None), "an older one never does");
        assert_eq!(tenure.holder(), Some(NEWER));
    }

    #[test]
    fn whoever_gets_the_process_id_of_a_dead_holder_does_not_hold_it() {
        let (holder, beat) = (AtomicU64::new(0), AtomicU64::new(0));
        let tenure = Tenure::new(&holder, &beat);
        assert!(tenure.claim(A, 5_000, |_| Some(1_000)));
        assert!(!tenure.claim(B, 5_050, |_| Some(5_000)), "as old as the heartbeat");
        assert!(tenure.claim(B, 5_100, |_| Some(5_010)), "younger than the heartbeat");
        assert_eq!(tenure.holder(), Some(B));
    }

    #[test]
    fn it_can_be_given_up_by_its_holder_only() {
        let (holder, beat) = (AtomicU64::new(0), AtomicU64::new(0));
        let tenure = Tenure::new(&holder, &beat);
        assert!(tenure.claim(A, 0, |_| Some(0)));
        tenure.resign(B);
        assert_eq!(tenure.holder(), Some(A));
        tenure.resign(A);
        assert_eq!(tenure.holder(), None);
        assert!(tenure.claim(B, 1, |_| Some(0)));
    }
}
