//! What the module's shared zones have in common: allocating one, and finding our part of it again.

use core::ffi::c_void;

use ngx::ffi::{
    ngx_int_t, ngx_pagesize, ngx_shared_memory_add, ngx_shm_zone_t, ngx_slab_alloc, ngx_slab_pool_t,
};

use super::conf::{Conf, Mistake};
use super::{Module, bytes, module};

/// What nginx calls in the master when the zone was mapped, and at each reload: then the second
/// argument is what the zone of the same name, size and owner had in its `data` before.
pub(super) type Init = unsafe extern "C" fn(*mut ngx_shm_zone_t, *mut c_void) -> ngx_int_t;

/// Asks nginx for a zone; it is mapped after the configuration was read.
pub(super) fn add<M: Module>(
    cf: &Conf<'_, M>,
    name: &str,
    size: usize,
    init: Init,
) -> Result<*mut ngx_shm_zone_t, Mistake> {
    let name = cf.keep(name.as_bytes())?;
    // SAFETY: the name lives in the cycle's pool; the tag tells our zones from other modules'.
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

/// Finds our part of a zone that was just mapped, and keeps it in the zone's `data`. In a fresh zone
/// it is all pages as one piece, which `format` makes a head and so many bytes of.
///
/// # Safety
/// Called by the zone's [`Init`] with its arguments; the part begins with an `H`.
pub(super) unsafe fn find<H>(
    zone: *mut ngx_shm_zone_t,
    old: *mut c_void,
    format: impl FnOnce(*mut H, usize) -> Option<()>,
) -> Option<*mut H> {
    // A page has 4,096 bytes or more wherever nginx runs.
    const { assert!(align_of::<H>() <= 4096, "a page does not align for this") };
    // SAFETY: a mapped zone begins with nginx's slab pool (`ngx_init_zone_pool`); in a fresh one
    // nobody else uses it yet, and a whole-page allocation is page aligned. The advice is for the
    // whole mapping, which begins at a page, and changes nothing that a process sees.
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
        // Sessions and keys are in it: no core dump of any process may contain them. If the system
        // does not know how, nothing else depends on it.
        libc::madvise((*zone).shm.addr.cast(), (*zone).shm.size, libc::MADV_DONTDUMP);
        Some(head)
    }
}
