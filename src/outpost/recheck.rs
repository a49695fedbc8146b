//! Sessions that may have ended while nobody listened.
//!
//! authentik says once that a session has ended (authentik-outpost.md §2.3). After a gap in the
//! connection the sessions here are therefore asked for, one token for each session at authentik, a
//! few at a time: whose token is not active any more has ended. Cannot authentik be asked, nothing
//! ends: it will be asked again after the gap.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use authentik_io::client::Client;
use authentik_io::pool::{Cancel, Job, Outcome, Pool, PoolSettings, spawn_plainly};
use gate::identity::SessionView;
use gate::provider::Provider;
use gate::question::{CoreError, Endpoints, Question};
use gate::secret::Secret;
use gate::token::TokenFlaw;

use crate::ngx::lifecycle::{give_way, with_signals_blocked};
use crate::ngx::wakeup::Sender;
use crate::ngx::{Zone, now};
use crate::{outpost, sessions};

/// How long authentik may take for one.
const DEADLINE: Duration = Duration::from_secs(10);

/// A walk over the zone, in steps.
pub(super) struct Recheck {
    pool: Pool<Option<[u8; 16]>>,
    /// Where to go on; `None` = there is nothing to do.
    next: Option<u32>,
    /// Sessions at authentik that were asked for in this walk.
    asked: HashSet<[u8; 16]>,
    /// Tells the keeper to send for the next step.
    under_way: Arc<AtomicBool>,
}

impl Recheck {
    /// Nothing to do yet. Threads are started when there is.
    pub(super) fn new(wakeup: Sender, under_way: Arc<AtomicBool>) -> Self {
        let settings = PoolSettings {
            threads: 2,
            per_key: 2,
            queue: 64,
            name: "authentik-check",
            spawn: |builder, run| {
                let run = Box::new(|| {
                    give_way();
                    run();
                });
                with_signals_blocked(|| spawn_plainly(builder, run))
            },
        };
        let pool = Pool::start(settings, move || wakeup.signal());
        Self { pool, next: None, asked: HashSet::new(), under_way }
    }

    /// Begins, or begins anew.
    pub(super) fn begin(&mut self) {
        self.next = Some(0);
        self.asked.clear();
        self.under_way.store(true, Ordering::Release);
    }

    /// Asks for the next few.
    pub(super) fn step(&mut self, zone: Zone) {
        let (Some(from), Some(directory)) = (self.next, outpost::directory()) else { return };
        let asked = &mut self.asked;
        let (found, next) = sessions::survey(zone, from, |sid| !asked.contains(sid));
        for (sid, record) in found {
            let Some(view) = SessionView::over(record.expose()) else { continue };
            // Of a provider that is written by hand there may be another authentik.
            let Some(provider) = directory.by_key(view.provider()) else { continue };
            if !ask(&self.pool, provider, sid, view.token()) {
                return; // too many at once: from here again at the next step
            }
            asked.insert(sid);
        }
        self.next = next;
        self.under_way.store(next.is_some(), Ordering::Release);
    }

    /// The sessions at authentik that turned out to have ended.
    pub(super) fn ended(&self) -> Vec<[u8; 16]> {
        let mut ended = Vec::new();
        self.pool.drain(&mut |_, outcome| match outcome {
            Outcome::Done(sid) => ended.extend(sid),
            Outcome::Expired | Outcome::Panicked => {}
        });
        ended
    }

    pub(super) fn stop(&self) {
        self.pool.stop();
    }
}

/// Whether a thread will ask.
fn ask(
    pool: &Pool<Option<[u8; 16]>>,
    provider: &Arc<Provider>,
    sid: [u8; 16],
    token: &[u8],
) -> bool {
    let question = Question::Introspect { token: Secret::new(token) };
    let (provider, time) = (Arc::clone(provider), now());
    let work = move |client: &Client, deadline: Instant| {
        let endpoints = Endpoints::given(&provider)?;
        let request = question.to_http(&provider, Some(&endpoints)).ok()?;
        let response = client.fetch(&request, &provider.trust, deadline);
        let said = question.read(&provider, response.as_ref(), time);
        matches!(said, Err(CoreError::BadToken(TokenFlaw::Inactive))).then_some(sid)
    };
    let job = Job {
        key: 0,
        ticket: 0,
        deadline: Instant::now() + DEADLINE,
        cancelled: Cancel::default(),
        work: Box::new(work),
    };
    pool.submit(job).is_ok()
}
