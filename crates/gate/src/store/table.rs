//! The table as used by the shell, between locking and unlocking the zone's mutex.

use crate::sync::{AtomicU32, Ordering};

use super::epochs::{Epoch, Epochs};
use super::fill::{Fill, Inserted, Unstored};
use super::found::Found;
use super::index::{BY_KEY, BY_SID, BY_SUBJECT, Index};
use super::layout::{Geometry, HEAD_ROOM, MAGIC, NONE, TooSmall, VERSION, head, header};
use super::memory::{Damaged, Memory};
use super::record::{Key, Record};
use super::recover::Recovery;
use super::shares::GaveWay;
use crate::time::UnixTime;

/// Maximum length of a payload's beginning that is shown to callers who choose what is removed, in
/// bytes.
pub const BEGINNING: usize = HEAD_ROOM;

/// The memory of a table: the same bytes in every process, aligned to 64 for speed.
pub struct Region<'m> {
    /// Whether a change is in progress. Outside `bytes`, but in the same shared mapping.
    pub dirty: &'m AtomicU32,
    /// Advance when sessions leave the zone. Also outside `bytes`.
    pub epochs: Epochs<'m>,
    /// The zone.
    pub bytes: &'m mut [u8],
}

/// The table of records, while the zone's mutex is held.
pub struct Table<'m> {
    dirty: &'m AtomicU32,
    memory: Memory<'m>,
    recovery: Option<Recovery>,
}

/// The memory contains no table of this length and version.
///
/// The zone must then not be formatted if other processes may use it: they would have another
/// version of this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign;

impl<'m> Table<'m> {
    /// Formats the zone as an empty table, once, when nginx creates it.
    ///
    /// Only touches the header and the buckets: the system allocates memory for blocks when they
    /// are first used.
    pub fn format(region: Region<'m>) -> Result<Self, TooSmall> {
        let geometry = Geometry::of(region.bytes.len())?;
        region.dirty.swap(1, Ordering::AcqRel);
        let mut memory = Memory::new(region.bytes, region.epochs, geometry);
        write_header(&mut memory).map_err(|Damaged| TooSmall)?;
        region.dirty.store(0, Ordering::Release);
        Ok(Self { dirty: region.dirty, memory, recovery: None })
    }

    /// Opens the table; must be called each time the mutex has been taken. Takes a few instructions
    /// if all is well.
    ///
    /// If the last owner of the mutex was killed during a change, recovers first.
    #[inline]
    pub fn open(region: Region<'m>) -> Result<Self, Foreign> {
        let geometry = Geometry::of(region.bytes.len()).map_err(|TooSmall| Foreign)?;
        let memory = Memory::new(region.bytes, region.epochs, geometry);
        if !is_ours(&memory) {
            return Err(Foreign);
        }
        let mut table = Self { dirty: region.dirty, memory, recovery: None };
        if table.dirty.load(Ordering::Acquire) != 0 {
            table.change(|_| Ok(())).map_err(|Damaged| Foreign)?;
        }
        Ok(table)
    }

    /// The recovery performed since this table was opened, for the log.
    #[must_use]
    pub fn recovery(&self) -> Option<Recovery> {
        self.recovery
    }

