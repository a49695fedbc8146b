//! Shared memory for everything but sessions: who talks to authentik, published settings, counters.
//!
//! It consists of words that are read and written without a lock. [`SharedWords::fresh`]
//! initialises an area, which a reload of nginx keeps. Only [`SharedWords`] knows what each word
//! means.

mod seats;
mod word;

use crate::sync::{self, AtomicU64, Ordering};

use crate::outpost::{BOARD_HEADER, Board, Tenure};

pub use seats::{SEAT, SEATS};
pub use word::Word;

/// The area, of at least [`WORDS`] words; the rest is the board.
#[derive(Clone, Copy)]
pub struct SharedWords<'m> {
    words: &'m [AtomicU64],
}

/// Workers with counters of their own; further ones share.
pub const COUNTING_WORKERS: usize = sync::fewer_in_trials(64, 1, 3);
/// Counters per worker.
pub const COUNTERS: usize = 128;

// The layout.
const EPOCH: usize = 0;
const HOLDER: usize = 1;
const BEAT: usize = 2;
const INSTANCE: usize = 3;
const BELL: usize = 5;
const NAMED: usize = 8;
const COUNTS: usize = NAMED + Word::ROOM;
const SEATED: usize = COUNTS + COUNTING_WORKERS * COUNTERS;
const SEAT_COUNTS: usize = SEATED + SEATS;

/// Number of words without the board.
pub const WORDS: usize = SEAT_COUNTS + COUNTING_WORKERS * SEATS * SEAT;

impl<'m> SharedWords<'m> {
    /// An existing area in these words. `None` if they are fewer than [`WORDS`].
    #[must_use]
    pub fn new(words: &'m [AtomicU64]) -> Option<Self> {
        (words.len() >= WORDS).then_some(Self { words })
    }

    /// Initialises an area, whatever it contains: nginx does not clear shared memory, and fills it
    /// with garbage when built with `NGX_DEBUG_MALLOC` (`ngx_slab_init`).
    #[must_use]
    pub fn fresh(words: &'m [AtomicU64]) -> Option<Self> {
        let shared = Self::new(words)?;
        // The rest would use memory once written, and nobody reads it before writing it.
        for word in words.iter().take(WORDS + BOARD_HEADER) {
            word.store(0, Ordering::Relaxed);
        }
        Some(shared)
    }

    /// Counts a configuration; returns its number, which is larger than all before.
    #[must_use]
    pub fn next_epoch(&self) -> u32 {
        self.words.get(EPOCH).map_or(0, |word| word.fetch_add(1, Ordering::AcqRel) as u32 + 1)
    }

