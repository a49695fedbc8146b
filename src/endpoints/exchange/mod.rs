//! Sign-ins about which authentik is being asked, one question at a time per sign-in and worker.
//!
//! A code can be exchanged only once. A visitor who double-clicks or reloads sends the same
//! callback again and abandons the first: so the last request gets the answer. And replaying a
//! callback cannot fill the queue.

mod question;

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Instant;

use authentik_io::client::Client;
use authentik_io::pool::Cancel;
use gate::http::TransportError;
use gate::login::{CallbackId, Proof};
use gate::provider::ProviderKey;
use gate::question::CoreError;
use gate::reason::Reason;
use gate::status::Duration;
use nginx::suspend::Ticket;

pub(super) use self::question::Exchange;
use crate::authentik::asking::Put;
use crate::authentik::threads::{self, Errand, Line, Lost, PATIENCE};
use crate::ngx::{self, Fault, Request, counters, sender};

/// A question, identified by the ticket of the request that asked it.
struct Pending {
    id: CallbackId,
    /// The request that gets the answer.
    waiter: Ticket,
    cancel: Cancel,
}

/// A request's interest in a question. Dropped with the request: if nobody else waits, the question
/// is not asked.
pub(crate) struct Interest {
    job: Ticket,
    waiter: Ticket,
}

/// The outcome of an exchange.
pub(crate) enum Exchanged {
    /// authentik answered; this is what its answer proves.
    Judged(Proof),
    /// Another request of the same sign-in gets the answer.
    Superseded,
    /// The thread panicked.
    Lost,
    /// For tests: nothing was asked.
    #[cfg(feature = "suspend-all")]
    Nothing,
}

/// The progress of a request's exchange.
pub(crate) enum Progress {
    /// Nothing was asked yet.
    NotAsked,
    /// The outcome.
    Done(Exchanged),
    /// No answer arrived in time.
    TimedOut,
}

/// The result of claiming a sign-in's question.
enum Claim {
    /// Nobody asks about this sign-in.
    Nothing,
    /// Another request asked; this one gets the answer now, and the other one must be told.
    TakenOver { interest: Interest, former: Ticket },
    /// Another request asks with a different code.
    Busy,
}

thread_local! {
    // Used only on the event-loop thread.
    static PENDING: RefCell<HashMap<Ticket, Pending>> = RefCell::default();
    /// Requests whose question was taken over, until the next turn of the loop.
    static DISPLACED: RefCell<Vec<Ticket>> = RefCell::default();
}

/// Passes a question of this request to a thread and lets the request wait. If authentik is already
/// being asked about this sign-in, takes over that answer from the earlier request.
pub(super) fn ask(
    r: &mut Request<'_>,
    provider: &ProviderKey,
    id: CallbackId,
    work: impl FnOnce(&Client, Instant) -> Exchanged + Send + 'static,
) -> Result<Put, Fault> {
    let state = r.state()?;
    state.exchanged.take();
    let ticket = r.suspend(PATIENCE)?;
    match take_over(id, ticket) {
        Claim::Nothing => {}
        Claim::TakenOver { interest, former } => {
            state.exchange.replace(Some(interest));
            // Told on the next turn of the loop: the phases of this request are running.
            DISPLACED.with_borrow_mut(|displaced| displaced.push(former));
            threads::come_round();
            return Ok(Put::Waiting);
        }
        Claim::Busy => {
            r.resume_now();
            return Ok(Put::Refused(Reason::Superseded));
        }
    }
    let cancel = Cancel::default();
    let errand = Errand {
        line: Line::SignIns,
        provider: Some(provider),
        sender: sender::network(r),
        ticket: Some(ticket),
        cancel: cancel.clone(),
    };
    let taken = errand.hand_over(move |client, deadline| {
        let begun = Instant::now();
        let exchanged = work(client, deadline);
        let took = begun.elapsed();
        Box::new(move || {
            counters::record(Duration::Exchange, took);
            wake(waiter_of(ticket), exchanged);
        })
    });
    if taken {
        state.exchange.replace(Some(begin(id, ticket, cancel)));
        return Ok(Put::Waiting);
    }
    r.resume_now();
    Ok(Put::Refused(Reason::Overloaded))
}

/// The outcome of [`ask`]; an answer is returned only once.
pub(super) fn progress(r: &Request<'_>) -> Result<Progress, Fault> {
    let state = r.state()?;
    if let Some(exchanged) = state.exchanged.take() {
        state.exchange.take();
        return Ok(Progress::Done(*exchanged));
    }
    Ok(match state.exchange.take() {
        Some(_) => Progress::TimedOut,
        None => Progress::NotAsked,
    })
}

/// Tells the requests whose question was taken over. On the event loop.
pub(crate) fn deliver() {
    for ticket in DISPLACED.take() {
        wake(ticket, Exchanged::Superseded);
    }
}

/// A thread has no answer: the waiting request continues. On the event loop.
pub(crate) fn lost(job: Ticket, why: Lost) {
    let exchanged = match why {
        Lost::Overloaded => overloaded(),
        Lost::Panicked => Exchanged::Lost,
    };
    wake(waiter_of(job), exchanged);
}

pub(crate) fn wake(ticket: Ticket, exchanged: Exchanged) {
    ngx::wake(ticket, |state| {
        state.exchanged.replace(Some(Box::new(exchanged)));
    });
}

fn overloaded() -> Exchanged {
    Exchanged::Judged(Proof::Nothing(CoreError::Unreachable(TransportError::Overloaded)))
}

/// Lets a waiting request take over the question about its sign-in.
fn take_over(id: CallbackId, waiter: Ticket) -> Claim {
    PENDING.with_borrow_mut(|pending| {
        let mut pending = pending.iter_mut();
        let Some((job, exchange)) = pending.find(|(_, one)| one.id.is_of_same_sign_in(&id)) else {
            return Claim::Nothing;
        };
        if exchange.id != id {
            return Claim::Busy;
        }
        let former = std::mem::replace(&mut exchange.waiter, waiter);
        Claim::TakenOver { interest: Interest { job: *job, waiter }, former }
    })
}

/// Records that a thread was given the question of this request.
fn begin(id: CallbackId, waiter: Ticket, cancel: Cancel) -> Interest {
    let exchange = Pending { id, waiter, cancel };
    PENDING.with_borrow_mut(|pending| pending.insert(waiter, exchange));
    Interest { job: waiter, waiter }
}

/// The request that gets the answer to a question.
fn waiter_of(job: Ticket) -> Ticket {
    let exchange = PENDING.with_borrow_mut(|pending| pending.remove(&job));
    exchange.map_or(job, |exchange| exchange.waiter)
}

impl Drop for Interest {
    fn drop(&mut self) {
        // Fails only at process exit.
        let _ = PENDING.try_with(|pending| {
            let mut pending = pending.borrow_mut();
            let exchange = pending.get(&self.job).filter(|exchange| exchange.waiter == self.waiter);
            // A question that a thread has begun continues and may be taken over: the code is used
            // up.
            if exchange.is_some_and(|exchange| exchange.cancel.cancel()) {
                pending.remove(&self.job);
            }
        });
    }
}
