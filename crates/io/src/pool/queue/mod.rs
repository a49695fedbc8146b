//! Which job is next: the oldest one of the sender with the fewest running jobs, among keys with
//! free slots.
//!
//! No sender can fill the queue or the threads: part of both is out of its reach. If many together
//! fill the queue, the sender with the most jobs in it makes room for one with fewer.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::{Job, Overloaded, PoolSettings};

/// Waiting jobs, and the keys and senders of running ones.
pub(super) struct Queue<T> {
    waiting: VecDeque<Job<T>>,
    running: Vec<(u64, Option<u64>)>,
    limit: usize,
    per_sender: usize,
    per_key: usize,
    /// How many of these may be from one sender.
    per_key_and_sender: usize,
    running_per_sender: usize,
}

/// One in this many slots of a key is withheld from each sender.
const KEPT_OF_KEY: usize = 6;
/// One in this many threads is withheld from each sender, whatever the keys.
const KEPT_OF_THREADS: usize = 8;

impl<T> Queue<T> {
    pub(super) fn new(settings: &PoolSettings) -> Self {
        let PoolSettings { threads, queue: limit, per_sender, per_key, .. } = *settings;
        Self {
            waiting: VecDeque::new(),
            running: Vec::new(),
            limit,
            per_sender,
            per_key,
            per_key_and_sender: per_key - per_key / KEPT_OF_KEY,
            running_per_sender: threads - threads / KEPT_OF_THREADS,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Appends a job. If the queue seems full, only live jobs count. Returns a displaced job for
    /// the caller to report and drop.
    pub(super) fn push(&mut self, job: Job<T>) -> Result<Option<Job<T>>, Overloaded> {
        if !self.has_room(job.sender) {
            self.waiting.retain(|job| !job.cancelled.is_cancelled());
        }
        if self.of_sender(job.sender) >= self.per_sender {
            return Err(Overloaded);
        }
        let mut displaced = None;
        if self.waiting.len() >= self.limit {
            let at = self.displaceable(job.sender).ok_or(Overloaded)?;
            displaced = self.waiting.remove(at);
        }
        self.waiting.push_back(job);
        Ok(displaced)
    }

    fn has_room(&self, sender: Option<u64>) -> bool {
        self.waiting.len() < self.limit && self.of_sender(sender) < self.per_sender
    }

    /// How many jobs of a sender wait; 0 for no particular sender.
    fn of_sender(&self, sender: Option<u64>) -> usize {
        if sender.is_none() {
            return 0;
        }
        self.waiting.iter().filter(|job| job.sender == sender).count()
    }

    /// The newest job of the sender with the most, if that is at least two more than this one's:
    /// otherwise they would only take turns.
    fn displaceable(&self, sender: Option<u64>) -> Option<usize> {
        let mut counts: HashMap<u64, usize> = HashMap::new();
        for sender in self.waiting.iter().filter_map(|job| job.sender) {
            *counts.entry(sender).or_default() += 1;
        }
        let own = sender.and_then(|sender| counts.get(&sender)).copied().unwrap_or(0);
        let (most, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        let newest = || self.waiting.iter().rposition(|job| job.sender == Some(most));
        if count >= own + 2 { newest() } else { None }
    }

    /// Drops the jobs that nobody waits for; returns the tickets of those past their deadline.
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

    /// Takes the next job and marks it as begun. Others may overtake jobs of a busy key or of a
    /// sender with many running ones; a sender's own jobs stay in order.
    pub(super) fn take(&mut self) -> Option<Job<T>> {
        loop {
            let job = self.waiting.remove(self.next()?)?;
            if job.cancelled.begin() {
                self.running.push((job.key, job.sender));
                return Some(job);
            }
        }
    }

    fn next(&self) -> Option<usize> {
        let mut best = None;
        for (at, job) in self.waiting.iter().enumerate() {
            let [of_key, of_sender, of_both] = self.running_beside(job);
            if of_key >= self.per_key
                || of_both >= self.per_key_and_sender
                || of_sender >= self.running_per_sender
            {
                continue;
            }
            if of_sender == 0 {
                return Some(at);
            }
            if best.is_none_or(|(fewest, _)| of_sender < fewest) {
                best = Some((of_sender, at));
            }
        }
        best.map(|(_, at)| at)
    }

    /// How many of its key, of its sender, and of both are running; 0 for no particular sender.
    fn running_beside(&self, job: &Job<T>) -> [usize; 3] {
        let mut counts = [0; 3];
        for (key, sender) in &self.running {
            let same_sender = job.sender.is_some() && *sender == job.sender;
            let same = [*key == job.key, same_sender, *key == job.key && same_sender];
            counts.iter_mut().zip(same).for_each(|(count, same)| *count += usize::from(same));
        }
        counts
    }

    /// Records the end of a job that was taken.
    pub(super) fn ended(&mut self, key: u64, sender: Option<u64>) {
        if let Some(at) = self.running.iter().position(|other| *other == (key, sender)) {
            self.running.swap_remove(at);
        }
    }

    /// Removes all waiting jobs, for the caller to drop.
    pub(super) fn clear(&mut self) -> VecDeque<Job<T>> {
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests;
