//! Sessions that may have ended while the connection was down.
//!
//! authentik reports the end of a session only once (docs/protocol.md §3.4). So after a gap in the
//! connection, authentik is asked about the sessions here, one token per session at authentik, a
//! few at a time: sessions whose token is no longer active have ended. If authentik cannot be
//! asked, no session ends, and it is asked again later, until there is an answer for each session.
//!
//! A session that is read from the store later may have ended during the gap as well: it is asked
//! about within seconds, once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use authentik_io::client::Client;
use authentik_io::pool::{Cancel, Job, Outcome, Pool, PoolSettings};
use gate::identity::{OwnedRecord, open_unasked};
use gate::outpost::{AfterGap, AtGapsEnd, WalkAgain};
use gate::provider::Provider;
use gate::question::{CoreError, Endpoints, Introspect};
use gate::secret::Secret;
use gate::shared_words::{SharedWords, Word};
use gate::store::{Key, kind};
use gate::time::UnixTime;
use gate::token::TokenFlaw;
use nginx::wakeup::Waker;

use crate::authentik::asking::Caller;
use crate::authentik::threads;
use crate::ngx::keyring;
use crate::ngx::{Zone, now};
use crate::{outpost, storage};

/// Maximum time for one answer from authentik.
const DEADLINE: Duration = Duration::from_secs(10);

/// Time between two steps.
const STEP: Duration = Duration::from_millis(100);
/// Interval at which the end of the pause is checked.
const IDLE: Duration = Duration::from_secs(1);

/// How many answers are remembered; after that, some sessions are asked about once more.
const REMEMBERED: usize = 65_536;

/// A session at authentik, as identified in the zone.
type Sid = [u8; 16];

/// Walks through the zone, in steps.
pub(super) struct Recheck {
    pool: Pool<Fate>,
    stage: Stage,
    /// Questions that are not answered yet, by number.
    waiting: HashMap<u64, Unanswered>,
    /// Sessions with an answer since the gap, so that they are not asked about again.
    answered: HashSet<Sid>,
    /// [`Word::FromStore`] when the walk began.
    from_store: u64,
    words: SharedWords<'static>,
    questions: u64,
    /// A question of this walk could not be answered.
    is_open: bool,
    again: WalkAgain,
    /// Tells the keeper when to trigger the next step.
    under_way: Arc<Rhythm>,
}

/// Time until the next step, set by the event loop and read by the keeper.
#[derive(Default)]
pub(super) struct Rhythm(AtomicU64);

impl Rhythm {
    /// `None` if there is nothing to do.
    pub(super) fn pause(&self) -> Option<Duration> {
        match self.0.load(Ordering::Acquire) {
            0 => None,
            millis => Some(Duration::from_millis(millis)),
        }
    }

    fn set(&self, pause: Duration) {
        self.0.store(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX), Ordering::Release);
    }
}

/// A question: the session, and the provider whose secret was used.
struct Unanswered {
    sid: Sid,
    provider: Arc<Provider>,
}

/// Stages of the walk.
enum Stage {
    /// There is nothing to do.
    Idle,
    /// At this position in the zone.
    At(u32),
    /// At the end; some answers are missing.
    Waits,
    /// Unanswered questions will be repeated at this time.
    Again(Instant),
}

/// The fate of a session, according to authentik.
enum Fate {
    GoesOn,
    Ended,
    /// No reliable answer.
    Unknown,
}

impl Recheck {
    /// Initially idle. Threads are started when needed.
    pub(super) fn new(wakeup: Waker, under_way: Arc<Rhythm>, words: SharedWords<'static>) -> Self {
        let settings = PoolSettings {
            threads: 2,
            per_key: 2,
            queue: 64,
            per_sender: 64,
            name: "authentik-check",
            spawn: threads::spawn,
            on_idle: None,
        };
        let recheck = Self {
            pool: Pool::start(settings, move || wakeup.signal()),
            stage: Stage::Idle,
            waiting: HashMap::new(),
            answered: HashSet::new(),
            from_store: 0,
            words,
            questions: 0,
            is_open: false,
            again: WalkAgain::default(),
            under_way,
        };
        recheck.rest();
        recheck
    }

    /// Starts, or starts over.
    pub(super) fn begin(&mut self) {
        self.answered.clear();
        self.words.set(Word::ListenedSince, now().0);
        self.walk();
    }

    /// There is nothing to do, unless the store has sessions to be asked about.
    fn rest(&self) {
        self.under_way.set(if storage::is_on() { IDLE } else { Duration::ZERO });
    }

    fn walk(&mut self) {
        self.stage = Stage::At(0);
        self.waiting.clear();
        self.is_open = false;
        self.again = WalkAgain::default();
        self.from_store = self.words.get(Word::FromStore);
        self.under_way.set(STEP);
    }

    /// Takes a step. Returns whether the check is now complete.
    pub(super) fn step(&mut self, zone: Zone) -> bool {
        match self.stage {
            Stage::Idle => {
                if self.words.get(Word::FromStore) != self.words.get(Word::FromStoreChecked) {
                    self.walk();
                }
            }
            Stage::At(place) => self.ask_from(zone, place),
            Stage::Again(at) if Instant::now() < at => {}
            Stage::Again(_) => {
                self.under_way.set(STEP);
                self.is_open = false;
                self.stage = Stage::At(0);
            }
            Stage::Waits if !self.waiting.is_empty() => {}
            Stage::Waits if self.is_open => {
                self.stage = Stage::Again(Instant::now() + self.again.after_walk());
                self.under_way.set(IDLE);
            }
            Stage::Waits => {
                self.stage = Stage::Idle;
                self.words.set(Word::FromStoreChecked, self.from_store);
                if self.answered.len() > REMEMBERED || !storage::is_on() {
                    self.answered = HashSet::new();
                }
                self.rest();
                return true;
            }
        }
        false
    }

