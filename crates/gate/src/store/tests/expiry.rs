//! What ends records: time, sign-out, replacement; and leases, which depend on time.

use super::super::{BEGINNING, Owner, Record, Table, kind};
use super::zone::{Item, SMALL, Zone, audit, hash, key, payload_of};
use crate::time::UnixTime;

const NOW: UnixTime = UnixTime(1_000);

#[test]
fn a_record_is_found_until_the_second_before_it_expires() {
    let mut zone = Zone::new(SMALL);
    let item = Item::new(1, 50, 2_000);
    let mut table = zone.open();
    table.insert(&item.record(), NOW).unwrap();
    assert_eq!(payload_of(&mut table, &item.key, 1_999), Some(item.payload));
    assert!(table.find(&item.key, UnixTime(2_000)).is_none());
}

#[test]
fn a_sweep_looks_at_its_budget_only_and_goes_on_where_it_was() {
    let mut zone = Zone::new(SMALL);
    for number in 0..100 {
        let expires = if number % 2 == 0 { 2_000 } else { 3_000 };
        zone.open().insert(&Item::new(number, 50, expires).record(), NOW).unwrap();
    }
    let sweep = |zone: &mut Zone| zone.open().sweep(UnixTime(2_500), 40).unwrap();
    let removed: Vec<u32> = (0..4).map(|_| sweep(&mut zone)).collect();
    assert_eq!(removed.iter().sum::<u32>(), 50);
    assert!(removed[..3].iter().all(|removed| *removed <= 20), "{removed:?}");
    assert_eq!(audit(&zone.open()).len(), 50);
}

#[test]
fn expired_records_make_room_before_live_ones_do() {
    let mut zone = Zone::new(SMALL);
    let mut table = zone.open();
    // The live ones are the least recently used, so eviction by use would remove them.
    for number in 0..540 {
        let expires = if number < 480 { 9_000 } else { 1_001 };
        table.insert(&Item::new(number, 50, expires).record(), NOW).unwrap();
    }
    for _ in 0..10 {
        table.sweep(NOW, 48).unwrap();
    }
    let inserted = table.insert(&Item::new(999, 50, 9_000).record(), UnixTime(1_001)).unwrap();
    assert_eq!(inserted.evicted_live, 0);
    assert!(table.find(&key(0), UnixTime(1_001)).is_some());
}

#[test]
fn signing_out_ends_all_records_of_the_user_and_of_nobody_else() {
    let mut zone = Zone::new(SMALL);
    let mut table = zone.open();
    for number in 0..110 {
        table.insert(&Item::new(number, 600, 9_000).record(), NOW).unwrap();
    }
    assert_eq!(table.remove_by_subject(&hash(3)), Ok(22));
    assert_eq!(table.remove_by_subject(&hash(3)), Ok(0));
    assert_eq!(table.remove_by_sid(&hash(7)), Ok(8));
    let kept = audit(&table);
    assert_eq!(kept.len(), 80);
    assert!(!kept.iter().any(|(_, i)| i.owner.subject == hash(3) || i.owner.sid == hash(7)));
}

#[test]
fn of_a_users_or_a_sessions_records_those_that_are_wanted_end() {
    let mut zone = Zone::new(SMALL);
    let mut table = zone.open();
    let items: Vec<Item> = (0..110).map(|number| Item::new(number, 600, 9_000)).collect();
    for item in &items {
        table.insert(&item.record(), NOW).unwrap();
    }
    let of = |table: &Table<'_>, chosen: fn(&Item) -> bool| {
        audit(table).iter().filter(|(_, item)| chosen(item)).count()
    };
    assert_eq!(table.remove_wanted_by_subject(&hash(3), |_| false), Ok(0));
    assert_eq!(of(&table, |item| item.owner.subject == hash(3)), 22);
    let wanted = items.iter().find(|item| item.owner.subject == hash(3)).unwrap();
    let is_wanted = |beginning: &[u8]| {
        assert_eq!(beginning.len(), BEGINNING, "all that the head block has");
        wanted.payload.starts_with(beginning)
    };
    assert_eq!(table.remove_wanted_by_subject(&hash(3), is_wanted), Ok(1));
    assert_eq!(of(&table, |item| item.owner.subject == hash(3)), 21);
    assert!(table.find(&wanted.key, NOW).is_none());
    assert_eq!(table.remove_wanted_by_sid(&hash(7), |_| true), Ok(10));
    assert_eq!(of(&table, |item| item.owner.sid == hash(7)), 0);
    for (sid, wanted) in [(hash(7), 0), (hash(99), 0), ([0; 16], 0)] {
        assert_eq!(table.remove_wanted_by_sid(&sid, |_| true), Ok(wanted));
    }
    let short = Item::new(3, 20, 9_000);
    table.insert(&short.record(), NOW).unwrap();
    let is_all = |beginning: &[u8]| beginning == short.payload;
    assert_eq!(table.remove_wanted_by_subject(&hash(3), is_all), Ok(1));
}

