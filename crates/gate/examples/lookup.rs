//! Time of a lookup in a table of N sessions, for `make bench`: `lookup N` prints one JSON object. All of
//! it is done under the zone's lock: opening the table and whatever follows.
//!
//! - `hot_ns`: the same 100 sessions are copied out again and again, whatever N is: few enough to stay
//!   in the caches. What differs from table to table is what the table itself costs.
//! - `cold_ns`: any of the N sessions. A large table is not in the processor's caches.
//! - `first_ns`: any of the N sessions, and that it is used is noted; only what comes between taking the
//!   lock and giving it back. The session was read ahead of the lock, as a worker does.
//! - `unread_ns`: the same without reading ahead.
//! - `confirm_ns`: as `first_ns`, but nothing is copied out: the worker remembers the session, and asks
//!   whether it is still there.
//! - `memory_ns`: as many bytes copied from as many random places of the same memory, without a
//!   table: what caches and page tables cost anybody who does that.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement, started by hand: it is told nothing, and may fail loudly"
)]

use std::hint::black_box;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use authentik_gate::store::{Epochs, Key, Owner, Record, Region, Table, warm, warm_head};
use authentik_gate::time::UnixTime;

/// Payload of a session with a token of 1.5 KB: token, the other eleven headers, id token.
const PAYLOAD: usize = 2400;
/// Room for a session, and for the table's buckets.
const ROOM: usize = 3840;
const LOOKUPS: usize = 200_000;
const HOT: usize = 100;
const NOW: UnixTime = UnixTime(1_800_000_000);
const LATER: UnixTime = UnixTime(9_000_000_000);

fn main() {
    let sessions: usize =
        std::env::args().nth(1).and_then(|number| number.parse().ok()).expect("usage: lookup N");
    let mut bytes = vec![0; sessions * ROOM + (1 << 20)];
    let dirty = AtomicU32::new(0);
    let words: Vec<_> = (0..Epochs::COUNT).map(|_| AtomicU32::new(0)).collect();
    let epochs = Epochs::new(&words).expect("enough words");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let keys: Vec<Key> = (0..sessions).map(|_| random.key()).collect();

    let mut zone = Zone { dirty: &dirty, epochs, bytes: &mut bytes };
    let mut table = Table::format(zone.region()).expect("a table");
    for key in &keys {
        let record = Record::new(*key, Owner::NOBODY, 1, LATER, &[7; PAYLOAD]);
        let inserted = table.insert(&record.expect("a record"), NOW).expect("an insertion");
        assert_eq!(inserted.evicted_live, 0, "the zone is too small for {sessions} sessions");
    }
    let few = HOT.min(sessions);
    let hot = time(&mut random, few, |index| look_up(&mut zone, &keys[index], NOW));
    let cold = time(&mut random, sessions, |index| look_up(&mut zone, &keys[index], NOW));
    let mut clock = NOW;
    let mut held = |ahead: fn(&Zone<'_>, &Key), work: fn(&mut Zone<'_>, &Key, UnixTime)| {
        held(LOOKUPS, || {
            let key = &keys[random.below(sessions)];
            clock = clock.plus(60);
            ahead(&zone, key);
            let start = Instant::now();
            work(&mut zone, key, clock);
            start.elapsed()
        })
    };
    let first = held(|zone, key| zone.read_ahead(key), look_up);
    let unread = held(|_, _| (), look_up);
    let confirm = held(|zone, key| zone.read_head_ahead(key), confirm);
    let memory = time(&mut random, sessions, |index| copy(&bytes, index));

    println!(
        r#"{{"sessions": {sessions}, "hot_ns": {hot:.1}, "cold_ns": {cold:.1}, "confirm_ns": {confirm:.1}, "first_ns": {first:.1}, "unread_ns": {unread:.1}, "memory_ns": {memory:.1}}}"#
    );
}

/// A zone, as whoever has its lock finds it.
struct Zone<'m> {
    dirty: &'m AtomicU32,
    epochs: Epochs<'m>,
    bytes: &'m mut [u8],
}

impl Zone<'_> {
    fn region(&mut self) -> Region<'_> {
        Region { dirty: self.dirty, epochs: self.epochs, bytes: self.bytes }
    }

    fn open(&mut self) -> Table<'_> {
        Table::open(self.region()).expect("a table")
    }

    fn read_ahead(&self, key: &Key) {
        warm(self.bytes.len(), key, |at| self.glance(at));
    }

    fn read_head_ahead(&self, key: &Key) {
        warm_head(self.bytes.len(), key, |at| self.glance(at));
    }

    fn glance(&self, at: usize) -> Option<[u8; 8]> {
        black_box(self.bytes.get(at..)?.first_chunk().copied())
    }
}

/// What a request does of a session that its worker does not know: find, copy out.
fn look_up(zone: &mut Zone<'_>, key: &Key, now: UnixTime) {
    let mut table = zone.open();
    black_box(table.epoch(key));
    let found = table.find(key, now).expect("every key was inserted");
    let mut out = [0; PAYLOAD];
    assert!(found.copy_into(&mut out), "a damaged record");
    black_box(&out);
}

/// What it does once in five seconds of one that its worker knows.
fn confirm(zone: &mut Zone<'_>, key: &Key, now: UnixTime) {
    let mut table = zone.open();
    assert!(table.find(key, now).is_some(), "every key was inserted");
    black_box(table.epoch(key));
}

/// Nanoseconds that `one` says it took, less what reading the clock takes: medians, as the machine may
/// do something else in between.
fn held(times: usize, mut one: impl FnMut() -> Duration) -> f64 {
    let (mut held, mut of_clock) = (Vec::new(), Vec::new());
    for _ in 0..times {
        held.push(one());
        let start = Instant::now();
        of_clock.push(start.elapsed());
    }
    let [held, of_clock] = [held, of_clock].map(|mut durations| {
        durations.sort_unstable();
        durations[times / 2]
    });
    held.saturating_sub(of_clock).as_nanos() as f64
}

/// A session's bytes from a random place, in blocks of 512, each somewhere else.
fn copy(bytes: &[u8], index: usize) {
    let mut out = [0; PAYLOAD];
    let mut place = Random(index as u64 + 1);
    for part in out.chunks_mut(512) {
        let at = place.below((bytes.len() - 512) / 512) * 512;
        part.copy_from_slice(&bytes[at..at + part.len()]);
    }
    black_box(&out);
}

/// Nanoseconds of `work` with random numbers below `limit`, after a warm-up.
fn time(random: &mut Random, limit: usize, mut work: impl FnMut(usize)) -> f64 {
    for _ in 0..LOOKUPS / 10 {
        work(random.below(limit));
    }
    let start = Instant::now();
    for _ in 0..LOOKUPS {
        work(random.below(limit));
    }
    start.elapsed().as_nanos() as f64 / LOOKUPS as f64
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same places in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("a usize")
    }

    fn key(&mut self) -> Key {
        let mut key = [0; 32];
        key.chunks_mut(8).for_each(|part| part.copy_from_slice(&self.next().to_le_bytes()));
        key
    }
}
