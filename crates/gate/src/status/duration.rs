//! How long things take, as histograms in a worker's counters.

use crate::sync::{AtomicU64, Ordering};

use serde::Serialize;

use crate::shared_words::{COUNTERS, SharedWords};

/// What is measured. Nothing is for a request whose session is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duration {
    /// A sign-in that succeeded, from the browser's return from authentik to the session: what a
    /// visitor waits for after the last click at authentik.
    SignIn,
    /// Authentik's share of it: the exchange of the code.
    Exchange,
    /// One access to the store of sessions, by whatever thread, without the time in the queue.
    Store,
}

/// Upper bounds of the buckets but for the last, which has none, in milliseconds.
const BOUNDS: [u64; 11] = [1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000];

/// The buckets, and the sum in microseconds.
const SLOTS: usize = BOUNDS.len() + 2;

const SUM: usize = SLOTS - 1;

/// How many there are.
const ALL: usize = 3;

/// The first counter that is not free for others: before the last two ([`super::count`]).
pub(super) const FIRST: usize = COUNTERS - 2 - ALL * SLOTS;

impl Duration {
    const fn slot(self) -> usize {
        FIRST + self as usize * SLOTS
    }
}

/// Records that it took so many microseconds; `counters` are those of the current worker.
pub fn record(counters: &[AtomicU64], what: Duration, micros: u64) {
    let bucket = BOUNDS.iter().position(|bound| micros <= bound * 1000).unwrap_or(BOUNDS.len());
    for (slot, value) in [(bucket, 1), (SUM, micros)] {
        if let Some(slot) = counters.get(what.slot() + slot) {
            slot.fetch_add(value, Ordering::Relaxed);
        }
    }
}

/// What was recorded, by all workers since nginx was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Histogram {
    /// How often.
    pub count: u64,
    /// How long in total, in microseconds.
    pub sum_us: u64,
    /// How often it took at most so many milliseconds; each includes the former ones.
    pub buckets: Vec<Bucket>,
}

/// A bucket of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// The upper bound, in milliseconds.
    pub le_ms: u64,
    /// How often it took no longer.
    pub count: u64,
}

impl Histogram {
    /// What was recorded so far; nothing if nothing is protected.
    #[must_use]
    pub fn of(what: Duration, words: Option<SharedWords<'_>>) -> Self {
        let total = |slot| words.map_or(0, |words| words.total(what.slot() + slot));
        let mut count = 0;
        let mut buckets = Vec::with_capacity(BOUNDS.len());
        for (slot, le_ms) in BOUNDS.into_iter().enumerate() {
            count += total(slot);
            buckets.push(Bucket { le_ms, count });
        }
        Self { count: count + total(BOUNDS.len()), sum_us: total(SUM), buckets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared_words::WORDS;

    #[test]
    fn a_duration_is_counted_in_its_bucket_and_all_larger_ones() {
        let memory: Vec<AtomicU64> = (0..WORDS).map(|_| AtomicU64::new(0)).collect();
        let words = SharedWords::fresh(&memory).unwrap();
        for (worker, micros) in [(0, 0), (0, 1000), (1, 1001), (2, 60_000), (0, 7_000_000)] {
            record(words.counters(worker), Duration::Exchange, micros);
        }
        let seen = Histogram::of(Duration::Exchange, Some(words));
        assert_eq!((seen.count, seen.sum_us), (5, 7_062_001));
        let counts: Vec<u64> = seen.buckets.iter().map(|bucket| bucket.count).collect();
        assert_eq!(counts, [2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4]);
        for other in [Duration::SignIn, Duration::Store] {
            assert_eq!(Histogram::of(other, Some(words)).count, 0, "{other:?}");
        }
        assert_eq!(Histogram::of(Duration::Store, None).count, 0);
    }

    #[test]
    fn no_duration_is_counted_where_another_counter_is() {
        let last = Duration::Store.slot() + SLOTS;
        assert_eq!(last, COUNTERS - 2);
        assert!(Duration::SignIn.slot() + SLOTS == Duration::Exchange.slot());
    }
}
