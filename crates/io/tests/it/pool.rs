//! Fairness, bounds and survival of the threads.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use authentik_gate::http::TransportError;
use authentik_gate::provider::Trust;
use authentik_io::pool::{
    Cancel, Job, Outcome, Overloaded, Pool, PoolSettings, Work, spawn_plainly,
};

use crate::peer::get;

const PATIENCE: Duration = Duration::from_secs(10);

/// A pool, and the loop's end of its wake-up.
struct Rig<T> {
    pool: Pool<T>,
    woken: Receiver<()>,
}

impl<T: Send + 'static> Rig<T> {
    fn new(settings: PoolSettings) -> Self {
        let (wake, woken) = channel();
        Self { pool: Pool::start(settings, move || _ = wake.send(())), woken }
    }

    fn with_threads(threads: usize) -> Self {
        Self::new(PoolSettings { threads, ..PoolSettings::default() })
    }

    fn submit(&self, key: u64, ticket: u64, work: impl FnOnce() -> T + Send + 'static) {
        self.pool.submit(job(key, ticket, work)).unwrap();
    }

    /// The next outcomes, as many as `count`.
    fn outcomes(&self, count: usize) -> Vec<(u64, Outcome<T>)> {
        let mut outcomes = Vec::new();
        while outcomes.len() < count {
            self.woken.recv_timeout(PATIENCE).expect("a wake-up");
            self.pool.drain(&mut |ticket, outcome| outcomes.push((ticket, outcome)));
        }
        assert_eq!(outcomes.len(), count, "not more than was asked");
        outcomes
    }
}

fn job<T>(key: u64, ticket: u64, work: impl FnOnce() -> T + Send + 'static) -> Job<T> {
    let work: Work<T> = Box::new(move |_, _| work());
    let deadline = Instant::now() + PATIENCE;
    Job { key, sender: None, ticket, deadline, cancelled: Cancel::default(), work }
}

/// Work that says it has begun and ends when the gate is dropped.
fn held(begun: &Sender<()>, gate: &Arc<Mutex<Receiver<()>>>) -> impl FnOnce() + Send + 'static {
    let (begun, gate) = (begun.clone(), gate.clone());
    move || {
        begun.send(()).unwrap();
        let _ = gate.lock().unwrap_or_else(|gate| gate.into_inner()).recv();
    }
}

fn gate() -> (Sender<()>, Arc<Mutex<Receiver<()>>>) {
    let (open, gate) = channel();
    (open, Arc::new(Mutex::new(gate)))
}

#[test]
fn slow_jobs_of_one_provider_do_not_delay_another() {
    let rig = Rig::new(PoolSettings::default());
    let (begun, beginnings) = channel();
    let (open, gate) = gate();
    for ticket in 0..20 {
        rig.submit(7, ticket, held(&begun, &gate));
    }
    for _ in 0..6 {
        beginnings.recv_timeout(PATIENCE).unwrap();
    }
    for ticket in 100..103 {
        rig.submit(8, ticket, || ());
        assert_eq!(rig.outcomes(1), [(ticket, Outcome::Done(()))]);
    }
    assert!(beginnings.try_recv().is_err(), "no seventh of the slow ones");
    drop(open);
    assert_eq!(rig.outcomes(20).len(), 20);
}

#[test]
fn jobs_of_a_provider_begin_in_the_order_they_came() {
    let rig = Rig::new(PoolSettings { threads: 2, per_key: 1, ..PoolSettings::default() });
    let begun = Arc::new(Mutex::new(Vec::new()));
    for ticket in 0..100 {
        let begun = begun.clone();
        rig.submit(7, ticket, move || begun.lock().unwrap().push(ticket));
    }
    rig.outcomes(100);
    assert_eq!(*begun.lock().unwrap(), Vec::from_iter(0..100));
}

#[test]
fn every_job_of_many_has_one_outcome() {
    let rig = Rig::new(PoolSettings { queue: 2000, ..PoolSettings::default() });
    for ticket in 0..2000 {
        rig.submit(ticket % 5, ticket, move || ticket);
    }
    let mut outcomes = rig.outcomes(2000);
    outcomes.sort_by_key(|(ticket, _)| *ticket);
    for (expected, outcome) in (0..).zip(outcomes) {
        assert_eq!(outcome, (expected, Outcome::Done(expected)));
    }
}

