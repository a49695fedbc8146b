//! The words that all processes of nginx share.

use std::collections::HashSet;
use std::sync::Arc;

use authentik_gate::provider::ProviderKey;
use authentik_gate::shared_words::{SharedWords, WORDS, Word};
use authentik_gate::status::{Counter, Status, count};
use loom::sync::atomic::AtomicU64;
use loom::thread;

use crate::explore;

#[derive(Clone)]
pub struct Words(Arc<Vec<AtomicU64>>);

impl Words {
    /// All zeros.
    pub fn new() -> Self {
        Self(Arc::new((0..WORDS).map(|_| AtomicU64::new(0)).collect()))
    }

    pub fn shared(&self) -> SharedWords<'_> {
        SharedWords::new(&self.0).unwrap()
    }

    fn spawn<T: 'static>(
        &self,
        act: impl FnOnce(SharedWords<'_>) -> T + 'static,
    ) -> thread::JoinHandle<T> {
        let words = self.clone();
        thread::spawn(move || act(words.shared()))
    }
}

#[test]
fn all_processes_have_the_same_id() {
    explore("words: three choose the id of this nginx", None, || {
        let words = Words::new();
        let others = [2, 3].map(|seed| words.spawn(move |words| words.instance([seed; 16])));
        let known = words.shared().known_instance();
        let mine = words.shared().instance([1; 16]);
        assert!(known.is_none_or(|known| known == mine), "it does not change");
        for other in others {
            assert_eq!(other.join().unwrap(), mine);
        }
        assert_eq!(words.shared().known_instance(), Some(mine));
    });
}

#[test]
fn a_provider_has_one_seat_and_a_seat_has_one_provider() {
    explore("words: three take seats, two of them the same one", None, || {
        let words = Words::new();
        let keys = [1, 1, 2].map(|key| ProviderKey([key; 16]));
        let [first, same, other] = keys;
        let others = [same, other].map(|key| words.spawn(move |words| words.take_seat(key)));
        let mine = words.shared().take_seat(first);
        let [same, other] = others.map(|other| other.join().unwrap());
        assert!(mine.is_some() && mine == same && other.is_some() && other != mine);
        assert_eq!(keys.map(|key| words.shared().seat(key)), [mine, same, other]);
    });
}

#[test]
fn each_configuration_has_a_number_of_its_own() {
    explore("words: three count a configuration, and a question", None, || {
        let words = Words::new();
        let act = |words: SharedWords<'_>| (words.next_epoch(), words.count(Word::SettingsAsked));
        let others = [words.spawn(act), words.spawn(act)];
        let mut all = vec![act(words.shared())];
        all.extend(others.map(|other| other.join().unwrap()));
        let numbers: [HashSet<u64>; 2] = [
            all.iter().map(|(epoch, _)| u64::from(*epoch)).collect(),
            all.iter().map(|(_, question)| *question).collect(),
        ];
        assert_eq!(numbers, [HashSet::from([1, 2, 3]), HashSet::from([1, 2, 3])]);
    });
}

#[test]
fn nothing_that_is_added_is_lost_by_who_takes_or_clears() {
    explore("words: one adds, one takes, one clears what it saw", None, || {
        let words = Words::new();
        words.shared().add(Word::EndsPending, 1);
        let adds = words.spawn(|words| {
            words.add(Word::Overwritten, 1);
            words.add(Word::EndsPending, 1);
            words.raise(Word::LongestPause, 3);
        });
        let raises = words.spawn(|words| words.raise(Word::LongestPause, 2));
        let shared = words.shared();
        let seen = shared.get(Word::EndsPending);
        shared.clear(Word::EndsPending, seen);
        let taken = shared.take(Word::Overwritten);
        adds.join().unwrap();
        raises.join().unwrap();
        assert_eq!(taken + shared.take(Word::Overwritten), 1, "once");
        assert_eq!(shared.get(Word::EndsPending) == 0, seen == 2, "what was added later stays");
        assert_eq!(shared.get(Word::LongestPause), 3);
    });
}

#[test]
fn workers_that_share_counters_lose_none() {
    explore("words: three workers count in the same counters", None, || {
        let words = Words::new();
        let act = |words: SharedWords<'_>| count(words.counters(0), Status::Known, None);
        let others = [words.spawn(act), words.spawn(act)];
        act(words.shared());
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(words.shared().total(Counter::Status(Status::Known).slot()), 3);
    });
}
