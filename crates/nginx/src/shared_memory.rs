//! What the module's shared zones have in common: allocating one, and finding our part of it again.

use core::ffi::c_void;

use ngx::ffi::{
    ngx_int_t, ngx_pagesize, ngx_shared_memory_add, ngx_shm_zone_t, ngx_slab_alloc, ngx_slab_pool_t,
};

use super::conf::{Conf, Mistake};
use super::{Module, bytes, module};

/// Called by nginx in the master when the zone has been mapped, and at each reload: then the second
/// argument is the old `data` of the zone with the same name, size and owner.
pub(super) type Init = unsafe extern "C" fn(*mut ngx_shm_zone_t, *mut c_void) -> ngx_int_t;

/// Asks nginx for a zone; it is mapped after the configuration has been read.
pub(super) fn add<M: Module>(
    cf: &Conf<'_, M>,
    name: &str,
    size: usize,
    init: Init,
) -> Result<*mut ngx_shm_zone_t, Mistake> {
    let name = cf.keep(name.as_bytes())?;
    // SAFETY: the name lives in the cycle's pool; the tag distinguishes our zones from other
    // modules'.
    unsafe {
        let mut name = bytes::borrowed(name);
        let raw = ngx_shared_memory_add(cf.raw(), &raw mut name, size, module::tag::<M>());
        if raw.is_null() {
            return Err(Mistake::Logged);
        }
        (*raw).init = Some(init);
        Ok(raw)
    }
}

/// Finds our part of a zone that has just been mapped, and stores it in the zone's `data`. In a
/// fresh zone, all pages are allocated as one piece; `format` initialises its head, given the
/// remaining size in bytes.
///
/// # Safety
/// Called by the zone's [`Init`] with its arguments; the part begins with an `H`.
pub(super) unsafe fn find<H>(
    zone: *mut ngx_shm_zone_t,
    old: *mut c_void,
    format: impl FnOnce(*mut H, usize) -> Option<()>,
) -> Option<*mut H> {
    // Pages have at least 4,096 bytes wherever nginx runs.
    const { assert!(align_of::<H>() <= 4096, "a page does not align for this") };
    // SAFETY: a mapped zone begins with nginx's slab pool (`ngx_init_zone_pool`); nobody else uses
    // a fresh one yet, and a whole-page allocation is page aligned. The advice covers the whole
    // mapping, which begins at a page boundary, and changes nothing that a process sees.
    unsafe {
        let pool = (*zone).shm.addr.cast::<ngx_slab_pool_t>();
        let head = if !old.is_null() {
            old.cast()
        } else if (*zone).shm.exists != 0 {
            (*pool).data.cast()
        } else {
            let size = (*pool).pfree.checked_mul(ngx_pagesize)?;
            let head = ngx_slab_alloc(pool, size).cast::<H>();
            if head.is_null() {
                return None;
            }
            format(head, size.checked_sub(size_of::<H>())?)?;
            (*pool).data = head.cast();
            head
        };
        (*zone).data = head.cast();
        // It contains sessions and keys, which must not end up in any process's core dump. If the
        // system does not support this, nothing else depends on it.
        libc::madvise((*zone).shm.addr.cast(), (*zone).shm.size, libc::MADV_DONTDUMP);
        Some(head)
    }
}
