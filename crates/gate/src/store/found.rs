//! The result of a lookup.

use crate::sync::{AtomicU32, Ordering};

use super::layout::{MAX_PAYLOAD, head};
use super::memory::{Damaged, Memory};
use crate::time::UnixTime;

/// A record that was found. The table cannot change while this exists.
pub struct Found<'t> {
    memory: &'t Memory<'t>,
    dirty: &'t AtomicU32,
    record: u32,
    length: usize,
    kind: u8,
    expires: UnixTime,
}

impl<'t> Found<'t> {
    #[inline]
    pub(super) fn over(
        memory: &'t Memory<'t>,
        dirty: &'t AtomicU32,
        record: u32,
    ) -> Result<Self, Damaged> {
        let kind = memory.kind_of(record)?;
        let expires = UnixTime(memory.u64_of(record, head::EXPIRES)?);
        let length = memory.u32_of(record, head::LENGTH)? as usize;
        // Callers allocate this much.
        if length > MAX_PAYLOAD {
            return Err(Damaged);
        }
        Ok(Self { memory, dirty, record, length, kind, expires })
    }

    /// Length of the payload, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The kind it was inserted as.
    #[must_use]
    pub fn kind(&self) -> u8 {
        self.kind
    }

    /// When it expires.
    #[must_use]
    pub fn expires(&self) -> UnixTime {
        self.expires
    }

    /// The beginning of the payload, at most [`BEGINNING`](super::BEGINNING) bytes.
    #[must_use]
    pub fn beginning(&self) -> &[u8] {
        self.memory.beginning_of(self.record).unwrap_or_default()
    }

    /// Passes the payload to `each` piece by piece, [`Self::len`] bytes in total. Returns `false`
    /// if the record is damaged; the pieces must then not be used.
    #[inline]
    #[must_use]
    pub fn parts(&self, each: impl FnMut(&[u8])) -> bool {
        let read = self.memory.read_chain(self.record, self.length, each);
        if read.is_err() {
            // The next process to open the table recovers it.
            self.dirty.store(1, Ordering::Release);
        }
        read.is_ok()
    }

    /// Copies the payload. Returns `false` if `out` is not exactly [`Self::len`] bytes long or the
    /// record is damaged; `out` must then not be used.
    #[inline]
    #[must_use]
    pub fn copy_into(&self, out: &mut [u8]) -> bool {
        if out.len() != self.length {
            return false;
        }
        let mut rest = out;
        self.parts(|part| {
            if let Some((start, end)) = std::mem::take(&mut rest).split_at_mut_checked(part.len()) {
                start.copy_from_slice(part);
                rest = end;
            }
        })
    }
}