#[test]
fn wanted_sessions_are_found_wherever_they_are_a_few_places_at_a_time() {
    let mut zone = Zone::new(SMALL);
    let items: Vec<Item> = (0..200).map(|number| Item::any(number, 600, 9_000)).collect();
    for item in &items {
        zone.open().insert(&item.record(), NOW).unwrap();
    }
    let before = audit(&zone.open());
    let is_wanted = |payload: &[u8]| payload.first().is_some_and(|first| first % 4 == 0);
    let (mut from, mut removed, mut steps) = (0, 0, 0);
    while let Some(next) = {
        let (some, next) = zone.open().remove_wanted_from(from, 50, is_wanted).unwrap();
        removed += some;
        steps += 1;
        next
    } {
        from = next;
    }
    let goes = |item: &Item| {
        matches!(item.kind, kind::SESSION | kind::CREDENTIALS) && is_wanted(&item.payload)
    };
    let expected = before.iter().filter(|(_, item)| goes(item)).count();
    assert_eq!((removed as usize, steps > 4), (expected, true));
    let kept = audit(&zone.open());
    assert!(!kept.iter().any(|(_, item)| goes(item)));
    assert_eq!(kept.len(), before.len() - expected, "nothing else is gone");
}

#[test]
fn of_a_record_that_ended_no_byte_is_left() {
    type End = fn(&mut Table<'_>, &Item);
    let ends: [(&str, End); 6] = [
        ("removed", |table, item| assert_eq!(table.remove(&item.key), Ok(true))),
        ("signed out", |table, item| {
            assert_eq!(table.remove_by_subject(&item.owner.subject), Ok(1));
        }),
        ("its session ended", |table, item| {
            assert_eq!(table.remove_by_sid(&item.owner.sid), Ok(1));
        }),
        ("replaced", |table, item| {
            let other = Item { payload: vec![0; 10], owner: Owner::NOBODY, ..item.clone() };
            table.insert(&other.record(), NOW).unwrap();
        }),
        ("swept", |table, _| assert_eq!(table.sweep(UnixTime(9_000), 1_000), Ok(1))),
        ("evicted", |table, _| {
            for number in 100..400 {
                let other = Item::new(number, 1_500, 99_000);
                table.insert(&other.record(), NOW).unwrap();
            }
        }),
    ];
    for (what, end) in ends {
        let mut zone = Zone::new(SMALL);
        let item = Item::new(3, 2_150, 9_000);
        zone.open().insert(&item.record(), NOW).unwrap();
        let is_left = |zone: &Zone| {
            let parts = [&item.payload[..300], &item.payload[400..800], &item.payload[2_100..]];
            parts.map(|part| zone.bytes.windows(part.len()).any(|bytes| bytes == part))
        };
        assert_eq!(is_left(&zone), [true; 3], "{what}");
        end(&mut zone.open(), &item);
        assert_eq!(is_left(&zone), [false; 3], "{what}");
        audit(&zone.open());
    }
}

#[test]
fn all_zeros_are_nobody_and_match_nothing() {
    let mut zone = Zone::new(SMALL);
    let mut table = zone.open();
    let record = Record::new(key(1), Owner::NOBODY, 0, UnixTime(9_000), b"lease").unwrap();
    table.insert(&record, NOW).unwrap();
    assert_eq!(table.remove_by_subject(&[0; 16]), Ok(0));
    assert_eq!(table.remove_by_sid(&[0; 16]), Ok(0));
    assert!(table.find(&key(1), NOW).is_some());
}

#[test]
fn a_record_replaces_the_one_with_its_key() {
    let mut zone = Zone::new(SMALL);
    let mut table = zone.open();
    let (old, new) = (Item::new(1, 2_150, 9_000), Item::new(1, 40, 9_000));
    table.insert(&old.record(), NOW).unwrap();
    let inserted = table.insert(&new.record(), NOW).unwrap();
    assert_eq!((inserted.fill.records, inserted.fill.blocks_used), (1, 1));
    assert_eq!(payload_of(&mut table, &key(1), 1_000), Some(new.payload));
}

#[test]
fn a_removed_record_is_gone_also_after_a_recovery() {
    let mut zone = Zone::new(SMALL);
    zone.open().insert(&Item::new(1, 2_150, 9_000).record(), NOW).unwrap();
    assert_eq!(zone.open().remove(&key(1)), Ok(true));
    assert_eq!(zone.open().remove(&key(1)), Ok(false));
    *zone.dirty.get_mut() = 1;
    let mut table = zone.open();
    assert!(table.recovery().is_some_and(|recovery| recovery.kept == 0 && recovery.lost == 0));
    assert!(table.find(&key(1), NOW).is_none());
}

#[test]
fn a_lease_is_given_once_until_it_expires() {
    let mut zone = Zone::new(SMALL);
    let lease = |expires| Item { owner: Owner::NOBODY, ..Item::new(5, 0, expires) };
    let ask = |zone: &mut Zone, now, expires| {
        zone.open().insert_if_absent(&lease(expires).record(), UnixTime(now)).unwrap().is_some()
    };
    let table = [(1_000, true), (1_000, false), (1_009, false), (1_010, true), (1_011, false)];
    for (now, given) in table {
        assert_eq!(ask(&mut zone, now, now + 10), given, "at {now}");
    }
}

#[test]
fn a_lookup_writes_once_in_five_seconds() {
    let mut zone = Zone::new(SMALL);
    zone.open().insert(&Item::new(1, 100, 9_000).record(), NOW).unwrap();
    for (now, writes) in [(1_000, false), (1_004, false), (1_005, true), (1_006, false)] {
        let before = zone.bytes.clone();
        assert!(zone.open().find(&key(1), UnixTime(now)).is_some());
        assert_eq!(zone.bytes != before, writes, "at {now}");
    }
}

#[test]
fn a_survey_shows_each_live_record_once_in_steps() {
    let mut zone = Zone::new(SMALL);
    let mut table = zone.open();
    for number in 0..60 {
        let expires = if number < 10 { 1_500 } else { 9_000 };
        table.insert(&Item::new(number, 600, expires).record(), NOW).unwrap();
    }
    let (mut from, mut seen, mut steps) = (Some(0), Vec::new(), 0);
    while let Some(place) = from {
        let mut few = 0;
        from = table.survey(place, 50, UnixTime(2_000), |_, sid, found| {
            seen.push((*sid, found.len()));
            few += 1;
            few < 7
        });
        assert!(few <= 7);
        steps += 1;
    }
    assert_eq!(seen.len(), 50, "expired ones are not shown");
    assert!(steps > 7 && seen.iter().all(|(_, length)| *length == 600), "{steps}");
    assert_eq!(table.survey(u32::MAX, 50, NOW, |_, _, _| true), None);
    let mut all = 0;
    let next = table.survey(0, u32::MAX, UnixTime(2_000), |_, _, _| {
        all += 1;
        true
    });
    assert_eq!((next, all), (None, 50), "in one go, if nobody stops it");
    let mut zone = Zone::new(SMALL);
    zone.open().insert(&Item::new(1, 10, 9_000).record(), NOW).unwrap();
    assert_eq!(zone.open().survey(0, 50, NOW, |_, _, _| false), None, "stopped at the last one");
}

#[test]
fn a_session_ends_if_it_was_not_used_and_each_other_question_about_it_is_a_use() {
    let mut zone = Zone::new(SMALL);
    let item = Item::new(1, 900, 9_000);
    let other = Item::new(2, 900, 9_000);
    zone.open().insert(&item.record(), NOW).unwrap();
    zone.open().insert(&other.record(), NOW).unwrap();
    let mut ends = |at: u64| zone.open().end_if_unused(&item.key, UnixTime(at), 10);
    assert!(!ends(1_009) && !ends(1_010) && !ends(1_019));
    assert!(!ends(900), "a clock that was set back ends nothing");
    assert!(ends(1_029), "it was last used at 1,019");
    assert!(!ends(1_029), "there is nothing left to end");
    let mut table = zone.open();
    assert!(table.find(&item.key, UnixTime(1_029)).is_none());
    assert_eq!(payload_of(&mut table, &other.key, 1_029), Some(other.payload));
    assert_eq!(audit(&table).len(), 1);
}

#[test]
fn who_remembers_a_session_that_ends_unused_notices() {
    let mut zone = Zone::new(SMALL);
    let item = Item::new(1, 50, 9_000);
    let mut table = zone.open();
    table.insert(&item.record(), NOW).unwrap();
    let before = table.epoch(&item.key);
    assert!(!table.end_if_unused(&item.key, UnixTime(1_001), 10));
    assert_eq!(table.epoch(&item.key), before);
    assert!(table.end_if_unused(&item.key, UnixTime(1_011), 10));
    assert_ne!(table.epoch(&item.key), before);
}
