//! The layout: all offsets in the zone and in a block, and the sizes that follow from the zone's
//! length.
//!
//! Numbers are little-endian. Block numbers start at 1; 0 ([`NONE`]) ends a chain. Any change here
//! must change [`VERSION`].

/// First bytes of a zone with a table.
pub(super) const MAGIC: [u8; 8] = *b"authntk\0";
/// Version of this layout.
pub(super) const VERSION: u32 = 3;

/// No block.
pub(super) const NONE: u32 = 0;

/// Bytes per block: a session with a token of 1.5 KB takes five.
pub(super) const BLOCK: usize = 512;
/// Maximum payload of a record, in bytes.
pub const MAX_PAYLOAD: usize = 256 * 1024;
/// Bytes of payload in a record's head block. A multiple of 8, as the checksum is computed by
/// words.
pub(super) const HEAD_ROOM: usize = BLOCK - head::PAYLOAD;
/// Bytes of payload in each further block. Also a multiple of 8.
pub(super) const TAIL_ROOM: usize = BLOCK - block::PAYLOAD;

/// The zone's header: geometry, and the roots of what recovery can derive.
pub(super) mod header {
    pub(in super::super) const MAGIC: usize = 0;
    pub(in super::super) const VERSION: usize = 8;
    pub(in super::super) const BLOCKS: usize = 12;
    /// Blocks above this number have never been used, and their memory never touched.
    pub(in super::super) const HIGH_WATER: usize = 16;
    pub(in super::super) const FIRST_FREE: usize = 20;
    /// Number of blocks in the free list, which excludes those above the high-water mark.
    pub(in super::super) const FREE: usize = 24;
    pub(in super::super) const RECORDS: usize = 28;
    /// Number of records that are sessions.
    pub(in super::super) const SESSIONS: usize = 32;
    /// The last block that the sweep looked at.
    pub(in super::super) const SWEPT: usize = 36;
    /// Number of live records evicted, for four kinds, 8 bytes each. Recovery cannot derive them.
    pub(in super::super) const EVICTED: usize = 40;
    /// The table of shares.
    pub(in super::super) const SHARES: usize = 128;
    pub(in super::super) const SIZE: usize = SHARES + super::share::COUNT * super::share::SIZE;
}

/// A share: its records in order of use, and their blocks.
pub(super) mod share {
    pub(in super::super) const NEWEST: usize = 0;
    pub(in super::super) const OLDEST: usize = 4;
    pub(in super::super) const BLOCKS: usize = 8;
    pub(in super::super) const SIZE: usize = 16;
    pub(in super::super) const COUNT: usize = 64;
}

/// The start of each block.
pub(super) mod block {
    pub(in super::super) const MARK: usize = 0;
    pub(in super::super) const NEXT: usize = 4;
    /// In a further block: the head block of its record.
    pub(in super::super) const OWNER: usize = 8;
    /// Used by recovery: whether it found this block in the chain of a valid record.
    pub(in super::super) const KEPT: usize = 12;
    pub(in super::super) const PAYLOAD: usize = 16;
}

/// A head block, after the start common to all blocks. A lookup reads only the first 64 bytes.
pub(super) mod head {
    pub(in super::super) const KEY: usize = 16;
    pub(in super::super) const EXPIRES: usize = 48;
    pub(in super::super) const KEY_NEXT: usize = 56;
    pub(in super::super) const KEY_PREV: usize = 60;
    pub(in super::super) const USED: usize = 64;
    pub(in super::super) const OLDER: usize = 72;
    pub(in super::super) const NEWER: usize = 76;
    pub(in super::super) const SUBJECT: usize = 80;
    pub(in super::super) const SID: usize = 96;
    pub(in super::super) const SUBJECT_NEXT: usize = 112;
    pub(in super::super) const SUBJECT_PREV: usize = 116;
    pub(in super::super) const SID_NEXT: usize = 120;
    pub(in super::super) const SID_PREV: usize = 124;
    pub(in super::super) const CHECKSUM: usize = 128;
    pub(in super::super) const LENGTH: usize = 136;
    /// The kind, and the lane of the stranger that caused it: one byte each.
    pub(in super::super) const KIND: usize = 140;
    pub(in super::super) const PAYLOAD: usize = 144;
}

