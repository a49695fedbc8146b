//! Sessions beyond the zone: the store of `authentik_session_store`, used by threads only.
//!
//! | module | has |
//! |---|---|
//! | [`fetch`] | a session that the zone does not have |
//! | [`write`] | a session that begins |
//! | [`renewal`] | a session that several hosts may renew |
//! | [`ends`] | sessions that end: in the zone at once, in the store as soon as possible |
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
pub(crate) mod renewal;
pub(crate) mod write;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use authentik_io::pool::{Cancel, Job, Pool, PoolSettings};
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
}

/// A result of a thread.
enum Answer {
    Fetched(Result<Option<Fetched>, Fault>),
    Put(Result<bool, Fault>),
    Ended(Result<usize, Fault>),
}

type Answered = (Answer, Report);

/// What a request is told when it continues.
type Tell = Box<dyn FnOnce(&<Authentik as Module>::State)>;

/// A task under way.
struct Pending {
    task: Task,
    /// Requests that wait until it is done.
    waiters: Vec<Ticket>,
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
            Task::Put(_) | Task::End(_) => true,
            Task::Fetch(_) => false,
        })
    })
}

fn is_redis() -> bool {
    SERVICE.with_borrow(|service| {
        service.as_ref().is_some_and(|service| matches!(*service.place, Place::Redis(_)))
    })
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
    let feed = leads.then(|| feed::Feed::start(Arc::clone(&place), words, wakeup)).flatten();
    let service = Service {
        pool: Pool::start(settings, move || waker.signal()),
        place,
        words,
        zone,
        feed,
        _ticker: Ticker::start::<Authentik>(AGAIN, again),
    };
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
        if let Some(feed) = &service.feed {
            feed.stop();
        }
    }
}

/// Called on the event loop, outside of all phases.
pub(crate) fn deliver() {
    let Some(service) = service() else { return };
    let mut arrived = Vec::new();
    service.pool.drain(&mut |number, outcome| arrived.push((number, outcome)));
    for (number, outcome) in arrived {
        service.settle(number, outcome.done());
    }
    if let Some(feed) = &service.feed {
        feed.deliver(service.zone);
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
        PENDING.with_borrow_mut(|pending| {
            pending.insert(number, Pending { task, waiters: Vec::new() })
        });
        Ok(number)
    }

    /// Waits until the threads have written what they are at. Requests that wait for it are not
    /// continued: the worker is about to exit.
    fn finish(&self) {
        let until = Instant::now() + LAST;
        while is_writing() && Instant::now() < until {
            self.pool.drain(&mut |number, outcome| self.settle(number, outcome.done()));
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn settle(&self, number: u64, answered: Option<Answered>) {
        let pending = PENDING.with_borrow_mut(|pending| pending.remove(&number));
        let Some(Pending { task, waiters }) = pending else { return };
        let (answer, report) = match answered {
            Some((answer, report)) => {
                counters::record(gate::status::Duration::Store, report.took);
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
                    Some(Answer::Put(_) | Answer::Ended(_)) | None => Err(overdue()),
                };
                fetch::arrived(self, &wanted, result);
            }
            Task::Put(row) => {
                let result = match answer {
                    Some(Answer::Put(result)) => result,
                    Some(Answer::Fetched(_) | Answer::Ended(_)) | None => Err(overdue()),
                };
                write::arrived(self, row, result);
            }
            Task::End(telling) => {
                let result = match answer {
                    Some(Answer::Ended(result)) => result,
                    Some(Answer::Fetched(_) | Answer::Put(_)) | None => Err(overdue()),
                };
                let count = ends::arrived(self, &telling, result).unwrap_or(0);
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                for ticket in waiters {
                    wake(ticket, Box::new(move |state| state.ended_in_store.set(count)));
                }
                return;
            }
        }
        for ticket in waiters {
            wake(ticket, Box::new(|_| ()));
        }
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
