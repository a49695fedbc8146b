//! A bell for the threads of all processes: a futex on a word in shared memory (futex(2)).

use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts how many times it was rung.
#[derive(Clone, Copy)]
pub struct Bell<'m>(&'m AtomicU64);

impl<'m> Bell<'m> {
    /// A bell on a word that all processes share, in memory mapped as shared.
    pub fn over(word: &'m AtomicU64) -> Self {
        Self(word)
    }

    /// Wakes all waiting threads. Never blocks.
    pub fn ring(self) {
        self.0.fetch_add(1, Ordering::Release);
        // SAFETY: a plain system call; the kernel only uses the address as a key and reads nothing.
        unsafe { libc::syscall(libc::SYS_futex, self.low_half(), libc::FUTEX_WAKE, i32::MAX) };
    }

    /// The current count, for [`Bell::wait`].
    pub fn heard(self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Waits until the bell is rung, at most for `longest`; returns at once if it was rung since
    /// `heard`.
    pub fn wait(self, heard: u64, longest: Duration) {
        let timeout = libc::timespec {
            tv_sec: libc::time_t::try_from(longest.as_secs()).unwrap_or(1),
            tv_nsec: longest.subsec_nanos() as _,
        };
        // Only the low half is compared.
        let expected = heard as u32;
        // SAFETY: the word stays mapped while this process lives; the kernel reads its four aligned
        // bytes, and the timeout before it returns. The result is ignored: the caller checks the
        // state anyway.
        unsafe {
            let timeout = ptr::from_ref(&timeout);
            libc::syscall(libc::SYS_futex, self.low_half(), libc::FUTEX_WAIT, expected, timeout)
        };
    }

    fn low_half(self) -> *mut u32 {
        let first = self.0.as_ptr().cast::<u32>();
        first.wrapping_add(usize::from(cfg!(target_endian = "big")))
    }
}
