//! A shared zone of words that are read and written without a lock.

use core::ffi::c_void;
use core::marker::PhantomData;
use core::sync::atomic::AtomicU64;

use ngx::ffi::{ngx_int_t, ngx_shm_zone_t};

use super::conf::{Conf, Mistake};
use super::{Module, guard, lifecycle, log, shared_memory};

/// What the words of a zone are for.
pub trait Words {
    /// nginx has mapped the zone, in the master. `fresh`: nobody has used the words yet, and they hold
    /// rubbish. A reload brings the words as they are. `None` if they are too few.
    fn map(words: &[AtomicU64], fresh: bool) -> Option<()>;
}

/// The zone, as the configuration asked for it.
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

/// What stands at the start of our part of the mapping; the words follow.
#[repr(C, align(64))]
struct Head {
    words: usize,
}

impl<W: Words> WordZone<W> {
    /// Asks nginx for room for `words` words. Pages that are never written cost nothing.
    ///
    /// # Errors
    /// If nginx refuses; it says why.
    pub fn add<M: Module>(cf: &Conf<'_, M>, name: &str, words: usize) -> Result<Self, Mistake> {
        // For nginx's own table of pages: 24 bytes for each, and some.
        let size = words * 8;
        let size = size + size / 64 + (64 << 10);
        let raw = shared_memory::add(cf, name, size, init::<M, W>)?;
        Ok(Self { raw, words: PhantomData })
    }

    /// The words, in a worker; `None` elsewhere. There they stay mapped until the process ends, hence
    /// `'static`: threads may outlive the configuration.
    #[must_use]
    pub fn get(&self) -> Option<&'static [AtomicU64]> {
        if !lifecycle::is_worker() {
            return None;
        }
        // SAFETY: `data` is what `init` stored. Words are atomic, so that all processes and threads
        // may use them at once.
        unsafe {
            let head = (*self.raw).data.cast::<Head>();
            if head.is_null() { None } else { Some(words(head)) }
        }
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
