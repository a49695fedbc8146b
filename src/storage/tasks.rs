//! What threads are asked to do, and requests that wait for it. On the event loop, but for the work
//! itself.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use authentik_io::pool::{Cancel, Job, Outcome, Pool};
use authentik_store::{Fault, Row};
use nginx::Module;
use nginx::suspend::Ticket;

use super::connection::Report;
use super::ends::{self, Telling};
use super::fetch::{self, Fetched, Wanted};
use super::{Service, health, write};
use crate::authentik::threads;
use crate::ngx::{self, Authentik, counters};

/// Maximum wait of a request for the store to take something.
const TAKE: Duration = Duration::from_secs(1);
/// How long an exiting worker waits for what is being written: less than nginx's master waits before
/// it kills its workers (`ngx_master_process_cycle`).
const LAST: Duration = Duration::from_secs(1);
/// Requests that continue in one turn of the event loop.
const AT_ONCE: usize = 32;

/// Whether jobs only read, which do not wait for those that write.
#[derive(Clone, Copy)]
pub(super) enum Line {
    Reads = 0,
    Writes = 1,
}

/// What a thread was asked to do.
pub(super) enum Task {
    /// Read a session.
    Fetch(Arc<Wanted>),
    /// Store a session.
    Put(Arc<Row>),
    /// End sessions.
    End(Telling),
    /// Write ends to the file of this host.
    Keep,
    /// Remove them from it.
    Discard,
}

/// A result of a thread.
pub(super) enum Answer {
    Fetched(Result<Option<Fetched>, Fault>),
    Put(Result<bool, Fault>),
    Ended(Result<usize, Fault>),
    Kept(Result<(), Fault>),
}

pub(super) type Answered = (Answer, Report);

/// What a request is told when it continues.
type Tell = Box<dyn FnOnce(&<Authentik as Module>::State)>;

/// A task under way.
struct Pending {
    task: Task,
    /// Requests that wait until it is done.
    waiters: Vec<Ticket>,
    /// How many sessions of the store have ended for them.
    count: u32,
}

impl Pending {
    fn new(task: Task) -> Self {
        Self { task, waiters: Vec::new(), count: 0 }
    }
}

thread_local! {
    // Used on the event-loop thread only.
    static PENDING: RefCell<HashMap<u64, Pending>> = RefCell::default();
    static NEXT: Cell<u64> = const { Cell::new(1) };
    /// Requests to be continued: at present, some request may be in its phases.
    static AWAKE: RefCell<VecDeque<(Ticket, Tell)>> = RefCell::default();
}

/// Passes a task to a thread of `pool`; returns its number, or the task if it was not accepted. It is
/// overdue after `limit`.
pub(super) fn submit(
    pool: &Pool<Answered>,
    line: Line,
    sender: Option<u64>,
    limit: Duration,
    task: Task,
    work: impl FnOnce(&mut Report) -> Answer + Send + 'static,
) -> Result<u64, Task> {
    let number = NEXT.replace(NEXT.get() + 1);
    let job = Job {
        key: line as u64,
        sender,
        ticket: number,
        deadline: Instant::now() + limit,
        cancelled: Cancel::default(),
        work: Box::new(move |_, _| {
            let mut report = Report::default();
            let begun = Instant::now();
            let answer = work(&mut report);
            report.took = begun.elapsed();
            (answer, report)
        }),
    };
    if pool.submit(job).is_err() {
        return Err(task);
    }
    PENDING.with_borrow_mut(|pending| pending.insert(number, Pending::new(task)));
    Ok(number)
}

/// Whether a task is not done yet.
pub(super) fn is_under_way(number: u64) -> bool {
    PENDING.with_borrow(|pending| pending.contains_key(&number))
}

/// Whether a thread is to write something.
fn is_writing() -> bool {
    PENDING.with_borrow(|pending| {
        pending.values().any(|pending| match pending.task {
            Task::Put(_) | Task::End(_) | Task::Keep | Task::Discard => true,
            Task::Fetch(_) => false,
        })
    })
}

/// Lets a request continue on the next turn of the event loop.
pub(super) fn wake(ticket: Ticket, tell: Tell) {
    AWAKE.with_borrow_mut(|awake| awake.push_back((ticket, tell)));
    threads::come_round();
}

