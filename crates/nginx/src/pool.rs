//! Memory from a pool, correctly aligned.

use core::ffi::{c_ulong, c_void};
use core::ptr::NonNull;

use ngx::ffi::{ngx_palloc, ngx_pool_cleanup_add, ngx_pool_t};

use super::guard::Fault;

/// The alignment that nginx guarantees for pool memory (`NGX_ALIGNMENT`, ngx_config.h): four bytes
/// if a `long` has four, and there a `u64` may need eight (32-bit ARM).
const ALIGNMENT: usize = size_of::<c_ulong>();

/// Room for `count` of nginx's own structures, which need no more alignment than a pool guarantees.
///
/// # Safety
/// `pool` is live.
pub(super) unsafe fn allocate<T>(pool: *mut ngx_pool_t, count: usize) -> Result<*mut T, Fault> {
    const { assert!(align_of::<T>() <= ALIGNMENT, "a pool does not align for this") };
    let size = count.checked_mul(size_of::<T>()).ok_or(Fault::NoMemory)?;
    // SAFETY: the pool is live.
    let memory = unsafe { ngx_palloc(pool, size) }.cast::<T>();
    if memory.is_null() { Err(Fault::NoMemory) } else { Ok(memory) }
}

/// Moves a value of ours into the pool. `drop` gets it when the pool is destroyed.
///
/// # Safety
/// `pool` is live; `drop` takes a pointer to a `T`.
pub(super) unsafe fn place<T>(
    pool: *mut ngx_pool_t,
    value: T,
    drop: unsafe extern "C" fn(*mut c_void),
) -> Result<NonNull<T>, Fault> {
    let padding = const { align_of::<T>().saturating_sub(ALIGNMENT) };
    // nginx allocates nothing for a size of 0, e.g. that of `()`.
    let size = const { if size_of::<T>() == 0 { 1 } else { size_of::<T>() } };
    // SAFETY: by this function's contract. With the padding there is an aligned place for the
    // value; nobody has the pointer before it is written.
    unsafe {
        let cleanup = ngx_pool_cleanup_add(pool, size + padding);
        if cleanup.is_null() {
            return Err(Fault::NoMemory);
        }
        let memory = (*cleanup).data.cast::<u8>();
        let skipped = if padding == 0 { 0 } else { memory.align_offset(align_of::<T>()) };
        let place = NonNull::new(memory.add(skipped).cast::<T>()).ok_or(Fault::NoMemory)?;
        place.write(value);
        (*cleanup).data = place.as_ptr().cast();
        (*cleanup).handler = Some(drop);
        Ok(place)
    }
}