    /// Asks about the next few sessions.
    fn ask_from(&mut self, zone: Zone, place: u32) {
        let Some(directory) = outpost::directory() else { return };
        let asked: HashSet<Sid> = self.waiting.values().map(|asked| asked.sid).collect();
        let since = UnixTime(self.words.get(Word::ListenedSince));
        let answer_by = now().plus(DEADLINE.as_secs());
        let wanted = |sid: &Sid| !self.answered.contains(sid) && !asked.contains(sid);
        let (found, next) = survey(zone, place, wanted);
        for (sid, record) in found {
            let view = record.view();
            let session = AtGapsEnd {
                signed_in: view.signed_in(),
                listened_since: since,
                access_until: view.access_until(),
                is_renewable: !view.refresh_token().is_empty(),
                answer_by,
            };
            match session.judge() {
                AfterGap::Ask => {}
                AfterGap::LeaveToRenewal => continue,
                AfterGap::Believe => {
                    self.answered.insert(sid); // nor is it opened by the next walk
                    continue;
                }
            }
            // A provider defined in nginx may use another authentik.
            let Some(provider) = directory.by_key(view.provider()) else { continue };
            self.questions += 1;
            if !ask(&self.pool, self.questions, provider, view.token()) {
                return; // too many at once: from here again at the next step
            }
            let provider = Arc::clone(provider);
            self.waiting.insert(self.questions, Unanswered { sid, provider });
        }
        self.stage = next.map_or(Stage::Waits, Stage::At);
    }

    /// The sessions at authentik that have ended, from the answers that have arrived.
    pub(super) fn ended(&mut self) -> Vec<Sid> {
        let mut arrived = Vec::new();
        self.pool.drain(&mut |question, outcome| arrived.push((question, outcome)));
        let mut ended = Vec::new();
        for (question, outcome) in arrived {
            // Otherwise it belongs to a walk that was abandoned.
            let Some(asked) = self.waiting.remove(&question) else { continue };
            match outcome {
                Outcome::Done(Fate::GoesOn) => drop(self.answered.insert(asked.sid)),
                Outcome::Done(Fate::Ended) if is_still(&asked.provider) => {
                    self.answered.insert(asked.sid);
                    ended.push(asked.sid);
                }
                Outcome::Done(Fate::Ended | Fate::Unknown)
                | Outcome::Expired
                | Outcome::Displaced
                | Outcome::Panicked => self.is_open = true,
            }
        }
        ended
    }

    pub(super) fn stop(&self) {
        self.pool.stop();
    }
}

/// Whether the provider is unchanged since the question. To a client with a replaced secret,
/// authentik calls every token inactive (docs/protocol.md §5.1).
fn is_still(provider: &Arc<Provider>) -> bool {
    let directory = outpost::directory();
    let now = directory.as_ref().and_then(|directory| directory.by_key(provider.key));
    now.is_some_and(|now| Arc::ptr_eq(now, provider))
}

/// Whether the question was accepted by the pool.
fn ask(pool: &Pool<Fate>, question: u64, provider: &Arc<Provider>, token: &[u8]) -> bool {
    let introspect = Introspect { token: Secret::new(token) };
    let (provider, time) = (Arc::clone(provider), now());
    let work = move |client: &Client, deadline: Instant| {
        let Some(endpoints) = Endpoints::given(&provider) else { return Fate::Unknown };
        let caller = Caller { client, provider: &provider, endpoints: &endpoints, time, deadline };
        match caller.ask(&introspect) {
            Ok(_) => Fate::GoesOn,
            Err(CoreError::BadToken(TokenFlaw::Inactive)) => Fate::Ended,
            Err(_) => Fate::Unknown,
        }
    };
    let job = Job {
        key: 0,
        sender: None,
        ticket: question,
        deadline: Instant::now() + DEADLINE,
        cancelled: Cancel::default(),
        work: Box::new(work),
    };
    pool.submit(job).is_ok()
}

/// A few sessions that belong to a session at authentik whose `sid` is `wanted`, starting at a
/// position in the zone; and the position to continue at.
fn survey(
    zone: Zone,
    from: u32,
    mut wanted: impl FnMut(&Sid) -> bool,
) -> (Vec<(Sid, OwnedRecord)>, Option<u32>) {
    const PLACES: u32 = 2048;
    const FEW: usize = 16;
    let time = now();
    let mut found: Vec<(Sid, Key, Vec<u8>)> = Vec::with_capacity(FEW);
    let next = zone.with(|table| {
        table.survey(from, PLACES, time, |key, sid, record| {
            if record.kind() == kind::SESSION && *sid != [0; 16] && wanted(sid) {
                let mut sealed = vec![0; record.len()];
                if record.copy_into(&mut sealed) {
                    found.push((*sid, *key, sealed));
                }
            }
            found.len() < FEW
        })
    });
    // After the lock was released.
    let opened = found.into_iter().filter_map(|(sid, key, sealed)| {
        let open = |keyring| open_unasked(&sealed, &key, keyring);
        Some((sid, keyring::each().find_map(open)?))
    });
    (opened.collect(), next.flatten())
}
