//! Memory with arbitrary contents: no panic, no endless loop, no further corruption.

use super::super::layout::{BLOCK, Geometry, block, head, header, mark};
use super::super::{Foreign, Table};
use super::zone::{Item, Random, SMALL, Zone, audit, by_key, hash, key, payload_of};
use crate::time::UnixTime;

const NOW: UnixTime = UnixTime(1_000);

fn filled() -> Zone {
    let mut zone = Zone::new(SMALL);
    for number in 0..150 {
        let item = Item::new(number, (number as usize * 91) % 1_900, 9_000);
        zone.open().insert(&item.record(), NOW).unwrap();
    }
    zone
}

/// Does a bit of everything, ignoring the results; then the table must be consistent.
fn use_and_audit(zone: &mut Zone, random: &mut Random) {
    for _ in 0..20 {
        let number = random.below(200);
        let mut table = zone.open();
        let _ = payload_of(&mut table, &key(number), 1_010);
        let _ = table.insert(&Item::new(number, 700, 9_000).record(), NOW);
        let _ = table.remove(&key(number + 1));
        let _ = table.remove_by_subject(&hash(number % 5));
        let _ = table.remove_by_sid(&hash(number % 11));
        let _ = table.remove_wanted_by_sid(&hash((number + 1) % 11), |_| number % 2 == 0);
        let _ = table.sweep(NOW, 50);
        let _ = table.fill().percent();
    }
    *zone.dirty.get_mut() = 1;
    audit(&zone.open());
}

#[test]
fn a_zone_of_random_bytes_is_foreign() {
    let mut random = Random(1);
    let mut zone = Zone::new(SMALL);
    zone.bytes.iter_mut().for_each(|byte| *byte = random.next() as u8);
    assert_eq!(Table::open(zone.region()).err(), Some(Foreign));
}

#[test]
fn a_zone_of_another_version_or_length_is_foreign() {
    for field in [header::MAGIC, header::VERSION, header::BLOCKS] {
        let mut zone = filled();
        zone.bytes[field] ^= 1;
        assert_eq!(Table::open(zone.region()).err(), Some(Foreign), "{field}");
    }
    let mut zone = filled();
    zone.bytes.truncate(SMALL - BLOCK);
    assert_eq!(Table::open(zone.region()).err(), Some(Foreign));
}

#[test]
fn random_bytes_behind_a_good_header_do_no_harm() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let mut zone = Zone::new(SMALL);
        for byte in &mut zone.bytes[header::HIGH_WATER..] {
            *byte = random.next() as u8;
        }
        *zone.dirty.get_mut() = (seed % 2) as u32;
        use_and_audit(&mut zone, &mut random);
    }
}

#[test]
fn random_links_between_good_looking_blocks_do_no_harm() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let mut zone = Zone::new(SMALL);
        let area = Geometry::of(SMALL).unwrap().area;
        // Every number in it is small: a block, or a length, or a count.
        for word in zone.bytes[header::HIGH_WATER..].chunks_exact_mut(4) {
            word.copy_from_slice(&(random.below(545) as u32).to_le_bytes());
        }
        for found in zone.bytes[area..].chunks_exact_mut(BLOCK) {
            let mark = if random.below(2) == 0 { mark::HEAD } else { mark::tail(1) };
            found[block::MARK..][..4].copy_from_slice(&mark.to_le_bytes());
            found[head::KEY..][..32].copy_from_slice(&key(random.below(200)));
        }
        *zone.dirty.get_mut() = (seed % 2) as u32;
        use_and_audit(&mut zone, &mut random);
    }
}

#[test]
fn damage_to_some_words_is_noticed_and_costs_few_records() {
    let before = by_key(audit(&filled().open()));
    for seed in 0..200 {
        let mut random = Random(seed);
        let mut zone = filled();
        for _ in 0..3 {
            let at = header::HIGH_WATER + random.below(150_000) as usize;
            zone.bytes[at] ^= 1 << random.below(8);
        }
        // Not dirty: nobody was killed, the memory is simply wrong.
        let mut table = zone.open();
        for number in 0..150 {
            let _ = table.find(&key(number), NOW.plus(10));
        }
        *zone.dirty.get_mut() = 1;
        let kept = by_key(audit(&zone.open()));
        // One of the words may be the high-water mark.
        assert!(kept.values().all(|item| before.get(&item.key) == Some(item)));
        use_and_audit(&mut zone, &mut random);
    }
}

#[test]
fn a_record_whose_chain_is_broken_is_not_copied_and_the_table_is_recovered() {
    let mut zone = filled();
    let area = Geometry::of(SMALL).unwrap().area;
    let item = Item::new(20, 20 * 91, 9_000);
    let tail = zone.bytes[area..]
        .chunks(BLOCK)
        .position(|found| found[16..] == item.payload[368..][..496]);
    zone.bytes[area + tail.unwrap() * BLOCK + block::OWNER] ^= 1;

    let mut table = zone.open();
    assert_eq!(payload_of(&mut table, &item.key, 1_000), None);
    let mut table = zone.open();
    let recovery = table.recovery().unwrap();
    assert_eq!((recovery.kept, recovery.lost), (149, 1));
    assert!(table.find(&item.key, NOW).is_none());
}

#[test]
fn signing_out_works_on_a_damaged_chain() {
    let mut zone = filled();
    let area = Geometry::of(SMALL).unwrap().area;
    for found in zone.bytes[area..].chunks_exact_mut(BLOCK).take(200) {
        if found[..4] == mark::HEAD.to_le_bytes() {
            found[head::SUBJECT_NEXT..][..4].copy_from_slice(&7_u32.to_le_bytes());
        }
    }
    let mut table = zone.open();
    assert!(table.remove_by_subject(&hash(2)).is_ok());
    assert!(table.recovery().is_some());
    assert_eq!(table.fill().records, 120);
    assert!(!audit(&table).iter().any(|(_, item)| item.owner.subject == hash(2)));
}

#[test]
fn of_two_records_with_one_key_recovery_keeps_one() {
    let mut zone = Zone::new(SMALL);
    let area = Geometry::of(SMALL).unwrap().area;
    for number in 0..2 {
        zone.open().insert(&Item::new(number, 300, 9_000).record(), NOW).unwrap();
    }
    zone.bytes.copy_within(area..area + BLOCK, area + BLOCK);
    *zone.dirty.get_mut() = 1;
    let mut table = zone.open();
    assert!(table.recovery().is_some_and(|recovery| (recovery.kept, recovery.lost) == (1, 1)));
    assert_eq!(table.remove(&key(0)), Ok(true));
    assert!(audit(&table).is_empty());
}
