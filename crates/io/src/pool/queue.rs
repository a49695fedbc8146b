//! Which job is next: the oldest whose key has a place left.

use std::collections::VecDeque;
use std::time::Instant;

use super::{Job, Overloaded};

/// Jobs that wait, and the keys of those that run.
pub(super) struct Queue<T> {
    waiting: VecDeque<Job<T>>,
    running: Vec<u64>,
    limit: usize,
    per_key: usize,
}

impl<T> Queue<T> {
    pub(super) fn new(limit: usize, per_key: usize) -> Self {
        Self { waiting: VecDeque::new(), running: Vec::new(), limit, per_key }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Appends a job. Only live jobs count as queued when the queue seems full.
    pub(super) fn push(&mut self, job: Job<T>) -> Result<(), Overloaded> {
        if self.waiting.len() >= self.limit {
            self.waiting.retain(|job| !job.cancelled.is_cancelled());
        }
        if self.waiting.len() >= self.limit {
            return Err(Overloaded);
        }
        self.waiting.push_back(job);
        Ok(())
    }

    /// Drops the jobs for which nobody waits; tickets of those whose deadline passed.
    pub(super) fn sweep(&mut self, now: Instant) -> Vec<u64> {
        let mut expired = Vec::new();
        self.waiting.retain(|job| {
            if job.cancelled.is_cancelled() {
                return false;
            }
            if job.deadline <= now {
                expired.push(job.ticket);
                return false;
            }
            true
        });
        expired
    }

    /// Takes the oldest job whose key runs fewer than `per_key`: jobs of a busy key are overtaken
    /// by those of others, never by their own.
    pub(super) fn take(&mut self) -> Option<Job<T>> {
        let (running, per_key) = (&self.running, self.per_key);
        let busy = |key| running.iter().filter(|&&other| other == key).count() >= per_key;
        let next = self.waiting.iter().position(|job| !busy(job.key))?;
        let job = self.waiting.remove(next)?;
        self.running.push(job.key);
        Some(job)
    }

    /// A job that was taken has ended.
    pub(super) fn ended(&mut self, key: u64) {
        if let Some(at) = self.running.iter().position(|&other| other == key) {
            self.running.swap_remove(at);
        }
    }

    /// All that wait, for the caller to drop.
    pub(super) fn clear(&mut self) -> VecDeque<Job<T>> {
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Cancel;
    use super::*;

    fn job(key: u64, ticket: u64, deadline: Instant) -> Job<()> {
        Job { key, ticket, deadline, cancelled: Cancel::default(), work: Box::new(|_, _| ()) }
    }

    fn tickets(queue: &mut Queue<()>) -> Vec<u64> {
        std::iter::from_fn(|| queue.take()).map(|job| job.ticket).collect()
    }

    #[test]
    fn jobs_of_a_key_at_its_limit_are_overtaken_and_keep_their_order() {
        let later = Instant::now() + Duration::from_secs(9);
        let mut queue = Queue::new(9, 2);
        for (key, ticket) in [(7, 1), (7, 2), (7, 3), (7, 4), (8, 5)] {
            queue.push(job(key, ticket, later)).unwrap();
        }
        assert_eq!(tickets(&mut queue), [1, 2, 5]);
        queue.ended(7);
        assert_eq!(tickets(&mut queue), [3]);
        queue.ended(8);
        assert_eq!(tickets(&mut queue), [0; 0], "a place of another key is none");
        queue.ended(7);
        assert_eq!(tickets(&mut queue), [4]);
    }

    #[test]
    fn a_full_queue_makes_room_only_of_what_was_cancelled() {
        let later = Instant::now() + Duration::from_secs(9);
        let mut queue = Queue::new(2, 1);
        let abandoned = job(7, 1, later);
        let cancel = abandoned.cancelled.clone();
        queue.push(abandoned).unwrap();
        queue.push(job(7, 2, later)).unwrap();
        assert_eq!(queue.push(job(7, 3, later)), Err(Overloaded));
        cancel.cancel();
        assert_eq!(queue.push(job(7, 4, later)), Ok(()));
        assert_eq!(queue.push(job(7, 5, later)), Err(Overloaded));
    }

    #[test]
    fn sweeping_reports_the_expired_and_forgets_the_cancelled() {
        let now = Instant::now();
        let mut queue = Queue::new(9, 1);
        let both = job(7, 2, now);
        both.cancelled.cancel();
        let cancelled = job(7, 3, now + Duration::from_secs(1));
        cancelled.cancelled.cancel();
        queue.push(job(7, 1, now)).unwrap();
        queue.push(both).unwrap();
        queue.push(cancelled).unwrap();
        queue.push(job(7, 4, now + Duration::from_secs(1))).unwrap();
        assert_eq!(queue.sweep(now), [1]);
        assert_eq!(tickets(&mut queue), [4]);
    }
}
