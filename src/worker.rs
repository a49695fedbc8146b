//! The threads of a worker: carries questions out, and answers back to the requests that wait.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use authentik_io::client::Client;
use authentik_io::pool::{Cancel, Job, Outcome, Pool, PoolSettings, spawn_plainly};
use gate::http::TransportError;
use gate::identity::{BasicAttributes, Rendered, render};
use gate::provider::{Provider, ProviderKey};
use gate::question::{CoreError, Tokens};
use gate::reason::Reason;
use gate::secret::Secret;
use gate::time::UnixTime;
use gate::token::{Expected, Keys, TokenFlaw, verify};
use ring::rand::{SecureRandom, SystemRandom};

use crate::conf::MainConf;
use crate::core_server::{self, Fetched};
use crate::header_auth::{self, Judged};
use crate::ngx::lifecycle::{give_way, with_signals_blocked};
use crate::ngx::log::{self, Level};
use crate::ngx::suspend::{self, Ticket};
use crate::ngx::wakeup::Wakeup;
use crate::ngx::{Fault, Request, Zone};
use crate::outpost;
use crate::state::CancelOnDrop;
use crate::status;

/// How long authentik may take for an answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// When a waiting request stops to wait: the threads know the deadline too, this is the net below.
const PATIENCE: Duration = Duration::from_secs(11);

/// Threads of a worker at most; each is started when all others are busy. Enough for 200 sign-ins at
/// once through two workers with an authentik that takes a second for each.
const THREADS: usize = 32;
/// Of them, how many one provider may keep busy: a slow one leaves room for the others.
const THREADS_PER_PROVIDER: usize = 24;

/// Sign-ins that may wait for a thread.
const QUEUE: usize = 1024;
/// The same for header authentication.
const CHECKERS: usize = 8;
const CHECKERS_PER_PROVIDER: usize = 6;
const CHECK_QUEUE: usize = 256;

/// What a thread brings back.
pub(crate) enum Message {
    /// To the request that asked.
    Answer(Answer),
    /// To all workers, through the zone.
    Document(Fetched),
    /// To all workers, through the zone.
    Credentials(Judged),
}

/// What became of a question of one request.
pub(crate) enum Answer {
    /// A sign-in: the session to store.
    SignedIn(Rendered),
    /// Tokens came, but the key that signed them is not known here.
    UnknownKey(Tokens),
    /// There is none.
    Failed(CoreError),
    /// The thread panicked.
    Lost,
    /// Of a test: nothing was asked.
    #[cfg(feature = "suspend-all")]
    Nothing,
}

/// Where a request stands with its question.
pub(crate) enum Asked {
    /// It has asked nothing yet.
    NotYet,
    /// This came back.
    Answered(Answer),
    /// Nothing came back in time.
    TimedOut,
}

struct Worker {
    pool: Pool<Message>,
    /// For header authentication: a flood of bad passwords does not hold up sign-ins.
    credentials: Pool<Message>,
    zone: Option<Zone>,
    /// Closed, and with it the eventfd, when the worker exits.
    wakeup: Wakeup,
    random: SystemRandom,
}

thread_local! {
    // Used on the event-loop thread only.
    static WORKER: RefCell<Option<Rc<Worker>>> = const { RefCell::new(None) };
}

/// Called once per worker process, after the fork: threads do not survive one.
pub(crate) fn start(conf: &MainConf) {
    if !conf.uses_module() && !cfg!(feature = "suspend-all") {
        return;
    }
    status::start(conf);
    match Wakeup::open() {
        Ok(wakeup) => {
            let worker = Worker {
                pool: start_pool(&wakeup, THREADS, THREADS_PER_PROVIDER, QUEUE),
                credentials: start_pool(&wakeup, CHECKERS, CHECKERS_PER_PROVIDER, CHECK_QUEUE),
                zone: conf.zone(),
                wakeup,
                random: SystemRandom::new(),
            };
            let sender = worker.wakeup.sender();
            WORKER.set(Some(Rc::new(worker)));
            outpost::start(conf, sender);
            #[cfg(feature = "bench-seed")]
            crate::bench::seed(conf);
        }
        Err(error) => {
            let hint = "known sessions work, nobody can sign in";
            log::cycle(Level::Alert, format_args!("no wake-up of the event loop: {error}; {hint}"));
        }
    }
}

fn start_pool(wakeup: &Wakeup, threads: usize, per_key: usize, queue: usize) -> Pool<Message> {
    let sender = wakeup.sender();
    let settings = PoolSettings { threads, per_key, queue, name: "authentik", spawn };
    Pool::start(settings, move || sender.signal())
}

/// Starts a thread of the module: it takes no signals, and the event loop goes first.
pub(crate) fn spawn(builder: Builder, run: Box<dyn FnOnce() + Send>) -> io::Result<()> {
    let run = Box::new(|| {
        give_way();
        run();
    });
    with_signals_blocked(|| spawn_plainly(builder, run))
}

/// Called when the worker exits. Busy threads are not waited for.
pub(crate) fn stop() {
    outpost::stop();
    if let Some(worker) = WORKER.take() {
        worker.pool.stop();
        worker.credentials.stop();
    }
}

/// The zone, for what is published without a request at hand.
pub(crate) fn zone() -> Option<Zone> {
    WORKER.with_borrow(|worker| worker.as_ref()?.zone)
}

/// Random bytes for an id or a sign-in. `None` when the system has none, or this is no worker.
pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    WORKER.with_borrow(|worker| worker.as_ref()?.random.fill(&mut bytes).ok())?;
    Some(bytes)
}

