//! The threads of a worker: carries questions out, and answers back to the requests that wait.

mod limits;
#[cfg(feature = "suspend-all")]
mod round_trip;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use authentik_io::client::Client;
use authentik_io::pool::{Cancel, Job, Outcome, Pool, spawn_plainly};
use gate::http::TransportError;
use gate::identity::Rendered;
use gate::provider::ProviderKey;
use gate::question::{CoreError, Tokens};
use gate::reason::Reason;
use gate::token::TokenFlaw;
use nginx::lifecycle::{give_way, with_signals_blocked, worker_number};
use nginx::suspend::Ticket;
use nginx::ticker::Ticker;
use nginx::wakeup::Wakeup;
use ring::rand::{SecureRandom, SystemRandom};

use crate::authentik::core_server::{self, Fetched};
use crate::authentik::single_flight;
use crate::conf::MainConf;
use crate::endpoints::flights::{self, Found, SignIn};
use crate::ngx::log::{self, Level};
use crate::ngx::{self, Authentik, Fault, Request, Zone, sender};
use crate::outpost;
use crate::request::status;
use crate::visitor::header_auth::{self, Judged};
use crate::visitor::sweep;
use limits::{CREDENTIALS, SIGN_INS};
#[cfg(feature = "suspend-all")]
pub(crate) use round_trip::suspend_once;

/// How long authentik may take for an answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// When a waiting request stops to wait: the threads know the deadline too, this is the net below.
const PATIENCE: Duration = Duration::from_secs(11);

/// Ticket of no request.
const NOBODY: u64 = 0;

/// What a thread brings back.
pub(crate) enum Message {
    /// To the request that asked.
    Answer(Answer),
    /// To all workers, through the zone.
    Document(Fetched),
    /// To all workers, through the zone.
    Credentials(Judged),
    /// To nobody: something was reported, or why not.
    Reported(Result<(), String>),
}

/// What became of a question of one request.
pub(crate) enum Answer {
    /// A sign-in: the session to store.
    SignedIn(Rendered),
    /// Tokens came, but they are not signed with what is known of the provider's keys.
    OtherKeys(Tokens, TokenFlaw),
    /// There is none.
    Failed(CoreError),
    /// Another request of the same sign-in gets it.
    Superseded,
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
    /// Requests whose question another one has taken over.
    displaced: RefCell<Vec<Ticket>>,
    zone: Option<Zone>,
    /// Closed, and with it the eventfd, when the worker exits.
    wakeup: Wakeup,
    random: SystemRandom,
    /// For what is due without anybody asking. One worker has it.
    _ticker: Option<Ticker>,
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
    match Wakeup::open::<Authentik>(deliver) {
        Ok(wakeup) => {
            let worker = Worker {
                pool: Pool::start(SIGN_INS, signal(&wakeup)),
                credentials: Pool::start(CREDENTIALS, signal(&wakeup)),
                displaced: RefCell::default(),
                zone: conf.zone(),
                wakeup,
                random: SystemRandom::new(),
                _ticker: (worker_number() == 0)
                    .then(|| Ticker::start::<Authentik>(sweep::EVERY, tick)),
            };
            let sender = worker.wakeup.sender();
            WORKER.set(Some(Rc::new(worker)));
            outpost::start(conf, sender);
            #[cfg(feature = "bench-seed")]
            crate::testing::bench::seed(conf);
        }
        Err(error) => {
            let hint = "known sessions work, nobody can sign in";
            log::cycle(Level::Alert, format_args!("no wake-up of the event loop: {error}; {hint}"));
        }
    }
}

fn signal(wakeup: &Wakeup) -> impl Fn() + Send + Sync + 'static {
    let sender = wakeup.sender();
    move || sender.signal()
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

