//! A shared zone that is used under a lock.
//!
//! The lock is the zone's slab mutex, because the master releases it if a worker dies while holding
//! it (`ngx_unlock_mutexes`, ngx_process.c).

use core::cell::Cell;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::sync::atomic::AtomicU32;

use ngx::ffi::{ngx_int_t, ngx_shm_zone_t, ngx_shmtx_lock, ngx_shmtx_unlock, ngx_slab_pool_t};

use super::conf::{Conf, Mistake};
use super::log::{self, Level};
use super::{Module, guard, shared_memory};

/// The memory of a zone while it is locked.
pub struct Region<'m> {
    /// A flag that other workers may read without the lock, e.g. whether a change is in progress,
    /// so that an unfinished change of a dead worker is noticed. 0 in a fresh zone.
    pub flag: &'m AtomicU32,
    /// Words that others read without the lock, see [`Zone::words`]. 0 in a fresh zone.
    pub words: &'m [AtomicU32],
    /// The rest: the same bytes each time, at different addresses in different processes.
    pub bytes: &'m mut [u8],
}

/// The contents of a zone.
pub trait Contents {
    /// The number of [words](Region::words).
    const WORDS: usize;

    /// Initialises unused memory, which contains garbage. `None` if there is not enough room.
    fn format(region: Region<'_>) -> Option<()>;
}

/// A zone requested by the configuration. nginx maps it after the configuration has been read.
pub struct Zone<C> {
    raw: *mut ngx_shm_zone_t,
    contents: PhantomData<fn() -> C>,
}

impl<C> Clone for Zone<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Zone<C> {}

/// The header of our part of the mapping; words and bytes follow.
#[repr(C, align(64))]
struct Head {
    flag: AtomicU32,
    words: usize,
    bytes: usize,
}

impl Head {
    /// Size of this many words in bytes, padded so that what follows is aligned like the head.
    const fn size_of_words(words: usize) -> usize {
        (words * size_of::<AtomicU32>()).next_multiple_of(align_of::<Self>())
    }
}

impl<C: Contents> Zone<C> {
    /// Asks nginx for the zone.
    ///
    /// # Errors
    /// nginx refuses; it logs the reason.
    pub fn add<M: Module>(cf: &Conf<'_, M>, name: &str, size: usize) -> Result<Self, Mistake> {
        let raw = shared_memory::add(cf, name, size, init::<M, C>)?;
        Ok(Self { raw, contents: PhantomData })
    }

    /// Runs `work` on the memory while no other worker does. Keep it short: copy out, nothing else.
    ///
    /// Must not be nested: the lock would wait for this thread forever.
    ///
    /// `None` if the zone is not mapped yet.
    pub fn with<R>(&self, work: impl FnOnce(Region<'_>) -> R) -> Option<R> {
        let mut locked = Locked::take(self.raw)?;
        Some(work(locked.region()))
    }

    /// The memory without the lock: whoever holds the lock may be changing it.
    ///
    /// `None` if the zone is not mapped yet.
    #[must_use]
    pub fn unlocked(&self) -> Option<Unlocked<'_>> {
        // SAFETY: as in `Locked::take`; what `init` wrote into the head does not change.
        unsafe {
            let head = (*self.raw).data.cast::<Head>();
            if head.is_null() {
                return None;
            }
            Some(Unlocked { bytes: bytes(head), length: (*head).bytes, zone: PhantomData })
        }
    }

    /// The words without the lock: whoever holds the lock may be changing them.
    ///
    /// `None` if the zone is not mapped yet.
    #[must_use]
    pub fn words(&self) -> Option<&[AtomicU32]> {
        // SAFETY: as in `Locked::take`; the words are atomic.
        unsafe {
            let head = (*self.raw).data.cast::<Head>();
            if head.is_null() { None } else { Some(words(head)) }
        }
    }
}

/// The memory of a zone without the lock.
pub struct Unlocked<'z> {
    bytes: *const u8,
    length: usize,
    zone: PhantomData<&'z ()>,
}

