//! The threads of one worker: a bounded queue, fair between providers and between senders, that never
//! blocks the event loop.

mod cancel;
mod queue;
mod thread;

use std::io;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Instant;

use authentik_gate::http::TransportError;

use crate::client::Client;
pub use cancel::Cancel;
use thread::Shared;

/// Threads, started one by one when jobs need them, and the queue before them.
///
/// [`Pool::submit`], [`Pool::drain`] and [`Pool::stop`] belong to the event loop. Each takes a
/// mutex that is held for a walk over the queue at most, never while a job runs.
pub struct Pool<T> {
    shared: Arc<Shared<T>>,
    settings: PoolSettings,
}

/// Limits of a [`Pool`].
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// Threads at most, at least 1.
    pub threads: usize,
    /// Jobs that may wait for a thread.
    pub queue: usize,
    /// Of them, how many one sender may have there.
    pub per_sender: usize,
    /// Jobs of one key that may run at once; held below `threads` where there are two or more. Of
    /// one sender somewhat fewer.
    pub per_key: usize,
    /// Name of the threads as the kernel shows it, at most 15 bytes without NUL.
    pub name: &'static str,
    /// How a thread is started.
    pub spawn: Spawner,
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
        }
    }
}

/// Something slow to do for one request.
pub struct Job<T> {
    /// Whose job it is, for fairness: the provider.
    pub key: u64,
    /// Who caused it, for fairness: the client's address. `None` is nobody in particular, to whom no
    /// limit applies.
    pub sender: Option<u64>,
    /// Comes back with the outcome.
    pub ticket: u64,
    /// The job is not begun after this, and its fetches end by then.
    pub deadline: Instant,
    /// Says when nobody waits for the outcome any more.
    pub cancelled: Cancel,
    /// What the thread does. It owns all its data: configuration memory dies before threads do.
    pub work: Work<T>,
}

/// What a thread does, given the client and the job's deadline.
pub type Work<T> = Box<dyn FnOnce(&Client, Instant) -> T + Send>;

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// The work returned.
    Done(T),
    /// The deadline passed before a thread took the job.
    Expired,
    /// The queue was full, and the job gave way to one of somebody who had fewer in it.
    Displaced,
    /// The work panicked.
    Panicked,
}

/// The queue is full, or of jobs of this sender; no thread could be started, or the pool was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overloaded;

impl From<Overloaded> for TransportError {
    fn from(_: Overloaded) -> Self {
        Self::Overloaded
    }
}

impl<T: Send + 'static> Pool<T> {
    /// A pool without threads: the first is started by the first job.
    ///
    /// `on_done` runs on a thread of the pool each time outcomes were put where
    /// [`Pool::drain`] finds them; it wakes the loop (the shell writes to an eventfd, of which it
    /// owns a duplicate: a busy thread may call it at any time until [`Pool::stop`]).
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

    /// Hands each outcome to `each`, with the ticket of its job, in the order in which they came.
    ///
    /// A job that was cancelled in the queue has none. One that waits for its key beyond its
    /// deadline is reported as expired when a thread next looks: the request needs its own timer.
    pub fn drain(&self, each: &mut impl FnMut(u64, Outcome<T>)) {
        for (ticket, outcome) in self.shared.take_outcomes() {
            each(ticket, outcome);
        }
    }

    /// Idle threads leave, busy ones after their job, which nobody hears of. Waits for none:
    /// the worker exits anyway, and a job may take as long as its deadline.
    pub fn stop(&self) {
        self.shared.stop();
    }
}

impl<T> Drop for Pool<T> {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

/// Starts a thread under the caller's signal mask.
///
/// # Errors
/// The system has no thread left for us.
pub fn spawn_plainly(builder: Builder, body: Box<dyn FnOnce() + Send>) -> io::Result<()> {
    builder.spawn(body).map(drop)
}

/// Bytes of stack per thread: 512 KB were enough for ureq with rustls.
const STACK: usize = 1024 * 1024;
