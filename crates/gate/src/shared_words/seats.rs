//! Seats: a provider's counters.

use crate::sync::{self, AtomicU64, Ordering};

use super::{COUNTING_WORKERS, SEAT_COUNTS, SEATED, SharedWords};
use crate::provider::ProviderKey;

/// Providers with counters of their own, the first that are used; further ones have none, so their
/// number is bounded whatever an outpost lists.
pub const SEATS: usize = sync::fewer_in_trials(64, 2, 4);
/// Counters per worker and provider.
pub const SEAT: usize = 16;

impl<'m> SharedWords<'m> {
    /// The seat of a provider, the same for all workers and reloads; takes a free one if it has none.
    /// `None` if all are taken.
    #[must_use]
    pub fn take_seat(&self, provider: ProviderKey) -> Option<usize> {
        let name = seat_name(provider);
        let takes = |word: &AtomicU64| {
            let found = word.compare_exchange(0, name, Ordering::AcqRel, Ordering::Acquire);
            found.map_or_else(|taken| taken == name, |_| true)
        };
        self.seats().iter().position(takes)
    }

    /// The seat of a provider, if it has one.
    #[must_use]
    pub fn seat(&self, provider: ProviderKey) -> Option<usize> {
        let name = seat_name(provider);
        self.seats().iter().position(|word| word.load(Ordering::Acquire) == name)
    }

    fn seats(&self) -> &'m [AtomicU64] {
        self.words.get(SEATED..SEAT_COUNTS).unwrap_or_default()
    }

    /// The provider's counters of the worker with this number.
    #[must_use]
    pub fn seat_counters(&self, worker: usize, seat: usize) -> &'m [AtomicU64] {
        let at = SEAT_COUNTS + (worker % COUNTING_WORKERS * SEATS + seat % SEATS) * SEAT;
        self.words.get(at..at + SEAT).unwrap_or_default()
    }

    /// Sum of a provider's counter over all workers.
    #[must_use]
    pub fn seat_total(&self, seat: usize, counter: usize) -> u64 {
        let of = |worker| self.seat_counters(worker, seat).get(counter);
        let counts = (0..COUNTING_WORKERS).filter_map(of);
        counts.map(|count| count.load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
    }
}

/// 0 means that nobody sits there.
fn seat_name(ProviderKey(key): ProviderKey) -> u64 {
    (u128::from_be_bytes(key) as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared_words::WORDS;

    #[test]
    fn a_provider_keeps_its_seat_and_who_comes_too_late_has_none() {
        let memory = (0..WORDS).map(|_| AtomicU64::new(0)).collect::<Vec<_>>();
        let words = SharedWords::new(&memory).unwrap();
        let key = |number: usize| ProviderKey((number as u128).to_be_bytes());
        assert_eq!(words.seat(key(3)), None);
        for _ in 0..2 {
            for number in 0..SEATS {
                assert_eq!(words.take_seat(key(number + 1)), Some(number));
            }
        }
        assert_eq!(words.take_seat(key(SEATS + 1)), None);
        assert_eq!((words.seat(key(3)), words.seat(key(SEATS + 1))), (Some(2), None));
    }
}
