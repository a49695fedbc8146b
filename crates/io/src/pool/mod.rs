//! The threads of one worker, with a bounded queue that is fair between providers and between
//! clients and never blocks the event loop.

mod cancel;
mod queue;
mod thread;

use std::io;
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use authentik_gate::http::TransportError;

use crate::client::Client;
pub use cancel::Cancel;
use thread::Shared;

/// Threads, started one by one on demand, and their queue.
///
/// [`Pool::submit`], [`Pool::drain`] and [`Pool::stop`] are for the event loop. Each takes a mutex
/// that is held for at most one pass over the queue, never while a job runs.
pub struct Pool<T> {
    shared: Arc<Shared<T>>,
    settings: PoolSettings,
}

/// Limits of a [`Pool`].
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// Maximum number of threads, at least 1.
    pub threads: usize,
    /// Maximum number of waiting jobs.
    pub queue: usize,
    /// How many of them may be from one sender.
    pub per_sender: usize,
    /// How many jobs of one key may run at once; kept below `threads` if there are two or more.
    /// Somewhat fewer of one sender.
    pub per_key: usize,
    /// Thread name as shown by the kernel, at most 15 bytes without NUL.
    pub name: &'static str,
    /// How to start a thread.
    pub spawn: Spawner,
    /// Called on a thread that has had nothing to do for this long, once before its next job.
    pub on_idle: Option<(Duration, fn())>,
}

/// Starts a thread.
///
/// Threads inherit the signal mask. The shell blocks all signals around the call: a SIGQUIT that
/// lands on a thread does not interrupt `epoll_wait`, and the worker would react late.
pub type Spawner = fn(Builder, Box<dyn FnOnce() + Send>) -> io::Result<()>;

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            threads: 8,
            queue: 1024,
            per_sender: 1024,
            per_key: 6,
            name: "authentik",
            spawn: spawn_plainly,
            on_idle: None,
        }
    }
}

/// A slow task for one request.
pub struct Job<T> {
    /// For fairness: the provider.
    pub key: u64,
    /// For fairness: the client's address. `None` is no particular client, without a limit.
    pub sender: Option<u64>,
    /// Returned with the outcome.
    pub ticket: u64,
    /// The job is not begun after this time, and its fetches end by then.
    pub deadline: Instant,
    /// Set when nobody waits for the outcome any more.
    pub cancelled: Cancel,
    /// The task. It owns all its data: configuration memory is freed before threads end.
    pub work: Work<T>,
}

/// A task, given the client and the job's deadline.
pub type Work<T> = Box<dyn FnOnce(&Client, Instant) -> T + Send>;

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// The work returned.
    Done(T),
    /// The deadline passed before a thread took the job.
    Expired,
    /// The queue was full, and the job was displaced by one of a sender with fewer jobs.
    Displaced,
    /// The work panicked.
    Panicked,
}

impl<T> Outcome<T> {
    /// What the work returned, if it did.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(result) => Some(result),
            Self::Expired | Self::Displaced | Self::Panicked => None,
        }
    }
}

/// The queue is full, or this sender's part of it; no thread could be started; or the pool is
/// stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overloaded;

impl From<Overloaded> for TransportError {
    fn from(_: Overloaded) -> Self {
        Self::Overloaded
    }
}

impl<T: Send + 'static> Pool<T> {
    /// Creates a pool without threads: the first job starts the first.
    ///
    /// `on_done` runs on a thread of the pool whenever there are outcomes for [`Pool::drain`]. It
    /// wakes the loop (the shell writes to its own duplicate of an eventfd: a busy thread may call
    /// it at any time until [`Pool::stop`]).
    pub fn start(settings: PoolSettings, on_done: impl Fn() + Send + Sync + 'static) -> Self {
        let threads = settings.threads.max(1);
        let per_key = settings.per_key.min(threads - 1).max(1);
        let settings = PoolSettings { threads, per_key, ..settings };
        let shared = Arc::new(Shared::new(&settings, Box::new(on_done)));
        Self { shared, settings }
    }

    /// Queues a job.
    ///
    /// # Errors
    /// The job was not queued and will not run.
    pub fn submit(&self, job: Job<T>) -> Result<(), Overloaded> {
        if self.shared.reserve_thread(self.settings.threads)? {
            let shared = Arc::clone(&self.shared);
            let builder = Builder::new().name(self.settings.name.to_owned()).stack_size(STACK);
            if (self.settings.spawn)(builder, Box::new(move || shared.serve())).is_err() {
                self.shared.give_thread_back()?;
            }
        }
        self.shared.push(job)
    }

    /// Passes each outcome to `each`, with the ticket of its job, in order of completion.
    ///
    /// A job that was cancelled in the queue has none. One that waits for its key beyond its
    /// deadline is reported as expired when a thread next looks: the request needs its own timer.
    pub fn drain(&self, each: &mut impl FnMut(u64, Outcome<T>)) {
        for (ticket, outcome) in self.shared.take_outcomes() {
            each(ticket, outcome);
        }
    }

    /// Idle threads exit, busy ones after their job, whose outcome is lost. Does not wait: the
    /// worker exits anyway, and a job may take until its deadline.
    pub fn stop(&self) {
        self.shared.stop();
    }
}

impl<T> Drop for Pool<T> {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

/// Starts a thread with the caller's signal mask.
///
/// # Errors
/// The system cannot create a thread.
pub fn spawn_plainly(builder: Builder, body: Box<dyn FnOnce() + Send>) -> io::Result<()> {
    builder.spawn(body).map(drop)
}

/// Stack size per thread, in bytes: 512 KB were enough for ureq with rustls.
const STACK: usize = 1024 * 1024;
