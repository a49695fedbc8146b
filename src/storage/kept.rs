//! Ends in a file of this host until the store has taken them, written by a thread of their own: a
//! store that does not answer must not hold them up.

use std::sync::Arc;
use std::time::Duration;

use authentik_io::pool::{Pool, PoolSettings};
use authentik_store::{EndsFile, PendingEnd};
use nginx::wakeup::Waker;

use super::health;
use super::tasks::{self, Answer, Answered, Line, Task};
use crate::authentik::threads;
use crate::ngx::now;

/// Maximum time until an end is written: a slow disk is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The file, and the thread that writes it.
pub(super) struct Keeper {
    file: Arc<EndsFile>,
    pool: Pool<Answered>,
}

impl Keeper {
    pub(super) fn start(file: EndsFile, waker: Waker) -> Self {
        let settings = PoolSettings {
            threads: 1,
            per_key: 1,
            queue: 4096,
            per_sender: 4096,
            name: "authentik-ends",
            spawn: threads::spawn,
            on_idle: None,
        };
        Self { file: Arc::new(file), pool: Pool::start(settings, move || waker.signal()) }
    }

    pub(super) fn file(&self) -> &EndsFile {
        &self.file
    }

    pub(super) fn pool(&self) -> &Pool<Answered> {
        &self.pool
    }

    /// Makes the file if there is none, so that a full disk takes ends too.
    pub(super) fn prepare(&self) {
        let file = Arc::clone(&self.file);
        // Otherwise it is made with the first end.
        let _ = self.submit(Task::Keep, move || Answer::Kept(file.prepare()));
    }

    /// Writes ends; returns the number of the task.
    pub(super) fn keep(&self, ends: Vec<PendingEnd>) -> Option<u64> {
        let (file, time) = (Arc::clone(&self.file), now().0);
        let number = self.submit(Task::Keep, move || Answer::Kept(file.keep(&ends, time)));
        if number.is_none() {
            health::unkept(self.file.path(), "too many wait to be written");
        }
        number
    }

    /// Removes ends that the store has taken.
    pub(super) fn discard(&self, ends: Vec<PendingEnd>) {
        let file = Arc::clone(&self.file);
        // Otherwise the store is told once more after a restart, which changes nothing.
        let _ = self.submit(Task::Discard, move || Answer::Kept(file.discard(&ends)));
    }

    fn submit(&self, task: Task, work: impl FnOnce() -> Answer + Send + 'static) -> Option<u64> {
        tasks::submit(&self.pool, Line::Writes, None, PATIENCE, task, move |_| work()).ok()
    }
}
