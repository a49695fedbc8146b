use std::sync::atomic::AtomicU32;

use super::*;
use crate::cookie::SessionId;
use crate::store::Epochs;
use crate::testing;

type Cache = SessionCache<Arc<str>>;

const NOW: UnixTime = UnixTime(1_000_000);
const END: UnixTime = UnixTime(1_003_600);

/// A browser's session: the value of its cookie, and its key.
struct Visitor {
    value: String,
    key: Key,
}

impl Visitor {
    fn new(number: u64) -> Self {
        let mut entropy = [0; 32];
        entropy[..8].copy_from_slice(&number.to_le_bytes());
        let id = SessionId::from_entropy(entropy);
        Self { value: id.to_cookie_value().to_string(), key: id.zone_key(&testing::provider().key) }
    }

    fn id(&self) -> SentId<'_> {
        SentId::parse(self.value.as_bytes()).unwrap()
    }
}

/// A worker, and the epochs of a zone.
struct Worker {
    cache: Cache,
    epochs: Epochs<'static>,
    provider: Arc<Provider>,
}

impl Worker {
    fn new() -> Self {
        let secret = TagSecret::new(std::array::from_fn(|at| (at * at * 31 + 7 * at) as u8));
        let words: Vec<_> = (0..Epochs::COUNT).map(|_| AtomicU32::new(0)).collect();
        Self {
            cache: SessionCache::new(secret),
            epochs: Epochs::new(words.leak()).unwrap(),
            provider: Arc::new(testing::provider()),
        }
    }

    /// Finds the session in the zone.
    fn sees(&mut self, visitor: &Visitor, size: usize, now: UnixTime) {
        let (key, epoch, value) = (visitor.key, self.epochs.of(&visitor.key), Arc::from("alice"));
        let seen = Seen { key, epoch, expires: END, size, value };
        self.cache.put(visitor.id(), &self.provider, seen, now);
    }

    fn recalls(&mut self, visitor: &Visitor, now: UnixTime) -> &'static str {
        match self.cache.find(visitor.id(), &self.provider, now, |key| Some(self.epochs.of(key))) {
            Recalled::Current(_) => "current",
            Recalled::Due(_, key, epoch) => {
                assert_eq!((key, epoch), (visitor.key, self.epochs.of(&visitor.key)));
                "due"
            }
            Recalled::Unknown => "unknown",
        }
    }

    fn tidies(&mut self, now: UnixTime) {
        let epochs = self.epochs;
        // Until it has been everywhere.
        for _ in 0..PLACES / TIDIED {
            self.cache.tidy(now, |key| Some(epochs.of(key)));
        }
    }

    fn remembers(&self) -> usize {
        self.cache.sets.iter().flatten().flatten().count()
    }
}

#[test]
fn a_session_that_was_used_within_five_seconds_needs_no_lock() {
    let (mut worker, alice) = (Worker::new(), Visitor::new(1));
    assert_eq!(worker.recalls(&alice, NOW), "unknown");
    worker.sees(&alice, 2_400, NOW);
    for second in 0..CONFIRMED_EVERY {
        assert_eq!(worker.recalls(&alice, NOW.plus(second)), "current", "after {second} s");
    }
}

#[test]
fn a_session_is_confirmed_every_five_seconds_and_whenever_the_clock_is_set_back() {
    let (mut worker, alice) = (Worker::new(), Visitor::new(1));
    worker.sees(&alice, 2_400, NOW);
    let (later, earlier) = (NOW.plus(CONFIRMED_EVERY), UnixTime(NOW.0 - 1));
    for due in [later, earlier] {
        assert_eq!(worker.recalls(&alice, due), "due");
        worker.cache.confirm(alice.id(), true, due);
        assert_eq!(worker.recalls(&alice, due), "current");
    }
    assert_eq!(worker.recalls(&alice, later), "due");
    worker.cache.confirm(alice.id(), false, later);
    assert_eq!(worker.recalls(&alice, later), "unknown");
    assert_eq!(worker.cache.taken, 0);
}

#[test]
fn what_left_the_zone_is_unknown_at_once() {
    let (mut worker, alice, bob) = (Worker::new(), Visitor::new(1), Visitor::new(2));
    worker.sees(&alice, 2_400, NOW);
    worker.sees(&bob, 2_400, NOW);
    worker.epochs.advance(&alice.key);
    assert_eq!(worker.recalls(&alice, NOW), "unknown");
    assert_eq!(worker.recalls(&bob, NOW), "current", "another epoch");
    // The epoch noted is that of the lookup, not of the time of caching.
    let epoch = worker.epochs.of(&alice.key);
    worker.epochs.advance(&alice.key);
    let seen = Seen { key: alice.key, epoch, expires: END, size: 9, value: Arc::from("alice") };
    worker.cache.put(alice.id(), &worker.provider, seen, NOW);
    assert_eq!(worker.recalls(&alice, NOW), "unknown");
    worker.epochs.advance_all();
    assert_eq!(worker.recalls(&bob, NOW), "unknown");
    assert_eq!(worker.cache.taken, 0);
}

