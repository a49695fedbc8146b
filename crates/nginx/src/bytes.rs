//! Converts between nginx strings and slices.

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