    /// Finds the record with this key, unless it has expired.
    ///
    /// Counts as a use of it, which is noted at most every five seconds: most calls write nothing.
    #[inline]
    pub fn find(&mut self, key: &Key, now: UnixTime) -> Option<Found<'_>> {
        let record = self.look_up(key, now).ok().filter(|record| *record != NONE)?;
        let found = Found::over(&self.memory, self.dirty, record);
        if found.is_err() {
            self.dirty.store(1, Ordering::Release);
        }
        found.ok()
    }

    /// Removes the record with this key if it was not used for this many seconds; returns whether it
    /// was removed. Otherwise notes that it is used now, which is exact: see [`Self::find`].
    pub fn end_if_unused(&mut self, key: &Key, now: UnixTime, for_seconds: u64) -> bool {
        let noted = self.memory.live(key, now).and_then(|record| match record {
            NONE => Ok(true),
            record => self.memory.is_noted_as_used(record, now),
        });
        if noted == Ok(true) {
            return false;
        }
        let ended = self.change(|memory| match memory.live(key, now)? {
            NONE => Ok(false),
            record => memory.end_if_unused(record, now, for_seconds),
        });
        // What could not be read is no session.
        ended.unwrap_or(true)
    }

    /// The epoch of the session with this key: a copy made now is valid as long as the epoch is
    /// unchanged.
    #[must_use]
    pub fn epoch(&self, key: &Key) -> Epoch {
        self.memory.epochs.of(key)
    }

    #[inline]
    fn look_up(&mut self, key: &Key, now: UnixTime) -> Result<u32, Damaged> {
        let seen = self.memory.live(key, now).and_then(|record| match record {
            NONE => Ok((NONE, false)),
            record => Ok((record, is_use_to_be_noted(&self.memory, record, now)?)),
        });
        match seen {
            Ok((record, false)) => Ok(record),
            Ok((_, true)) | Err(Damaged) => self.change(|memory| {
                let record = memory.live(key, now)?;
                if record != NONE {
                    memory.note_use(record, now)?;
                }
                Ok(record)
            }),
        }
    }

    /// Inserts a record, replacing one with the same key and evicting others of its share if
    /// necessary.
    pub fn insert(&mut self, record: &Record<'_>, now: UnixTime) -> Result<Inserted, Unstored> {
        // A change of its own: recovery never has to choose between the old one and the new one.
        self.remove(&record.fields.key)?;
        let gone = self.change(|memory| memory.place_record(record, now))?;
        let GaveWay { all, sessions } = gone.ok_or(Unstored::NoRoom)?;
        Ok(Inserted { evicted_live: all, evicted_sessions: sessions, fill: self.fill() })
    }

    /// Inserts a record unless a live one with its key exists; `None` if one does.
    ///
    /// For leases: of all workers, only one succeeds.
    pub fn insert_if_absent(
        &mut self,
        record: &Record<'_>,
        now: UnixTime,
    ) -> Result<Option<Inserted>, Unstored> {
        let key = &record.fields.key;
        let live = match self.memory.live(key, now) {
            Ok(live) => live,
            Err(Damaged) => self.change(|memory| memory.live(key, now))?,
        };
        if live != NONE {
            return Ok(None);
        }
        self.insert(record, now).map(Some)
    }

    /// Removes the record with this key; returns whether there was one.
    pub fn remove(&mut self, key: &Key) -> Result<bool, Damaged> {
        if self.memory.first_with(BY_KEY, key) == Ok(NONE) {
            return Ok(false);
        }
        self.change(|memory| Ok(memory.remove_all(BY_KEY, key)? != 0))
    }

    /// Removes all records of a user, for all providers; returns their number. All zeros match
    /// nothing.
    pub fn remove_by_subject(&mut self, subject: &[u8; 16]) -> Result<u32, Damaged> {
        self.change(|memory| memory.remove_all(BY_SUBJECT, subject))
    }

    /// Removes all records of a session at authentik; returns their number. All zeros match
    /// nothing.
    pub fn remove_by_sid(&mut self, sid: &[u8; 16]) -> Result<u32, Damaged> {
        self.change(|memory| memory.remove_all(BY_SID, sid))
    }

    /// Removes records of a user like [`Self::remove_by_subject`], but only those whose payload's
    /// beginning is `wanted`; returns their number. `wanted` gets the first [`BEGINNING`] bytes.
    pub fn remove_wanted_by_subject(
        &mut self,
        subject: &[u8; 16],
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<u32, Damaged> {
        self.remove_wanted(BY_SUBJECT, subject, wanted)
    }

    /// The same for a session at authentik.
    pub fn remove_wanted_by_sid(
        &mut self,
        sid: &[u8; 16],
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<u32, Damaged> {
        self.remove_wanted(BY_SID, sid, wanted)
    }

    /// Removes sessions and credentials whose payload's beginning is `wanted`, of any owner.
    /// Returns their number, and where to continue, `None` at the end. Checks at most `budget`
    /// places, starting with `from` (the first is 0). Records added meanwhile may be missed.
    pub fn remove_wanted_from(
        &mut self,
        from: u32,
        budget: u32,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<(u32, Option<u32>), Damaged> {
        self.change(|memory| memory.remove_wanted_from(from, budget, &wanted))
    }

    fn remove_wanted<const N: usize>(
        &mut self,
        index: Index<N>,
        value: &[u8; N],
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<u32, Damaged> {
        // Anybody may ask for something that does not exist: avoid a change, which a killed worker
        // would leave unfinished.
        if self.memory.first_with(index, value) == Ok(NONE) {
            return Ok(0);
        }
        self.change(|memory| memory.remove_wanted(index, value, &wanted))
    }

    /// Checks `budget` blocks after those of the last sweep, and removes expired records; returns
    /// their number.
    pub fn sweep(&mut self, now: UnixTime, budget: u32) -> Result<u32, Damaged> {
        self.change(|memory| memory.sweep(now, budget))
    }

    /// Passes the unexpired records to `visit`, with their keys and their sessions at authentik, in
    /// the order of their places: at most `budget` places starting with `from` (the first is 0),
    /// until `visit` returns `false`. Returns where to continue, `None` at the end.
    ///
    /// Does not count as a use of the records. Records added meanwhile may be missed.
    pub fn survey(
        &mut self,
        from: u32,
        budget: u32,
        now: UnixTime,
        mut visit: impl FnMut(&Key, &[u8; 16], Found<'_>) -> bool,
    ) -> Option<u32> {
        let seen = self.memory.survey(from, budget, now, |memory, record| {
            let (key, sid) =
                (memory.array_of(record, head::KEY)?, memory.array_of(record, head::SID)?);
            let found = Found::over(memory, self.dirty, record)?;
            Ok(visit(&key, &sid, found))
        });
        seen.unwrap_or_else(|Damaged| {
            self.dirty.store(1, Ordering::Release); // the next change recovers it
            None
        })
    }

    /// How full the zone is.
    #[must_use]
    pub fn fill(&self) -> Fill {
        Fill {
            records: self.memory.u32_at(header::RECORDS).unwrap_or(0),
            sessions: self.memory.u32_at(header::SESSIONS).unwrap_or(0),
            blocks_used: self.memory.used().unwrap_or(0),
            blocks_total: self.memory.geometry.blocks,
            evicted: self.memory.evicted(),
        }
    }

    /// Performs one change. The table is recovered first if it is dirty, and once if `change` finds
    /// damage; after that it is left dirty.
    fn change<T>(
        &mut self,
        change: impl Fn(&mut Memory<'m>) -> Result<T, Damaged>,
    ) -> Result<T, Damaged> {
        // Acquire: no write of the change is moved before this one.
        let was_clean = self.dirty.swap(1, Ordering::AcqRel) == 0;
        #[cfg(test)]
        super::tests::kill::change_begins();
        let first = if was_clean { change(&mut self.memory) } else { Err(Damaged) };
        let outcome = first.or_else(|Damaged| {
            self.recovery = Some(self.memory.recover()?);
            change(&mut self.memory)
        })?;
        // Release: no write of the change is moved after this one.
        self.dirty.store(0, Ordering::Release);
        Ok(outcome)
    }
}

// Seconds during which further uses of a record are not noted.
pub(super) const USE_NOTED_EVERY: u64 = 5;

fn is_use_to_be_noted(memory: &Memory<'_>, record: u32, now: UnixTime) -> Result<bool, Damaged> {
    Ok(now.since(memory.last_used(record)?) >= USE_NOTED_EVERY)
}

fn write_header(memory: &mut Memory<'_>) -> Result<(), Damaged> {
    memory.clear_derived()?;
    memory.set_u32_at(header::HIGH_WATER, 0)?;
    memory.write(header::EVICTED, &[0; header::SHARES - header::EVICTED])?;
    memory.set_u32_at(header::BLOCKS, memory.geometry.blocks)?;
    memory.set_u32_at(header::VERSION, VERSION)?;
    memory.write(header::MAGIC, &MAGIC)
}

#[inline]
fn is_ours(memory: &Memory<'_>) -> bool {
    memory.read(header::MAGIC) == Ok(MAGIC)
        && memory.u32_at(header::VERSION) == Ok(VERSION)
        && memory.u32_at(header::BLOCKS) == Ok(memory.geometry.blocks)
}

#[cfg(test)]
impl<'m> Table<'m> {
    pub(super) fn memory(&self) -> &Memory<'m> {
        &self.memory
    }

    /// Whether anything was written to a block that was never used.
    pub(super) fn has_bytes_above(&self) -> bool {
        use super::layout::BLOCK;

        let from = self.memory.u32_at(header::HIGH_WATER).unwrap() + 1;
        let blocks = from..=self.memory.geometry.blocks;
        let is_empty = |block| self.memory.slice_of(block, 0, BLOCK) == Ok(&[0; BLOCK]);
        !blocks.into_iter().all(is_empty)
    }
}
