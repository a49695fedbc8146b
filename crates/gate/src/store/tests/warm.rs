//! What is read before taking the lock: everything that a lookup reads, and a bounded amount
//! whatever the memory contains.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use super::super::layout::Geometry;
use super::super::{warm, warm_head};
use super::zone::{Item, Random, SMALL, Zone, key, payload_of};
use crate::time::UnixTime;

const NOW: UnixTime = UnixTime(1_000);
const LINE: usize = 64;

fn filled(lengths: impl Fn(usize) -> usize) -> Zone {
    let mut zone = Zone::new(SMALL);
    for number in 0..80 {
        let item = Item::new(number, lengths(number as usize), 9_000);
        zone.open().insert(&item.record(), NOW).unwrap();
    }
    zone
}

/// The cache lines that are read for a key.
fn lines(zone: &Zone, number: u64) -> BTreeSet<usize> {
    read_by(zone, |glance| warm(zone.bytes.len(), &key(number), glance))
}

fn read_by(zone: &Zone, reading: impl Fn(&dyn Fn(usize) -> Option<[u8; 8]>)) -> BTreeSet<usize> {
    let lines = RefCell::new(BTreeSet::new());
    reading(&|at| {
        lines.borrow_mut().insert(at / LINE);
        zone.bytes.get(at..)?.first_chunk().copied()
    });
    lines.into_inner()
}

/// The zone with garbage in place of all blocks that were not read, except the newest record: it is
/// written whenever a use is noted, so it is in the caches anyway.
fn with_only(read: &BTreeSet<usize>, zone: &Zone) -> Zone {
    let area = Geometry::of(SMALL).unwrap().area / LINE;
    let (mut only, newest) = (zone.clone(), lines(zone, 79));
    for (line, bytes) in only.bytes.chunks_mut(LINE).enumerate().skip(area) {
        if !read.contains(&line) && !newest.contains(&line) {
            bytes.fill(0xff);
        }
    }
    only
}

#[test]
fn a_lookup_finds_all_it_needs_in_what_was_read_ahead() {
    let length = |number: usize| number * 91 % 3_000;
    let zone = filled(length);
    for number in 0..79 {
        let mut only = with_only(&lines(&zone, number), &zone);
        // Its use is noted.
        let mut table = only.open();
        let found = payload_of(&mut table, &key(number), 1_010);
        assert_eq!(found, Some(Item::new(number, length(number as usize), 9_000).payload));
        assert_eq!(table.recovery(), None, "{number}");

        let read = read_by(&zone, |glance| warm_head(SMALL, &key(number), glance));
        assert!(read.len() <= 12, "{read:?}");
        let mut only = with_only(&read, &zone);
        let mut table = only.open();
        assert!(table.find(&key(number), UnixTime(1_010)).is_some(), "{number}");
        assert_eq!(table.recovery(), None, "{number}");
    }
}

#[test]
fn nothing_is_read_for_a_key_that_is_not_there() {
    let zone = filled(|_| 2_400);
    for number in 100..200 {
        assert!(lines(&zone, number).len() <= 1 + 8, "{number}");
    }
}

#[test]
fn whatever_the_memory_holds_little_is_read_and_within_it() {
    let zone = filled(|number| number * 37 % 3_000);
    for seed in 0..200 {
        let reads = Cell::new(0);
        // Each read may yield something else: others write meanwhile.
        warm(SMALL, &key(seed % 80), |at| {
            assert!(at % 8 == 0 && at + 8 <= SMALL, "{at}");
            reads.set(reads.get() + 1);
            let bytes: [u8; 8] = zone.bytes.get(at..)?.first_chunk().copied()?;
            Some(if reads.get() % 3 == seed % 3 { random_words(seed, at) } else { bytes })
        });
        assert!(reads.get() < 400, "{}", reads.get());
    }
}

/// Small numbers, so that they lead somewhere.
fn random_words(seed: u64, at: usize) -> [u8; 8] {
    let mut random = Random(seed.wrapping_mul(31).wrapping_add(at as u64));
    let (low, high) = (random.below(600), random.below(600));
    (low | high << 32).to_le_bytes()
}
