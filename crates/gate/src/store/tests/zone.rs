//! A zone in ordinary memory, its contents, and an audit of all links.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::kind;
use super::super::layout::{BLOCK, NONE, block, blocks_for, head, header, mark};
use super::super::shares::Share;
use super::super::{Epochs, Key, Owner, Record, Region, Table};
use crate::time::UnixTime;

/// Blocks of a small zone, barely more than the minimum.
pub(super) const BLOCKS: u32 = 576;
/// How many of them sessions may use.
pub(super) const OF_SESSIONS: u32 = 540;
/// How many strangers may use, and a single address.
pub(super) const OF_STRANGERS: u32 = 18;
pub(super) const OF_SENDER: u32 = 4;
/// Its length in bytes.
pub(super) const SMALL: usize = BLOCKS as usize * 512 + header::SIZE + 3 * 512 * 4;

pub(super) struct Zone {
    pub(super) dirty: AtomicU32,
    words: Vec<AtomicU32>,
    pub(super) bytes: Vec<u8>,
}

impl Zone {
    pub(super) fn new(length: usize) -> Self {
        let mut zone = Self { dirty: AtomicU32::new(0), words: words(), bytes: vec![0; length] };
        Table::format(zone.region()).unwrap();
        zone
    }

    pub(super) fn region(&mut self) -> Region<'_> {
        Region {
            dirty: &self.dirty,
            epochs: Epochs::new(&self.words).unwrap(),
            bytes: &mut self.bytes,
        }
    }

    pub(super) fn epochs(&self) -> Epochs<'_> {
        Epochs::new(&self.words).unwrap()
    }

    pub(super) fn open(&mut self) -> Table<'_> {
        Table::open(self.region()).unwrap()
    }
}

fn words() -> Vec<AtomicU32> {
    (0..Epochs::COUNT).map(|_| AtomicU32::new(0)).collect()
}

impl Clone for Zone {
    fn clone(&self) -> Self {
        let dirty = AtomicU32::new(self.dirty.load(Ordering::Relaxed));
        let copied = self.words.iter().map(|word| AtomicU32::new(word.load(Ordering::Relaxed)));
        let copied = copied.collect();
        Self { dirty, words: copied, bytes: self.bytes.clone() }
    }
}

/// A record that owns its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) key: Key,
    pub(super) owner: Owner,
    pub(super) kind: u8,
    pub(super) lane: u8,
    pub(super) expires: UnixTime,
    pub(super) payload: Vec<u8>,
}

impl Item {
    /// A session with a payload unique to its number and length.
    pub(super) fn new(number: u64, length: usize, expires: u64) -> Self {
        let mut random = Random(number.wrapping_mul(977).wrapping_add(length as u64 + 1));
        let payload = (0..length).map(|_| random.next() as u8).collect();
        let owner = Owner { subject: hash(number % 5), sid: hash(number % 11) };
        Self {
            key: key(number),
            owner,
            kind: kind::SESSION,
            lane: 0,
            expires: UnixTime(expires),
            payload,
        }
    }

    /// A document from authentik.
    pub(super) fn document(number: u64, length: usize, expires: u64) -> Self {
        Self { kind: kind::DOCUMENT, ..Self::new(number, length, expires) }
    }

    /// A record caused by a stranger.
    pub(super) fn of_stranger(number: u64, sender: Option<u64>, expires: u64) -> Self {
        let (owner, kind, lane) = (Owner::NOBODY, kind::STRANGER, Share::lane_of(sender));
        Self { owner, kind, lane, ..Self::new(number, 20, expires) }
    }

    /// A record of any kind, depending on the number.
    pub(super) fn any(number: u64, length: usize, expires: u64) -> Self {
        let kinds = [kind::SESSION, kind::SESSION, kind::CREDENTIALS, kind::DOCUMENT, kind::LEASE];
        match number % 8 {
            7 => Self::of_stranger(number, Some(number % 3), expires),
            other => {
                let kind = kinds.get(other as usize).copied().unwrap_or(kind::SESSION);
                Self { kind, ..Self::new(number, length, expires) }
            }
        }
    }

    pub(super) fn share(&self) -> Share {
        Share::of(self.kind, self.lane).unwrap()
    }

    pub(super) fn record(&self) -> Record<'_> {
        let mut record =
            Record::new(self.key, self.owner, self.kind, self.expires, &self.payload).unwrap();
        if self.kind == kind::STRANGER {
            let sender = (0..1_000).map(Some).chain([None]);
            let sender = sender.into_iter().find(|sender| Share::lane_of(*sender) == self.lane);
            record = Record::of_stranger(self.key, sender.unwrap(), self.expires, &self.payload)
                .unwrap();
        }
        record
    }

    pub(super) fn blocks(&self) -> u32 {
        blocks_for(self.payload.len())
    }
}