/// Marks: the type of a block.
pub(super) mod mark {
    pub(in super::super) const FREE: u32 = 0;
    /// A complete record: written last.
    pub(in super::super) const HEAD: u32 = u32::from_le_bytes(*b"HEAD");
    const TAIL: u32 = u32::from_le_bytes(*b"\0\0TL");

    /// The mark of a record's block number `nth`, counted from the head (1 to 528).
    pub(in super::super) fn tail(nth: u16) -> u32 {
        TAIL | u32::from(nth)
    }
}

/// The zone cannot hold even one record of maximum length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSmall;

/// Sizes that follow from the length of the zone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    /// Number of buckets of each of the three indexes, minus one; the number of buckets is a power
    /// of two.
    pub(super) bucket_mask: u32,
    /// Number of blocks.
    pub(super) blocks: u32,
    /// Offset of block 1.
    pub(super) area: usize,
}

impl Geometry {
    /// Between half a bucket and one bucket per block: chains stay short even if all records have
    /// one block, at a cost of at most 12 bytes per block.
    #[inline]
    pub(super) fn of(length: usize) -> Result<Self, TooSmall> {
        let at_most = u32::try_from(length / BLOCK).unwrap_or(u32::MAX - 1);
        let Some(log2) = at_most.checked_ilog2() else { return Err(TooSmall) };
        let buckets = 1_u32 << log2;
        let area = (header::SIZE + INDEXES * buckets as usize * 4).next_multiple_of(64);
        let blocks = u32::try_from(length.saturating_sub(area) / BLOCK).unwrap_or(u32::MAX - 1);
        let geometry = Self { bucket_mask: buckets - 1, blocks, area };
        let shared_out = geometry.of_strangers() + geometry.of_upkeep();
        if blocks < blocks_for(MAX_PAYLOAD) + shared_out {
            return Err(TooSmall);
        }
        Ok(geometry)
    }

    /// Offset of the bucket for `value` (any number, reduced here) in index `nth`.
    #[inline]
    pub(super) fn bucket(&self, nth: usize, value: u32) -> usize {
        let buckets = self.bucket_mask as usize + 1;
        header::SIZE + (nth * buckets + (value & self.bucket_mask) as usize) * 4
    }
}

/// By key, by subject, by sid.
const INDEXES: usize = 3;

/// Number of blocks for a payload of `length` bytes, at most 529 for [`MAX_PAYLOAD`].
#[inline]
pub(super) fn blocks_for(length: usize) -> u32 {
    let tails = length.saturating_sub(HEAD_ROOM).div_ceil(TAIL_ROOM);
    u32::try_from(tails).map_or(u32::MAX, |tails| tails.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_sees_whole_words_in_every_block() {
        assert_eq!((HEAD_ROOM % 8, TAIL_ROOM % 8), (0, 0));
    }

    #[test]
    fn blocks_are_counted_exactly_at_the_borders() {
        let table = [(0, 1), (368, 1), (369, 2), (864, 2), (865, 3), (MAX_PAYLOAD, 529)];
        for (length, blocks) in table {
            assert_eq!(blocks_for(length), blocks, "{length} bytes");
        }
    }

    #[test]
    fn blocks_and_buckets_fit_into_any_length() {
        for length in (310_000..400_000).step_by(97).chain([16 << 20, 100 << 20, 5 << 30]) {
            let geometry = Geometry::of(length).unwrap();
            let end = geometry.area + geometry.blocks as usize * BLOCK;
            assert!(end <= length && length - end < BLOCK, "{length}");
            assert!(geometry.bucket(2, u32::MAX) + 4 <= geometry.area, "{length}");
        }
    }

    #[test]
    fn a_zone_that_cannot_hold_the_greatest_record_is_too_small() {
        for length in [0, 1, 511, 512, 100_000, 529 * BLOCK, 561 * BLOCK] {
            assert_eq!(Geometry::of(length).err(), Some(TooSmall), "{length}");
        }
    }
}
