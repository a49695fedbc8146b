//! Converts between nginx strings and slices.

use core::marker::PhantomData;
use std::cell::Cell;

use ngx::ffi::{ngx_pnalloc, ngx_pool_t, ngx_str_t};

use super::guard::Fault;

/// The bytes of `text`, empty if it is unset.
///
/// # Safety
/// `text` points to `len` readable bytes that stay unchanged for `'a`.
pub(super) unsafe fn slice<'a>(text: &ngx_str_t) -> &'a [u8] {
    if text.data.is_null() || text.len == 0 {
        return &[];
    }
    // SAFETY: by this function's contract.
    unsafe { core::slice::from_raw_parts(text.data, text.len) }
}

/// `bytes` as an nginx string. nginx never writes through the strings that we pass it this way.
pub(super) const fn borrowed(bytes: &[u8]) -> ngx_str_t {
    ngx_str_t { len: bytes.len(), data: bytes.as_ptr().cast_mut() }
}

/// Copies `bytes` into the pool and appends a NUL, which some of nginx's parsers expect.
///
/// # Errors
/// `Fault::NoMemory` if the pool cannot grow.
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

/// A buffer in a request's pool that is filled piece by piece, so that everything is copied only
/// once. Created by [`super::Request::room`].
pub struct Room<'r> {
    data: *mut u8,
    size: usize,
    filled: usize,
    request: PhantomData<Cell<&'r ()>>,
}

impl<'r> Room<'r> {
    /// # Errors
    /// `Fault::NoMemory` if the pool cannot grow.
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

    /// Its capacity, in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The number of bytes written so far.
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Appends `part`, or nothing if it does not fit.
    pub fn push(&mut self, part: &[u8]) {
        if part.len() > self.size - self.filled {
            return;
        }
        // SAFETY: the `size` bytes from `data` on are only ours, and enough of them are left.
        unsafe {
            self.data.add(self.filled).copy_from_nonoverlapping(part.as_ptr(), part.len());
        }
        self.filled += part.len();
    }

    /// The bytes written.
    pub fn into_slice(self) -> &'r [u8] {
        // SAFETY: this many bytes were written, and nobody writes there any more.
        unsafe { core::slice::from_raw_parts(self.data, self.filled) }
    }
}
