//! A worker is killed at each of its writes, and another one continues.

use std::collections::{HashMap, HashSet};

use super::super::{Key, Owner, Table, Unstored};
use super::kill::{Mode, at_write};
use super::zone::{Item, Random, SMALL, Zone, audit, by_key, hash, key};
use crate::time::UnixTime;

#[derive(Clone, Debug)]
enum Act {
    Insert(Item),
    InsertIfAbsent(Item),
    Find(u64),
    Remove(u64),
    RemoveBySubject(u64),
    RemoveBySid(u64),
    Sweep,
}

impl Act {
    fn carry_out(&self, table: &mut Table<'_>, now: UnixTime) -> Result<(), Unstored> {
        match self {
            Self::Insert(item) => table.insert(&item.record(), now).map(drop),
            Self::InsertIfAbsent(item) => table.insert_if_absent(&item.record(), now).map(drop),
            Self::Find(number) => {
                let _ = table.find(&key(*number), now);
                Ok(())
            }
            Self::Remove(number) => Ok(table.remove(&key(*number)).map(drop)?),
            Self::RemoveBySubject(number) => {
                Ok(table.remove_by_subject(&hash(*number)).map(drop)?)
            }
            Self::RemoveBySid(number) => Ok(table.remove_by_sid(&hash(*number)).map(drop)?),
            Self::Sweep => Ok(table.sweep(now, 60).map(drop)?),
        }
    }

    // The record that the act is about; other removals show when it is performed.
    fn item(&self) -> Option<&Item> {
        match self {
            Self::Insert(item) | Self::InsertIfAbsent(item) => Some(item),
            Self::Find(_)
            | Self::Remove(_)
            | Self::RemoveBySubject(_)
            | Self::RemoveBySid(_)
            | Self::Sweep => None,
        }
    }
}

/// Acts on a full zone in which one record in eight has expired.
fn acts() -> Vec<Act> {
    vec![
        Act::Insert(Item::new(1_000, 2_150, 9_000)),
        Act::Find(41),
        Act::Insert(Item::new(31, 900, 9_000)),
        Act::Remove(32),
        Act::RemoveBySubject(21),
        Act::Insert(Item::new(1_001, 3_000, 9_000)),
        Act::Sweep,
        Act::InsertIfAbsent(Item::new(1_002, 0, 9_000)),
        Act::RemoveBySid(50),
        Act::InsertIfAbsent(Item::new(48, 500, 9_000)),
        Act::Insert(Item::new(1_003, 6_000, 9_000)),
        Act::Insert(Item::document(1_004, 900, 9_000)),
        Act::Insert(Item::of_stranger(1_005, Some(1), 9_000)),
        Act::InsertIfAbsent(Item::of_stranger(1_006, Some(99), 9_000)),
    ]
}

fn full_zone() -> Zone {
    let mut zone = Zone::new(SMALL);
    let mut table = zone.open();
    for number in 0..240 {
        let expires = if number % 8 == 0 { 1_400 } else { 9_000 };
        let owner = Owner { subject: hash(number % 40), sid: hash(number % 60) };
        let item = Item { owner, ..Item::new(number, (number as usize * 37) % 1_300, expires) };
        table.insert(&item.record(), UnixTime(1_000 + number)).unwrap();
    }
    // Every share is full to its last block, and has been swept once around.
    for number in 300..318 {
        table.insert(&Item::document(number, 10, 9_000).record(), UnixTime(1_290)).unwrap();
        let item = Item::of_stranger(number + 100, Some(number % 6), 9_000);
        table.insert(&item.record(), UnixTime(1_290)).unwrap();
    }
    while table.fill().blocks_used < table.fill().blocks_total {
        let number = 500 + u64::from(table.fill().blocks_used);
        table.insert(&Item::new(number, 10, 9_000).record(), UnixTime(1_300)).unwrap();
    }
    zone
}

/// The contents of a zone before and after an act.
struct Story {
    act: Act,
    now: UnixTime,
    zone: Zone,
    before: HashMap<Key, Item>,
    after: HashMap<Key, Item>,
}

impl Story {
    fn kill_at(&self, nth: u32, mode: Mode) -> Option<Zone> {
        let mut zone = self.zone.clone();
        let log = at_write(nth, mode, || self.act.carry_out(&mut zone.open(), self.now).unwrap())?;
        if mode == Mode::Unordered {
            lose_writes(&mut zone, log, u64::from(nth));
        }
        Some(zone)
    }

