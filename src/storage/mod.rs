//! Sessions beyond the zone: the store of `authentik_session_store`, used by threads only.
//!
//! | module | has |
//! |---|---|
//! | [`fetch`] | a session that the zone does not have |
//! | [`write`] | a session that begins |
//! | [`renewal`] | a session that several hosts may renew |
//! | [`ends`] | sessions that end: in the zone at once, in the store as soon as possible |
//! | [`kept`] | ends in a file of this host until the store has taken them |
//! | [`feed`] | what ended elsewhere |
//! | [`health`] | whether the store can be reached, and what is said about it |
//! | [`connection`] | the store, as a thread has it open |
//!
//! The zone comes first, always: a request with a session in it never gets here. The event loop
//! never waits: a request that needs the store is suspended, with a limit.

mod connection;
pub(crate) mod ends;
mod feed;
pub(crate) mod fetch;
mod health;
mod kept;
pub(crate) mod renewal;
pub(crate) mod write;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use authentik_io::pool::{Cancel, Job, Outcome, Pool, PoolSettings};
use authentik_store::{Fault, Place, Row};
use gate::shared_words::SharedWords;
use nginx::Module;
use nginx::lifecycle::worker_number;
use nginx::suspend::Ticket;
use nginx::ticker::Ticker;
use nginx::wakeup::Waker;

use self::connection::Report;
pub(crate) use self::connection::rest;
use self::ends::Telling;
use self::fetch::{Fetched, Wanted};
use crate::authentik::threads;
use crate::conf::{MainConf, SessionStore};
use crate::ngx::{self, Authentik, Zone, counters};

/// Maximum time for one operation of the store.
const DEADLINE: Duration = Duration::from_secs(2);
/// Maximum wait of a request for the store to take something.
const TAKE: Duration = Duration::from_secs(1);
/// How often work that was left undone is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long an exiting worker waits for what is being written: less than nginx's master waits before
/// it kills its workers (`ngx_master_process_cycle`).
const LAST: Duration = Duration::from_secs(1);
/// Requests that continue in one turn of the event loop.
const AT_ONCE: usize = 32;

/// How long a thread keeps a connection that it does not use. Networks between hosts forget idle ones
/// without a word, and the next question would wait for its time limit.
pub(crate) const IDLE: Duration = Duration::from_secs(60);

/// When a session was opened that is not in the store.
pub(crate) const NEVER: u64 = 0;

/// This worker's access to the store.
struct Service {
    pool: Pool<Answered>,
    place: Arc<Place>,
    words: SharedWords<'static>,
    zone: Zone,
    feed: Option<feed::Feed>,
    keeper: Option<kept::Keeper>,
    _ticker: Ticker,
}

/// What a thread was asked to do.
enum Task {
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
enum Answer {
    Fetched(Result<Option<Fetched>, Fault>),
    Put(Result<bool, Fault>),
    Ended(Result<usize, Fault>),
    Kept(Result<(), Fault>),
}

type Answered = (Answer, Report);

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
    static SERVICE: RefCell<Option<Rc<Service>>> = const { RefCell::new(None) };
    static PENDING: RefCell<HashMap<u64, Pending>> = RefCell::default();
    static NEXT: Cell<u64> = const { Cell::new(1) };
    /// Requests to be continued: at present, some request may be in its phases.
    static AWAKE: RefCell<VecDeque<(Ticket, Tell)>> = RefCell::default();
}

fn service() -> Option<Rc<Service>> {
    SERVICE.with_borrow(Option::clone)
}

