//! How much fits, what is evicted when the zone is full, and how long lookups take.

use super::super::layout::{BLOCK, blocks_for, header};
use super::super::{Fill, MAX_PAYLOAD, Table, TooSmall};
use super::zone::{BLOCKS, Item, OF_SESSIONS, SMALL, Zone, audit, by_key, key, payload_of};
use crate::time::UnixTime;

const NOW: UnixTime = UnixTime(1_000);
const LATER: u64 = 100_000;

#[test]
fn payloads_of_any_length_come_back_as_they_were() {
    let mut zone = Zone::new(4 << 20);
    let lengths = [0, 1, 7, 8, 367, 368, 369, 863, 864, 865, 2_150, 36_000, MAX_PAYLOAD];
    for (number, length) in (0..).zip(lengths) {
        let item = Item::new(number, length, LATER);
        zone.open().insert(&item.record(), NOW).unwrap();
    }
    for (number, length) in (0..).zip(lengths) {
        let item = Item::new(number, length, LATER);
        let mut table = zone.open();
        let found = table.find(&item.key, NOW).unwrap();
        assert_eq!((found.len(), found.kind(), found.expires()), (length, item.kind, item.expires));
        assert!(!found.copy_into(&mut vec![0; length + 1]), "a buffer of another length");
        assert_eq!(payload_of(&mut table, &item.key, 1_000), Some(item.payload), "{length}");
    }
    audit(&zone.open());
}

#[test]
fn a_session_with_a_token_of_1500_bytes_takes_at_most_2816_bytes_of_the_zone() {
    const LENGTH: usize = 16 << 20;
    let mut zone = Zone::new(LENGTH);
    let mut fit: usize = 0;
    let mut table = zone.open();
    while table.insert(&Item::new(fit as u64, 2_150, LATER).record(), NOW).unwrap().evicted_live
        == 0
    {
        fit += 1;
    }
    // Counts the whole zone: header, buckets, the unused rest at the end.
    assert!(LENGTH / fit <= 2_816, "{} bytes per session", LENGTH / fit);
}

#[test]
fn a_record_keeps_its_kind() {
    let mut zone = Zone::new(SMALL);
    for item in [Item::new(1, 10, LATER), Item::document(2, 10, LATER)] {
        zone.open().insert(&item.record(), NOW).unwrap();
        assert_eq!(zone.open().find(&item.key, NOW).unwrap().kind(), item.kind);
    }
}

#[test]
fn a_full_zone_evicts_what_was_not_used_longest() {
    let mut zone = Zone::new(SMALL);
    let mut table = zone.open();
    assert_eq!(table.fill(), Fill { blocks_total: BLOCKS, ..Fill::default() });
    for number in 0..108 {
        let inserted = table.insert(&Item::new(number, 2_150, LATER).record(), NOW).unwrap();
        assert_eq!(inserted.evicted_live, 0);
        let used = (number + 1) * 5 * 100 / u64::from(BLOCKS);
        assert_eq!(u64::from(inserted.fill.percent()), used);
    }
    // 0 and 2 are used again, so 1, 3 and 4 make room for eleven blocks.
    assert!(table.find(&key(0), NOW.plus(5)).is_some());
    assert!(table.find(&key(2), NOW.plus(5)).is_some());
    let inserted = table.insert(&Item::new(200, 5_300, LATER).record(), NOW.plus(6)).unwrap();
    assert_eq!((inserted.evicted_live, inserted.fill.blocks_used), (3, 536));
    assert_eq!(inserted.fill.bytes_used(), 536 * BLOCK as u64);
    assert_eq!(inserted.fill.bytes_total(), u64::from(BLOCKS) * BLOCK as u64);
    assert!(!table.find(&key(200), NOW).unwrap().is_empty());
    let kept = by_key(audit(&table));
    for number in 0..5 {
        assert_eq!(kept.contains_key(&key(number)), [0, 2].contains(&number), "{number}");
    }
}

#[test]
fn the_greatest_record_fits_into_the_smallest_zone() {
    let mut zone = Zone::new(SMALL);
    let mut table = zone.open();
    for number in 0..300 {
        table.insert(&Item::new(number, 300, LATER).record(), NOW).unwrap();
    }
    let item = Item::new(999, MAX_PAYLOAD, LATER);
    let inserted = table.insert(&item.record(), NOW).unwrap();
    assert_eq!(inserted.evicted_live, 300 - (OF_SESSIONS - blocks_for(MAX_PAYLOAD)));
    assert_eq!(payload_of(&mut table, &item.key, 1_000), Some(item.payload));
    audit(&table);
}

#[test]
fn formatting_does_not_touch_the_blocks() {
    let mut zone = Zone::new(SMALL);
    zone.bytes.fill(0xa5);
    let table = Table::format(zone.region()).unwrap();
    assert!(audit(&table).is_empty());
    let untouched = zone.bytes.iter().rev().take_while(|byte| **byte == 0xa5).count();
    assert!(untouched >= BLOCKS as usize * BLOCK);
}

#[test]
fn a_zone_too_small_is_refused_before_anything_is_written() {
    let mut zone = Zone::new(SMALL);
    zone.bytes = vec![7; 100_000];
    assert_eq!(Table::format(zone.region()).err(), Some(TooSmall));
    assert!(zone.bytes.iter().all(|byte| *byte == 7));
}

// The number of head blocks that a lookup of an existing key reads, on average in hundredths, and
// at most.
fn looked_at(records: u32, blocks: usize) -> (u32, u32) {
    let mut zone = Zone::new(blocks * (BLOCK + 12) + header::SIZE);
    let mut table = zone.open();
    for number in 0..u64::from(records) {
        table.insert(&Item::new(number, 8, LATER).record(), NOW).unwrap();
    }
    let chains = table.memory().key_chains();
    let sum: u32 = chains.iter().map(|length| length * (length + 1) / 2).sum();
    assert_eq!(chains.iter().sum::<u32>(), records);
    (sum * 100 / records, chains.into_iter().max().unwrap())
}

#[test]
fn a_quarter_million_records_are_found_in_as_few_steps_as_a_thousand() {
    // Zones full of records of one block: the worst case.
    let (few, _) = looked_at(960, 1_024);
    let (many, longest) = looked_at(250_000, 256 * 1_024);
    assert!(few <= 210 && many <= 210, "{few} and {many} hundredths of a step");
    assert!(longest <= 14, "{longest}");
}
