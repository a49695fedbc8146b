//! Which records are evicted for which.

use std::collections::BTreeSet;

use super::super::shares::{Evicted, Share};
use super::super::{Fill, MAX_PAYLOAD, Record, Unstored};
use super::zone::{
    Item, OF_SENDER, OF_SESSIONS, OF_STRANGERS, SMALL, Zone, audit, by_key, key, payload_of,
};
use crate::redirect::MAX_TARGET;
use crate::time::UnixTime;

const NOW: UnixTime = UnixTime(1_000);
const LATER: u64 = 100_000;

/// Full of sessions of one block, with numbers from 0.
fn full() -> Zone {
    let mut zone = Zone::new(SMALL);
    for number in 0..u64::from(OF_SESSIONS) {
        let inserted = zone.open().insert(&Item::new(number, 100, LATER).record(), NOW).unwrap();
        assert_eq!(inserted.evicted_live, 0);
    }
    zone
}

fn evicted(zone: &mut Zone) -> Evicted {
    zone.open().fill().evicted
}

#[test]
fn thousands_of_strangers_cost_nobody_a_session() {
    let mut zone = full();
    for number in 0..5_000 {
        // From one address, from many, and from some that cannot be distinguished.
        let sender = [Some(7), Some(number), None][number as usize % 3];
        let item = Item::of_stranger(10_000 + number, sender, LATER);
        let inserted = zone.open().insert(&item.record(), NOW.plus(number / 100)).unwrap();
        assert_eq!(inserted.evicted_sessions, 0);
        assert!(zone.open().find(&item.key, NOW).is_some(), "the newest one has room");
    }
    let Fill { sessions, records, .. } = zone.open().fill();
    assert_eq!((sessions, records - sessions), (OF_SESSIONS, OF_STRANGERS));
    assert!((0..u64::from(OF_SESSIONS)).all(|n| zone.open().find(&key(n), NOW).is_some()));
    let strangers = 5_000 - u64::from(OF_STRANGERS);
    assert_eq!(evicted(&mut zone), Evicted { strangers, ..Evicted::default() });
    audit(&zone.open());
}

#[test]
fn addresses_are_spread_over_the_lanes() {
    // The first number of splitmix64 with seed 0: https://prng.di.unimi.it/splitmix64.c
    let others = u64::from(Share::SPENT) - 1;
    let lane = 1 + u8::try_from(0xe220_a839_7b1d_cdaf % others).unwrap();
    assert_eq!(Share::lane_of(Some(0x9e37_79b9_7f4a_7c15)), lane);
    assert_eq!(Share::lane_of(None), 0);
    let lanes: BTreeSet<u8> = (0..2_000).map(|sender| Share::lane_of(Some(sender))).collect();
    assert_eq!(lanes, (1..Share::SPENT).collect(), "each of them, and not that of used tokens");
}

#[test]
fn one_address_has_a_part_of_the_strangers_share_and_who_has_most_gives_way() {
    let mut zone = Zone::new(SMALL);
    let put = |zone: &mut Zone, number, sender| {
        zone.open().insert(&Item::of_stranger(number, sender, LATER).record(), NOW).unwrap();
    };
    for number in 0..100 {
        put(&mut zone, number, Some(1));
    }
    assert_eq!(zone.open().fill().records, OF_SENDER);
    // Strangers that cannot be distinguished may use everything, until another one comes.
    for number in 100..200 {
        put(&mut zone, number, None);
    }
    assert_eq!(zone.open().fill().records, OF_STRANGERS);
    for number in 200..202 {
        put(&mut zone, number, Some(2));
    }
    let kept = by_key(audit(&zone.open()));
    assert!((96..100).chain(200..202).all(|number| kept.contains_key(&key(number))));
    assert_eq!(zone.open().fill().records, OF_STRANGERS);
}

#[test]
fn an_address_may_have_one_long_record_however_small_the_zone() {
    let mut zone = full();
    let long = |number, sender, length| Item {
        payload: vec![7; length],
        ..Item::of_stranger(number, Some(sender), LATER)
    };
    // In the smallest possible zone, a link of 8 kB takes the whole strangers' share.
    let link = MAX_TARGET + 16;
    for (number, sender) in [(10_000, 1), (10_001, 1), (10_002, 2)] {
        let item = long(number, sender, link);
        let inserted = zone.open().insert(&item.record(), NOW).unwrap();
        assert_eq!(inserted.evicted_sessions, 0);
        assert_eq!(payload_of(&mut zone.open(), &item.key, 1_000), Some(item.payload));
        audit(&zone.open());
    }
    let Fill { sessions, records, .. } = zone.open().fill();
    assert_eq!((sessions, records - sessions), (OF_SESSIONS, 1));
    let more = long(10_003, 1, link + 496);
    assert_eq!(zone.open().insert(&more.record(), NOW).err(), Some(Unstored::NoRoom));
    for number in 10_004..10_100 {
        zone.open().insert(&Item::of_stranger(number, Some(1), LATER).record(), NOW).unwrap();
    }
    assert_eq!(zone.open().fill().records - sessions, OF_SENDER, "then a quarter again");
}