/// Whether there is a store.
pub(crate) fn is_on() -> bool {
    SERVICE.with_borrow(Option::is_some)
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

fn is_redis() -> bool {
    SERVICE.with_borrow(|service| {
        service.as_ref().is_some_and(|service| matches!(*service.place, Place::Redis(_)))
    })
}

/// Whether ends are in a file of this host until the store has taken them.
fn has_keeper() -> bool {
    SERVICE.with_borrow(|service| service.as_ref().is_some_and(|service| service.keeper.is_some()))
}

/// Called once per worker process.
pub(crate) fn start(conf: &MainConf, wakeup: Waker) {
    let Some(place) = place_of(conf.session_store()) else { return };
    let (Some(zone), Some(words)) = (conf.zone(), conf.shared_words().and_then(|zone| zone.get()))
    else {
        return;
    };
    let settings = PoolSettings {
        threads: 2,
        per_key: 1,
        queue: 1024,
        per_sender: 256,
        name: "authentik-store",
        spawn: threads::spawn,
        on_idle: Some((IDLE, rest)),
    };
    let place = Arc::new(place);
    let waker = wakeup.clone();
    // One worker follows the store for all.
    let leads = worker_number() == 0;
    let file = conf.ends_file();
    let keeper = file.map(|file| kept::Keeper::start(file.clone(), wakeup.clone()));
    // Before it is read.
    let seen = file.map(|file| (file.clone(), file.stamp()));
    let feed = leads.then(|| feed::Feed::start(Arc::clone(&place), words, wakeup, seen)).flatten();
    let service = Service {
        pool: Pool::start(settings, move || waker.signal()),
        place,
        words,
        zone,
        feed,
        keeper,
        _ticker: Ticker::start::<Authentik>(AGAIN, again),
    };
    // Before the first request: what ended may still be in the store.
    service.recall(leads);
    SERVICE.set(Some(Rc::new(service)));
    write::start();
}

/// Where the store is; `None` in memory only.
pub(crate) fn place_of(store: &SessionStore) -> Option<Place> {
    match store {
        SessionStore::Memory => None,
        SessionStore::File(path) => Some(Place::File(path.clone())),
        SessionStore::Redis(settings) => Some(Place::Redis(Arc::clone(settings))),
    }
}

/// Called when the worker exits. Waits a moment for what is being written: nobody else knows of an
/// end that authentik has just reported, if all of nginx stops.
pub(crate) fn stop() {
    if let Some(service) = SERVICE.take() {
        service.finish();
        write::stop();
        service.pool.stop();
        if let Some(keeper) = &service.keeper {
            keeper.pool().stop();
        }
        if let Some(feed) = &service.feed {
            feed.stop();
        }
    }
}

/// Called on the event loop, outside of all phases.
pub(crate) fn deliver() {
    let Some(service) = service() else { return };
    service.settle_all();
    if let Some(feed) = &service.feed {
        feed.deliver(&service);
    }
    ends::step(&service);
    wake_some();
}

/// Called repeatedly: tries again what was left undone.
fn again() {
    let Some(service) = service() else { return };
    write::again(&service);
    if service.feed.is_some() {
        ends::again(&service);
    }
}

/// Lets a request continue on the next turn of the event loop.
fn wake(ticket: Ticket, tell: Tell) {
    AWAKE.with_borrow_mut(|awake| awake.push_back((ticket, tell)));
    threads::come_round();
}

fn wake_some() {
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

/// Whether jobs only read, which do not wait for those that write.
#[derive(Clone, Copy)]
enum Line {
    Reads = 0,
    Writes = 1,
}

impl Service {
    /// Passes a task to a thread; returns its number. `None` if it was not accepted.
    fn submit(
        &self,
        line: Line,
        sender: Option<u64>,
        task: Task,
        work: impl FnOnce(&Place, &mut Report) -> Answer + Send + 'static,
    ) -> Result<u64, Task> {
        let number = NEXT.replace(NEXT.get() + 1);
        let place = Arc::clone(&self.place);
        let job = Job {
            key: line as u64,
            sender,
            ticket: number,
            deadline: Instant::now() + DEADLINE,
            cancelled: Cancel::default(),
            work: Box::new(move |_, _| {
                let mut report = Report::default();
                let begun = Instant::now();
                let answer = work(&place, &mut report);
                report.took = begun.elapsed();
                (answer, report)
            }),
        };
        if self.pool.submit(job).is_err() {
            return Err(task);
        }
        PENDING.with_borrow_mut(|pending| pending.insert(number, Pending::new(task)));
        Ok(number)
    }

    /// Waits until the threads have written what they are at. Requests that wait for it are not
    /// continued: the worker is about to exit.
    fn finish(&self) {
        let until = Instant::now() + LAST;
        while is_writing() && Instant::now() < until {
            self.settle_all();
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn settle_all(&self) {
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
                let result = match answer {
                    Some(Answer::Fetched(result)) => result,
                    Some(_) | None => Err(overdue()),
                };
                fetch::arrived(self, &wanted, result);
            }
            Task::Put(row) => {
                let result = match answer {
                    Some(Answer::Put(result)) => result,
                    Some(_) | None => Err(overdue()),
                };
                write::arrived(self, row, result);
            }
            Task::End(telling) => {
                let result = match answer {
                    Some(Answer::Ended(result)) => result,
                    Some(_) | None => Err(overdue()),
                };
                let count = ends::arrived(self, &telling, result).unwrap_or(0);
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                wake_with(count, hold_until_kept(&telling, count, waiters));
                return;
            }
            Task::Keep => {
                let result = match answer {
                    Some(Answer::Kept(result)) => result,
                    Some(_) | None => Err(overdue()),
                };
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

fn overdue() -> Fault {
    Fault::Away("it did not answer in time".to_owned())
}

/// Makes a request wait until a task is done, or [`TAKE`] has passed. `false` if it is done.
pub(crate) fn wait(r: &mut ngx::Request<'_>, number: u64) -> Result<bool, ngx::Fault> {
    if !PENDING.with_borrow(|pending| pending.contains_key(&number)) {
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