pub(super) fn wake_some() {
    let awake: Vec<(Ticket, Tell)> = AWAKE.with_borrow_mut(|awake| {
        let count = AT_ONCE.min(awake.len());
        awake.drain(..count).collect()
    });
    for (ticket, tell) in awake {
        ngx::wake(ticket, tell);
    }
    if AWAKE.with_borrow(|awake| !awake.is_empty()) {
        threads::come_round();
    }
}

impl Service {
    /// Waits until the threads have written what they are at. Requests that wait for it are not
    /// continued: the worker is about to exit.
    pub(super) fn finish(&self) {
        let until = Instant::now() + LAST;
        while is_writing() && Instant::now() < until {
            self.settle_all();
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub(super) fn settle_all(&self) {
        let mut arrived = Vec::new();
        let mut note = |number, outcome: Outcome<Answered>| arrived.push((number, outcome.done()));
        self.pool.drain(&mut note);
        if let Some(keeper) = &self.keeper {
            keeper.pool().drain(&mut note);
        }
        for (number, answered) in arrived {
            self.settle(number, answered);
        }
    }

    fn settle(&self, number: u64, answered: Option<Answered>) {
        let pending = PENDING.with_borrow_mut(|pending| pending.remove(&number));
        let Some(Pending { task, waiters, count }) = pending else { return };
        let (answer, report) = match answered {
            Some((answer, report)) => {
                if !matches!(task, Task::Keep | Task::Discard) {
                    counters::record(gate::status::Duration::Store, report.took);
                }
                (Some(answer), report)
            }
            None => (None, Report::default()),
        };
        if let Some(aside) = report.aside {
            health::say_aside(&aside);
        }
        if report.is_of_another_version {
            health::say_version();
        }
        match task {
            Task::Fetch(wanted) => {
                let result =
                    if let Some(Answer::Fetched(result)) = answer { result } else { overdue() };
                fetch::arrived(self, &wanted, result);
            }
            Task::Put(row) => {
                let result =
                    if let Some(Answer::Put(result)) = answer { result } else { overdue() };
                write::arrived(self, row, result);
            }
            Task::End(telling) => {
                let result =
                    if let Some(Answer::Ended(result)) = answer { result } else { overdue() };
                let count = ends::arrived(self, &telling, result).unwrap_or(0);
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                wake_with(count, hold_until_kept(&telling, count, waiters));
                return;
            }
            Task::Keep => {
                let result =
                    if let Some(Answer::Kept(result)) = answer { result } else { overdue() };
                self.kept(&result);
                wake_with(count, waiters);
                return;
            }
            Task::Discard => {}
        }
        for ticket in waiters {
            wake(ticket, Box::new(|_| ()));
        }
    }
}

/// Requests that wait for an end wait for both: the store may not have taken it, or may lose it.
/// Returns those that need not wait any more.
fn hold_until_kept(telling: &Telling, count: u32, waiters: Vec<Ticket>) -> Vec<Ticket> {
    PENDING.with_borrow_mut(|pending| {
        let keeping = telling.kept.and_then(|number| pending.get_mut(&number));
        let Some(keeping) = keeping else { return waiters };
        keeping.waiters.extend(waiters);
        keeping.count = count;
        Vec::new()
    })
}

fn wake_with(count: u32, waiters: Vec<Ticket>) {
    for ticket in waiters {
        wake(ticket, Box::new(move |state| state.ended_in_store.set(count)));
    }
}

fn overdue<T>() -> Result<T, Fault> {
    Err(Fault::Away("it did not answer in time".to_owned()))
}

/// Makes a request wait until a task is done, or [`TAKE`] has passed. `false` if it is done.
pub(crate) fn wait(r: &mut ngx::Request<'_>, number: u64) -> Result<bool, ngx::Fault> {
    if !is_under_way(number) {
        return Ok(false);
    }
    let ticket = r.suspend(TAKE)?;
    PENDING.with_borrow_mut(|pending| {
        if let Some(pending) = pending.get_mut(&number) {
            pending.waiters.push(ticket);
        }
    });
    Ok(true)
}
