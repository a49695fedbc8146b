//! Time of a lookup in a store of N sessions, for `make bench`: `stored file PATH N` or `stored redis PORT N`
//! fills an empty store, and prints one JSON object, in microseconds. Ten sessions are of one user; a record has
//! 1,000 bytes.
//!
//! - `median_us`, `p99_us`: to read any of the N sessions;
//! - `hot_us`: the median for the same 100 sessions again and again, whatever N is; the lowest of some, since a
//!   busy machine only adds to it.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement, started by hand: it is told nothing, and may fail loudly"
)]

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use authentik_store::redis::{Kind, Server, Settings};
use authentik_store::{Hash, Key, Place, Row, Store, claim};

const LOOKUPS: usize = 20_000;
const HOT: u64 = 100;
const RUNS: usize = 9;
const RECORD: usize = 1_000;
const NOW: u64 = 1_800_000_000;
const LIFE: u64 = 24 * 3600;
/// Each with a connection of its own.
const WRITERS: u64 = 4;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, place, sessions] = &arguments[..] else {
        panic!("usage: stored file PATH N | stored redis PORT N")
    };
    let sessions: u64 = sessions.parse().expect("a number of sessions");
    let (place, writers) = match kind.as_str() {
        "file" => {
            claim(Path::new(place)).expect("a place for the file");
            (Place::File(place.into()), 1)
        }
        "redis" => (redis(place.parse().expect("a port")), WRITERS),
        other => panic!("no store is called {other}"),
    };
    thread::scope(|scope| {
        for writer in 0..writers {
            let mut store = open(&place);
            scope.spawn(move || {
                for number in (writer..sessions).step_by(writers as usize) {
                    assert!(store.put(&row(number), NOW).expect("written"), "it is new");
                }
            });
        }
    });
    let mut store = open(&place);
    let hot = (0..RUNS).map(|_| at(&times(&mut store, sessions.min(HOT)), 50));
    let hot = hot.fold(f64::INFINITY, f64::min);
    let any = times(&mut store, sessions);
    println!(
        r#"{{"hot_us":{hot:.2},"median_us":{:.2},"p99_us":{:.2}}}"#,
        at(&any, 50),
        at(&any, 99)
    );
}

/// How long it takes to read any of the first sessions, so many; sorted.
fn times(store: &mut Store, sessions: u64) -> Vec<Duration> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut times: Vec<Duration> = (0..LOOKUPS)
        .map(|_| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let key = key(random % sessions);
            let begun = Instant::now();
            let found = store.get(&key, NOW).expect("an answer");
            let taken = begun.elapsed();
            assert!(found.is_some_and(|row| row.record.len() == RECORD), "it is there");
            taken
        })
        .collect();
    times.sort_unstable();
    times
}

/// A percentile, in microseconds.
fn at(times: &[Duration], percent: usize) -> f64 {
    times[times.len() * percent / 100].as_nanos() as f64 / 1000.0
}

fn open(place: &Place) -> Store {
    place.open().expect("a store").store
}

fn redis(port: u16) -> Place {
    Place::Redis(Arc::new(Settings {
        servers: vec![Server { host: "127.0.0.1".to_owned(), port }],
        kind: Kind::Alone,
        tls: None,
        database: 0,
        user: None,
        password: None,
        prefix: "authentik:".to_owned(),
        timeout: Duration::from_secs(10),
    }))
}

fn row(number: u64) -> Row {
    Row {
        key: key(number),
        provider: [1; 16],
        subject: hash(2, number / 10),
        sid: hash(3, number),
        name: hash(4, number / 10),
        opened: NOW * 1000,
        expires: NOW + LIFE,
        record: vec![7; RECORD],
    }
}

/// Like a hash, it says nothing about its neighbours.
fn key(number: u64) -> Key {
    let mut key = [0; 32];
    key[..16].copy_from_slice(&hash(5, number));
    key[16..].copy_from_slice(&hash(6, number));
    key
}

fn hash(of: u64, number: u64) -> Hash {
    let half = |salt: u64| {
        let mut mixed = number.wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let mut hash = [0; 16];
    hash[..8].copy_from_slice(&half(of).to_be_bytes());
    hash[8..].copy_from_slice(&half(of + 100).to_be_bytes());
    hash
}
