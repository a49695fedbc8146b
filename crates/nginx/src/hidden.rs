//! Memory for keys: core dumps leave it out.
//!
//! It is a process's own, and those that it forks have a copy of it.

use core::ptr::{self, NonNull};

/// Bytes that no core dump of this process holds, nor of those that it forks.
pub struct Hidden<const N: usize>(NonNull<[u8; N]>);

// SAFETY: nobody changes the bytes once they are filled, and the mapping is of the whole process.
unsafe impl<const N: usize> Send for Hidden<N> {}
// SAFETY: as above.
unsafe impl<const N: usize> Sync for Hidden<N> {}

impl<const N: usize> Hidden<N> {
    /// Has them filled. `None` if that fails, or if there is no memory that can be hidden.
    pub fn filled(fill: impl FnOnce(&mut [u8; N]) -> bool) -> Option<Self> {
        const { assert!(N > 0, "a mapping has a length") };
        // SAFETY: asks for a mapping of its own, of zeros, at least as long and aligned to a page.
        let mapped = unsafe {
            let (access, kind) =
                (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            libc::mmap(ptr::null_mut(), N, access, kind, -1, 0)
        };
        if mapped == libc::MAP_FAILED {
            return None;
        }
        let mut hidden = Self(NonNull::new(mapped.cast())?);
        // SAFETY: advice for exactly that mapping; nobody else knows it yet.
        let is_filled = unsafe {
            libc::madvise(mapped, N, libc::MADV_DONTDUMP) == 0 && fill(hidden.0.as_mut())
        };
        is_filled.then_some(hidden)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; N] {
        // SAFETY: mapped and readable until it is dropped.
        unsafe { self.0.as_ref() }
    }
}

impl<const N: usize> Drop for Hidden<N> {
    fn drop(&mut self) {
        // SAFETY: mapped by `filled`, once; nobody borrows it any more. The system overwrites it before
        // it gives it to anybody.
        unsafe { libc::munmap(self.0.as_ptr().cast(), N) };
    }
}
