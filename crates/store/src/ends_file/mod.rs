//! Ends that the store may not know yet, in a file of this host, so that a stop of all of nginx does
//! not forget them.
//!
//! The file consists of slots of 128 bytes. The first says what the file is; each other one is free
//! (zeros), or has an end and a checksum. A slot is written and freed in place, and the file has room
//! for some ends from the beginning: a full disk does not keep it from taking them. Any number of
//! processes may use it. Reading takes no lock: a slot that is half written has no valid checksum.
//!
//! The file reveals less than a store does: hashes of the sessions and users that ended lately.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::digest;
use rustix::fs::{FlockOperation, flock};

use crate::fault::Fault;
use crate::pending::PendingEnd;
use crate::place;
use crate::row::Key;

/// Size of a slot, in bytes: never across the sectors of a disk.
const SLOT: usize = 128;
const CHECKSUM: usize = 16;
/// The first slot.
const HEADING: &[u8; 32] = b"authentik sessions that ended 1\n";
/// Slots that a new file has.
const PREPARED: usize = 512;
/// Maximum number of slots.
const SLOTS: usize = 1 << 16;

type Slot = [u8; SLOT];

/// A file of ends that the store may not know yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndsFile {
    path: PathBuf,
}

/// When the file was last written, to see whether it has been since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp([i64; 4]);

impl EndsFile {
    /// Path of the file beside a store in a file, unless another is named.
    #[must_use]
    pub fn path_of(store: &Path) -> PathBuf {
        place::beside(store, ".ends")
    }

    /// A file at an absolute path. Nothing is opened yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// For the master: makes the directory, and checks that it can hold the file. A directory that is
    /// also that of `store`, a store in a file, has been claimed with it.
    ///
    /// # Errors
    /// It is not suitable, or something else is there: the reason, and the remedy.
    pub fn claim(&self, store: Option<&Path>) -> Result<(), Fault> {
        if self.path.parent() != store.and_then(Path::parent) {
            place::claim(&self.path)?;
        }
        match File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
            Ok(file) => self.slots_of(&file).map(drop),
        }
    }

    /// Makes the file if there is none, with room for some ends. For the workers' user, whose it is.
    ///
    /// # Errors
    /// It cannot be made or used.
    pub fn prepare(&self) -> Result<(), Fault> {
        self.locked().map(drop)
    }

    /// Writes ends to the disk: one that is there already is replaced if it is older. `now` in
    /// seconds since 1970.
    ///
    /// # Errors
    /// Not all were written.
    pub fn keep(&self, ends: &[PendingEnd], now: u64) -> Result<(), Fault> {
        let (file, slots) = self.locked()?;
        let mut at = HashMap::<Key, (usize, u64)>::new();
        let mut free = Vec::new();
        for (number, slot) in slots.iter().enumerate() {
            match end_in(slot).filter(|pending| pending.until >= now) {
                Some(kept) => {
                    at.insert(kept.end.ended.record_key(), (number, kept.end.at));
                }
                None => free.push(number),
            }
        }
        let mut free = free.into_iter().chain(slots.len()..SLOTS);
        for pending in ends {
            let key = pending.end.ended.record_key();
            let number = match at.get(&key) {
                Some((_, kept)) if *kept >= pending.end.at => continue,
                Some((number, _)) => *number,
                None => free.next().ok_or_else(|| Fault::Away(format!("it has {SLOTS} ends")))?,
            };
            file.write_all_at(&slot_of(pending), offset(number))?;
            at.insert(key, (number, pending.end.at));
        }
        Ok(file.sync_data()?)
    }

    /// The store knows these ends: they are removed, unless the same ended again later.
    ///
    /// # Errors
    /// They may still be there, and the store may be told once more than necessary.
    pub fn discard(&self, ends: &[PendingEnd]) -> Result<(), Fault> {
        let (file, slots) = self.locked()?;
        let known: HashMap<Key, u64> =
            ends.iter().map(|known| (known.end.ended.record_key(), known.end.at)).collect();
        for (number, slot) in slots.iter().enumerate() {
            let Some(PendingEnd { end, .. }) = end_in(slot) else { continue };
            if known.get(&end.ended.record_key()).is_some_and(|at| end.at <= *at) {
                file.write_all_at(&[0; SLOT], offset(number))?;
            }
        }
        Ok(())
    }

    /// All ends, as the store has yet to be told of them. None if there is no file. `now` in seconds
    /// since 1970.
    ///
    /// # Errors
    /// It cannot be read, or is something else.
    pub fn read(&self, now: u64) -> Result<Vec<PendingEnd>, Fault> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened?,
        };
        let slots = self.slots_of(&file)?;
        let all = slots.iter().filter_map(end_in).filter(|pending| pending.until >= now);
        Ok(all.map(|pending| PendingEnd { taken: 0, ..pending }).collect())
    }

    /// When it was last written. Of a file that does not exist, the stamp of none.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.path.metadata().map_or(Stamp::default(), |metadata| {
            Stamp([
                metadata.mtime(),
                metadata.mtime_nsec(),
                i64::try_from(metadata.ino()).unwrap_or(-1),
                i64::try_from(metadata.len()).unwrap_or(-1),
            ])
        })
    }

    /// The file, for this process alone as long as it is open, and its slots.
    fn locked(&self) -> Result<(File, Vec<Slot>), Fault> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&self.path)?;
        flock(&file, FlockOperation::LockExclusive).map_err(io::Error::from)?;
        let mut slots = self.slots_of(&file)?;
        if slots.is_empty() {
            // Zeros first: they are what has to find room on the disk.
            file.write_all_at(&[0; (1 + PREPARED) * SLOT], 0)?;
            file.write_all_at(HEADING, 0)?;
            file.sync_all()?;
            slots.resize(PREPARED, [0; SLOT]);
        }
        Ok((file, slots))
    }

    fn slots_of(&self, file: &File) -> Result<Vec<Slot>, Fault> {
        let mut bytes = Vec::new();
        file.take(offset(SLOTS)).read_to_end(&mut bytes)?;
        // A process that was killed may have left a part of the heading.
        let heading = bytes.get(..HEADING.len()).unwrap_or(&bytes);
        if !HEADING.starts_with(heading) && heading.iter().any(|byte| *byte != 0) {
            return Err(Fault::Setup(format!(
                "\"{}\" is not a file of ended sessions; choose another name",
                self.path.display()
            )));
        }
        Ok(bytes.chunks_exact(SLOT).skip(1).filter_map(|slot| slot.try_into().ok()).collect())
    }
}

/// Where a slot begins.
fn offset(number: usize) -> u64 {
    (SLOT as u64).saturating_mul(number as u64 + 1)
}

fn slot_of(pending: &PendingEnd) -> Slot {
    let payload = pending.to_bytes();
    let checksum = checksum(&payload);
    let mut slot = [0; SLOT];
    slot.iter_mut().zip(payload.iter().chain(&checksum)).for_each(|(to, from)| *to = *from);
    slot
}

/// The end in a slot; `None` if it is free or only half written.
fn end_in(slot: &Slot) -> Option<PendingEnd> {
    let (payload, rest) = slot.split_at_checked(PendingEnd::LENGTH)?;
    let is_whole = rest.first_chunk() == Some(&checksum(payload));
    PendingEnd::from_bytes(payload).filter(|_| is_whole)
}

fn checksum(payload: &[u8]) -> [u8; CHECKSUM] {
    let digest = digest::digest(&digest::SHA256, payload);
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
