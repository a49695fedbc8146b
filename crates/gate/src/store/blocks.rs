//! Free blocks, and the chains of blocks that store payloads.

use super::layout::{BLOCK, HEAD_ROOM, NONE, TAIL_ROOM, block, head, header, mark};
use super::memory::{Damaged, Memory};

impl Memory<'_> {
    /// Number of blocks in use by records.
    pub(super) fn used(&self) -> Result<u32, Damaged> {
        let high_water = self.u32_at(header::HIGH_WATER)?;
        high_water.checked_sub(self.u32_at(header::FREE)?).ok_or(Damaged)
    }

    fn take_block(&mut self) -> Result<u32, Damaged> {
        let free = self.u32_at(header::FIRST_FREE)?;
        if free == NONE {
            let fresh = self.u32_at(header::HIGH_WATER)?.checked_add(1).ok_or(Damaged)?;
            // A block from an earlier use of this memory must not look like a valid one.
            self.set_u32(fresh, block::MARK, mark::FREE)?;
            self.set_u32_at(header::HIGH_WATER, fresh)?;
            return Ok(fresh);
        }
        if self.u32_of(free, block::MARK)? != mark::FREE {
            return Err(Damaged);
        }
        self.set_u32_at(header::FIRST_FREE, self.u32_of(free, block::NEXT)?)?;
        self.count(header::FREE, -1)?;
        Ok(free)
    }

    /// Frees a block and wipes it: it may contain tokens, names, keys.
    pub(super) fn give_back(&mut self, block: u32) -> Result<(), Damaged> {
        const { assert!(mark::FREE == 0) };
        let mut wiped = [0; BLOCK];
        let next = self.u32_at(header::FIRST_FREE)?.to_le_bytes();
        wiped.iter_mut().skip(block::NEXT).zip(next).for_each(|(to, from)| *to = from);
        self.set(block, block::MARK, &wiped)?;
        self.set_u32_at(header::FIRST_FREE, block)?;
        self.count(header::FREE, 1)
    }

    /// Writes a payload to new blocks; returns the first one, not yet marked as a head.
    pub(super) fn write_chain(&mut self, payload: &[u8]) -> Result<u32, Damaged> {
        let owner = self.take_block()?;
        let (first, rest) = payload.split_at(payload.len().min(HEAD_ROOM));
        self.set(owner, head::PAYLOAD, first)?;

        let mut last = owner;
        for (nth, part) in (1..).zip(rest.chunks(TAIL_ROOM)) {
            let tail = self.take_block()?;
            self.set_u32(last, block::NEXT, tail)?;
            self.set_u32(tail, block::OWNER, owner)?;
            self.set_u32(tail, block::MARK, mark::tail(nth))?;
            self.set(tail, block::PAYLOAD, part)?;
            last = tail;
        }
        self.set_u32(last, block::NEXT, NONE)?;
        Ok(owner)
    }

    /// Passes the payload of the record at `owner`, `length` bytes, to `each` piece by piece.
    #[inline]
    pub(super) fn read_chain<'a>(
        &'a self,
        owner: u32,
        length: usize,
        mut each: impl FnMut(&'a [u8]),
    ) -> Result<(), Damaged> {
        let first = length.min(HEAD_ROOM);
        each(self.slice_of(owner, head::PAYLOAD, first)?);

        let mut left = length - first;
        let mut chain = Chain::of(owner);
        while left > 0 {
            let part = left.min(TAIL_ROOM);
            let tail = chain.advance(self)?.ok_or(Damaged)?;
            each(self.slice_of(tail, block::PAYLOAD, part)?);
            left -= part;
        }
        chain.advance(self)?.map_or(Ok(()), |_| Err(Damaged))
    }

    /// Frees all blocks of the record at `owner`, which must no longer be in any index.
    pub(super) fn free_chain(&mut self, owner: u32) -> Result<(), Damaged> {
        let mut chain = Chain::of(owner);
        let mut block = owner;
        while let Some(tail) = chain.advance(self)? {
            self.give_back(block)?;
            block = tail;
        }
        self.give_back(block)
    }
}

/// A walk along the blocks of one record.
///
/// It ends whatever the memory contains: each block must be marked as the next one of this owner,
/// so none can come twice, and two records cannot share one.
pub(super) struct Chain {
    owner: u32,
    block: u32,
    nth: u16,
}

impl Chain {
    /// Starts at the record's head.
    #[inline]
    pub(super) fn of(owner: u32) -> Self {
        Self { owner, block: owner, nth: 0 }
    }

    /// The next block; `None` after the last.
    #[inline]
    pub(super) fn advance(&mut self, memory: &Memory<'_>) -> Result<Option<u32>, Damaged> {
        let next = memory.u32_of(self.block, block::NEXT)?;
        if next == NONE {
            return Ok(None);
        }
        self.nth = self.nth.checked_add(1).ok_or(Damaged)?;
        if memory.u32_of(next, block::MARK)? != mark::tail(self.nth)
            || memory.u32_of(next, block::OWNER)? != self.owner
        {
            return Err(Damaged);
        }
        self.block = next;
        Ok(Some(next))
    }
}
