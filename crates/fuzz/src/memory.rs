//! The table of sessions in memory that a killed worker, or an error, has left in any state.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use authentik_gate::store::{Epochs, Key, Owner, Record, Region, Table, kind};
use authentik_gate::time::UnixTime;

/// Barely more than the smallest that is formatted.
const LENGTH: usize = 302 * 1024;
/// Magic, version and number of blocks: without them, it is no table of this module.
const NAMED: usize = 16;
const NOW: UnixTime = UnixTime(1_000);
/// Different records.
const NUMBERS: u8 = 24;
const MOST_OPERATIONS: usize = 40;

struct Zone {
    dirty: AtomicU32,
    epochs: Vec<AtomicU32>,
    bytes: Vec<u8>,
}

impl Zone {
    fn new() -> Self {
        let epochs = (0..Epochs::COUNT).map(|_| AtomicU32::new(0)).collect();
        let mut zone = Self { dirty: AtomicU32::new(0), epochs, bytes: vec![0; LENGTH] };
        Table::format(zone.region()).unwrap();
        zone
    }

    fn region(&mut self) -> Region<'_> {
        let epochs = Epochs::new(&self.epochs).unwrap();
        Region { dirty: &self.dirty, epochs, bytes: &mut self.bytes }
    }

    fn open(&mut self) -> Table<'_> {
        Table::open(self.region()).expect("still a table")
    }

    /// What is found now.
    fn contents(&mut self) -> HashMap<u8, Vec<u8>> {
        let mut table = self.open();
        (0..NUMBERS).filter_map(|number| Some((number, payload(&mut table, number)?))).collect()
    }
}

fn payload(table: &mut Table<'_>, number: u8) -> Option<Vec<u8>> {
    let found = table.find(&key(number), NOW)?;
    let mut payload = vec![0; found.len()];
    found.copy_into(&mut payload).then_some(payload)
}

fn key(number: u8) -> Key {
    let hash = ring::digest::digest(&ring::digest::SHA256, &[number]);
    hash.as_ref().try_into().unwrap()
}

fn subject(number: u8) -> [u8; 16] {
    *key(100 + number % 5).first_chunk().unwrap()
}

fn sid(number: u8) -> [u8; 16] {
    *key(200 + number % 7).first_chunk().unwrap()
}

/// One thing that workers do.
fn act(table: &mut Table<'_>, what: u8, number: u8, more: u8) {
    match what % 7 {
        0..=2 => {
            let content = contents_of(number, more);
            let owner = Owner { subject: subject(number), sid: sid(number) };
            let kind = [kind::SESSION, kind::SESSION, kind::CREDENTIALS, kind::DOCUMENT]
                [usize::from(number) % 4];
            let record = Record::new(key(number), owner, kind, UnixTime(9_000), &content).unwrap();
            let _ = table.insert(&record, NOW);
        }
        3 => {
            let _ = table.remove(&key(number));
        }
        4 => {
            let _ = table.remove_by_subject(&subject(number));
        }
        5 => {
            let _ = table.remove_wanted_by_sid(&sid(number), |beginning| beginning.len() > 8);
        }
        _ => {
            let _ = table.end_if_unused(&key(number), NOW.plus(60), u64::from(more));
        }
    }
}

/// Content that tells which record it is of, and which version.
fn contents_of(number: u8, version: u8) -> Vec<u8> {
    let length = usize::from(version) * 11;
    let mut content = vec![number, version];
    content.extend((0..length).map(|at| (at as u8).wrapping_mul(number | 1) ^ version));
    content
}

