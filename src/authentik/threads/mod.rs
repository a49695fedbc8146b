//! The threads of a worker: they run jobs, and the event loop does with each result what its job says.
//! Nothing here knows who is asking.

mod limits;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use authentik_io::client::Client;
use authentik_io::pool::{Cancel, Job, Outcome, Pool, spawn_plainly};
use gate::provider::ProviderKey;
use nginx::lifecycle::{give_way, with_signals_blocked};
use nginx::suspend::Ticket;
use nginx::wakeup::{Waker, Wakeup};

use crate::ngx::Authentik;
use crate::ngx::log::{self, Level};
use limits::{CREDENTIALS, SIGN_INS};

/// What to do where a thread cannot be started.
pub(crate) const CURE: &str = "raise what the system allows nginx of threads and memory (TasksMax, ulimit -u), \
    then reload";

/// How long authentik may take for an answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// When a waiting request stops to wait: the threads know the deadline too, this is the net below.
pub(crate) const PATIENCE: Duration = Duration::from_secs(11);

/// Ticket of no request.
const NOBODY: Ticket = Ticket(0);

/// What is done on the event loop with what a job has brought.
pub(crate) type Completion = Box<dyn FnOnce() + Send>;

/// Why a job has brought nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lost {
    /// No thread had time for it.
    Overloaded,
    /// The thread panicked.
    Panicked,
}

/// Which threads do a job.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Line {
    /// Those of sign-ins, and of the documents they need.
    SignIns,
    /// Those of header authentication, which a flood of bad passwords may fill, and of what nobody
    /// waits for.
    Credentials,
}

/// A job, as far as the threads must know it.
pub(crate) struct Errand<'a> {
    pub(crate) line: Line,
    /// Whose job it is, for fairness.
    pub(crate) provider: Option<&'a ProviderKey>,
    /// Who caused it, for fairness; `None` is nobody in particular.
    pub(crate) sender: Option<u64>,
    /// The request that waits for it.
    pub(crate) ticket: Option<Ticket>,
    /// Says when nobody waits for the outcome any more.
    pub(crate) cancel: Cancel,
}

struct Worker {
    sign_ins: Pool<Completion>,
    credentials: Pool<Completion>,
    /// Closed, and with it the eventfd, when the worker exits.
    wakeup: Wakeup,
}

thread_local! {
    // Used on the event-loop thread only.
    static WORKER: RefCell<Option<Rc<Worker>>> = const { RefCell::new(None) };
}

/// Called once per worker process, after the fork: threads do not survive one. `deliver` is called on
/// the event loop when there is something to deliver. What wakes the loop, or `None` where nothing does.
pub(crate) fn start(deliver: fn()) -> Option<Waker> {
    match Wakeup::open::<Authentik>(deliver) {
        Ok(wakeup) => {
            let waker = wakeup.waker();
            WORKER.set(Some(Rc::new(Worker {
                sign_ins: Pool::start(SIGN_INS, signal(&wakeup)),
                credentials: Pool::start(CREDENTIALS, signal(&wakeup)),
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

/// Starts a thread of the module: it takes no signals, and the event loop goes first.
///
/// Threads share the worker's open files, as always; a worker that is killed on a busy machine therefore
/// closes its connections only when its last thread has had a processor to end on. With 30 busy loops on two
/// processors that took 125 ms (median; 640 ms at most) with eight idle threads at nice +5, and 13 ms (95 ms)
/// with such threads under `SCHED_BATCH` at nice 0. But beside 16 threads at work, 99 of 100 requests were done
/// within 77 ms with the former, 118 ms with the latter and 54 ms without threads: requests come all the time, a
/// `kill -9` does not. (A simulation of both, on a crowded machine: only the order counts.)
///
/// A table of open files of their own (`CLONE_FILES` undone) would be quicker, and a trap: a descriptor that one
/// thread hands to another would be another file there, and the locks of a database file would hold for each
/// thread alone.
pub(crate) fn spawn(builder: Builder, run: Box<dyn FnOnce() + Send>) -> io::Result<()> {
    let run = Box::new(|| {
        give_way();
        run();
    });
    with_signals_blocked(|| spawn_plainly(builder, run))
}

/// Called when the worker exits. Busy threads are not waited for.
pub(crate) fn stop() {
    if let Some(worker) = WORKER.take() {
        worker.sign_ins.stop();
        worker.credentials.stop();
    }
}

impl Errand<'_> {
    /// Hands the job to a thread. Says whether it was taken.
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

/// Has the event loop call back on its next turn.
pub(crate) fn come_round() {
    // Fails at the end of the process only.
    let _ = WORKER.try_with(|worker| {
        if let Some(worker) = worker.borrow().as_ref() {
            worker.wakeup.waker().signal();
        }
    });
}

/// Does with what the threads have brought what is to be done; `lost` is told of jobs that bring nothing.
/// On the event loop.
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
