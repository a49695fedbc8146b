//! Records as wholes: placing, removing, making room. All of it inside one change of the table.

use super::index::{BY_KEY, BY_SID, BY_SUBJECT, Index};
use super::kind;
use super::layout::{NONE, block, blocks_for, head, header, mark};
use super::memory::{Damaged, Memory};
use super::record::{Key, Owner, Record};
use crate::time::UnixTime;

impl Memory<'_> {
    /// The record with this key that has not expired, [`NONE`] if there is none.
    #[inline]
    pub(super) fn live(&self, key: &Key, now: UnixTime) -> Result<u32, Damaged> {
        let record = self.first_with(BY_KEY, key)?;
        if record == NONE || self.has_expired(record, now)? { Ok(NONE) } else { Ok(record) }
    }

    /// Places a record whose key is not in the table. Gives the number of live ones that had to go.
    pub(super) fn place_record(
        &mut self,
        record: &Record<'_>,
        now: UnixTime,
    ) -> Result<u32, Damaged> {
        let evicted = self.make_room(blocks_for(record.payload.len()), now)?;
        let placed = self.write_chain(record.payload)?;
        self.write_fields(placed, record)?;
        // From here on the record is complete: recovery would keep it.
        self.set_u32(placed, block::MARK, mark::HEAD)?;
        self.link_record(placed)?;
        self.add_newest(placed, now)?;
        Ok(evicted)
    }

    fn write_fields(&mut self, placed: u32, record: &Record<'_>) -> Result<(), Damaged> {
        let fields = &record.fields;
        let Owner { subject, sid } = &fields.owner;
        self.set(placed, head::KEY, &fields.key)?;
        self.set(placed, head::SUBJECT, subject)?;
        self.set(placed, head::SID, sid)?;
        self.set(placed, head::EXPIRES, &fields.expires.0.to_le_bytes())?;
        self.set_u32(placed, head::KIND, u32::from(fields.kind))?;
        self.set_u32(placed, head::LENGTH, fields.length)?;
        self.set(placed, head::CHECKSUM, &record.checksum.to_le_bytes())
    }

    /// Enters a complete record into the indexes and counts it.
    pub(super) fn link_record(&mut self, record: u32) -> Result<(), Damaged> {
        self.link(BY_KEY, record)?;
        self.link(BY_SUBJECT, record)?;
        self.link(BY_SID, record)?;
        self.count_record(self.kind_of(record)?, 1)
    }

    fn count_record(&mut self, kind: u8, change: i32) -> Result<(), Damaged> {
        if kind == kind::SESSION {
            self.count(header::SESSIONS, change)?;
        }
        self.count(header::RECORDS, change)
    }

    pub(super) fn remove_record(&mut self, record: u32) -> Result<(), Damaged> {
        self.unlink(BY_KEY, record)?;
        self.unlink(BY_SUBJECT, record)?;
        self.unlink(BY_SID, record)?;
        self.leave_order(record)?;
        let kind = self.kind_of(record)?;
        self.free_chain(record)?;
        self.count_record(kind, -1)
    }

    /// Removes all records with this value, however many.
    pub(super) fn remove_all<const N: usize>(
        &mut self,
        index: Index<N>,
        value: &[u8; N],
    ) -> Result<u32, Damaged> {
        let mut removed = 0;
        let mut record = self.first_with(index, value)?;
        while record != NONE {
            let next = self.next_with(index, value, record)?;
            self.remove_record(record)?;
            removed += 1;
            record = next;
        }
        Ok(removed)
    }

    /// Looks at the next `budget` blocks, round and round, and removes expired records.
    pub(super) fn sweep(&mut self, now: UnixTime, budget: u32) -> Result<u32, Damaged> {
        let high_water = self.u32_at(header::HIGH_WATER)?;
        let mut block = self.u32_at(header::SWEPT)?;
        let mut removed = 0;
        for _ in 0..budget.min(high_water) {
            block = if block < high_water { block + 1 } else { 1 };
            if self.u32_of(block, block::MARK)? == mark::HEAD && self.has_expired(block, now)? {
                self.remove_record(block)?;
                removed += 1;
            }
        }
        self.set_u32_at(header::SWEPT, block)?;
        Ok(removed)
    }

    /// See [`super::Table::survey`].
    pub(super) fn survey(
        &self,
        from: u32,
        budget: u32,
        now: UnixTime,
        mut visit: impl FnMut(&Self, u32, &[u8; 16]) -> Result<bool, Damaged>,
    ) -> Result<Option<u32>, Damaged> {
        let high_water = self.u32_at(header::HIGH_WATER)?;
        let end = from.saturating_add(budget).min(high_water);
        for block in from..end {
            let record = block + 1; // blocks are counted from 1
            let is_live = self.u32_of(record, block::MARK)? == mark::HEAD
                && !self.has_expired(record, now)?;
            if is_live && !visit(self, record, &self.array_of(record, head::SID)?)? {
                return Ok((record < high_water).then_some(record));
            }
        }
        Ok((end < high_water).then_some(end))
    }

    // Expired records first, as far as a bounded look finds them; then what was not used longest.
    fn make_room(&mut self, blocks: u32, now: UnixTime) -> Result<u32, Damaged> {
        self.sweep(now, SWEPT_PER_INSERT)?;
        if self.available()? < blocks {
            self.sweep(now, SWEPT_WHEN_FULL)?;
        }
        let mut evicted = 0;
        while self.available()? < blocks {
            let oldest = self.u32_at(header::OLDEST)?;
            evicted += u32::from(!self.has_expired(oldest, now)?);
            self.remove_record(oldest)?;
        }
        Ok(evicted)
    }

    #[inline]
    fn has_expired(&self, record: u32, now: UnixTime) -> Result<bool, Damaged> {
        Ok(self.u64_of(record, head::EXPIRES)? <= now.0)
    }
}

/// With 16 blocks per insert the sweep has been everywhere before a zone is filled three times over
/// with sessions of five blocks.
const SWEPT_PER_INSERT: u32 = 16;
/// Some microseconds of looking before a live record is given up.
const SWEPT_WHEN_FULL: u32 = 64;
