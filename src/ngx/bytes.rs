//! nginx strings as slices, slices as nginx strings.

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

/// A slice kept in pool memory across callbacks, where no lifetime can be written down.
///
/// Turned back into a slice by [`super::Request::recall`], whose pool it came from.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    pub(super) data: *const u8,
    pub(super) len: usize,
}

impl Kept {
    /// Of no bytes.
    pub(crate) const EMPTY: Self = Self { data: core::ptr::null(), len: 0 };

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }
}
