//! The table as the shell uses it, between taking the zone's mutex and releasing it.

use std::sync::atomic::{AtomicU32, Ordering};

use super::epochs::{Epoch, Epochs};
use super::found::Found;
use super::index::{BY_KEY, BY_SID, BY_SUBJECT, Index};
use super::layout::{BLOCK, Geometry, HEAD_ROOM, MAGIC, NONE, TooSmall, VERSION, head, header};
use super::memory::{Damaged, Memory};
use super::record::{Key, Record};
use super::recover::Recovery;
use super::shares::{Evicted, GaveWay};
use crate::time::UnixTime;

/// So much of a payload is shown to those who choose what is removed, at most, in bytes.
pub const BEGINNING: usize = HEAD_ROOM;

/// The memory of a table: the same bytes in every process, at a multiple of 64 for speed.
pub struct Region<'m> {
    /// Whether a change is under way. Outside of `bytes`, but in the same shared mapping.
    pub dirty: &'m AtomicU32,
    /// When sessions have left the zone. Outside of `bytes` as well.
    pub epochs: Epochs<'m>,
    /// The zone.
    pub bytes: &'m mut [u8],
}

/// The table of records, for as long as the zone's mutex is held.
pub struct Table<'m> {
    dirty: &'m AtomicU32,
    memory: Memory<'m>,
    recovery: Option<Recovery>,
}

/// The memory holds no table of this length and version.
///
/// Who gets this must not format the zone if other processes may use it: they would be of another
/// version of this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign;

/// What came of an insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inserted {
    /// Records that had not expired and were evicted, least recently used first.
    pub evicted_live: u32,
    /// Sessions among them.
    pub evicted_sessions: u32,
    /// How full the zone is now.
    pub fill: Fill,
}

/// Why a record was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unstored {
    /// The table had to be left to the next recovery.
    Damaged,
    /// It does not fit into its share of the zone, whoever gives way.
    NoRoom,
}

impl From<Damaged> for Unstored {
    fn from(Damaged: Damaged) -> Self {
        Self::Damaged
    }
}

/// How full the zone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Fill {
    /// Records, among them expired ones that were not swept yet.
    pub records: u32,
    /// Sessions among them.
    pub sessions: u32,
    /// Blocks that hold them.
    pub blocks_used: u32,
    /// All blocks.
    pub blocks_total: u32,
    /// Records that had to go since the zone was made.
    pub evicted: Evicted,
}

impl Fill {
    /// Blocks used, in percent of all, rounded down.
    #[must_use]
    pub fn percent(&self) -> u32 {
        let percent = u64::from(self.blocks_used) * 100 / u64::from(self.blocks_total.max(1));
        u32::try_from(percent).unwrap_or(100)
    }

    /// What the records take.
    #[must_use]
    pub fn bytes_used(&self) -> u64 {
        u64::from(self.blocks_used) * BLOCK as u64
    }

    /// What they may take.
    #[must_use]
    pub fn bytes_total(&self) -> u64 {
        u64::from(self.blocks_total) * BLOCK as u64
    }
}

impl<'m> Table<'m> {
    /// Makes an empty table of the zone, once, when nginx creates it.
    ///
    /// Touches the header and the buckets only: the blocks become memory when they are first used.
    pub fn format(region: Region<'m>) -> Result<Self, TooSmall> {
        let geometry = Geometry::of(region.bytes.len())?;
        region.dirty.swap(1, Ordering::AcqRel);
        let mut memory = Memory::new(region.bytes, region.epochs, geometry);
        write_header(&mut memory).map_err(|Damaged| TooSmall)?;
        region.dirty.store(0, Ordering::Release);
        Ok(Self { dirty: region.dirty, memory, recovery: None })
    }

    /// Opens the table, to be called whenever the mutex was taken: some instructions if all is well.
    ///
    /// If the last owner of the mutex was killed amid a change, recovers first.
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

    /// The recovery that was needed since this table was opened, for the log.
    #[must_use]
    pub fn recovery(&self) -> Option<Recovery> {
        self.recovery
    }

