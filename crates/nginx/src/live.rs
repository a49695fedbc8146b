//! The second shared zone: words that are read and written without a lock ([`gate::live`]).

use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use gate::live::Live;
use ngx::ffi::{ngx_int_t, ngx_shm_zone_t};

use super::conf::{Conf, Mistake};
use super::{guard, log, shared_memory};

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
        Ok(Self { raw: shared_memory::add(cf, name, size, init)? })
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

// The words begin where the head ends.
const _: () = assert!(size_of::<Head>() % align_of::<AtomicU64>() == 0);

/// # Safety
/// `head` was written by [`init`].
unsafe fn words<'m>(head: *mut Head) -> &'m [AtomicU64] {
    // SAFETY: by this function's contract; the head's alignment is that of the words behind it.
    unsafe { core::slice::from_raw_parts(head.add(1).cast::<AtomicU64>(), (*head).words) }
}

/// See [`shared_memory::Init`].
unsafe extern "C" fn init(zone: *mut ngx_shm_zone_t, old: *mut c_void) -> ngx_int_t {
    guard::status("live zone init", || {
        // SAFETY: nginx passes both; the head of every zone of this kind is written here.
        let live = unsafe {
            let found = shared_memory::find(zone, old, |head: *mut Head, bytes| {
                head.write(Head { words: bytes / 8 });
                Live::fresh(words(head)).map(drop)
            });
            found.and_then(|head| Live::new(words(head)))
        };
        let live = live.ok_or_else(|| {
            log::cycle(log::Level::Crit, format_args!("the live zone has no room"));
        })?;
        EPOCH.store(live.next_epoch(), Ordering::Relaxed);
        Ok(())
    })
}
