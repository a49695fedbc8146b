//! Memory for keys, excluded from core dumps.
//!
//! It is private to a process; forked processes have a copy.

use core::ptr::{self, NonNull};

/// Bytes that are in no core dump of this process or those that it forks.
pub struct Hidden<const N: usize>(NonNull<[u8; N]>);

// SAFETY: the bytes do not change once filled, and the mapping belongs to the whole process.
unsafe impl<const N: usize> Send for Hidden<N> {}
// SAFETY: as above.
unsafe impl<const N: usize> Sync for Hidden<N> {}

impl<const N: usize> Hidden<N> {
    /// Lets `fill` fill them. `None` if that fails, or if no memory can be hidden.
    pub fn filled(fill: impl FnOnce(&mut [u8; N]) -> bool) -> Option<Self> {
        const { assert!(N > 0, "a mapping has a length") };
        // SAFETY: requests a new mapping of zeros, at least as long and page aligned.
        let mapped = unsafe {
            let (access, kind) =
                (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            libc::mmap(ptr::null_mut(), N, access, kind, -1, 0)
        };
        if mapped == libc::MAP_FAILED {
            return None;
        }
        let mut hidden = Self(NonNull::new(mapped.cast())?);
        // SAFETY: advice for exactly that mapping, which nobody else knows yet.
        let is_filled = unsafe {
            libc::madvise(mapped, N, libc::MADV_DONTDUMP) == 0 && fill(hidden.0.as_mut())
        };
        is_filled.then_some(hidden)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; N] {
        // SAFETY: mapped and readable until dropped.
        unsafe { self.0.as_ref() }
    }
}

impl<const N: usize> Drop for Hidden<N> {
    fn drop(&mut self) {
        // SAFETY: mapped by `filled`, once; nobody borrows it any more. The kernel clears it before
        // giving it to anybody else.
        unsafe { libc::munmap(self.0.as_ptr().cast(), N) };
    }
}
