//! nginx strings as slices, slices as nginx strings.

use core::marker::PhantomData;
use std::cell::Cell;

use ngx::ffi::{ngx_pnalloc, ngx_pool_t, ngx_str_t};

use super::guard::Fault;

/// The bytes of `text`, empty when it has none.
///
/// # Safety
/// `text` points to `len` readable bytes that stay unchanged for `'a`.
pub(super) unsafe fn slice<'a>(text: &ngx_str_t) -> &'a [u8] {
    if text.data.is_null() || text.len == 0 {
        return &[];
    }
    // SAFETY: the caller vouches for pointer, length and lifetime.
    unsafe { core::slice::from_raw_parts(text.data, text.len) }
}

/// `bytes` as nginx passes strings. nginx never writes through those that we hand it this way.
pub(super) const fn borrowed(bytes: &[u8]) -> ngx_str_t {
    ngx_str_t { len: bytes.len(), data: bytes.as_ptr().cast_mut() }
}

/// Copies `bytes` into the pool, with a NUL behind: some of nginx's parsers expect one.
///
/// # Errors
/// `Fault::NoMemory` when the pool cannot grow.
///
/// # Safety
/// `pool` is live; the copy is valid as long as the pool.
pub(super) unsafe fn pool_copy<'a>(
    pool: *mut ngx_pool_t,
    bytes: &[u8],
) -> Result<&'a mut [u8], Fault> {
    // SAFETY: the pool is live; the allocation holds len + 1 bytes and overlaps nothing.
    unsafe {
        let to = ngx_pnalloc(pool, bytes.len() + 1).cast::<u8>();
        if to.is_null() {
            return Err(Fault::NoMemory);
        }
        to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        to.add(bytes.len()).write(0);
        Ok(core::slice::from_raw_parts_mut(to, bytes.len()))
    }
}

/// Room in a request's pool that is filled part by part, so that what is copied there is copied
/// once. Made by [`super::Request::room`].
pub struct Room<'r> {
    data: *mut u8,
    size: usize,
    filled: usize,
    request: PhantomData<Cell<&'r ()>>,
}

impl<'r> Room<'r> {
    /// # Errors
    /// `Fault::NoMemory` when the pool cannot grow.
    ///
    /// # Safety
    /// `pool` is live and outlives the room's lifetime.
    pub(super) unsafe fn of(pool: *mut ngx_pool_t, size: usize) -> Result<Self, Fault> {
        // SAFETY: the pool is live.
        let data = unsafe { ngx_pnalloc(pool, size) }.cast::<u8>();
        if data.is_null() {
            return Err(Fault::NoMemory);
        }
        Ok(Self { data, size, filled: 0, request: PhantomData })
    }

    /// How many bytes it holds at most.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many bytes are there already.
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Puts `part` behind what is there already; nothing of what does not fit.
    pub fn push(&mut self, part: &[u8]) {
        if part.len() > self.size - self.filled {
            return;
        }
        // SAFETY: `size` bytes from `data` on are ours alone, and so many are left.
        unsafe {
            self.data.add(self.filled).copy_from_nonoverlapping(part.as_ptr(), part.len());
        }
        self.filled += part.len();
    }

    /// What was put there.
    pub fn into_slice(self) -> &'r [u8] {
        // SAFETY: so many bytes were written, and nobody writes there any more.
        unsafe { core::slice::from_raw_parts(self.data, self.filled) }
    }
}
