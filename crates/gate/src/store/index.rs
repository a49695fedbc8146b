//! The three hash indexes: chains through head blocks, doubly linked so that removal is fast.

use super::layout::{NONE, block, head, mark};
use super::memory::{Damaged, Memory};

/// One index over a field of `N` bytes that is already a hash.
#[derive(Clone, Copy)]
pub(super) struct Index<const N: usize> {
    nth: usize,
    field: usize,
    next: usize,
    prev: usize,
    /// Whether records with an all-zero value are left out.
    optional: bool,
}

pub(super) const BY_KEY: Index<32> =
    Index { nth: 0, field: head::KEY, next: head::KEY_NEXT, prev: head::KEY_PREV, optional: false };
pub(super) const BY_SUBJECT: Index<16> = Index {
    nth: 1,
    field: head::SUBJECT,
    next: head::SUBJECT_NEXT,
    prev: head::SUBJECT_PREV,
    optional: true,
};
pub(super) const BY_SID: Index<16> =
    Index { nth: 2, field: head::SID, next: head::SID_NEXT, prev: head::SID_PREV, optional: true };

impl<const N: usize> Index<N> {
    #[inline]
    fn leaves_out(self, value: &[u8; N]) -> bool {
        self.optional && *value == [0; N]
    }
}

impl Memory<'_> {
    /// The record with this value; [`NONE`] if there is none.
    #[inline]
    pub(super) fn first_with<const N: usize>(
        &self,
        index: Index<N>,
        value: &[u8; N],
    ) -> Result<u32, Damaged> {
        if index.leaves_out(value) {
            return Ok(NONE);
        }
        self.with_from(index, value, self.u32_at(self.bucket(index, value))?)
    }

    /// The next record with the same value as `record`; [`NONE`] if there is none.
    pub(super) fn next_with<const N: usize>(
        &self,
        index: Index<N>,
        value: &[u8; N],
        record: u32,
    ) -> Result<u32, Damaged> {
        self.with_from(index, value, self.u32_of(record, index.next)?)
    }

    #[inline]
    fn with_from<const N: usize>(
        &self,
        index: Index<N>,
        value: &[u8; N],
        from: u32,
    ) -> Result<u32, Damaged> {
        let mut record = from;
        // A cycle would keep us here forever.
        for _ in 0..=self.geometry.blocks {
            if record == NONE {
                return Ok(NONE);
            }
            if self.u32_of(record, block::MARK)? != mark::HEAD {
                return Err(Damaged);
            }
            if self.array_of::<N>(record, index.field)? == *value {
                return Ok(record);
            }
            record = self.u32_of(record, index.next)?;
        }
        Err(Damaged)
    }

    /// Adds `record` to this index.
    pub(super) fn link<const N: usize>(
        &mut self,
        index: Index<N>,
        record: u32,
    ) -> Result<(), Damaged> {
        let value = self.array_of::<N>(record, index.field)?;
        if index.leaves_out(&value) {
            return Ok(());
        }
        let bucket = self.bucket(index, &value);
        let next = self.u32_at(bucket)?;
        self.set_u32(record, index.next, next)?;
        self.set_u32(record, index.prev, NONE)?;
        if next != NONE {
            self.set_u32(next, index.prev, record)?;
        }
        self.set_u32_at(bucket, record)
    }

    /// Removes `record` from this index.
    pub(super) fn unlink<const N: usize>(
        &mut self,
        index: Index<N>,
        record: u32,
    ) -> Result<(), Damaged> {
        let value = self.array_of::<N>(record, index.field)?;
        if index.leaves_out(&value) {
            return Ok(());
        }
        let next = self.u32_of(record, index.next)?;
        let prev = self.u32_of(record, index.prev)?;
        if prev == NONE {
            let bucket = self.bucket(index, &value);
            self.expect(self.u32_at(bucket)?, record)?;
            self.set_u32_at(bucket, next)?;
        } else {
            self.expect(self.u32_of(prev, index.next)?, record)?;
            self.set_u32(prev, index.next, next)?;
        }
        if next != NONE {
            self.expect(self.u32_of(next, index.prev)?, record)?;
            self.set_u32(next, index.prev, prev)?;
        }
        Ok(())
    }

    /// A neighbour must link back to the record we came from.
    pub(super) fn expect(&self, link: u32, record: u32) -> Result<(), Damaged> {
        if link == record { Ok(()) } else { Err(Damaged) }
    }

    #[inline]
    fn bucket<const N: usize>(&self, index: Index<N>, value: &[u8; N]) -> usize {
        let start = value.first_chunk().copied().map_or(0, u32::from_le_bytes);
        self.geometry.bucket(index.nth, start)
    }
}

#[cfg(test)]
impl Memory<'_> {
    /// Number of records in each index.
    pub(super) fn chain_sums(&self) -> [u32; 3] {
        let sum = |lengths: Vec<u32>| lengths.into_iter().sum();
        [
            sum(self.chain_lengths(BY_KEY)),
            sum(self.chain_lengths(BY_SUBJECT)),
            sum(self.chain_lengths(BY_SID)),
        ]
    }

    /// Number of records in each bucket of the index by key.
    pub(super) fn key_chains(&self) -> Vec<u32> {
        self.chain_lengths(BY_KEY)
    }

    fn chain_lengths<const N: usize>(&self, index: Index<N>) -> Vec<u32> {
        let length = |bucket| {
            let mut length = 0;
            let mut record = self.u32_at(self.geometry.bucket(index.nth, bucket)).unwrap();
            while record != NONE {
                length += 1;
                record = self.u32_of(record, index.next).unwrap();
            }
            length
        };
        (0..=self.geometry.bucket_mask).map(length).collect()
    }
}