#[test]
fn a_full_queue_refuses_at_once() {
    let rig = Rig::new(PoolSettings { threads: 1, queue: 2, ..PoolSettings::default() });
    let (begun, beginnings) = channel();
    let (open, gate) = gate();
    rig.submit(7, 1, held(&begun, &gate));
    beginnings.recv_timeout(PATIENCE).unwrap();
    rig.submit(7, 2, || ());
    rig.submit(8, 3, || ());
    assert_eq!(rig.pool.submit(job(9, 4, || ())), Err(Overloaded));
    drop(open);
    let tickets: Vec<u64> = rig.outcomes(3).into_iter().map(|(ticket, _)| ticket).collect();
    assert_eq!(tickets, [1, 2, 3]);
    rig.submit(9, 5, || ());
    assert_eq!(rig.outcomes(1), [(5, Outcome::Done(()))]);
}

#[test]
fn cancelled_and_expired_jobs_do_not_run() {
    let rig = Rig::with_threads(1);
    let (begun, beginnings) = channel();
    let (open, gate) = gate();
    let ran = Arc::new(AtomicUsize::new(0));
    let count = |ran: &Arc<AtomicUsize>| {
        let ran = ran.clone();
        move || _ = ran.fetch_add(1, Ordering::SeqCst)
    };
    rig.submit(7, 1, held(&begun, &gate));
    beginnings.recv_timeout(PATIENCE).unwrap();
    let cancelled = job(7, 2, count(&ran));
    let cancel = cancelled.cancelled.clone();
    rig.pool.submit(cancelled).unwrap();
    let soon = Instant::now() + Duration::from_millis(20);
    rig.pool.submit(Job { deadline: soon, ..job(7, 3, count(&ran)) }).unwrap();
    rig.submit(7, 4, count(&ran));
    cancel.cancel();
    thread::sleep(Duration::from_millis(40));
    drop(open);
    let expected = [(1, Outcome::Done(())), (3, Outcome::Expired), (4, Outcome::Done(()))];
    assert_eq!(rig.outcomes(3), expected);
    assert_eq!(ran.load(Ordering::SeqCst), 1);
}

#[test]
fn a_panic_is_an_outcome_and_the_thread_survives() {
    let rig = Rig::<ThreadId>::with_threads(1);
    rig.submit(7, 1, || thread::current().id());
    let Outcome::Done(before) = rig.outcomes(1).remove(0).1 else { panic!("no thread") };
    for ticket in 2..5 {
        rig.submit(7, ticket, || panic!("as the test wants"));
        assert_eq!(rig.outcomes(1), [(ticket, Outcome::Panicked)]);
    }
    rig.submit(7, 5, || thread::current().id());
    assert_eq!(rig.outcomes(1), [(5, Outcome::Done(before))]);
}

#[test]
fn a_wake_up_that_panics_loses_neither_outcome_nor_thread() {
    let (done, finished) = channel();
    let pool = Pool::start(PoolSettings { threads: 1, ..PoolSettings::default() }, move || {
        done.send(()).unwrap();
        panic!("as the test wants");
    });
    for ticket in 1..=2 {
        pool.submit(job(7, ticket, || ())).unwrap();
        finished.recv_timeout(PATIENCE).unwrap();
        let mut outcomes = Vec::new();
        pool.drain(&mut |ticket, outcome| outcomes.push((ticket, outcome)));
        assert_eq!(outcomes, [(ticket, Outcome::Done(()))]);
    }
}

#[test]
fn stopping_does_not_wait_for_busy_threads_and_drops_what_waits() {
    let rig = Rig::with_threads(1);
    let (begun, beginnings) = channel();
    let (open, gate) = gate();
    rig.submit(7, 1, held(&begun, &gate));
    beginnings.recv_timeout(PATIENCE).unwrap();
    let owned = Arc::new(());
    let theirs = owned.clone();
    rig.submit(7, 2, move || drop(theirs));

    let begun = Instant::now();
    rig.pool.stop();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(Arc::strong_count(&owned), 1);
    assert_eq!(rig.pool.submit(job(7, 3, || ())), Err(Overloaded));

    drop(open);
    // The thread ends, and with it and the pool the last owner of the wake-up: nobody was woken.
    drop(rig.pool);
    let woken = rig.woken.recv_timeout(PATIENCE);
    assert_eq!(woken, Err(RecvTimeoutError::Disconnected));
}

