//! What ended in the store, whoever ended it: one thread of one worker follows it and has the event
//! loop end the same in the zone. It also removes what has expired.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use authentik_store::{Changes, EndsFile, Fault, Mark, PendingEnd, Place, Stamp, Stats, Store};
use gate::shared_words::{SharedWords, Word};
use gate::status::Counter;
use nginx::lifecycle::{is_leaving, uptime};
use nginx::wakeup::Waker;

use super::connection::{Report, with_store};
use super::{Service, ends, health};
use crate::authentik::threads::{CURE, spawn};
use crate::ngx::log::{self, Level};
use crate::ngx::{Zone, unix_time};

/// How long a call waits for news, and so how long stopping takes.
const WAIT: Duration = Duration::from_secs(1);
/// Pause after an error.
const AFTER_ERROR: Duration = Duration::from_millis(500);
/// How often expired sessions are removed and the others counted.
const UPKEEP: Duration = Duration::from_secs(60);
/// Expired sessions removed in one transaction.
const AT_ONCE: u32 = 256;
/// How many times that in a row.
const ROUNDS: usize = 16;
/// How long sessions that were not stored yet are waited for before all are forgotten, in seconds.
const STORED_IN: u64 = 10;

/// What the thread reports.
enum News {
    Changes(Changes),
    Fault(Fault),
    Counted(Stats),
    /// The policies by which the store may forget ends.
    Evictions(Vec<String>),
    Aside(String),
    /// What the file of this host has.
    Kept(Result<Vec<PendingEnd>, Fault>),
}

/// The event loop's end.
pub(super) struct Feed {
    stopped: Arc<AtomicBool>,
    news: Arc<Mutex<Vec<News>>>,
    words: SharedWords<'static>,
    /// When it became known that ends were missed, by the monotonic clock.
    missed: Cell<Option<u64>>,
    /// All sessions are being forgotten.
    forgets: Cell<bool>,
    /// How far the zone is.
    mark: Cell<Mark>,
    /// What was last said about evictions.
    evictions: RefCell<Vec<String>>,
}

/// The thread's.
struct Follower {
    place: Arc<Place>,
    stopped: Arc<AtomicBool>,
    news: Arc<Mutex<Vec<News>>>,
    wakeup: Waker,
    mark: Mark,
    kept_up: Option<Instant>,
    /// The file of ends of this host, which another nginx may write too: during an upgrade, the old
    /// one.
    seen: Option<(EndsFile, Stamp)>,
    /// It may have been written again after it was read, within the same tick of its clock.
    looks_again: bool,
}

