//! The bytes of the zone, accessed by field. All writes are here.

use super::epochs::Epochs;
use super::layout::{BLOCK, Geometry, NONE, head, header};

/// The memory is not in a state that this code creates: a link leads nowhere, or in a circle.
///
/// The table is left dirty, so the next [`super::Table::open`] recovers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

/// A zone whose length matches its geometry.
pub(super) struct Memory<'m> {
    bytes: &'m mut [u8],
    pub(super) epochs: Epochs<'m>,
    pub(super) geometry: Geometry,
}

impl<'m> Memory<'m> {
    pub(super) fn new(bytes: &'m mut [u8], epochs: Epochs<'m>, geometry: Geometry) -> Self {
        Self { bytes, epochs, geometry }
    }

    // Blocks.

    #[inline]
    pub(super) fn u32_of(&self, block: u32, field: usize) -> Result<u32, Damaged> {
        self.array_of(block, field).map(u32::from_le_bytes)
    }

    /// The kind that the record at this block was inserted as.
    #[inline]
    pub(super) fn kind_of(&self, record: u32) -> Result<u8, Damaged> {
        let [kind, ..] = self.u32_of(record, head::KIND)?.to_le_bytes();
        Ok(kind)
    }

    /// The lane of the stranger that caused it, if any.
    #[inline]
    pub(super) fn lane_of(&self, record: u32) -> Result<u8, Damaged> {
        let [_, lane, ..] = self.u32_of(record, head::KIND)?.to_le_bytes();
        Ok(lane)
    }

    #[inline]
    pub(super) fn u64_of(&self, block: u32, field: usize) -> Result<u64, Damaged> {
        self.array_of(block, field).map(u64::from_le_bytes)
    }

    #[inline]
    pub(super) fn array_of<const N: usize>(
        &self,
        block: u32,
        field: usize,
    ) -> Result<[u8; N], Damaged> {
        self.read(self.place(block, field)?)
    }

    #[inline]
    pub(super) fn slice_of(
        &self,
        block: u32,
        field: usize,
        length: usize,
    ) -> Result<&[u8], Damaged> {
        let at = self.place(block, field)?;
        self.bytes.get(at..at + length).ok_or(Damaged)
    }

    #[inline]
    pub(super) fn set_u32(&mut self, block: u32, field: usize, value: u32) -> Result<(), Damaged> {
        self.set(block, field, &value.to_le_bytes())
    }

    #[inline]
    pub(super) fn set(&mut self, block: u32, field: usize, value: &[u8]) -> Result<(), Damaged> {
        let at = self.place(block, field)?;
        self.write(at, value)
    }

    // `block` may be any number found in memory; `field` is a constant or a checked length.
    #[inline]
    fn place(&self, block: u32, field: usize) -> Result<usize, Damaged> {
        let nth = block.wrapping_sub(1);
        if nth >= self.geometry.blocks {
            return Err(Damaged);
        }
        Ok(self.geometry.area + nth as usize * BLOCK + field)
    }

    // Header and buckets.

    #[inline]
    pub(super) fn u32_at(&self, at: usize) -> Result<u32, Damaged> {
        self.read(at).map(u32::from_le_bytes)
    }

    #[inline]
    pub(super) fn set_u32_at(&mut self, at: usize, value: u32) -> Result<(), Damaged> {
        self.write(at, &value.to_le_bytes())
    }

    /// Adds `change` to a counter in the header.
    pub(super) fn count(&mut self, at: usize, change: i32) -> Result<(), Damaged> {
        let counted = self.u32_at(at)?.checked_add_signed(change).ok_or(Damaged)?;
        self.set_u32_at(at, counted)
    }

    /// Clears everything derived: buckets, shares and their order of use, free list, counters.
    pub(super) fn clear_derived(&mut self) -> Result<(), Damaged> {
        const ZEROS: [u8; 4096] = [0; 4096];
        for at in (header::SIZE..self.geometry.area).step_by(ZEROS.len()) {
            let length = ZEROS.len().min(self.geometry.area - at);
            self.write(at, ZEROS.get(..length).ok_or(Damaged)?)?;
        }
        for at in [header::FREE, header::RECORDS, header::SESSIONS, header::SWEPT] {
            self.set_u32_at(at, 0)?;
        }
        self.set_u32_at(header::FIRST_FREE, NONE)?;
        self.write(header::SHARES, &[0; header::SIZE - header::SHARES])
    }

    #[inline]
    pub(super) fn read<const N: usize>(&self, at: usize) -> Result<[u8; N], Damaged> {
        self.bytes.get(at..).and_then(<[u8]>::first_chunk).copied().ok_or(Damaged)
    }

    /// All writes go through here, so that tests can kill the writer at each of them.
    #[inline]
    pub(super) fn write(&mut self, at: usize, data: &[u8]) -> Result<(), Damaged> {
        let end = at.checked_add(data.len()).ok_or(Damaged)?;
        let target = self.bytes.get_mut(at..end).ok_or(Damaged)?;
        #[cfg(test)]
        super::tests::kill::before_write(at, target, data);
        target.copy_from_slice(data);
        Ok(())
    }
}
