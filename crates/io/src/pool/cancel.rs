//! Whether anybody is still waiting for a job.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Says that nobody waits for a job any more; all clones are one flag.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicU8>);

const WAITING: u8 = 0;
const BEGUN: u8 = 1;
const CANCELLED: u8 = 2;

impl Cancel {
    /// The job is dropped unless a thread has begun it; a job that has begun runs to its end and
    /// reports. Says whether it is dropped.
    pub fn cancel(&self) -> bool {
        self.leave_waiting(CANCELLED)
    }

    /// A thread begins the job, unless it was cancelled.
    pub(super) fn begin(&self) -> bool {
        self.leave_waiting(BEGUN)
    }

    /// Whether nobody waits any more.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) == CANCELLED
    }

    /// Relaxed: it guards no other data. Once only: either the job is dropped or it reports.
    fn leave_waiting(&self, next: u8) -> bool {
        self.0.compare_exchange(WAITING, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