impl Feed {
    pub(super) fn start(
        place: Arc<Place>,
        words: SharedWords<'static>,
        wakeup: Waker,
        seen: Option<(EndsFile, Stamp)>,
    ) -> Option<Self> {
        let mark = [words.get(Word::FollowedStore), words.get(Word::FollowedMark)];
        let (stopped, news) = (Arc::<AtomicBool>::default(), Arc::default());
        let mut follower = Follower {
            place,
            stopped: Arc::clone(&stopped),
            news: Arc::clone(&news),
            wakeup,
            mark,
            kept_up: None,
            seen,
            looks_again: true,
        };
        let builder = Builder::new().name("authentik-feed".to_owned());
        match spawn(builder, Box::new(move || follower.run())) {
            Ok(()) => Some(Self {
                stopped,
                news,
                words,
                missed: Cell::new(None),
                forgets: Cell::new(false),
                mark: Cell::new(mark),
                evictions: RefCell::default(),
            }),
            Err(error) => {
                log::cycle(
                    Level::Alert,
                    format_args!(
                        "no thread to follow the store of sessions: {error}; what ends on other hosts goes on \
                         here: {CURE}"
                    ),
                );
                None
            }
        }
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Makes what was reported effective. On the event loop.
    pub(super) fn deliver(&self, service: &Service) {
        let news = std::mem::take(&mut *lock(&self.news));
        for one in news {
            match one {
                News::Changes(changes) => self.follow(service.zone, &changes),
                News::Fault(fault) => health::unread(self.words, &fault),
                News::Counted(stats) => {
                    self.words.set(Word::StoreSessions, stats.sessions);
                    self.words.set(Word::StoreBytes, stats.bytes);
                }
                News::Evictions(policies) => self.warn_of(policies),
                News::Aside(what) => health::say_aside(&what),
                News::Kept(ends) => service.recalled(ends),
            }
        }
        self.forget_if_due();
        self.note();
    }

    fn warn_of(&self, policies: Vec<String>) {
        let evicts = u64::from(!policies.is_empty());
        if self.words.get(Word::StoreEvicts) != evicts {
            self.words.set(Word::StoreEvicts, evicts);
        }
        if evicts != 0 && *self.evictions.borrow() != policies {
            health::say_evictions(&policies);
        }
        self.evictions.replace(policies);
    }

    fn follow(&self, zone: Zone, changes: &Changes) {
        health::read(self.words);
        self.words.set(Word::FollowedAt, uptime().max(1));
        if changes.missed && self.missed.get().is_none() {
            self.missed.set(Some(uptime()));
        }
        for end in &changes.ends {
            ends::apply(zone, end);
        }
        self.mark.set(changes.mark);
    }

    /// Ends were missed, so any session may have ended: all are forgotten, and read again when they
    /// are needed. First, those that are not in the store yet are written.
    fn forget_if_due(&self) {
        let Some(missed) = self.missed.get() else { return };
        let waiting = self.words.total(Counter::StoreBacklog.slot());
        if waiting == 0 || uptime().saturating_sub(missed) > STORED_IN {
            self.missed.set(None);
            self.forgets.set(true);
            ends::forget_all();
        }
    }

    /// Notes how far the zone is, for the next worker that follows.
    fn note(&self) {
        if self.missed.get().is_some() {
            return;
        }
        if self.forgets.get() {
            if ends::is_forgetting() {
                return;
            }
            self.forgets.set(false);
        }
        let [store, mark] = self.mark.get();
        if self.words.get(Word::FollowedMark) != mark
            || self.words.get(Word::FollowedStore) != store
        {
            self.words.set(Word::FollowedMark, mark);
            self.words.set(Word::FollowedStore, store);
        }
    }
}

impl Follower {
    /// Follows until stopped. A panic ends a turn, not the thread.
    fn run(&mut self) {
        while !self.stopped.load(Ordering::Acquire) && !is_leaving() {
            let turn = catch_unwind(AssertUnwindSafe(|| self.turn()));
            if !matches!(turn, Ok(true)) {
                thread::sleep(AFTER_ERROR);
            }
        }
    }

    /// Whether the store could be read.
    fn turn(&mut self) -> bool {
        self.look();
        let mark = self.mark;
        let mut report = Report::default();
        // Without waiting at first: what is missed then is known before the first request, almost.
        let wait = if mark == [0, 0] { Duration::ZERO } else { WAIT };
        let changes = with_store(&self.place, &mut report, |store| store.changes(mark, wait));
        if let Some(aside) = report.aside.take() {
            self.tell(News::Aside(aside));
        }
        match changes {
            Ok(changes) => {
                self.mark = changes.mark;
                self.tell(News::Changes(changes));
                self.keep_up();
                true
            }
            Err(fault) => {
                self.tell(News::Fault(fault));
                false
            }
        }
    }

    /// Reads the file of ends of this host if it has been written.
    fn look(&mut self) {
        let Some((file, seen)) = &mut self.seen else { return };
        let stamp = file.stamp();
        let is_written = stamp != *seen;
        if !is_written && !self.looks_again {
            return;
        }
        (*seen, self.looks_again) = (stamp, is_written);
        let ends = file.read(unix_time());
        if !ends.as_ref().is_ok_and(Vec::is_empty) {
            self.tell(News::Kept(ends));
        }
    }

    /// Removes expired sessions and counts the others, now and then.
    fn keep_up(&mut self) {
        if self.kept_up.is_some_and(|at| at.elapsed() < UPKEEP) {
            return;
        }
        self.kept_up = Some(Instant::now());
        let mut report = Report::default();
        let counted = with_store(&self.place, &mut report, |store| {
            for _ in 0..ROUNDS {
                if store.expire(unix_time(), AT_ONCE)? < AT_ONCE as usize {
                    break;
                }
            }
            store.stats()
        });
        // Errors are those of writers, who report them.
        if let Ok(Some(stats)) = counted {
            self.tell(News::Counted(stats));
        }
        if let Ok(policies) = with_store(&self.place, &mut report, Store::evictions) {
            self.tell(News::Evictions(policies));
        }
    }

    fn tell(&self, news: News) {
        lock(&self.news).push(news);
        self.wakeup.signal();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
