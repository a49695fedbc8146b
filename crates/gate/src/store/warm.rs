//! Loads a record into the processor's caches before the lock is taken.
//!
//! A record that was not used recently is in main memory only. Finding and copying it means waiting
//! for memory a dozen times in a row, and under the lock all other workers would wait too. So a
//! lookup first follows the same path without the lock. What it reads may be changing: it only
//! determines where to look next, within bounds, and is then discarded. The results that count are
//! read under the lock.

use super::layout::{BLOCK, Geometry, HEAD_ROOM, NONE, TAIL_ROOM, block, head};
use super::record::Key;

/// The processor loads this many bytes at once.
const LINE: usize = 64;
/// Maximum number of records of one bucket that are read.
const CHAIN: usize = 8;
/// Maximum number of further blocks that are loaded: those of a token of about 8 KB.
const BLOCKS: usize = 16;

/// Reads what a lookup of this key will read. `glance(at)` returns the eight bytes at a multiple of
/// eight as they are at this moment, `None` beyond the zone's `length`.
pub fn warm(length: usize, key: &Key, glance: impl Fn(usize) -> Option<[u8; 8]>) {
    let glances = Glances { geometry: Geometry::of(length).ok(), glance };
    // None: there is no such record, or it is being changed.
    let _ = glances.head(key).and_then(|record| glances.payload(record));
}

/// The same for a lookup that copies nothing.
pub fn warm_head(length: usize, key: &Key, glance: impl Fn(usize) -> Option<[u8; 8]>) {
    let _ = Glances { geometry: Geometry::of(length).ok(), glance }.head(key);
}

struct Glances<F> {
    geometry: Option<Geometry>,
    glance: F,
}

impl<F: Fn(usize) -> Option<[u8; 8]>> Glances<F> {
    fn head(&self, key: &Key) -> Option<u32> {
        let record = self.find(key)?;
        // When a use is noted, the record is moved in the order of use, from between these two.
        let (older, newer) = self.pair(record, head::OLDER)?;
        for neighbour in [older, newer] {
            self.pair(neighbour, head::OLDER);
        }
        self.pair(record, head::LENGTH)?;
        Some(record)
    }

    fn payload(&self, record: u32) -> Option<()> {
        let (length, _) = self.pair(record, head::LENGTH)?;
        let mut left = length as usize;
        let (mut block, mut room, mut start) = (record, HEAD_ROOM, head::PAYLOAD);
        for _ in 0..=BLOCKS {
            let end = start + left.min(room);
            for line in (0..end).step_by(LINE) {
                self.pair(block, line);
            }
            left = left.saturating_sub(room);
            if left == 0 {
                break;
            }
            (_, block) = self.pair(block, block::MARK)?;
            (room, start) = (TAIL_ROOM, block::PAYLOAD);
        }
        Some(())
    }

    fn find(&self, key: &Key) -> Option<u32> {
        let (start, words) = (key.first_chunk().copied()?, key.first_chunk::<8>()?);
        let bucket = self.geometry?.bucket(0, u32::from_le_bytes(start));
        let (low, high) = halves((self.glance)(bucket & !7)?);
        let mut record = if bucket & 4 == 0 { low } else { high };
        for _ in 0..CHAIN {
            if (self.glance)(self.place(record, head::KEY)?)? == *words {
                return Some(record);
            }
            (record, _) = self.pair(record, head::KEY_NEXT)?;
        }
        None
    }

    /// Two adjacent numbers of a block.
    fn pair(&self, block: u32, field: usize) -> Option<(u32, u32)> {
        (self.glance)(self.place(block, field)?).map(halves)
    }

    /// `block` may be any number found in memory.
    fn place(&self, block: u32, field: usize) -> Option<usize> {
        let geometry =
            self.geometry.filter(|geometry| block != NONE && block <= geometry.blocks)?;
        Some(geometry.area + (block - 1) as usize * BLOCK + field)
    }
}

fn halves(bytes: [u8; 8]) -> (u32, u32) {
    let both = u64::from_le_bytes(bytes);
    (both as u32, (both >> 32) as u32)
}
