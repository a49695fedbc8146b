//! The order of use: a doubly linked list of the records of each share, newest first.

use super::layout::{NONE, head};
use super::memory::{Damaged, Memory};
use super::shares::Share;
use crate::time::UnixTime;

impl Memory<'_> {
    /// Adds a record that is in no list to the front of its share's list, as used at `now`.
    pub(super) fn add_newest(&mut self, record: u32, now: UnixTime) -> Result<(), Damaged> {
        let share = self.share_of(record)?;
        let newest = self.u32_at(share.newest())?;
        self.set(record, head::USED, &now.0.to_le_bytes())?;
        self.set_u32(record, head::NEWER, NONE)?;
        self.set_u32(record, head::OLDER, newest)?;
        self.set_newer(share, newest, record)?;
        self.set_u32_at(share.newest(), record)
    }

    /// Removes a record from its list.
    pub(super) fn leave_order(&mut self, record: u32) -> Result<(), Damaged> {
        let share = self.share_of(record)?;
        let newer = self.u32_of(record, head::NEWER)?;
        let older = self.u32_of(record, head::OLDER)?;
        if newer == NONE {
            self.expect(self.u32_at(share.newest())?, record)?;
            self.set_u32_at(share.newest(), older)?;
        } else {
            self.expect(self.u32_of(newer, head::OLDER)?, record)?;
            self.set_u32(newer, head::OLDER, older)?;
        }
        let back = match older {
            NONE => self.u32_at(share.oldest())?,
            older => self.u32_of(older, head::NEWER)?,
        };
        self.expect(back, record)?;
        self.set_newer(share, older, newer)
    }

    // The record with nothing older is the oldest.
    fn set_newer(&mut self, share: Share, record: u32, newer: u32) -> Result<(), Damaged> {
        match record {
            NONE => self.set_u32_at(share.oldest(), newer),
            record => self.set_u32(record, head::NEWER, newer),
        }
    }

    /// Makes `sorted` (all records, linked only by `OLDER`) the order of use of each share; all
    /// lists must be empty.
    pub(super) fn adopt_order(&mut self, sorted: u32) -> Result<(), Damaged> {
        let mut record = sorted;
        while record != NONE {
            let next = self.u32_of(record, head::OLDER)?;
            self.add_oldest(record)?;
            record = next;
        }
        Ok(())
    }

    fn add_oldest(&mut self, record: u32) -> Result<(), Damaged> {
        let share = self.share_of(record)?;
        let oldest = self.u32_at(share.oldest())?;
        self.set_u32(record, head::NEWER, oldest)?;
        self.set_u32(record, head::OLDER, NONE)?;
        match oldest {
            NONE => self.set_u32_at(share.newest(), record)?,
            oldest => self.set_u32(oldest, head::OLDER, record)?,
        }
        self.set_u32_at(share.oldest(), record)
    }
}

/// Sorts records by time of use without additional memory: merge sort over the links.
///
/// Run number `i` is empty or a sorted list of 2^i records, as in a binary counter.
pub(super) struct Sorter {
    runs: [u32; 32],
}

impl Sorter {
    pub(super) fn new() -> Self {
        Self { runs: [NONE; 32] }
    }

    /// Adds a record; overwrites its link `OLDER`.
    pub(super) fn add(&mut self, memory: &mut Memory<'_>, record: u32) -> Result<(), Damaged> {
        memory.set_u32(record, head::OLDER, NONE)?;
        let mut carried = record;
        for run in &mut self.runs {
            if *run == NONE {
                *run = carried;
                return Ok(());
            }
            carried = merge(memory, std::mem::replace(run, NONE), carried)?;
        }
        Err(Damaged)
    }

    /// The list of all records, newest first.
    pub(super) fn finish(self, memory: &mut Memory<'_>) -> Result<u32, Damaged> {
        self.runs.into_iter().try_fold(NONE, |sorted, run| merge(memory, run, sorted))
    }
}

fn merge(memory: &mut Memory<'_>, mut a: u32, mut b: u32) -> Result<u32, Damaged> {
    let (mut first, mut last) = (NONE, NONE);
    while a != NONE || b != NONE {
        let from_a = b == NONE
            || (a != NONE && memory.u64_of(a, head::USED)? >= memory.u64_of(b, head::USED)?);
        let source = if from_a { &mut a } else { &mut b };
        let record = *source;
        *source = memory.u32_of(record, head::OLDER)?;

        match last {
            NONE => first = record,
            last => memory.set_u32(last, head::OLDER, record)?,
        }
        last = record;
        // The rest of the other list is already sorted.
        if a == NONE || b == NONE {
            memory.set_u32(last, head::OLDER, a | b)?;
            break;
        }
    }
    Ok(first)
}