#[test]
fn idle_threads_leave_when_the_pool_is_dropped() {
    let rig = Rig::with_threads(4);
    for ticket in 0..4 {
        rig.submit(ticket, ticket, || ());
    }
    rig.outcomes(4);
    drop(rig.pool);
    // The wake-up is gone when the last thread is; those of the outcomes may still lie there.
    let end = std::iter::repeat_with(|| rig.woken.recv_timeout(PATIENCE)).find_map(Result::err);
    assert_eq!(end, Some(RecvTimeoutError::Disconnected));
}

static STARTED: AtomicUsize = AtomicUsize::new(0);

#[test]
fn threads_are_started_when_jobs_need_them_and_no_more_than_allowed() {
    let spawn = |builder, body| {
        STARTED.fetch_add(1, Ordering::SeqCst);
        spawn_plainly(builder, body)
    };
    let rig = Rig::new(PoolSettings { threads: 3, per_key: 3, spawn, ..PoolSettings::default() });
    assert_eq!(STARTED.load(Ordering::SeqCst), 0);
    let (begun, beginnings) = channel();
    let (open, gate) = gate();
    for ticket in 1..=10 {
        rig.submit(ticket, ticket, held(&begun, &gate));
        assert_eq!(STARTED.load(Ordering::SeqCst), 3.min(ticket as usize));
        if ticket <= 3 {
            beginnings.recv_timeout(PATIENCE).unwrap();
        }
    }
    drop(open);
    rig.outcomes(10);
}

static REFUSED: AtomicUsize = AtomicUsize::new(0);

#[test]
fn without_any_thread_jobs_are_refused_and_with_one_they_wait_for_it() {
    let none = |_, _| Err(io::Error::from(io::ErrorKind::WouldBlock));
    let rig = Rig::new(PoolSettings { spawn: none, ..PoolSettings::default() });
    for ticket in 0..3 {
        assert_eq!(rig.pool.submit(job(7, ticket, || ())), Err(Overloaded));
    }

    let only_one = |builder, body| {
        if REFUSED.fetch_add(1, Ordering::SeqCst) == 0 {
            return spawn_plainly(builder, body);
        }
        Err(io::Error::from(io::ErrorKind::WouldBlock))
    };
    let rig = Rig::new(PoolSettings { spawn: only_one, ..PoolSettings::default() });
    for ticket in 0..10 {
        rig.submit(7, ticket, || ());
    }
    assert_eq!(rig.outcomes(10).len(), 10);
    assert!(REFUSED.load(Ordering::SeqCst) > 1);
}

#[test]
fn a_job_fetches_with_the_clients_and_its_own_deadline() {
    let rig = Rig::with_threads(1);
    let deadline = Instant::now() + Duration::from_secs(5);
    let work: Work<_> = Box::new(move |client, until| {
        assert_eq!(until, deadline);
        client.fetch(&get("http://127.0.0.1:1/".into()), &Trust::System, until).map(|r| r.status)
    });
    let job = Job { key: 7, sender: None, ticket: 1, deadline, cancelled: Cancel::default(), work };
    rig.pool.submit(job).unwrap();
    let refused = Err(TransportError::Unreachable("connection refused".into()));
    assert_eq!(rig.outcomes(1), [(1, Outcome::Done(refused))]);
}

#[test]
fn a_thread_without_jobs_is_told_so_once_and_still_takes_the_next() {
    static TOLD: AtomicUsize = AtomicUsize::new(0);
    let on_idle = || {
        TOLD.fetch_add(1, Ordering::SeqCst);
        panic!("of no consequence");
    };
    let rig = Rig::new(PoolSettings {
        threads: 1,
        on_idle: Some((Duration::from_millis(20), on_idle)),
        ..PoolSettings::default()
    });
    for (ticket, told) in [(1, 0), (2, 1), (3, 2)] {
        rig.submit(1, ticket, move || TOLD.load(Ordering::SeqCst));
        assert_eq!(rig.outcomes(1), [(ticket, Outcome::Done(told))]);
        let patience = Instant::now() + PATIENCE;
        while TOLD.load(Ordering::SeqCst) == told {
            assert!(Instant::now() < patience);
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(TOLD.load(Ordering::SeqCst), told + 1, "once");
    }
}
