//! The shared-memory zone: where it comes from, and the lock around every use.
//!
//! The lock is the zone's slab mutex, because the master releases exactly this one when a worker
//! dies while holding it (`ngx_unlock_mutexes`, ngx_process.c).

use core::ffi::c_void;
use core::sync::atomic::AtomicU32;

use gate::store::{Region, Table, Turn};
use ngx::ffi::{ngx_int_t, ngx_shm_zone_t, ngx_shmtx_lock, ngx_shmtx_unlock, ngx_slab_pool_t};

use super::conf::{Conf, Mistake};
use super::log::{self, Level};
use super::shared_memory;

/// Smallest size that `authentik_shared_zone` takes, in bytes.
///
/// Room for one record of the largest kind, and for nginx's own bookkeeping.
pub(crate) const SMALLEST: usize = 512 * 1024;

/// A zone that the configuration asked for. nginx maps it after the configuration was read.
#[derive(Clone, Copy)]
pub(crate) struct Zone {
    raw: *mut ngx_shm_zone_t,
}

/// What stands at the start of our part of the mapping; the table's bytes follow.
#[repr(C, align(64))]
struct Head {
    dirty: AtomicU32,
    table_bytes: usize,
}

impl Zone {
    /// Asks nginx for the zone.
    pub(crate) fn add(cf: &Conf<'_>, name: &str, size: usize) -> Result<Self, Mistake> {
        Ok(Self { raw: shared_memory::add(cf, name, size, init)? })
    }

    /// Runs `work` on the table while no other worker does. Keep it short: copy out, nothing else.
    ///
    /// Not from within itself: the lock would wait for this thread for ever (see [`Turn`]).
    ///
    /// `None` when the zone holds something that is not our table.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Table<'_>) -> R) -> Option<R> {
        let (recovery, result) = {
            let _turn = Turn::begin();
            let mut locked = Locked::take(self.raw)?;
            let mut table = Table::open(locked.region()).ok()?;
            let result = work(&mut table);
            (table.recovery(), result)
        };
        // Logged only after the lock was given back.
        if let Some(recovery) = recovery {
            log::cycle(
                Level::Warn,
                format_args!(
                    "a worker died while it wrote to the zone; repaired, {} records kept, {} lost",
                    recovery.kept, recovery.lost
                ),
            );
        }
        Some(result)
    }
}

/// The lock, held.
struct Locked {
    pool: *mut ngx_slab_pool_t,
    head: *mut Head,
}

impl Locked {
    fn take(zone: *mut ngx_shm_zone_t) -> Option<Self> {
        // SAFETY: nginx mapped the zone before workers started and keeps it mapped until they exit;
        // `data` is what `init` stored.
        unsafe {
            let head = (*zone).data.cast::<Head>();
            if head.is_null() {
                return None;
            }
            let pool = (*zone).shm.addr.cast::<ngx_slab_pool_t>();
            ngx_shmtx_lock(&raw mut (*pool).mutex);
            Some(Self { pool, head })
        }
    }

    fn region(&mut self) -> Region<'_> {
        // SAFETY: `init` made room for `table_bytes` bytes behind the head, and while we hold the
        // lock nobody else touches them. The flag is atomic: threads of other workers may look.
        unsafe { region(self.head) }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // SAFETY: taken by `take`, given back once.
        unsafe { ngx_shmtx_unlock(&raw mut (*self.pool).mutex) };
    }
}

/// # Safety
/// `head` was written by `init` and the caller is alone with the table.
unsafe fn region<'m>(head: *mut Head) -> Region<'m> {
    // SAFETY: by this function's contract.
    unsafe {
        let bytes = head.add(1).cast::<u8>();
        Region {
            dirty: &(*head).dirty,
            bytes: core::slice::from_raw_parts_mut(bytes, (*head).table_bytes),
        }
    }
}

/// See [`shared_memory::Init`].
unsafe extern "C" fn init(zone: *mut ngx_shm_zone_t, old: *mut c_void) -> ngx_int_t {
    super::guard::status("zone init", || {
        // SAFETY: nginx passes both; `format` wrote the head of every zone of this kind.
        let found = unsafe { shared_memory::find(zone, old, |head, bytes| format(head, bytes)) };
        found.map(drop).ok_or_else(|| {
            log::cycle(Level::Crit, format_args!("the shared zone has no room for a table"));
        })
    })
}

/// Makes an empty table of `table_bytes` bytes behind `head`.
///
/// # Safety
/// They are there, and nobody else uses them yet.
unsafe fn format(head: *mut Head, table_bytes: usize) -> Option<()> {
    // SAFETY: by this function's contract.
    unsafe {
        head.write(Head { dirty: AtomicU32::new(0), table_bytes });
        Table::format(region(head)).ok().map(drop)
    }
}
