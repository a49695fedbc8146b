//! The second shared zone: words that are read and written without a lock ([`gate::live`]).

use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use gate::live::Live;
use ngx::ffi::{
    ngx_int_t, ngx_pagesize, ngx_shared_memory_add, ngx_shm_zone_t, ngx_slab_alloc, ngx_slab_pool_t,
};

use super::conf::{Conf, Mistake};
use super::{bytes, guard, log, module};

/// Number of the newest configuration; workers inherit it from the master.
static EPOCH: AtomicU32 = AtomicU32::new(0);

/// The zone, as the configuration asked for it.
#[derive(Clone, Copy)]
pub(crate) struct LiveZone {
    raw: *mut ngx_shm_zone_t,
}

/// What stands at the start of our part of the mapping; the words follow.
#[repr(C, align(64))]
struct Head {
    words: usize,
}

impl LiveZone {
    /// Asks nginx for room for `words` words. Pages that are never written cost nothing.
    pub(crate) fn add(cf: &Conf<'_>, name: &str, words: usize) -> Result<Self, Mistake> {
        // For nginx's own table of pages: 24 bytes for each, and some.
        let size = words * 8;
        let size = size + size / 64 + (64 << 10);
        let name = cf.keep(name.as_bytes())?;
        // SAFETY: the name lives in the cycle's pool; the tag tells our zones from other modules'.
        unsafe {
            let mut name = bytes::borrowed(name);
            let raw = ngx_shared_memory_add(cf.raw(), &raw mut name, size, module::tag());
            if raw.is_null() {
                return Err(Mistake::Logged);
            }
            (*raw).init = Some(init);
            Ok(Self { raw })
        }
    }

    /// The words. They stay mapped until the process ends, hence `'static`: threads may outlive the
    /// configuration.
    pub(crate) fn get(&self) -> Option<Live<'static>> {
        // SAFETY: `data` is what `init` stored. Words are atomic, so that all processes and threads
        // may use them at once.
        unsafe {
            let head = (*self.raw).data.cast::<Head>();
            if head.is_null() {
                return None;
            }
            Live::new(words(head))
        }
    }

    /// Number of the configuration that this process runs.
    pub(crate) fn epoch() -> u32 {
        EPOCH.load(Ordering::Relaxed)
    }
}

/// # Safety
/// `head` was written by [`format`].
unsafe fn words<'m>(head: *mut Head) -> &'m [AtomicU64] {
    // SAFETY: by this function's contract; the head's alignment is that of the words behind it.
    unsafe { core::slice::from_raw_parts(head.add(1).cast::<AtomicU64>(), (*head).words) }
}

/// nginx calls this in the master when the zone was mapped, and at each reload.
unsafe extern "C" fn init(zone: *mut ngx_shm_zone_t, old: *mut c_void) -> ngx_int_t {
    guard::status("live zone init", || {
        // SAFETY: a mapped zone begins with nginx's slab pool (`ngx_init_zone_pool`).
        unsafe {
            let pool = (*zone).shm.addr.cast::<ngx_slab_pool_t>();
            let head = if !old.is_null() {
                old.cast()
            } else if (*zone).shm.exists != 0 {
                (*pool).data.cast()
            } else {
                format(pool).ok_or_else(|| {
                    log::cycle(log::Level::Crit, format_args!("the live zone has no room"));
                })?
            };
            (*pool).data = head.cast();
            (*zone).data = head.cast();
            if let Some(live) = Live::new(words(head)) {
                EPOCH.store(live.next_epoch(), Ordering::Relaxed);
            }
        }
        Ok(())
    })
}

/// Takes all pages of a fresh pool as one piece. They are zeros: fresh pages of an anonymous mapping.
///
/// # Safety
/// `pool` is a fresh slab pool.
unsafe fn format(pool: *mut ngx_slab_pool_t) -> Option<*mut Head> {
    // SAFETY: nobody else uses the pool yet; a whole-page allocation is page aligned.
    unsafe {
        let size = (*pool).pfree.checked_mul(ngx_pagesize)?;
        let head = ngx_slab_alloc(pool, size).cast::<Head>();
        if head.is_null() {
            return None;
        }
        head.write(Head { words: size.checked_sub(size_of::<Head>())? / 8 });
        Some(head)
    }
}