/// Operations of four bytes each: some by workers that are killed in the middle, with any of their
/// writes lost; some by an error that writes anywhere. What is found after a recovery was written as
/// it is, what nobody was writing is still there, and the table goes on working.
pub(crate) fn table(data: &[u8]) {
    let mut zone = Zone::new();
    let mut is_sound = true;
    for operation in data.chunks_exact(4).take(MOST_OPERATIONS) {
        let [what, number, more, seed] = *operation else { unreachable!() };
        let number = number % NUMBERS;
        match what >> 6 {
            0 | 1 => act(&mut zone.open(), what, number, more),
            2 => killed(&mut zone, what, number, more, seed, is_sound),
            _ => {
                // Anything may happen until the next recovery but a panic or an endless loop.
                scribble(&mut zone, what, [number, more, seed]);
                act(&mut zone.open(), seed, number, more);
                let _ = zone.contents();
                let _ = zone.open().sweep(NOW, 64);
                zone.dirty.store(1, Ordering::Relaxed);
                is_sound = false;
            }
        }
        for (number, content) in zone.contents() {
            assert!(content.len() >= 2, "a record of nobody's");
            assert_eq!(content, contents_of(number, content[1]), "not as written");
        }
    }
    // Recovery has nothing left to do, and everything works.
    zone.dirty.store(1, Ordering::Relaxed);
    let before = zone.contents();
    zone.dirty.store(1, Ordering::Relaxed);
    assert_eq!(zone.open().recovery().map(|recovery| recovery.lost), Some(0));
    assert_eq!(zone.contents(), before);
    for number in 0..NUMBERS {
        act(&mut zone.open(), 0, number, 3);
    }
    assert_eq!(zone.contents().len(), usize::from(NUMBERS));
    for number in 0..5 {
        assert!(zone.open().remove_by_subject(&subject(number)).is_ok());
    }
    assert!(zone.contents().is_empty(), "somebody is still signed in");
    let fill = zone.open().fill();
    assert_eq!((fill.records, fill.sessions, fill.blocks_used), (0, 0, 0));
}

/// A worker that dies while it acts: of the words it would have written, any may be missing.
fn killed(zone: &mut Zone, what: u8, acted: u8, more: u8, seed: u8, is_sound: bool) {
    let found_before = zone.contents();
    let before = zone.bytes.clone();
    act(&mut zone.open(), what, acted, more);
    let found_after = zone.contents();
    let mut random = u64::from(seed) << 8 | 1;
    for (word, old) in zone.bytes.chunks_mut(8).zip(before.chunks(8)) {
        if word != old {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            if seed == 0 || random & 3 == 0 {
                word.copy_from_slice(old);
            }
        }
    }
    zone.dirty.store(1, Ordering::Relaxed);
    let found = zone.contents();
    if !is_sound {
        return; // what was never whole may have been recovered by chance before
    }
    for (number, content) in &found_before {
        let is_rewritten = *number == acted && what % 7 <= 2;
        if found_after.get(number) == Some(content) && !is_rewritten {
            assert_eq!(found.get(number), Some(content), "lost what nobody was writing");
        }
    }
    for (number, content) in &found {
        let known = [found_before.get(number), found_after.get(number)];
        assert!(known.contains(&Some(content)), "neither the old nor the new one");
    }
}

/// An error that writes somewhere: a byte, a word of zeros, or a block over another one.
fn scribble(zone: &mut Zone, what: u8, [a, b, c]: [u8; 3]) {
    let room = zone.bytes.len() - NAMED;
    // Most blocks are never used: the first ones, and the header, count.
    let place = |high: u8, low: u8| {
        let at = usize::from(high) << 8 | usize::from(low);
        NAMED + if what & 1 == 0 { at % 8_192 } else { at * 5 % room }
    };
    let at = place(a, b);
    match what >> 1 & 3 {
        0 | 1 => zone.bytes[at] ^= c | 1,
        2 => {
            let end = (at + 8).min(zone.bytes.len());
            zone.bytes[at..end].fill(c);
        }
        _ => {
            let from = place(b, c).min(zone.bytes.len() - 512);
            let to = at.min(zone.bytes.len() - 512);
            zone.bytes.copy_within(from..from + 512, to);
        }
    }
}