#[test]
fn an_expired_session_is_unknown() {
    let (mut worker, alice) = (Worker::new(), Visitor::new(1));
    let last = UnixTime(END.0 - 1);
    worker.sees(&alice, 2_400, last);
    assert_eq!(worker.recalls(&alice, last), "current");
    assert_eq!(worker.recalls(&alice, END), "unknown");
    assert_eq!(worker.recalls(&alice, last), "unknown", "also if the clock is set back after that");
}

#[test]
fn a_session_counts_for_the_very_provider_only_with_its_settings_of_now() {
    let (mut worker, alice) = (Worker::new(), Visitor::new(1));
    worker.sees(&alice, 2_400, NOW);
    worker.provider = Arc::new(testing::other_provider());
    assert_eq!(worker.recalls(&alice, NOW), "unknown");
    worker.provider = Arc::new(testing::provider());
    assert_eq!(worker.recalls(&alice, NOW), "unknown", "read anew, from authentik or from a file");
    worker.sees(&alice, 2_400, NOW);
    assert_eq!(worker.recalls(&alice, NOW), "current");
    assert_eq!(worker.remembers(), 1);
}

#[test]
fn without_a_zone_nobody_is_known() {
    let (mut worker, alice) = (Worker::new(), Visitor::new(1));
    worker.sees(&alice, 2_400, NOW);
    let found = worker.cache.find(alice.id(), &worker.provider, NOW, |_| None);
    assert_eq!(found, Recalled::Unknown);
}

#[test]
fn the_memory_is_bounded_whatever_the_sessions_are() {
    for size in [0, 300, 2_400, 36_000, LARGEST - 500] {
        let mut worker = Worker::new();
        for number in 0..6_000 {
            worker.sees(&Visitor::new(number), size, NOW);
            assert!(worker.cache.size() <= 4_000_000, "{size}: {}", worker.cache.size());
        }
        let sum: usize = worker.cache.sets.iter().flatten().flatten().map(|entry| entry.size).sum();
        assert_eq!(worker.cache.taken, sum);
        let room = (BUDGET / (size + 500)).min(PLACES * 3 / 4);
        assert!(worker.remembers() >= room, "{size}: {}", worker.remembers());
    }
    let mut worker = Worker::new();
    worker.sees(&Visitor::new(1), LARGEST, NOW);
    assert_eq!(worker.remembers(), 0, "too large");
}

#[test]
fn where_places_are_short_a_session_in_use_stays() {
    let (mut worker, busy) = (Worker::new(), Visitor::new(0));
    worker.sees(&busy, 300, NOW);
    for size in [300, 2_400, 36_000] {
        for number in 1..6_000 {
            worker.sees(&Visitor::new(number), size, NOW);
            assert_eq!(worker.recalls(&busy, NOW), "current", "{number}, {size} bytes");
        }
    }
}

#[test]
fn what_no_longer_counts_and_what_is_idle_is_dropped_in_time() {
    let mut worker = Worker::new();
    for number in 0..400 {
        worker.sees(&Visitor::new(number), 2_400, NOW);
    }
    let before = worker.remembers();
    worker.epochs.advance(&Visitor::new(7).key);
    worker.tidies(NOW);
    assert!((before - 3..before).contains(&worker.remembers()));
    assert_eq!(worker.recalls(&Visitor::new(8), NOW.plus(IDLE)), "due");
    worker.cache.confirm(Visitor::new(8).id(), true, NOW.plus(IDLE));
    worker.tidies(NOW.plus(IDLE + 1));
    assert_eq!(worker.remembers(), 1, "the one that was used");
    worker.tidies(END);
    assert_eq!((worker.remembers(), worker.cache.taken), (0, 0));
}

#[test]
fn a_value_is_dropped_with_its_session() {
    let (mut worker, alice) = (Worker::new(), Visitor::new(1));
    let value: Arc<str> = Arc::from("alice");
    let epoch = worker.epochs.of(&alice.key);
    let seen = Seen { key: alice.key, epoch, expires: END, size: 9, value: Arc::clone(&value) };
    worker.cache.put(alice.id(), &worker.provider, seen, NOW);
    assert_eq!(Arc::strong_count(&value), 2);
    worker.cache.clear();
    assert_eq!((Arc::strong_count(&value), worker.cache.taken), (1, 0));
    assert_eq!(worker.recalls(&alice, NOW), "unknown");
}

#[test]
fn a_session_that_may_not_rest_for_long_is_confirmed_more_often() {
    let mut worker = Worker::new();
    let terms = Terms { idle_timeout: Some(20), ..Terms::default() };
    let settings = crate::provider::Settings { terms, ..testing::settings() };
    worker.provider = Arc::new(Provider::new(settings).unwrap());
    let visitor = Visitor::new(1);
    worker.sees(&visitor, 100, NOW);
    assert_eq!(worker.recalls(&visitor, NOW.plus(1)), "current");
    assert_eq!(worker.recalls(&visitor, NOW.plus(2)), "due");
}
