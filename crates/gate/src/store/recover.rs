//! Recovery: rebuilds everything that can be derived from the blocks themselves.
//!
//! It does not matter where a writer was killed, in which order its writes arrived, or where an
//! earlier recovery was killed, because no field used to check a record changes while the record is
//! kept. It takes three passes over the blocks ever used, and sorting the records. It needs no
//! memory besides the zone.

use super::blocks::Chain;
use super::index::BY_KEY;
use super::layout::{BLOCK, MAX_PAYLOAD, NONE, block, blocks_for, head, header, mark};
use super::lru::Sorter;
use super::memory::{Damaged, Memory};
use super::record::{Checksum, Fields, Owner};
use crate::time::UnixTime;

/// The result of a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Complete records.
    pub kept: u32,
    /// Records marked as complete that were not.
    pub lost: u32,
}

impl Memory<'_> {
    /// Rebuilds the table, whatever the memory contains.
    pub(super) fn recover(&mut self) -> Result<Recovery, Damaged> {
        // Nobody knows what was lost, and what was being removed may already be gone.
        self.epochs.advance_all();
        let high_water = self.u32_at(header::HIGH_WATER)?.min(self.geometry.blocks);
        self.set_u32_at(header::HIGH_WATER, high_water)?;
        self.clear_derived()?;
        for block in 1..=high_water {
            self.set_u32(block, block::KEPT, 0)?;
        }

        let mut found = Recovery::default();
        let mut by_use = Sorter::new();
        for record in 1..=high_water {
            if self.u32_of(record, block::MARK)? != mark::HEAD {
                continue;
            }
            if self.is_whole(record)? {
                self.keep(record)?;
                by_use.add(self, record)?;
                found.kept += 1;
            } else {
                found.lost += 1;
            }
        }
        let sorted = by_use.finish(self)?;
        self.adopt_order(sorted)?;

        // Downwards, so that the first free blocks are used first.
        for block in (1..=high_water).rev() {
            if self.u32_of(block, block::KEPT)? == 0 {
                self.give_back(block)?;
            }
        }
        self.wipe_above(high_water)?;
        Ok(found)
    }

    /// The record that was being written when its writer was killed may lie above the high-water
    /// mark, if the write of the mark was lost.
    fn wipe_above(&mut self, high_water: u32) -> Result<(), Damaged> {
        let end = high_water.saturating_add(blocks_for(MAX_PAYLOAD)).min(self.geometry.blocks);
        for block in high_water + 1..=end {
            // Read first: writing would allocate memory that was never touched.
            if self.slice_of(block, 0, BLOCK)?.iter().any(|byte| *byte != 0) {
                self.set(block, 0, &[0; BLOCK])?;
            }
        }
        Ok(())
    }

    fn is_whole(&self, record: u32) -> Result<bool, Damaged> {
        let fields = self.fields(record)?;
        // A record with links out of range is not complete.
        let checksum = self.checksum(record, &fields);
        Ok(self.share_of(record).is_ok()
            && checksum == Ok(self.u64_of(record, head::CHECKSUM)?)
            // Keys are unique.
            && self.first_with(BY_KEY, &fields.key)? == NONE)
    }

    fn fields(&self, record: u32) -> Result<Fields, Damaged> {
        let [kind, lane, ..] = self.u32_of(record, head::KIND)?.to_le_bytes();
        Ok(Fields {
            key: self.array_of(record, head::KEY)?,
            owner: Owner {
                subject: self.array_of(record, head::SUBJECT)?,
                sid: self.array_of(record, head::SID)?,
            },
            kind,
            lane,
            expires: UnixTime(self.u64_of(record, head::EXPIRES)?),
            length: self.u32_of(record, head::LENGTH)?,
        })
    }

    fn checksum(&self, record: u32, fields: &Fields) -> Result<u64, Damaged> {
        let length = fields.length as usize;
        if length > MAX_PAYLOAD {
            return Err(Damaged);
        }
        let mut checksum = Checksum::of(fields);
        self.read_chain(record, length, |part| checksum.add(part))?;
        Ok(checksum.0)
    }

    fn keep(&mut self, record: u32) -> Result<(), Damaged> {
        self.set_u32(record, block::KEPT, 1)?;
        let mut chain = Chain::of(record);
        while let Some(tail) = chain.advance(self)? {
            self.set_u32(tail, block::KEPT, 1)?;
        }
        self.link_record(record)
    }
}
