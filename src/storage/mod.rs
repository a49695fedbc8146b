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
//! | [`tasks`] | what threads are asked to do, and requests that wait for it |
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
mod tasks;
pub(crate) mod write;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use authentik_io::pool::{Pool, PoolSettings};
use authentik_store::Place;
use gate::shared_words::SharedWords;
use nginx::lifecycle::worker_number;
use nginx::ticker::Ticker;
use nginx::wakeup::Waker;

use self::connection::Report;
pub(crate) use self::connection::rest;
pub(crate) use self::tasks::wait;
use self::tasks::{Answer, Answered, Line, Task};
use crate::authentik::threads;
use crate::conf::{MainConf, SessionStore};
use crate::ngx::{Authentik, Zone};

/// Maximum time for one operation of the store.
const DEADLINE: Duration = Duration::from_secs(2);
/// How often work that was left undone is tried again.
const AGAIN: Duration = Duration::from_secs(1);

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

thread_local! {
    // Used on the event-loop thread only.
    static SERVICE: RefCell<Option<Rc<Service>>> = const { RefCell::new(None) };
}

fn service() -> Option<Rc<Service>> {
    SERVICE.with_borrow(Option::clone)
}

/// Whether there is a store.
pub(crate) fn is_on() -> bool {
    SERVICE.with_borrow(Option::is_some)
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
    tasks::wake_some();
}

/// Called repeatedly: tries again what was left undone.
fn again() {
    let Some(service) = service() else { return };
    write::again(&service);
    if service.feed.is_some() {
        ends::again(&service);
    }
}

impl Service {
    /// Passes a task to a thread of the store; returns its number, or the task if it was not accepted.
    fn submit(
        &self,
        line: Line,
        sender: Option<u64>,
        task: Task,
        work: impl FnOnce(&Place, &mut Report) -> Answer + Send + 'static,
    ) -> Result<u64, Task> {
        let place = Arc::clone(&self.place);
        let work = move |report: &mut Report| work(&place, report);
        tasks::submit(&self.pool, line, sender, DEADLINE, task, work)
    }
}
