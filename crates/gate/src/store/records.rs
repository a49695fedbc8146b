//! Whole records: inserting, removing, sweeping. All of it within one change of the table.

use super::index::{BY_KEY, BY_SID, BY_SUBJECT, Index};
use super::kind;
use super::layout::{HEAD_ROOM, NONE, block, blocks_for, head, header, mark};
use super::memory::{Damaged, Memory};
use super::record::{Key, Owner, Record};
use super::shares::GaveWay;
use crate::time::UnixTime;

impl Memory<'_> {
    /// The record with this key that has not expired; [`NONE`] if there is none.
    #[inline]
    pub(super) fn live(&self, key: &Key, now: UnixTime) -> Result<u32, Damaged> {
        let record = self.first_with(BY_KEY, key)?;
        if record == NONE || self.has_expired(record, now)? { Ok(NONE) } else { Ok(record) }
    }

    /// Inserts a record whose key is not in the table. Returns the live records evicted for it;
    /// `None` if there is not enough room even after evictions.
    pub(super) fn place_record(
        &mut self,
        record: &Record<'_>,
        now: UnixTime,
    ) -> Result<Option<GaveWay>, Damaged> {
        let blocks = blocks_for(record.payload.len());
        let Some(gone) = self.make_room(record.share()?, blocks, now)? else { return Ok(None) };
        let placed = self.write_chain(record.payload)?;
        self.write_fields(placed, record)?;
        // From here on the record is complete: recovery would keep it.
        self.set_u32(placed, block::MARK, mark::HEAD)?;
        self.link_record(placed)?;
        self.add_newest(placed, now)?;
        Ok(Some(gone))
    }

    fn write_fields(&mut self, placed: u32, record: &Record<'_>) -> Result<(), Damaged> {
        let fields = &record.fields;
        let Owner { subject, sid } = &fields.owner;
        self.set(placed, head::KEY, &fields.key)?;
        self.set(placed, head::SUBJECT, subject)?;
        self.set(placed, head::SID, sid)?;
        self.set(placed, head::EXPIRES, &fields.expires.0.to_le_bytes())?;
        let kind = u32::from_le_bytes([fields.kind, fields.lane, 0, 0]);
        self.set_u32(placed, head::KIND, kind)?;
        self.set_u32(placed, head::LENGTH, fields.length)?;
        self.set(placed, head::CHECKSUM, &record.checksum.to_le_bytes())
    }

    /// Adds a complete record to the indexes and counts it.
    pub(super) fn link_record(&mut self, record: u32) -> Result<(), Damaged> {
        self.link(BY_KEY, record)?;
        self.link(BY_SUBJECT, record)?;
        self.link(BY_SID, record)?;
        self.count_record(record, 1)
    }

    /// `sign` is 1 to add one, -1 to subtract one.
    fn count_record(&mut self, record: u32, sign: i32) -> Result<(), Damaged> {
        if self.kind_of(record)? == kind::SESSION {
            self.count(header::SESSIONS, sign)?;
        }
        let blocks = blocks_for(self.u32_of(record, head::LENGTH)? as usize);
        let blocks = i32::try_from(blocks).map_err(|_| Damaged)?;
        self.count(self.share_of(record)?.blocks(), sign * blocks)?;
        self.count(header::RECORDS, sign)
    }

    /// The only way to remove a record, apart from a recovery that finds it damaged.
    pub(super) fn remove_record(&mut self, record: u32) -> Result<(), Damaged> {
        if self.kind_of(record)? == kind::SESSION {
            // Before anything else: see `epochs.rs`.
            self.epochs.advance(&self.array_of(record, head::KEY)?);
        }
        self.unlink(BY_KEY, record)?;
        self.unlink(BY_SUBJECT, record)?;
        self.unlink(BY_SID, record)?;
        self.leave_order(record)?;
        self.count_record(record, -1)?;
        self.free_chain(record)
    }

    /// Notes that a record is used now.
    pub(super) fn note_use(&mut self, record: u32, now: UnixTime) -> Result<(), Damaged> {
        self.leave_order(record)?;
        self.add_newest(record, now)
    }

    /// Whether a use at this time would change nothing.
    pub(super) fn is_noted_as_used(&self, record: u32, now: UnixTime) -> Result<bool, Damaged> {
        Ok(self.last_used(record)? >= now)
    }

    /// See [`super::Table::end_if_unused`].
    pub(super) fn end_if_unused(
        &mut self,
        record: u32,
        now: UnixTime,
        for_seconds: u64,
    ) -> Result<bool, Damaged> {
        let is_over = now.since(self.last_used(record)?) >= for_seconds;
        if is_over {
            self.remove_record(record)?
        } else {
            self.note_use(record, now)?
        }
        Ok(is_over)
    }

    /// When a record was last used, as noted.
    #[inline]
    pub(super) fn last_used(&self, record: u32) -> Result<UnixTime, Damaged> {
        self.u64_of(record, head::USED).map(UnixTime)
    }

    /// Removes all records with this value.
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

    /// The same for those whose payload's beginning is `wanted`.
    pub(super) fn remove_wanted<const N: usize>(
        &mut self,
        index: Index<N>,
        value: &[u8; N],
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<u32, Damaged> {
        let mut removed = 0;
        let mut record = self.first_with(index, value)?;
        // Those that stay might form a circle.
        for _ in 0..=self.geometry.blocks {
            if record == NONE {
                return Ok(removed);
            }
            let next = self.next_with(index, value, record)?;
            if wanted(self.beginning_of(record)?) {
                self.remove_record(record)?;
                removed += 1;
            }
            record = next;
        }
        Err(Damaged)
    }

    /// Removes the sessions and credentials whose payload's beginning is `wanted`, of the records
    /// at `budget` places starting with `from` (the first is 0). Returns their number, and where to
    /// continue.
    pub(super) fn remove_wanted_from(
        &mut self,
        from: u32,
        budget: u32,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<(u32, Option<u32>), Damaged> {
        let high_water = self.u32_at(header::HIGH_WATER)?;
        let end = from.saturating_add(budget).min(high_water);
        let mut removed = 0;
        for block in from..end {
            let record = block + 1; // blocks are numbered from 1
            if self.u32_of(record, block::MARK)? == mark::HEAD
                && matches!(self.kind_of(record)?, kind::SESSION | kind::CREDENTIALS)
                && wanted(self.beginning_of(record)?)
            {
                self.remove_record(record)?;
                removed += 1;
            }
        }
        Ok((removed, (end < high_water).then_some(end)))
    }

    /// The part of a record's payload in its head block.
    pub(super) fn beginning_of(&self, record: u32) -> Result<&[u8], Damaged> {
        let length = self.u32_of(record, head::LENGTH)? as usize;
        self.slice_of(record, head::PAYLOAD, length.min(HEAD_ROOM))
    }

    /// Checks the next `budget` blocks, starting over at the end, and removes expired records.
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
        mut visit: impl FnMut(&Self, u32) -> Result<bool, Damaged>,
    ) -> Result<Option<u32>, Damaged> {
        let high_water = self.u32_at(header::HIGH_WATER)?;
        let end = from.saturating_add(budget).min(high_water);
        for block in from..end {
            let record = block + 1; // blocks are numbered from 1
            let is_live = self.u32_of(record, block::MARK)? == mark::HEAD
                && !self.has_expired(record, now)?;
            if is_live && !visit(self, record)? {
                return Ok((record < high_water).then_some(record));
            }
        }
        Ok((end < high_water).then_some(end))
    }

    #[inline]
    pub(super) fn has_expired(&self, record: u32, now: UnixTime) -> Result<bool, Damaged> {
        Ok(self.u64_of(record, head::EXPIRES)? <= now.0)
    }
}