/// Hands a question of this request to a thread and lets the request wait. If authentik is being
/// asked about this sign-in already, it waits for that answer in place of the request before it.
///
/// `Err` inside: why nobody takes it.
pub(crate) fn ask(
    r: &mut Request<'_>,
    provider: &ProviderKey,
    sign_in: SignIn,
    work: impl FnOnce(&Client, Instant) -> Answer + Send + 'static,
) -> Result<Result<(), Reason>, Fault> {
    let state = r.state()?;
    state.answer.take();
    let ticket = r.suspend(PATIENCE)?;
    match flights::take_over(sign_in, ticket) {
        Found::Nothing => {}
        Found::TakenOver { place, former } => {
            state.question.replace(Some(place));
            displace(former);
            return Ok(Ok(()));
        }
        Found::Busy => {
            r.resume_now();
            return Ok(Err(Reason::Superseded));
        }
    }
    let cancel = Cancel::default();
    let work = Box::new(move |client: &Client, deadline| Message::Answer(work(client, deadline)));
    let job = Job {
        key: fairness_key(provider),
        sender: sender::network(r),
        ticket: ticket.0,
        deadline: Instant::now() + DEADLINE,
        cancelled: cancel.clone(),
        work,
    };
    if submit(job) {
        state.question.replace(Some(flights::begin(sign_in, ticket, cancel)));
        return Ok(Ok(()));
    }
    r.resume_now();
    Ok(Err(Reason::Overloaded))
}

/// The request is told on the next turn of the loop: another one's phases are running.
fn displace(ticket: Ticket) {
    if let Some(worker) = WORKER.with_borrow(Option::clone) {
        worker.displaced.borrow_mut().push(ticket);
        worker.wakeup.sender().signal();
    }
}

/// Has [`deliver`] called on the next turn of the loop.
pub(crate) fn come_round() {
    // Fails at the end of the process only.
    let _ = WORKER.try_with(|worker| {
        if let Some(worker) = worker.borrow().as_ref() {
            worker.wakeup.sender().signal();
        }
    });
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
        sender: None,
        ticket: ticket.0,
        deadline: Instant::now() + DEADLINE,
        cancelled: Cancel::default(),
        work: Box::new(move |client, deadline| Message::Document(work(client, deadline))),
    })
}

/// Hands the checking of credentials to a thread, for all workers; `sender` is who sent them. Says
/// whether it was taken.
pub(crate) fn check_credentials(
    ticket: Ticket,
    sender: Option<u64>,
    provider: &ProviderKey,
    work: impl FnOnce(&Client, Instant) -> Judged + Send + 'static,
) -> bool {
    let job = Job {
        key: fairness_key(provider),
        sender,
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

/// Hands a report to a thread; nobody waits for what becomes of it.
pub(crate) fn report(work: impl FnOnce(&Client, Instant) -> Result<(), String> + Send + 'static) {
    let job = Job {
        key: 0,
        sender: None,
        ticket: NOBODY,
        deadline: Instant::now() + DEADLINE,
        cancelled: Cancel::default(),
        work: Box::new(move |client: &Client, deadline| Message::Reported(work(client, deadline))),
    };
    // Where credentials are checked: sign-ins are not to wait for it.
    if let Some(worker) = WORKER.with_borrow(Option::clone) {
        let _ = worker.credentials.submit(job);
    }
}

fn submit(job: Job<Message>) -> bool {
    let worker = WORKER.with_borrow(Option::clone);
    worker.is_some_and(|worker| worker.pool.submit(job).is_ok())
}

/// Called on the event loop every now and then.
pub(crate) fn tick() {
    if let Some(zone) = zone() {
        sweep::step(zone);
    }
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
    for ticket in worker.displaced.take() {
        wake(ticket, Some(Answer::Superseded));
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
            Outcome::Done(Message::Reported(done)) => {
                if let Err(why) = done {
                    log::cycle(
                        Level::Info,
                        format_args!("authentik was not told of a misconfiguration: {why}"),
                    );
                }
                None
            }
            Outcome::Expired | Outcome::Displaced => Some(overloaded()),
            Outcome::Panicked => Some(Answer::Lost),
        };
        wake(flights::land(ticket), answer);
    }
    single_flight::deliver();
}

fn wake(ticket: Ticket, answer: Option<Answer>) {
    ngx::wake(ticket, |state| {
        if let Some(answer) = answer {
            state.answer.replace(Some(Box::new(answer)));
        }
    });
}

fn overloaded() -> Answer {
    Answer::Failed(CoreError::Unreachable(TransportError::Overloaded))
}

fn fairness_key(provider: &ProviderKey) -> u64 {
    provider.0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
