//! Whatever takes a session out of the zone advances its epoch, and nothing else does.

use std::sync::atomic::{AtomicU32, Ordering};

use super::super::{Epochs, Table};
use super::kill::{Mode, at_write};
use super::zone::{Item, SMALL, Zone, hash, key};
use crate::time::UnixTime;

const NOW: UnixTime = UnixTime(1_000);

fn zone_with(items: &[Item]) -> Zone {
    let mut zone = Zone::new(SMALL);
    for item in items {
        zone.open().insert(&item.record(), NOW).unwrap();
    }
    zone
}

fn session(number: u64) -> Item {
    Item::new(number, 900, 2_000)
}

/// An act on the zone, its description, and whether it ends session number 1.
type Act = (&'static str, fn(&mut Table<'_>), bool);

const ACTS: [Act; 12] = [
    ("looked up", |table| assert!(table.find(&key(1), NOW.plus(100)).is_some()), false),
    ("another one inserted", |table| insert(table, &session(2)), false),
    ("swept too early", |table| assert_eq!(table.sweep(UnixTime(1_999), 99), Ok(0)), false),
    ("a document replaced", |table| insert(table, &document()), false),
    ("a document removed", |table| assert_eq!(table.remove(&document().key), Ok(true)), false),
    ("another one removed", |table| assert_eq!(table.remove(&key(3)), Ok(true)), false),
    ("removed", |table| assert_eq!(table.remove(&key(1)), Ok(true)), true),
    ("signed out", |table| assert_eq!(table.remove_by_subject(&hash(1)), Ok(1)), true),
    ("ended by authentik", |table| assert_eq!(table.remove_by_sid(&hash(1)), Ok(1)), true),
    ("expired and swept", |table| assert_eq!(table.sweep(UnixTime(2_000), 99), Ok(3)), true),
    ("replaced", |table| insert(table, &session(1)), true),
    ("evicted", fill, true),
];

fn document() -> Item {
    Item::document(9, 100, 2_000)
}

fn insert(table: &mut Table<'_>, item: &Item) {
    table.insert(&item.record(), NOW).unwrap();
}

/// Inserts so many sessions that the oldest are evicted.
fn fill(table: &mut Table<'_>) {
    for number in 100..700 {
        table.insert(&session(number).record(), NOW.plus(1)).unwrap();
    }
    assert!(table.find(&key(1), NOW).is_none());
}

fn before() -> Zone {
    zone_with(&[session(1), session(3), document()])
}

#[test]
fn the_epoch_of_a_session_advances_when_it_leaves_and_not_otherwise() {
    for (what, act, ends) in ACTS {
        let mut zone = before();
        let noted = zone.open().epoch(&key(1));
        act(&mut zone.open());
        let now = zone.epochs().of(&key(1));
        assert_eq!(now != noted, ends, "{what}");
        assert_eq!(zone.open().epoch(&key(1)), now, "the same under the lock");
    }
}

#[test]
fn the_epoch_has_advanced_before_anything_of_the_session_is_written() {
    let acts = ACTS.into_iter().filter(|(what, _, ends)| *ends && *what != "evicted");
    // A zone so full that one more session evicts the oldest.
    let mut full = before();
    for number in 100.. {
        let mut fuller = full.clone();
        fuller.open().insert(&session(number).record(), NOW.plus(1)).unwrap();
        if fuller.open().find(&key(1), NOW).is_none() {
            break;
        }
        full = fuller;
    }
    let evict: Act = ("evicted", |table| insert(table, &session(999)), true);
    for (what, act, _) in acts.chain([evict]) {
        let intact = if what == "evicted" { full.clone() } else { before() };
        let noted = intact.epochs().of(&key(1));
        let mut ended = 0;
        for nth in 0.. {
            let mut zone = intact.clone();
            if at_write(nth, Mode::Torn, || act(&mut zone.open())).is_none() {
                break;
            }
            // As the next worker finds it, and after that worker has recovered it.
            let at_death = zone.epochs().of(&key(1));
            let is_there = zone.open().find(&key(1), NOW).is_some();
            if !is_there {
                assert_ne!(at_death, noted, "{what}, killed at write {nth}");
                ended += 1;
            }
            if zone.open().recovery().is_some() || !is_there {
                assert_ne!(zone.epochs().of(&key(1)), noted, "{what}, killed at write {nth}");
            }
        }
        assert!(ended > 0, "{what}");
    }
}

#[test]
fn a_recovery_advances_all_epochs() {
    let mut zone = before();
    let noted: Vec<_> = (0..5_000).map(|number| zone.epochs().of(&key(number))).collect();
    *zone.dirty.get_mut() = 1;
    assert!(zone.open().recovery().is_some());
    for (number, noted) in (0..).zip(noted) {
        assert_ne!(zone.epochs().of(&key(number)), noted);
    }
}

#[test]
fn each_epoch_has_its_share_of_the_sessions() {
    let words: Vec<AtomicU32> = (0..Epochs::COUNT).map(|_| AtomicU32::new(0)).collect();
    let epochs = Epochs::new(&words).unwrap();
    for number in 0..u16::try_from(Epochs::COUNT).unwrap() {
        let mut key = [0; 32];
        key[30..].copy_from_slice(&number.to_le_bytes());
        epochs.advance(&key);
    }
    assert!(words.iter().all(|word| word.load(Ordering::Relaxed) == 1));
}