/// Evenly distributed, like a SHA-256.
pub(super) fn key(number: u64) -> Key {
    let mut random = Random(number.wrapping_add(1));
    let mut key = [0; 32];
    for word in key.chunks_mut(8) {
        word.copy_from_slice(&random.next().to_le_bytes());
    }
    key
}

/// A hash of a user or session; 0 means nobody.
pub(super) fn hash(number: u64) -> [u8; 16] {
    match number {
        0 => [0; 16],
        number => *key(number + 1_000_000).first_chunk().unwrap(),
    }
}

/// Finds a record and copies its payload.
pub(super) fn payload_of(table: &mut Table<'_>, key: &Key, now: u64) -> Option<Vec<u8>> {
    let found = table.find(key, UnixTime(now))?;
    let mut payload = vec![0; found.len()];
    found.copy_into(&mut payload).then_some(payload)
}

/// splitmix64: the same numbers in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Checks that all links agree; returns all records with their time of use, share by share, newest
/// first.
pub(super) fn audit(table: &Table<'_>) -> Vec<(u64, Item)> {
    let items = Share::all().flat_map(|share| audit_share(table, share)).collect::<Vec<_>>();
    audit_counts(table, &items);
    items
}

fn audit_share(table: &Table<'_>, share: Share) -> Vec<(u64, Item)> {
    let memory = table.memory();
    let mut items = Vec::new();
    let (mut newer, mut record) = (NONE, memory.u32_at(share.newest()).unwrap());
    while record != NONE {
        assert_eq!(memory.u32_of(record, block::MARK), Ok(mark::HEAD));
        assert_eq!(memory.u32_of(record, head::NEWER), Ok(newer));
        assert_eq!(memory.share_of(record), Ok(share));
        let mut payload = Vec::new();
        let length = memory.u32_of(record, head::LENGTH).unwrap() as usize;
        memory.read_chain(record, length, |part| payload.extend_from_slice(part)).unwrap();
        let item = Item {
            key: memory.array_of(record, head::KEY).unwrap(),
            owner: Owner {
                subject: memory.array_of(record, head::SUBJECT).unwrap(),
                sid: memory.array_of(record, head::SID).unwrap(),
            },
            kind: memory.kind_of(record).unwrap(),
            lane: memory.lane_of(record).unwrap(),
            expires: UnixTime(memory.u64_of(record, head::EXPIRES).unwrap()),
            payload,
        };
        assert_eq!(memory.live(&item.key, UnixTime(0)), Ok(record));
        items.push((memory.u64_of(record, head::USED).unwrap(), item));
        (newer, record) = (record, memory.u32_of(record, head::OLDER).unwrap());
    }
    assert_eq!(memory.u32_at(share.oldest()), Ok(newer));
    assert!(items.windows(2).all(|pair| pair[0].0 >= pair[1].0), "newest first");
    let blocks: u32 = items.iter().map(|(_, item)| item.blocks()).sum();
    assert_eq!(memory.u32_at(share.blocks()), Ok(blocks), "{share:?}");
    items
}

fn audit_counts(table: &Table<'_>, items: &[(u64, Item)]) {
    let memory = table.memory();
    let mut free = 0;
    let mut block = memory.u32_at(header::FIRST_FREE).unwrap();
    while block != NONE {
        assert_eq!(memory.u32_of(block, block::MARK), Ok(mark::FREE));
        let rest = memory.slice_of(block, block::OWNER, BLOCK - block::OWNER).unwrap();
        assert!(rest.iter().all(|byte| *byte == 0), "something is left in a free block");
        free += 1;
        assert!(free <= memory.geometry.blocks, "the free list runs in a circle");
        block = memory.u32_of(block, block::NEXT).unwrap();
    }
    assert_eq!(memory.u32_at(header::FREE), Ok(free));
    let used: u32 = items.iter().map(|(_, item)| item.blocks()).sum();
    assert_eq!(memory.u32_at(header::HIGH_WATER), Ok(used + free), "a block was lost");
    let fill = table.fill();
    assert_eq!((fill.records as usize, fill.blocks_used), (items.len(), used));
    let sessions = items.iter().filter(|(_, item)| item.kind == kind::SESSION).count();
    assert_eq!(fill.sessions as usize, sessions);
    assert_eq!(memory.chain_sums(), expected_chain_sums(items));
}

// Number of records in the index by key, by subject, by sid.
fn expected_chain_sums(items: &[(u64, Item)]) -> [u32; 3] {
    let count = |is_in: fn(&Item) -> bool| items.iter().filter(|(_, i)| is_in(i)).count() as u32;
    [
        count(|_| true),
        count(|item| item.owner.subject != [0; 16]),
        count(|item| item.owner.sid != [0; 16]),
    ]
}

/// All records by key.
pub(super) fn by_key(items: Vec<(u64, Item)>) -> HashMap<Key, Item> {
    items.into_iter().map(|(_, item)| (item.key, item)).collect()
}