    /// The next worker finds each record complete, or gone if the act was to remove or replace it.
    fn check(&self, zone: &mut Zone, what: &str) {
        let mut table = zone.open();
        let kept = by_key(audit(&table));
        for (key, item) in &kept {
            let known = [self.before.get(key), self.act.item()];
            assert!(known.contains(&Some(item)), "{what}: a record that never was");
        }
        for (key, item) in &self.before {
            if self.after.get(key) == Some(item) {
                assert_eq!(kept.get(key), Some(item), "{what}: a record was lost");
            }
        }
        assert!(!table.has_bytes_above(), "{what}: a record lies where none can be");
        self.act.carry_out(&mut table, self.now).unwrap();
        let kept = by_key(audit(&table));
        if let Act::Insert(item) = &self.act {
            assert_eq!(kept.get(&item.key), Some(item), "{what}");
        }
        assert_eq!(*zone.dirty.get_mut(), 0);
        assert_eq!(zone.open().recovery(), None);
    }
}

/// Undoes a random choice of writes, except those overwritten by one that stays.
fn lose_writes(zone: &mut Zone, log: Vec<(usize, Vec<u8>)>, seed: u64) {
    let mut random = Random(seed);
    let mut stays = HashSet::new();
    for (at, before) in log.into_iter().rev() {
        let mut bytes = at..at + before.len();
        if random.below(2) == 0 || bytes.clone().any(|byte| stays.contains(&byte)) {
            stays.extend(bytes.by_ref());
        } else {
            zone.bytes[bytes].copy_from_slice(&before);
        }
    }
}

fn stories() -> Vec<Story> {
    let mut zone = full_zone();
    let mut stories = Vec::new();
    for (act, now) in acts().into_iter().zip(1_500..) {
        let (now, unchanged) = (UnixTime(now), zone.clone());
        let before = by_key(audit(&zone.open()));
        act.carry_out(&mut zone.open(), now).unwrap();
        let after = by_key(audit(&zone.open()));
        stories.push(Story { act, now, zone: unchanged, before, after });
    }
    stories
}

fn kill_at_every_write(mode: Mode) {
    for (number, story) in stories().into_iter().enumerate() {
        let mut kills = 0;
        while let Some(mut zone) = story.kill_at(kills, mode) {
            story.check(&mut zone, &format!("act {number}, {mode:?} at write {kills}"));
            kills += 1;
        }
        assert!(kills > 0 || matches!(story.act, Act::InsertIfAbsent(_)), "act {number}");
    }
}

#[test]
fn a_worker_may_be_killed_in_the_middle_of_any_write() {
    kill_at_every_write(Mode::Torn);
}

#[test]
fn a_worker_may_be_killed_while_its_writes_are_out_of_order() {
    kill_at_every_write(Mode::Unordered);
}

#[test]
fn a_worker_may_be_killed_while_it_recovers() {
    for (number, story) in stories().into_iter().enumerate() {
        let Some(killed) = story.kill_at(12 + number as u32, Mode::Unordered) else { continue };
        for mode in [Mode::Torn, Mode::Unordered] {
            for nth in (number as u32..).step_by(127) {
                let mut zone = killed.clone();
                let log = at_write(nth, mode, || {
                    let _ = zone.open();
                });
                let Some(log) = log else { break };
                lose_writes(&mut zone, log, u64::from(nth));
                story.check(&mut zone, &format!("act {number}, {mode:?} at recovery's {nth}"));
            }
        }
    }
}

#[test]
fn a_recovery_of_a_healthy_table_changes_nothing_that_matters() {
    let mut zone = full_zone();
    let before = audit(&zone.open());
    *zone.dirty.get_mut() = 1;
    let table = zone.open();
    let recovery = table.recovery().unwrap();
    assert_eq!((recovery.kept as usize, recovery.lost), (before.len(), 0));
    let after = audit(&table);
    let times = |items: &[(u64, Item)]| items.iter().map(|(used, _)| *used).collect::<Vec<_>>();
    assert_eq!(times(&before), times(&after), "the order of use is kept");
    assert_eq!(by_key(before), by_key(after));
}
