use std::time::Duration;

use super::super::Cancel;
use super::*;

fn job(key: u64, ticket: u64, deadline: Instant) -> Job<()> {
    let work = Box::new(|_: &_, _| ());
    Job { key, sender: None, ticket, deadline, cancelled: Cancel::default(), work }
}

fn queue(queue: usize, per_key: usize) -> Queue<()> {
    Queue::new(&PoolSettings { queue, per_key, per_sender: queue, ..PoolSettings::default() })
}

/// A job of this sender.
fn sent(sender: u64, ticket: u64) -> Job<()> {
    let later = Instant::now() + Duration::from_secs(9);
    Job { sender: Some(sender), ..job(7, ticket, later) }
}

fn tickets(queue: &mut Queue<()>) -> Vec<u64> {
    std::iter::from_fn(|| queue.take()).map(|job| job.ticket).collect()
}

#[test]
fn jobs_of_a_key_at_its_limit_are_overtaken_and_keep_their_order() {
    let later = Instant::now() + Duration::from_secs(9);
    let mut queue = queue(9, 2);
    for (key, ticket) in [(7, 1), (7, 2), (7, 3), (7, 4), (8, 5)] {
        queue.push(job(key, ticket, later)).unwrap();
    }
    assert_eq!(tickets(&mut queue), [1, 2, 5]);
    queue.ended(7, None);
    assert_eq!(tickets(&mut queue), [3]);
    queue.ended(8, None);
    assert_eq!(tickets(&mut queue), [0; 0], "a place of another key is none");
    queue.ended(7, None);
    assert_eq!(tickets(&mut queue), [4]);
}

#[test]
fn a_full_queue_makes_room_only_of_what_was_cancelled() {
    let later = Instant::now() + Duration::from_secs(9);
    let mut queue = queue(2, 1);
    let abandoned = job(7, 1, later);
    let cancel = abandoned.cancelled.clone();
    queue.push(abandoned).unwrap();
    queue.push(job(7, 2, later)).unwrap();
    assert_eq!(queue.push(job(7, 3, later)).err(), Some(Overloaded));
    cancel.cancel();
    assert!(queue.push(job(7, 4, later)).is_ok());
    assert_eq!(queue.push(job(7, 5, later)).err(), Some(Overloaded));
}

#[test]
fn sweeping_reports_the_expired_and_forgets_the_cancelled() {
    let now = Instant::now();
    let mut queue = queue(9, 1);
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

#[test]
fn a_sender_has_a_share_of_the_queue_and_of_the_threads() {
    let settings = PoolSettings { queue: 9, per_sender: 3, per_key: 6, ..PoolSettings::default() };
    let mut queue = Queue::new(&settings);
    for ticket in 0..3 {
        queue.push(sent(1, ticket)).unwrap();
    }
    assert_eq!(queue.push(sent(1, 3)).err(), Some(Overloaded));
    queue.push(sent(2, 4)).unwrap();
    assert_eq!(queue.take().map(|job| job.ticket), Some(0));
    assert_eq!(queue.take().map(|job| job.ticket), Some(4), "who has none running comes first");

    for ticket in 5..9 {
        queue.push(sent(1, ticket)).map(drop).unwrap();
        queue.take().unwrap();
    }
    assert!(queue.take().is_none(), "five of the six places of a key, and no more");
    queue.push(sent(3, 9)).unwrap();
    assert_eq!(queue.take().map(|job| job.ticket), None, "the sixth is the second sender's");
    queue.ended(7, Some(2));
    assert_eq!(queue.take().map(|job| job.ticket), Some(9));
}

#[test]
fn a_sender_leaves_threads_to_others_whatever_the_keys() {
    let settings = PoolSettings { threads: 8, per_key: 6, ..PoolSettings::default() };
    let mut queue = Queue::new(&settings);
    for ticket in 0..20 {
        queue.push(Job { key: ticket % 2, ..sent(1, ticket) }).unwrap();
    }
    queue.push(sent(2, 20)).unwrap();
    let taken = tickets(&mut queue);
    assert_eq!(taken.len(), 8, "{taken:?}");
    assert_eq!(taken.get(1), Some(&20));
}

#[test]
fn in_a_full_queue_who_has_most_gives_way_to_who_has_less() {
    let mut queue = queue(6, 1);
    for (sender, ticket) in [(1, 1), (1, 2), (1, 3), (2, 4), (1, 5), (3, 6)] {
        queue.push(sent(sender, ticket)).unwrap();
    }
    let displaced = |pushed: Result<Option<Job<()>>, Overloaded>| match pushed {
        Ok(job) => job.map(|job| job.ticket),
        Err(Overloaded) => Some(0),
    };
    assert_eq!(displaced(queue.push(sent(4, 7))), Some(5), "the newest of the first");
    assert_eq!(displaced(queue.push(sent(4, 8))), Some(3));
    assert_eq!(displaced(queue.push(sent(1, 9))), Some(0), "it has as many as anybody");
    assert!(matches!(displaced(queue.push(sent(5, 10))), Some(2 | 8)), "of two with as many, one");
}

#[test]
fn a_job_is_either_cancelled_or_begun() {
    let mut queue = queue(9, 2);
    let (early, late) = (sent(1, 1), sent(1, 2));
    let cancels = [early.cancelled.clone(), late.cancelled.clone()];
    queue.push(early).unwrap();
    queue.push(late).unwrap();
    assert!(cancels[0].cancel());
    assert_eq!(queue.take().map(|job| job.ticket), Some(2));
    assert!(!cancels[1].cancel() && !cancels[1].is_cancelled());
}