    /// Finds the record with this key, unless it has expired.
    ///
    /// Counts as a use of it, which is noted once in five seconds: most calls write nothing.
    #[inline]
    pub fn find(&mut self, key: &Key, now: UnixTime) -> Option<Found<'_>> {
        let record = self.look_up(key, now).ok().filter(|record| *record != NONE)?;
        let found = Found::over(&self.memory, self.dirty, record);
        if found.is_err() {
            self.dirty.store(1, Ordering::Release);
        }
        found.ok()
    }

    /// The epoch of the session with this key: what is copied out now counts as long as it stays.
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
                    memory.leave_order(record)?;
                    memory.add_newest(record, now)?;
                }
                Ok(record)
            }),
        }
    }

    /// Inserts a record in place of the one with the same key, evicting others of its share if need
    /// be.
    pub fn insert(&mut self, record: &Record<'_>, now: UnixTime) -> Result<Inserted, Unstored> {
        // A change of its own: recovery never has to choose between the old one and the new one.
        self.remove(&record.fields.key)?;
        let gone = self.change(|memory| memory.place_record(record, now))?;
        let GaveWay { all, sessions } = gone.ok_or(Unstored::NoRoom)?;
        Ok(Inserted { evicted_live: all, evicted_sessions: sessions, fill: self.fill() })
    }

    /// Inserts a record unless one with its key is there and live: what came of it if it did.
    ///
    /// For leases: of all workers, one gets something.
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

    /// Removes the record with this key: whether there was one.
    pub fn remove(&mut self, key: &Key) -> Result<bool, Damaged> {
        if self.memory.first_with(BY_KEY, key) == Ok(NONE) {
            return Ok(false);
        }
        self.change(|memory| Ok(memory.remove_all(BY_KEY, key)? != 0))
    }

    /// Removes all records of a user, of whichever provider: how many. All zeros match nothing.
    pub fn remove_by_subject(&mut self, subject: &[u8; 16]) -> Result<u32, Damaged> {
        self.change(|memory| memory.remove_all(BY_SUBJECT, subject))
    }

    /// Removes all records of a session at authentik: how many. All zeros match nothing.
    pub fn remove_by_sid(&mut self, sid: &[u8; 16]) -> Result<u32, Damaged> {
        self.change(|memory| memory.remove_all(BY_SID, sid))
    }

    /// Removes records of a user, as [`Self::remove_by_subject`], but only those whose payload begins as
    /// `wanted` wants it: how many. It is shown the first [`BEGINNING`] bytes.
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

    /// Removes sessions and credentials whose payload begins as `wanted` wants it, wherever they are: how
    /// many, and where to go on, `None` at the end. Looks at `budget` places at most, from `from`, the first
    /// being 0. One that is added meanwhile may be missed.
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
        // Anybody may ask for what is not there: no change, which a killed worker would leave undone.
        if self.memory.first_with(index, value) == Ok(NONE) {
            return Ok(0);
        }
        self.change(|memory| memory.remove_wanted(index, value, &wanted))
    }

    /// Looks at `budget` blocks, where the last sweep ended, and removes expired records: how many.
    pub fn sweep(&mut self, now: UnixTime, budget: u32) -> Result<u32, Damaged> {
        self.change(|memory| memory.sweep(now, budget))
    }

    /// Shows the records that have not expired, with their keys and the session at authentik that each
    /// belongs to, in the order of their places: at most `budget` places from `from`, the first being 0, until
    /// `visit` says no. Where to go on, `None` at the end.
    ///
    /// Shows no use: what is looked at is not kept for longer. A record that is added meanwhile may
    /// be missed.
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

    /// Carries out one change. The table is recovered first if it is dirty, and once if `change`
    /// stumbles; after that it is left dirty.
    fn change<T>(
        &mut self,
        change: impl Fn(&mut Memory<'m>) -> Result<T, Damaged>,
    ) -> Result<T, Damaged> {
        // Acquire: no write of the change moves before this one.
        let was_clean = self.dirty.swap(1, Ordering::AcqRel) == 0;
        #[cfg(test)]
        super::tests::kill::change_begins();
        let first = if was_clean { change(&mut self.memory) } else { Err(Damaged) };
        let outcome = first.or_else(|Damaged| {
            self.recovery = Some(self.memory.recover()?);
            change(&mut self.memory)
        })?;
        // Release: no write of the change moves behind this one.
        self.dirty.store(0, Ordering::Release);
        Ok(outcome)
    }
}

// Seconds within which further uses of a record are not noted.
pub(super) const USE_NOTED_EVERY: u64 = 5;

fn is_use_to_be_noted(memory: &Memory<'_>, record: u32, now: UnixTime) -> Result<bool, Damaged> {
    let used = UnixTime(memory.u64_of(record, head::USED)?);
    Ok(now.since(used) >= USE_NOTED_EVERY)
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

    /// Whether anything is written in a block that was never used.
    pub(super) fn has_bytes_above(&self) -> bool {
        let from = self.memory.u32_at(header::HIGH_WATER).unwrap() + 1;
        let blocks = from..=self.memory.geometry.blocks;
        let is_empty = |block| self.memory.slice_of(block, 0, BLOCK) == Ok(&[0; BLOCK]);
        !blocks.into_iter().all(is_empty)
    }
}
