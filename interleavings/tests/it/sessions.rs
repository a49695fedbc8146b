//! Sessions in the zone, and those that workers remember without asking it.

use std::sync::Arc;

use authentik_gate::cookie::{SentId, SessionId, TagSecret};
use authentik_gate::keyring::Keyring;
use authentik_gate::provider::Provider;
use authentik_gate::session_cache::{Recalled, Seen, SessionCache};
use authentik_gate::store::{Epochs, Key, Owner, Record, Region, Table, kind, lease};
use authentik_gate::testing;
use authentik_gate::time::UnixTime;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use loom::thread;

use crate::explore;

pub const NOW: UnixTime = UnixTime(1_000_000);
const END: UnixTime = UnixTime(1_003_600);

/// The zone as the fence gives it to the shell. Its lock, which is nginx's, is imitated: who takes
/// it sees whatever was done under it before.
pub struct Zone {
    bytes: Mutex<Vec<u8>>,
    dirty: AtomicU32,
    epochs: Vec<AtomicU32>,
}

impl Zone {
    pub fn new() -> Self {
        let epochs: Vec<_> = (0..Epochs::COUNT).map(|_| AtomicU32::new(0)).collect();
        let dirty = AtomicU32::new(0);
        let mut bytes = vec![0; 320 << 10];
        let region =
            Region { dirty: &dirty, epochs: Epochs::new(&epochs).unwrap(), bytes: &mut bytes };
        assert!(Table::format(region).is_ok());
        Self { bytes: Mutex::new(bytes), dirty, epochs }
    }

    pub fn with<T>(&self, work: impl FnOnce(&mut Table<'_>) -> T) -> T {
        let mut bytes = self.bytes.lock().unwrap();
        let region = Region { dirty: &self.dirty, epochs: self.epochs(), bytes: &mut bytes };
        let Ok(mut table) = Table::open(region) else { panic!("no table") };
        let result = work(&mut table);
        assert!(table.recovery().is_none());
        result
    }

    fn epochs(&self) -> Epochs<'_> {
        Epochs::new(&self.epochs).unwrap()
    }
}

pub fn insert(table: &mut Table<'_>, key: Key, kind: u8) {
    let owner = Owner { subject: [7; 16], sid: [8; 16] };
    let owner = if kind == kind::SESSION { owner } else { Owner::NOBODY };
    let record = Record::new(key, owner, kind, END, b"alice").unwrap();
    table.insert(&record, NOW).unwrap();
}

/// The visitor's cookie.
struct Cookie(String);

impl Cookie {
    fn new() -> Self {
        let keys = [7; Keyring::SIZE];
        let id = SessionId::new([7; SessionId::RANDOM], Keyring::new(&keys));
        Self(id.to_cookie_value().to_string())
    }

    fn id(&self) -> SentId<'_> {
        SentId::parse(self.0.as_bytes()).unwrap()
    }
}

/// A worker, as the shell has it: what `src/visitor` does for a request.
struct Worker {
    cache: SessionCache<&'static str>,
    provider: Arc<Provider>,
    cookie: Cookie,
    key: Key,
}

impl Worker {
    fn new() -> Self {
        let (provider, cookie) = (Arc::new(testing::provider()), Cookie::new());
        let key = cookie.id().zone_key(&provider.key);
        let secret = TagSecret::new(std::array::from_fn(|at| (at * 31 + 7) as u8));
        Self { cache: SessionCache::new(secret), provider, cookie, key }
    }

    /// Whether a request is let in.
    fn lets_in(&mut self, zone: &Zone, now: UnixTime) -> bool {
        let Self { cache, provider, cookie, key } = self;
        let is_same = match cache
            .find(cookie.id(), provider, now, |key| Some(zone.epochs().of(key)))
        {
            Recalled::Current(_) => return true,
            Recalled::Due(_, key, epoch) => {
                let is_there = zone
                    .with(|table| table.epoch(&key) == epoch && table.find(&key, now).is_some());
                cache.confirm(cookie.id(), is_there, now);
                is_there
            }
            Recalled::Unknown => false,
        };
        if is_same {
            return true;
        }
        let found = zone.with(|table| {
            let epoch = table.epoch(key);
            table.find(key, now).is_some().then_some(epoch)
        });
        let Some(epoch) = found else { return false };
        let seen = Seen { key: *key, epoch, expires: END, size: 5, value: "alice" };
        cache.put(cookie.id(), provider, seen, now);
        true
    }
}

/// Signs out, and tells the client, whose next request anybody may get. That request and the answer
/// are system calls, which is imitated.
fn nobody_is_let_in_after(sign_out: fn(&mut Table<'_>, &Key) -> u32, requests: [UnixTime; 2]) {
    let zone = Arc::new(Zone::new());
    let mut worker = Worker::new();
    let key = worker.key;
    zone.with(|table| insert(table, key, kind::SESSION));
    let answered = Arc::new(AtomicBool::new(false));
    let (of_other, tells) = (Arc::clone(&zone), Arc::clone(&answered));
    let other = thread::spawn(move || {
        assert_eq!(of_other.with(|table| sign_out(table, &key)), 1);
        tells.store(true, Ordering::Release);
    });
    for now in requests {
        let is_over = answered.load(Ordering::Acquire);
        let is_let_in = worker.lets_in(&zone, now);
        assert!(!(is_over && is_let_in), "let in after the sign-out was answered");
    }
    other.join().unwrap();
    assert!(!worker.lets_in(&zone, requests[1]));
}

#[test]
fn nobody_is_let_in_once_a_sign_out_was_answered() {
    explore("session: a sign-out, and a worker that remembers", None, || {
        nobody_is_let_in_after(
            |table, key| u32::from(table.remove(key).unwrap()),
            [NOW, NOW.plus(1)],
        );
    });
    explore("session: an end by authentik, and a worker that asks the zone again", None, || {
        nobody_is_let_in_after(
            |table, _| table.remove_by_sid(&[8; 16]).unwrap(),
            [NOW, NOW.plus(60)],
        );
    });
}

#[test]
fn of_those_who_want_a_lease_one_gets_it() {
    explore("lease: three want it", None, || {
        let zone = Arc::new(Zone::new());
        let take = |zone: &Zone, clock: u64| {
            let end = lease::payload(clock, 12);
            let lease = Record::new([9; 32], Owner::NOBODY, kind::LEASE, END, &end).unwrap();
            zone.with(|table| table.take_lease(&lease, NOW, clock)).unwrap().is_some()
        };
        let others = [101, 102].map(|clock| {
            let zone = Arc::clone(&zone);
            thread::spawn(move || take(&zone, clock))
        });
        let mut all = vec![take(&zone, 100)];
        all.extend(others.map(|other| other.join().unwrap()));
        assert_eq!(all.iter().filter(|taken| **taken).count(), 1);
        assert!(take(&zone, 102 + 12), "when it has ended, the next one");
    });
}