    /// The tenure of the process that talks to authentik.
    #[must_use]
    pub fn tenure(&self) -> Option<Tenure<'m>> {
        Some(Tenure::new(self.words.get(HOLDER)?, self.words.get(BEAT)?))
    }

    /// A word that changes when there is something to look at: another process talks to authentik,
    /// or something was published.
    #[must_use]
    pub fn bell(&self) -> Option<&'m AtomicU64> {
        self.words.get(BELL)
    }

    /// The board with the settings; `None` if there is no room for it.
    #[must_use]
    pub fn board(&self) -> Option<Board<'m>> {
        Board::new(self.words.get(WORDS..)?)
    }

    /// The id of this nginx, the same for all workers and reloads (a UUID, RFC 9562 version 4):
    /// authentik lists an outpost once per id. `fresh` is random, and used if there is no id yet.
    #[must_use]
    pub fn instance(&self, fresh: [u8; 16]) -> String {
        let halves = fresh.split_at(8);
        let mut agreed = [0_u8; 16];
        let (high, low) = agreed.split_at_mut(8);
        for (at, (fresh, to)) in [(halves.0, high), (halves.1, low)].into_iter().enumerate() {
            let Some(word) = self.words.get(INSTANCE + at) else { continue };
            let mut own = [0; 8];
            own.copy_from_slice(fresh);
            // 0 means not chosen yet.
            let own = u64::from_be_bytes(own).max(1);
            let found = word.compare_exchange(0, own, Ordering::AcqRel, Ordering::Acquire);
            to.copy_from_slice(&found.map_or_else(|known| known, |_| own).to_be_bytes());
        }
        uuid(agreed)
    }

    /// The id from [`SharedWords::instance`], if already chosen.
    #[must_use]
    pub fn known_instance(&self) -> Option<String> {
        let mut agreed = [0_u8; 16];
        let (high, low) = agreed.split_at_mut(8);
        for (at, to) in [high, low].into_iter().enumerate() {
            let word = self.words.get(INSTANCE + at)?.load(Ordering::Acquire);
            // Another process may be choosing it right now.
            to.copy_from_slice(&Some(word).filter(|word| *word != 0)?.to_be_bytes());
        }
        Some(uuid(agreed))
    }

    /// Sets the word.
    pub fn set(&self, word: Word, value: u64) {
        if let Some(word) = self.at(word) {
            word.store(value, Ordering::Relaxed);
        }
    }

    /// Sets the word unless it is already larger.
    pub fn raise(&self, word: Word, value: u64) {
        if let Some(word) = self.at(word) {
            word.fetch_max(value, Ordering::Relaxed);
        }
    }

    /// Resets the word to 0 if it is still `value`.
    pub fn clear(&self, word: Word, value: u64) {
        if let Some(word) = self.at(word) {
            // Fails if the word was changed meanwhile, which is fine.
            let _ = word.compare_exchange(value, 0, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// Returns the word and resets it to 0.
    #[must_use]
    pub fn take(&self, word: Word) -> u64 {
        self.at(word).map_or(0, |word| word.swap(0, Ordering::AcqRel))
    }

    /// Adds to the word.
    pub fn add(&self, word: Word, value: u64) {
        if let Some(word) = self.at(word) {
            word.fetch_add(value, Ordering::Relaxed);
        }
    }

    /// Increments the word; returns the new value.
    #[must_use]
    pub fn count(&self, word: Word) -> u64 {
        self.at(word).map_or(0, |word| word.fetch_add(1, Ordering::AcqRel) + 1)
    }

    /// The value of the word, initially 0.
    #[must_use]
    pub fn get(&self, word: Word) -> u64 {
        self.at(word).map_or(0, |word| word.load(Ordering::Relaxed))
    }

    /// Counters of the worker with this number.
    #[must_use]
    pub fn counters(&self, worker: usize) -> &'m [AtomicU64] {
        let at = COUNTS + worker % COUNTING_WORKERS * COUNTERS;
        self.words.get(at..at + COUNTERS).unwrap_or_default()
    }

    /// Sum of a counter over all workers.
    #[must_use]
    pub fn total(&self, counter: usize) -> u64 {
        let of = |worker| self.counters(worker).get(counter);
        let counts = (0..COUNTING_WORKERS).filter_map(of);
        counts.map(|count| count.load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
    }

    fn at(&self, word: Word) -> Option<&'m AtomicU64> {
        self.words.get(NAMED + word as usize)
    }
}

fn uuid(mut bytes: [u8; 16]) -> String {
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
    *version = *version & 0x0f | 0x40;
    *variant = *variant & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::ProviderKey;

    fn words(count: usize) -> Vec<AtomicU64> {
        (0..count).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn all_processes_agree_on_one_instance() {
        let memory = words(WORDS);
        let words = SharedWords::new(&memory).unwrap();
        assert_eq!(words.known_instance(), None);
        let first = words.instance([0xab; 16]);
        assert_eq!(first, "abababab-abab-4bab-abab-abababababab");
        assert_eq!(words.instance([0xcd; 16]), first);
        assert_eq!(words.known_instance(), Some(first));
        assert!(SharedWords::new(&memory[1..]).is_none());
    }

    #[test]
    fn a_fresh_area_holds_nothing_whatever_was_there_before() {
        let memory = words(WORDS + 24);
        memory.iter().for_each(|word| word.store(0xa5a5_a5a5_a5a5_a5a5, Ordering::Relaxed));
        let words = SharedWords::fresh(&memory).unwrap();
        assert_eq!(words.known_instance(), None);
        assert_eq!((words.get(Word::ConnectedBy), words.get(Word::Unchecked)), (0, 0));
        assert!((0..COUNTERS).all(|counter| words.total(counter) == 0));
        let board = words.board().unwrap();
        assert_eq!((board.newest(), board.read()), (0, None));
        assert_eq!(board.publish(b"document"), Ok(1));
        assert_eq!(board.read(), Some((1, b"document".to_vec())));
        let candidate = crate::outpost::Candidate { epoch: 1, pid: 2 };
        assert!(words.tenure().unwrap().claim(candidate, 3, |_| Some(0)), "nobody holds it");
        assert_eq!(words.next_epoch(), 1);
        assert!(SharedWords::fresh(&memory[..WORDS - 1]).is_none());
    }

    #[test]
    fn nothing_overlaps() {
        let memory = words(WORDS + 24);
        let words = SharedWords::new(&memory).unwrap();
        let (board, tenure) = (words.board().unwrap(), words.tenure().unwrap());
        board.publish(b"document").unwrap();
        assert!(tenure.claim(crate::outpost::Candidate { epoch: 1, pid: 2 }, 3, |_| Some(0)));
        assert_eq!((words.next_epoch(), words.next_epoch()), (1, 2));
        words.set(Word::ConnectedBy, 7);
        words.add(Word::EndedByCore, 8);
        for worker in [0, COUNTING_WORKERS - 1, COUNTING_WORKERS] {
            for count in words.counters(worker) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        assert_eq!(board.read().unwrap().1, b"document");
        assert_eq!((words.get(Word::ConnectedBy), words.get(Word::EndedByCore)), (7, 8));
        assert_eq!(words.total(0), 3, "the workers beyond share");
        let seats = [1, 2].map(|key| words.take_seat(ProviderKey([key; 16])));
        assert_eq!(seats, [Some(0), Some(1)]);
        for (worker, seat) in [(0, 0), (COUNTING_WORKERS - 1, SEATS - 1)] {
            for count in words.seat_counters(worker, seat) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        assert_eq!((words.total(0), words.seat_total(0, 0), words.seat_total(1, 0)), (3, 1, 0));
        assert_eq!(words.seat(ProviderKey([2; 16])), Some(1));
        words.bell().unwrap().fetch_add(1, Ordering::Relaxed);
        assert_eq!(words.instance([1; 16]), words.instance([2; 16]));
        assert_eq!(words.bell().unwrap().load(Ordering::Relaxed), 1);
        words.raise(Word::ConnectedBy, 6);
        words.clear(Word::ConnectedBy, 6);
        assert_eq!(words.get(Word::ConnectedBy), 7);
        words.clear(Word::ConnectedBy, 7);
        assert_eq!(words.get(Word::ConnectedBy), 0);
        assert_eq!((words.take(Word::EndedByCore), words.take(Word::EndedByCore)), (8, 0));
        assert_eq!((words.count(Word::SettingsAsked), words.count(Word::SettingsAsked)), (1, 2));
        assert_eq!((words.get(Word::SettingsAsked), words.get(Word::SettingsAnswered)), (2, 0));
    }
}
