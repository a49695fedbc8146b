//! The threads of a worker: they run jobs, and each job says what the event loop does with its
//! result. Nothing here knows who is asking.

mod limits;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use authentik_io::client::Client;
use authentik_io::pool::{Cancel, Job, Outcome, Pool, PoolSettings, spawn_plainly};
use gate::provider::ProviderKey;
use nginx::lifecycle::{give_way, with_signals_blocked};
use nginx::suspend::Ticket;
use nginx::wakeup::{Waker, Wakeup};

use crate::ngx::Authentik;
use crate::ngx::log::{self, Level};
use limits::{CREDENTIALS, SIGN_INS};

/// What to do if a thread cannot be started.
pub(crate) const CURE: &str = "raise what the system allows nginx of threads and memory (TasksMax, ulimit -u), \
    then reload";

/// Maximum time for an answer from authentik.
const DEADLINE: Duration = Duration::from_secs(10);

/// Maximum wait of a suspended request: a fallback, since the threads have their own deadline.
pub(crate) const PATIENCE: Duration = Duration::from_secs(11);

/// A ticket that belongs to no request.
const NOBODY: Ticket = Ticket(0);

/// What the event loop does with the result of a job.
pub(crate) type Completion = Box<dyn FnOnce() + Send>;

/// Why a job has no result.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lost {
    /// No thread was free in time.
    Overloaded,
    /// The thread panicked.
    Panicked,
}

/// The threads that run a job.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Line {
    /// Those for sign-ins and the documents they need.
    SignIns,
    /// Those for header authentication, which a flood of bad passwords can fill, and for jobs
    /// nobody waits for.
    Credentials,
}

/// What the threads need to know about a job.
pub(crate) struct Errand<'a> {
    pub(crate) line: Line,
    /// Used for fairness between providers.
    pub(crate) provider: Option<&'a ProviderKey>,
    /// Used for fairness between clients; `None` for jobs not caused by one.
    pub(crate) sender: Option<u64>,
    /// The request that waits for it.
    pub(crate) ticket: Option<Ticket>,
    /// Set when nobody waits for the result any more.
    pub(crate) cancel: Cancel,
}

struct Worker {
    sign_ins: Pool<Completion>,
    credentials: Pool<Completion>,
    /// Closed when the worker exits, and its eventfd with it.
    wakeup: Wakeup,
}

thread_local! {
    // Used on the event-loop thread only.
    static WORKER: RefCell<Option<Rc<Worker>>> = const { RefCell::new(None) };
}

/// Called once per worker process, after the fork, which threads do not survive. `deliver` is
/// called on the event loop when there is something to deliver, `on_idle` on a thread that has had
/// no job for this long. Returns what wakes the loop, or `None` if that failed.
pub(crate) fn start(deliver: fn(), on_idle: (Duration, fn())) -> Option<Waker> {
    match Wakeup::open::<Authentik>(deliver) {
        Ok(wakeup) => {
            let waker = wakeup.waker();
            let settings = |of| PoolSettings { on_idle: Some(on_idle), ..of };
            WORKER.set(Some(Rc::new(Worker {
                sign_ins: Pool::start(settings(SIGN_INS), signal(&wakeup)),
                credentials: Pool::start(settings(CREDENTIALS), signal(&wakeup)),
                wakeup,
            })));
            Some(waker)
        }
        Err(error) => {
            let hint = "known sessions work, nobody can sign in: raise worker_connections and the limit of \
                        open files (worker_rlimit_nofile), then reload";
            log::cycle(Level::Alert, format_args!("no wake-up of the event loop: {error}; {hint}"));
            None
        }
    }
}

fn signal(wakeup: &Wakeup) -> impl Fn() + Send + Sync + 'static {
    let waker = wakeup.waker();
    move || waker.signal()
}

/// Starts a thread of the module: it receives no signals, and has lower priority than the event
/// loop.
///
/// Threads share the worker's open files, as usual; so a worker that is killed on a busy machine
/// closes its connections only after its last thread has been scheduled to exit. With 30 busy loops
/// on two processors that took 125 ms (median; 640 ms at most) with eight idle threads at nice +5,
/// and 13 ms (95 ms) with such threads under `SCHED_BATCH` at nice 0. But with 16 threads at work,
/// 99 of 100 requests were done within 77 ms with nice +5, 118 ms with `SCHED_BATCH`, and 54 ms
/// without threads: requests come all the time, a `kill -9` does not. (Both were simulated on a
/// crowded machine: only the order is meaningful.)
///
/// A separate table of open files per thread (`unshare(CLONE_FILES)`) would be faster, but a trap:
/// a descriptor passed from one thread to another would refer to another file there, and the locks
/// on a database file would be per thread.
pub(crate) fn spawn(builder: Builder, run: Box<dyn FnOnce() + Send>) -> io::Result<()> {
    let run = Box::new(|| {
        give_way();
        run();
    });
    with_signals_blocked(|| spawn_plainly(builder, run))
}

/// Called when the worker exits. Does not wait for busy threads.
pub(crate) fn stop() {
    if let Some(worker) = WORKER.take() {
        worker.sign_ins.stop();
        worker.credentials.stop();
    }
}

impl Errand<'_> {
    /// Submits the job to a thread. Returns whether it was accepted.
    pub(crate) fn hand_over(
        self,
        work: impl FnOnce(&Client, Instant) -> Completion + Send + 'static,
    ) -> bool {
        let Some(worker) = WORKER.with_borrow(Option::clone) else { return false };
        let job = Job {
            key: self.provider.map_or(0, fairness_key),
            sender: self.sender,
            ticket: self.ticket.unwrap_or(NOBODY).0,
            deadline: Instant::now() + DEADLINE,
            cancelled: self.cancel,
            work: Box::new(work),
        };
        let pool = match self.line {
            Line::SignIns => &worker.sign_ins,
            Line::Credentials => &worker.credentials,
        };
        pool.submit(job).is_ok()
    }
}

fn fairness_key(provider: &ProviderKey) -> u64 {
    provider.0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Makes the event loop call back on its next turn.
pub(crate) fn come_round() {
    // Fails only at the end of the process.
    let _ = WORKER.try_with(|worker| {
        if let Some(worker) = worker.borrow().as_ref() {
            worker.wakeup.waker().signal();
        }
    });
}

/// Handles what the threads have returned; `lost` is called for jobs without a result. Runs on the
/// event loop.
pub(crate) fn deliver(lost: fn(Ticket, Lost)) {
    let Some(worker) = WORKER.with_borrow(Option::clone) else { return };
    // Collected first: a request that continues may ask again.
    let mut arrived = Vec::new();
    for pool in [&worker.sign_ins, &worker.credentials] {
        pool.drain(&mut |ticket, outcome| arrived.push((Ticket(ticket), outcome)));
    }
    for (ticket, outcome) in arrived {
        match outcome {
            Outcome::Done(completion) => completion(),
            Outcome::Expired | Outcome::Displaced => lost(ticket, Lost::Overloaded),
            Outcome::Panicked => lost(ticket, Lost::Panicked),
        }
    }
}
