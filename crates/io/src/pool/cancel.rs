//! Whether anybody still waits for a job.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Cancels a job for which nobody waits any more; clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicU8>);

const WAITING: u8 = 0;
const BEGUN: u8 = 1;
const CANCELLED: u8 = 2;

impl Cancel {
    /// Drops the job unless a thread has begun it; in that case it runs to its end and reports.
    /// Returns whether it is dropped.
    pub fn cancel(&self) -> bool {
        self.leave_waiting(CANCELLED)
    }

    /// Begins the job, unless it was cancelled.
    pub(super) fn begin(&self) -> bool {
        self.leave_waiting(BEGUN)
    }

    /// Whether nobody waits any more.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) == CANCELLED
    }

    /// Relaxed: it guards no other data. Only once: either the job is dropped or it reports.
    fn leave_waiting(&self, next: u8) -> bool {
        self.0.compare_exchange(WAITING, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
