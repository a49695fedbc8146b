//! Sign-ins that authentik is being asked about, each once at a time in a worker.
//!
//! A code can be exchanged once. Who clicks twice or reloads sends the same callback again and gives
//! the first one up: so the last request gets the answer. And replaying one callback fills no queue.

use std::cell::RefCell;
use std::collections::HashMap;

use authentik_io::pool::Cancel;
use gate::secret::Secret;
use ring::digest;

use nginx::suspend::Ticket;

/// One question, named by the ticket of the request that put it.
struct Flight {
    sign_in: SignIn,
    /// The request that gets the answer.
    waiter: Ticket,
    cancel: Cancel,
}

/// Which sign-in a callback is of. Its state was opened: it belongs to the browser that sends it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SignIn {
    state: [u8; 32],
    code: [u8; 32],
}

/// The part of a request in a question. Dropped with the request: if nobody else waits, the question
/// is not put any more.
pub(crate) struct Place {
    job: Ticket,
    waiter: Ticket,
}

/// What a callback finds.
pub(crate) enum Found {
    /// Nobody asks about this sign-in.
    Nothing,
    /// Somebody asked, and this request gets the answer now. The other one shall be told.
    TakenOver { place: Place, former: Ticket },
    /// Somebody asks with another code.
    Busy,
}

thread_local! {
    // Used on the event-loop thread only.
    static FLIGHTS: RefCell<HashMap<Ticket, Flight>> = RefCell::default();
}

impl SignIn {
    pub(crate) fn new(state: &[u8], code: &Secret) -> Self {
        let hash = |bytes| {
            let mut hash = [0; 32];
            let digest = digest::digest(&digest::SHA256, bytes);
            hash.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
            hash
        };
        Self { state: hash(state), code: hash(code.expose()) }
    }
}

/// Lets a waiting request take over what was asked about its sign-in.
pub(crate) fn take_over(sign_in: SignIn, waiter: Ticket) -> Found {
    FLIGHTS.with_borrow_mut(|flights| {
        let mut flights = flights.iter_mut();
        let Some((job, flight)) = flights.find(|(_, one)| one.sign_in.state == sign_in.state)
        else {
            return Found::Nothing;
        };
        if flight.sign_in != sign_in {
            return Found::Busy;
        }
        let former = std::mem::replace(&mut flight.waiter, waiter);
        Found::TakenOver { place: Place { job: *job, waiter }, former }
    })
}

/// A thread has been given the question of this request.
pub(crate) fn begin(sign_in: SignIn, waiter: Ticket, cancel: Cancel) -> Place {
    let flight = Flight { sign_in, waiter, cancel };
    FLIGHTS.with_borrow_mut(|flights| flights.insert(waiter, flight));
    Place { job: waiter, waiter }
}

/// A question has come back: the request that gets the answer.
pub(crate) fn land(job: Ticket) -> Ticket {
    let flight = FLIGHTS.with_borrow_mut(|flights| flights.remove(&job));
    flight.map_or(job, |flight| flight.waiter)
}

impl Drop for Place {
    fn drop(&mut self) {
        // Fails at the end of the process only.
        let _ = FLIGHTS.try_with(|flights| {
            let mut flights = flights.borrow_mut();
            let flight = flights.get(&self.job).filter(|flight| flight.waiter == self.waiter);
            // What a thread has begun goes on, and may be taken over: the code is used up.
            if flight.is_some_and(|flight| flight.cancel.cancel()) {
                flights.remove(&self.job);
            }
        });
    }
}
