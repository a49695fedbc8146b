//! What a thread of the pool does, and what it shares with the loop.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::queue::Queue;
use super::{Job, Outcome, Overloaded, PoolSettings};
use crate::client::Client;

/// Shared by the loop and the threads.
pub(super) struct Shared<T> {
    state: Mutex<State<T>>,
    job_queued: Condvar,
    outcomes: Mutex<Vec<(u64, Outcome<T>)>>,
    on_done: Box<dyn Fn() + Send + Sync>,
    on_idle: Option<(Duration, fn())>,
    client: Client,
}

struct State<T> {
    queue: Queue<T>,
    threads: usize,
    idle: usize,
    stopped: bool,
}

impl<T> Shared<T> {
    pub(super) fn new(settings: &PoolSettings, on_done: Box<dyn Fn() + Send + Sync>) -> Self {
        let queue = Queue::new(settings);
        Self {
            state: Mutex::new(State { queue, threads: 0, idle: 0, stopped: false }),
            job_queued: Condvar::new(),
            outcomes: Mutex::new(Vec::new()),
            on_done,
            on_idle: settings.on_idle,
            client: Client::new(),
        }
    }

    /// The body of a thread: runs jobs until the pool is stopped.
    pub(super) fn serve(&self) {
        while let Some(Job { key, sender, ticket, deadline, work, .. }) = self.next_job() {
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&self.client, deadline)))
                .map_or(Outcome::Panicked, Outcome::Done);
            let stopped = {
                let mut state = lock(&self.state);
                state.queue.ended(key, sender);
                state.stopped
            };
            if !stopped {
                self.report([(ticket, outcome)]);
            }
        }
    }

    /// Waits for a runnable job; `None` if the pool is stopped.
    fn next_job(&self) -> Option<Job<T>> {
        let mut on_idle = self.on_idle;
        let mut state = lock(&self.state);
        loop {
            if state.stopped {
                return None;
            }
            let expired = state.queue.sweep(Instant::now());
            if !expired.is_empty() {
                drop(state);
                self.report(expired.into_iter().map(|ticket| (ticket, Outcome::Expired)));
                state = lock(&self.state);
                continue;
            }
            if let Some(job) = state.queue.take() {
                return Some(job);
            }
            state.idle += 1;
            let is_over;
            (state, is_over) = self.wait(state, on_idle.map(|(after, _)| after));
            state.idle -= 1;
            if let Some((_, rest)) = on_idle.take_if(|_| is_over) {
                drop(state);
                let _ = catch_unwind(rest);
                state = lock(&self.state);
            }
        }
    }

    /// Waits until a job may be there. Whether nothing has happened until the time was over.
    fn wait<'s>(
        &self,
        state: MutexGuard<'s, State<T>>,
        at_most: Option<Duration>,
    ) -> (MutexGuard<'s, State<T>>, bool) {
        let Some(at_most) = at_most else {
            let waited = self.job_queued.wait(state);
            return (waited.unwrap_or_else(PoisonError::into_inner), false);
        };
        let waited = self.job_queued.wait_timeout(state, at_most);
        let (state, ended) = waited.unwrap_or_else(PoisonError::into_inner);
        (state, ended.timed_out())
    }

    fn report(&self, outcomes: impl IntoIterator<Item = (u64, Outcome<T>)>) {
        lock(&self.outcomes).extend(outcomes);
        // A thread that died here would be lost for good: only the loop depends on the wake-up.
        let _ = catch_unwind(AssertUnwindSafe(|| (self.on_done)()));
    }

    /// Whether to start another thread for the next job; it is already counted.
    pub(super) fn reserve_thread(&self, most: usize) -> Result<bool, Overloaded> {
        let mut state = lock(&self.state);
        if state.stopped {
            return Err(Overloaded);
        }
        // A notified thread counts as idle until it runs, so compare with the queue.
        let wanted = state.idle <= state.queue.len() && state.threads < most;
        state.threads += usize::from(wanted);
        Ok(wanted)
    }

    /// The reserved thread could not be started, which is an error only if there is no other.
    pub(super) fn give_thread_back(&self) -> Result<(), Overloaded> {
        let mut state = lock(&self.state);
        state.threads -= 1;
        if state.threads == 0 { Err(Overloaded) } else { Ok(()) }
    }

    pub(super) fn push(&self, job: Job<T>) -> Result<(), Overloaded> {
        let mut state = lock(&self.state);
        if state.stopped {
            return Err(Overloaded);
        }
        let displaced = state.queue.push(job)?;
        drop(state);
        self.job_queued.notify_one();
        if let Some(displaced) = displaced {
            self.report([(displaced.ticket, Outcome::Displaced)]);
        }
        Ok(())
    }

    pub(super) fn take_outcomes(&self) -> Vec<(u64, Outcome<T>)> {
        std::mem::take(&mut *lock(&self.outcomes))
    }

    pub(super) fn stop(&self) {
        let waiting = {
            let mut state = lock(&self.state);
            state.stopped = true;
            state.queue.clear()
        };
        self.job_queued.notify_all();
        drop(waiting); // not under the lock: dropping a job drops what it owns
    }
}

/// A panic with the mutex held leaves nothing half done: each change is a single statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