impl Unlocked<'_> {
    /// The number of bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// The eight bytes at this offset, a multiple of eight, as they are right now, maybe
    /// half-written. Nothing can be concluded from them, but it loads them into the processor's
    /// caches.
    ///
    /// `None` beyond the end, and while this thread holds a lock.
    #[inline]
    #[must_use]
    pub fn glance(&self, at: usize) -> Option<[u8; 8]> {
        let end = at.checked_add(8)?;
        if at % 8 != 0 || end > self.length || LOCKED.get() > 0 {
            return None;
        }
        // SAFETY: within the mapping, which is suitably aligned and stays. This process has no
        // reference to it: only the thread that uses zones has one, and only while it holds the
        // lock. Other processes may write, so it is volatile, and any bytes are a valid value.
        Some(unsafe { self.bytes.add(at).cast::<u64>().read_volatile() }.to_ne_bytes())
    }
}

thread_local! {
    /// The number of zones that this thread has locked.
    static LOCKED: Cell<u32> = const { Cell::new(0) };
}

/// The lock while it is held.
struct Locked {
    pool: *mut ngx_slab_pool_t,
    head: *mut Head,
}

impl Locked {
    fn take(zone: *mut ngx_shm_zone_t) -> Option<Self> {
        // SAFETY: nginx maps the zone before workers start and keeps it mapped until they exit;
        // `data` was stored by `init`.
        unsafe {
            let head = (*zone).data.cast::<Head>();
            if head.is_null() {
                return None;
            }
            let pool = (*zone).shm.addr.cast::<ngx_slab_pool_t>();
            ngx_shmtx_lock(&raw mut (*pool).mutex);
            LOCKED.set(LOCKED.get() + 1);
            Some(Self { pool, head })
        }
    }

    fn region(&mut self) -> Region<'_> {
        // SAFETY: `init` made room for this many bytes after the head, and while we hold the lock
        // nobody else touches them. Flag and words are atomic: threads of other workers may read
        // them.
        unsafe { region(self.head) }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        LOCKED.set(LOCKED.get() - 1);
        // SAFETY: locked by `take`, unlocked once.
        unsafe { ngx_shmtx_unlock(&raw mut (*self.pool).mutex) };
    }
}

/// # Safety
/// `head` was written by `init`, and nobody else accesses the bytes.
unsafe fn region<'m>(head: *mut Head) -> Region<'m> {
    // SAFETY: by this function's contract.
    unsafe {
        Region {
            flag: &(*head).flag,
            words: words(head),
            bytes: core::slice::from_raw_parts_mut(bytes(head), (*head).bytes),
        }
    }
}

/// Where the bytes behind the words begin.
///
/// # Safety
/// `head` was written by `init`.
unsafe fn bytes(head: *mut Head) -> *mut u8 {
    // SAFETY: by this function's contract; the words are followed by the bytes.
    unsafe { head.add(1).cast::<u8>().add(Head::size_of_words((*head).words)) }
}

/// # Safety
/// `head` was written by `init`.
unsafe fn words<'m>(head: *mut Head) -> &'m [AtomicU32] {
    // SAFETY: by this function's contract; the head's alignment is sufficient for the words after
    // it.
    unsafe { core::slice::from_raw_parts(head.add(1).cast::<AtomicU32>(), (*head).words) }
}

/// See [`shared_memory::Init`].
unsafe extern "C" fn init<M: Module, C: Contents>(
    zone: *mut ngx_shm_zone_t,
    old: *mut c_void,
) -> ngx_int_t {
    guard::status::<M>("zone init", || {
        // SAFETY: nginx passes both; the head of every zone of this kind is written here, and
        // nobody else uses a fresh one yet.
        let found = unsafe {
            shared_memory::find(zone, old, |head: *mut Head, room| {
                let size = Head::size_of_words(C::WORDS);
                let bytes = room.checked_sub(size)?;
                head.add(1).cast::<u8>().write_bytes(0, size);
                head.write(Head { flag: AtomicU32::new(0), words: C::WORDS, bytes });
                C::format(region(head))
            })
        };
        found.map(drop).ok_or_else(|| {
            log::cycle::<M>(
                Level::Crit,
                format_args!("a shared zone is too small for what it has to hold; enlarge it"),
            );
        })
    })
}
