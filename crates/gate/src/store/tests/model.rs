//! Random operations on the table and on a model that is too simple to be wrong.

use std::collections::HashSet;

use super::super::Table;
use super::super::kind;
use super::super::shares::Share;
use super::super::table::USE_NOTED_EVERY;
use super::zone::{Item, Random, SMALL, Zone, audit, hash, key, payload_of};
use crate::time::UnixTime;

/// Live records with their time of use, newest first; may include expired ones.
#[derive(Default)]
struct Model(Vec<(u64, Item)>);

impl Model {
    fn at(&self, number: u64, now: u64) -> Option<usize> {
        let key = key(number);
        self.0.iter().position(|(_, item)| item.key == key && item.expires.0 > now)
    }

    fn find(&mut self, number: u64, now: u64) -> Option<Vec<u8>> {
        let at = self.at(number, now)?;
        if now - self.0[at].0 >= USE_NOTED_EVERY {
            let (_, item) = self.0.remove(at);
            self.0.insert(0, (now, item));
            return Some(self.0[0].1.payload.clone());
        }
        Some(self.0[at].1.payload.clone())
    }

    /// What was evicted for `item` is what the table no longer has: records of its share, or of any
    /// stranger for a stranger's, and the oldest of each share.
    fn insert(&mut self, item: &Item, evicted_live: u32, now: u64, table: &Table<'_>) {
        self.0.retain(|(_, other)| other.key != item.key && other.expires.0 > now);
        if evicted_live > 0 {
            self.let_go(item, evicted_live, &audit(table));
        }
        self.0.insert(0, (now, item.clone()));
    }

    fn let_go(&mut self, item: &Item, evicted_live: u32, kept: &[(u64, Item)]) {
        let kept: HashSet<_> = kept.iter().map(|(_, item)| item.key).collect();
        let before = self.0.len();
        let mut gave_way = Vec::new();
        self.0.retain(|(_, other)| {
            let share = other.share();
            if kept.contains(&other.key) {
                assert!(!gave_way.contains(&share), "{share:?}: an older one stayed");
                return true;
            }
            let strangers = [item.kind, other.kind] == [kind::STRANGER; 2];
            assert!(share == item.share() || strangers, "{share:?} gave way to {:?}", item.share());
            gave_way.push(share);
            false
        });
        assert_eq!(before - self.0.len(), evicted_live as usize);
    }

    fn remove(&mut self, is_gone: impl Fn(&Item) -> bool) {
        self.0.retain(|(_, item)| !is_gone(item));
    }
}

struct Run {
    zone: Zone,
    model: Model,
    random: Random,
    now: u64,
    lifetime: u64,
    evicted: u32,
}

impl Run {
    fn step(&mut self) {
        let number = self.random.below(400);
        let (now, zone, model) = (self.now, &mut self.zone, &mut self.model);
        let mut table = zone.open();
        assert_eq!(table.recovery(), None);
        match self.random.below(100) {
            0..45 => {
                let found = payload_of(&mut table, &key(number), now);
                assert_eq!(found, model.find(number, now));
            }
            45..85 => {
                let length = self.random.below(4) * self.random.below(1_000);
                let expires = now + 1 + self.random.below(self.lifetime);
                let item = Item::any(number, length as usize, expires);
                let inserted = table.insert(&item.record(), UnixTime(now)).unwrap();
                model.insert(&item, inserted.evicted_live, now, &table);
                self.evicted += inserted.evicted_live;
            }
            85..90 => {
                let item = Item::any(number, 10, now + 30);
                let was_absent = model.at(number, now).is_none();
                let inserted = table.insert_if_absent(&item.record(), UnixTime(now)).unwrap();
                assert_eq!(inserted.is_some(), was_absent);
                if let Some(inserted) = inserted {
                    model.insert(&item, inserted.evicted_live, now, &table);
                    self.evicted += inserted.evicted_live;
                }
            }
            90..95 => {
                let there = table.remove(&key(number)).unwrap();
                assert!(there || model.at(number, now).is_none());
                model.remove(|item| item.key == key(number));
            }
            95..97 => {
                let who = hash(number);
                table.remove_by_subject(&who).unwrap();
                model.remove(|item| item.owner.subject == who && who != [0; 16]);
            }
            97..99 => {
                let which = hash(number);
                table.remove_by_sid(&which).unwrap();
                model.remove(|item| item.owner.sid == which && which != [0; 16]);
            }
            _ => {
                table.sweep(UnixTime(now), 100).unwrap();
            }
        }
        self.now += self.random.below(4);
    }

    fn compare(&mut self) {
        let now = self.now;
        let table = self.zone.open();
        let mut kept = audit(&table);
        kept.retain(|(_, item)| item.expires.0 > now);
        self.model.0.retain(|(_, item)| item.expires.0 > now);
        let place = |item: &Item| Share::all().position(|share| share == item.share());
        let mut expected = self.model.0.clone();
        expected.sort_by_key(|(_, item)| place(item));
        assert!(kept == expected, "other records, or another order");
        assert_eq!(table.fill().evicted.total(), u64::from(self.evicted));
    }
}

fn run(seed: u64, lifetime: u64) -> Run {
    let (zone, model) = (Zone::new(SMALL), Model::default());
    let mut run = Run { zone, model, random: Random(seed), now: 1_000, lifetime, evicted: 0 };
    for step in 0..2_500 {
        run.step();
        if step % 20 == 0 {
            run.compare();
        }
    }
    run.compare();
    run
}

#[test]
fn the_table_agrees_with_the_model_when_records_expire() {
    for seed in 0..12 {
        run(seed, 300);
    }
}

#[test]
fn the_table_agrees_with_the_model_when_records_are_evicted() {
    for seed in 100..112 {
        assert!(run(seed, 1_000_000).evicted > 100, "the zone was hardly ever full");
    }
}