#[test]
fn used_up_tokens_cost_no_session_and_a_new_one_always_has_room() {
    let mut zone = full();
    let spend = |zone: &mut Zone, number| {
        let spent = Record::of_spent(key(number), UnixTime(LATER));
        zone.open().insert_if_absent(&spent, NOW).unwrap().map(|inserted| inserted.evicted_sessions)
    };
    for number in 10_000..10_100 {
        assert_eq!(spend(&mut zone, number), Some(0), "is new");
        assert_eq!(spend(&mut zone, number), None, "was used");
    }
    let Fill { sessions, records, .. } = zone.open().fill();
    assert_eq!((sessions, records - sessions), (OF_SESSIONS, OF_SENDER));
    for number in 10_100 - u64::from(OF_SENDER)..10_100 {
        assert_eq!(spend(&mut zone, number), None, "the last ones are known");
    }
    // Strangers with no address, and with every address, take none of it.
    for number in 20_000..21_000 {
        let sender = Some(number).filter(|number| number % 8 != 0);
        zone.open().insert(&Item::of_stranger(number, sender, LATER).record(), NOW).unwrap();
    }
    assert!(by_key(audit(&zone.open())).contains_key(&key(10_099)), "not the newest");
}

#[test]
fn documents_have_room_in_a_zone_full_of_sessions_and_cost_nobody_a_session() {
    let mut zone = full();
    for number in 0..300 {
        let item = Item::document(10_000 + number, 3_000, LATER);
        let inserted = zone.open().insert(&item.record(), NOW.plus(number)).unwrap();
        assert_eq!(inserted.evicted_sessions, 0);
        assert_eq!(payload_of(&mut zone.open(), &item.key, 1_000), Some(item.payload));
    }
    assert_eq!(zone.open().fill().sessions, OF_SESSIONS);
    assert!(evicted(&mut zone).documents > 290);
    audit(&zone.open());
}

#[test]
fn sessions_take_no_room_of_documents_that_came_before_them() {
    let mut zone = Zone::new(SMALL);
    let documents: Vec<Item> = (0..20).map(|n| Item::document(10_000 + n, 3_000, LATER)).collect();
    for item in &documents {
        zone.open().insert(&item.record(), NOW).unwrap();
    }
    for number in 0..2_000 {
        zone.open().insert(&Item::new(number, 100, LATER).record(), NOW.plus(number)).unwrap();
    }
    assert!(documents.iter().all(|item| zone.open().find(&item.key, NOW).is_some()));
    let Evicted { sessions, credentials, documents, strangers } = evicted(&mut zone);
    assert!(sessions > 1_000);
    assert_eq!((credentials, documents, strangers), (0, 0, 0));
    audit(&zone.open());
}

#[test]
fn what_can_have_no_room_is_refused_and_nobody_goes_for_it() {
    let mut zone = full();
    let before = by_key(audit(&zone.open()));
    let greatest = Item::document(10_000, MAX_PAYLOAD, LATER);
    assert_eq!(zone.open().insert(&greatest.record(), NOW).err(), Some(Unstored::NoRoom));
    assert_eq!(by_key(audit(&zone.open())), before);
    assert_eq!(evicted(&mut zone), Evicted::default());
}

#[test]
fn the_count_of_evictions_outlives_a_recovery_and_begins_with_the_zone() {
    let mut zone = full();
    zone.open().insert(&Item::new(9_999, 100, LATER).record(), NOW).unwrap();
    let one = Evicted { sessions: 1, ..Evicted::default() };
    assert_eq!(evicted(&mut zone), one);
    *zone.dirty.get_mut() = 1;
    assert_eq!(evicted(&mut zone), one);
    let bytes = zone.bytes.clone();
    zone.bytes.fill(0xa5);
    super::super::Table::format(zone.region()).unwrap();
    assert_eq!(evicted(&mut zone), Evicted::default());
    zone.bytes = bytes;
}

#[test]
fn a_recovery_knows_whose_room_each_record_takes() {
    let mut zone = Zone::new(SMALL);
    for number in 0..60 {
        zone.open().insert(&Item::any(number, 300, LATER).record(), NOW.plus(number)).unwrap();
    }
    let before = audit(&zone.open());
    *zone.dirty.get_mut() = 1;
    assert_eq!(audit(&zone.open()), before, "share by share, and in their order");
}
