//! A shared zone of words that are read and written without a lock.

use core::ffi::c_void;
use core::marker::PhantomData;
use core::sync::atomic::AtomicU64;

use ngx::ffi::{ngx_int_t, ngx_shm_zone_t};

use super::conf::{Conf, Mistake};
use super::{Module, guard, lifecycle, log, shared_memory};

/// The user of a zone's words.
pub trait Words {
    /// Called in the master when nginx has mapped the zone. `fresh`: nobody has used the words yet,
    /// and they contain garbage; after a reload they are unchanged. `None` if they are too few.
    fn map(words: &[AtomicU64], fresh: bool) -> Option<()>;
}

/// The zone requested by the configuration.
pub struct WordZone<W> {
    raw: *mut ngx_shm_zone_t,
    words: PhantomData<fn() -> W>,
}

impl<W> Clone for WordZone<W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for WordZone<W> {}

/// The header of our part of the mapping; the words follow.
#[repr(C, align(64))]
struct Head {
    words: usize,
}

impl<W: Words> WordZone<W> {
    /// Asks nginx for a zone of `words` words. Pages that are never written cost nothing.
    ///
    /// # Errors
    /// nginx refuses; it logs the reason.
    pub fn add<M: Module>(cf: &Conf<'_, M>, name: &str, words: usize) -> Result<Self, Mistake> {
        // For nginx's own page table: 24 bytes per page, and a reserve.
        let size = words * 8;
        let size = size + size / 64 + (64 << 10);
        let raw = shared_memory::add(cf, name, size, init::<M, W>)?;
        Ok(Self { raw, words: PhantomData })
    }

    /// The words, in a worker; `None` elsewhere. In a worker they stay mapped until the process
    /// ends, hence `'static`: threads may outlive the configuration.
    #[must_use]
    pub fn get(&self) -> Option<&'static [AtomicU64]> {
        if !lifecycle::is_worker() {
            return None;
        }
        // SAFETY: `data` was stored by `init`. Words are atomic, so all processes and threads may
        // use them at once.
        unsafe {
            let head = (*self.raw).data.cast::<Head>();
            if head.is_null() { None } else { Some(words(head)) }
        }
    }
}

// The words begin right after the head.
const _: () = assert!(size_of::<Head>() % align_of::<AtomicU64>() == 0);

/// # Safety
/// `head` was written by [`init`].
unsafe fn words<'m>(head: *mut Head) -> &'m [AtomicU64] {
    // SAFETY: by this function's contract; the head's alignment is sufficient for the words after
    // it.
    unsafe { core::slice::from_raw_parts(head.add(1).cast::<AtomicU64>(), (*head).words) }
}

/// See [`shared_memory::Init`].
unsafe extern "C" fn init<M: Module, W: Words>(
    zone: *mut ngx_shm_zone_t,
    old: *mut c_void,
) -> ngx_int_t {
    guard::status::<M>("zone init", || {
        let mut fresh = false;
        // SAFETY: nginx passes both; the head of every zone of this kind is written here.
        let mapped = unsafe {
            let found = shared_memory::find(zone, old, |head: *mut Head, bytes| {
                head.write(Head { words: bytes / 8 });
                fresh = true;
                Some(())
            });
            found.and_then(|head| W::map(words(head), fresh))
        };
        mapped.ok_or_else(|| {
            log::cycle::<M>(
                log::Level::Crit,
                format_args!("a shared zone is too small for what it has to hold; enlarge it"),
            );
        })
    })
}