/// Hands a question of this request to a thread and lets the request wait.
///
/// `Err` inside: why nobody takes it.
pub(crate) fn ask(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    work: impl FnOnce(&Client, Instant) -> Answer + Send + 'static,
) -> Result<Result<(), Reason>, Fault> {
    let cancel = Cancel::default();
    let state = r.state()?;
    state.answer.take();
    state.question.replace(Some(CancelOnDrop(cancel.clone())));
    let ticket = r.suspend(PATIENCE)?;
    let work = Box::new(move |client: &Client, deadline| Message::Answer(work(client, deadline)));
    let job = Job {
        key: fairness_key(&provider.key),
        ticket: ticket.0,
        deadline: Instant::now() + DEADLINE,
        cancelled: cancel,
        work,
    };
    if submit(job) {
        return Ok(Ok(()));
    }
    r.resume_now();
    Ok(Err(Reason::Overloaded))
}

/// What came of [`ask`]; an answer is given out once.
pub(crate) fn asked(r: &Request<'_>) -> Result<Asked, Fault> {
    let state = r.state()?;
    if let Some(answer) = state.answer.take() {
        state.question.take();
        return Ok(Asked::Answered(*answer));
    }
    Ok(match state.question.take() {
        Some(_) => Asked::TimedOut,
        None => Asked::NotYet,
    })
}

/// Hands the fetching of a document to a thread; `ticket` is that of the request that needs it, but
/// the document is fetched for all workers, also when the request goes. Says whether it was taken.
pub(crate) fn fetch(
    ticket: Ticket,
    provider: &ProviderKey,
    work: impl FnOnce(&Client, Instant) -> Fetched + Send + 'static,
) -> bool {
    submit(Job {
        key: fairness_key(provider),
        ticket: ticket.0,
        deadline: Instant::now() + DEADLINE,
        cancelled: Cancel::default(),
        work: Box::new(move |client, deadline| Message::Document(work(client, deadline))),
    })
}

/// Hands the checking of credentials to a thread, for all workers. Says whether it was taken.
pub(crate) fn check_credentials(
    ticket: Ticket,
    provider: &ProviderKey,
    work: impl FnOnce(&Client, Instant) -> Judged + Send + 'static,
) -> bool {
    let job = Job {
        key: fairness_key(provider),
        ticket: ticket.0,
        deadline: Instant::now() + DEADLINE,
        cancelled: Cancel::default(),
        work: Box::new(move |client: &Client, deadline| {
            Message::Credentials(work(client, deadline))
        }),
    };
    let worker = WORKER.with_borrow(Option::clone);
    worker.is_some_and(|worker| worker.credentials.submit(job).is_ok())
}

fn submit(job: Job<Message>) -> bool {
    let worker = WORKER.with_borrow(Option::clone);
    worker.is_some_and(|worker| worker.pool.submit(job).is_ok())
}

/// Called on the event loop when threads have something to deliver.
pub(crate) fn deliver() {
    outpost::deliver();
    let Some(worker) = WORKER.with_borrow(Option::clone) else { return };
    // Collected first: a request that goes on may ask again.
    let mut arrived = Vec::new();
    for pool in [&worker.pool, &worker.credentials] {
        pool.drain(&mut |ticket, outcome| arrived.push((Ticket(ticket), outcome)));
    }
    for (ticket, outcome) in arrived {
        let answer = match outcome {
            Outcome::Done(Message::Answer(answer)) => Some(answer),
            Outcome::Done(Message::Document(fetched)) => {
                core_server::publish(fetched);
                None
            }
            Outcome::Done(Message::Credentials(judged)) => {
                header_auth::publish(judged);
                None
            }
            Outcome::Expired => {
                Some(Answer::Failed(CoreError::Unreachable(TransportError::Overloaded)))
            }
            Outcome::Panicked => Some(Answer::Lost),
        };
        suspend::wake(ticket, |state| {
            if let Some(answer) = answer {
                state.answer.replace(Some(Box::new(answer)));
            }
        });
    }
}

/// What the tokens prove, if the key is at hand.
pub(crate) fn judged(
    provider: &Provider,
    tokens: Tokens,
    nonce: &Secret,
    keys: &Keys,
    now: UnixTime,
) -> Answer {
    // Always expected: an unreadable nonce of ours matches none.
    let expected = Expected::of(provider, Some(nonce.expose_str().unwrap_or_default()));
    let token = tokens.access_token.expose();
    match verify(token, &expected, keys, now) {
        Ok(claims) => {
            let basic = provider.basic_auth.as_ref();
            let basic = basic.map(|(user, password)| BasicAttributes { user, password });
            Answer::SignedIn(render(&claims, provider, token, basic))
        }
        Err(TokenFlaw::UnknownKey) => Answer::UnknownKey(tokens),
        Err(flaw) => Answer::Failed(flaw.into()),
    }
}

fn fairness_key(provider: &ProviderKey) -> u64 {
    provider.0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// For foreign test suites: sends the request through a thread and back once, whatever it is.
#[cfg(feature = "suspend-all")]
pub(crate) fn suspend_once(r: &mut Request<'_>) -> Result<Option<crate::ngx::Flow>, Fault> {
    use crate::ngx::Flow;

    let state = r.state()?;
    if state.was_suspended.replace(true) {
        state.answer.take();
        state.question.take();
        return Ok(None);
    }
    let ticket = r.suspend(PATIENCE)?;
    let job = Job {
        key: ticket.0 % 7,
        ticket: ticket.0,
        deadline: Instant::now() + DEADLINE,
        cancelled: Cancel::default(),
        work: Box::new(|_, _| Message::Answer(Answer::Nothing)),
    };
    if submit(job) {
        return Ok(Some(Flow::Suspended));
    }
    r.resume_now();
    Err(Fault::Nginx("a thread"))
}
