//! One question at a time across all workers: one holds a lease in the zone, everybody else waits.
//!
//! Of a worker's requests that wait for the same answer, one, the scout, checks the zone every
//! [`LOOK`]; if a thread of this worker is asking, none does. The others sleep until the scout
//! finds the answer or the thread returns it, and then continue a few at a time. A scout that
//! leaves is replaced.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use authentik_io::client::Client;
use authentik_io::pool::Cancel;
use gate::provider::ProviderKey;
use gate::store::{self, Key, Owner, Record, TooBig, kind};
use nginx::lifecycle::uptime;
use nginx::suspend::Ticket;

use super::threads::{self, Completion, Errand, Line};
use crate::ngx::zone::warn_if_full;
use crate::ngx::{self, Fault, Request, Zone, now};

/// Seconds after which another worker may ask, if there is no answer.
pub(crate) const LEASE: u64 = 12;
/// Interval at which a scout checks for the answer to somebody else's question.
const LOOK: Duration = Duration::from_millis(40);
/// Maximum wait of a request for somebody else's question, in seconds.
const WAIT: u64 = 15;
/// Requests that continue in one turn of the event loop; visitors with a session are served in
/// between.
const AT_ONCE: usize = 32;

/// This worker's requests that wait for the same answer.
#[derive(Default)]
struct Queue {
    /// Number of the scout.
    scout: Option<u64>,
    sleepers: VecDeque<Ticket>,
}

/// Checks the zone on behalf of all others. Dropped with its request.
pub(crate) struct Scout {
    lease: Key,
    number: u64,
}

/// Work for the next turn of the event loop: at present, some request is in its phases.
#[derive(Default)]
struct Next {
    awake: VecDeque<Ticket>,
    /// Leases whose scout has left.
    scoutless: Vec<Key>,
}

thread_local! {
    // Used on the event-loop thread only.
    static QUEUES: RefCell<HashMap<Key, Queue>> = RefCell::default();
    static NEXT: RefCell<Next> = RefCell::default();
    static SCOUTS: Cell<u64> = const { Cell::new(0) };
}

/// Takes a lease for `life` seconds. Returns `false` if somebody else holds it.
pub(crate) fn take(zone: Zone, key: Key, life: u64) -> bool {
    let (clock, expires) = (uptime(), now().plus(life));
    let end = store::lease::payload(clock, life);
    let lease = Record::new(key, Owner::NOBODY, kind::LEASE, expires, &end);
    take_as(zone, lease, clock)
}

/// The same for a question caused by a client without an account; `sender` identifies the client.
pub(crate) fn take_for_stranger(zone: Zone, key: Key, sender: Option<u64>, life: u64) -> bool {
    let (clock, expires) = (uptime(), now().plus(life));
    let end = store::lease::payload(clock, life);
    take_as(zone, Record::of_stranger(key, sender, expires, &end), clock)
}

fn take_as(zone: Zone, lease: Result<Record<'_>, TooBig>, clock: u64) -> bool {
    let Ok(lease) = lease else { return false };
    let taken = zone.with(|table| table.take_lease(&lease, now(), clock));
    let Some(Ok(Some(inserted))) = taken else { return false };
    warn_if_full(&inserted);
    true
}

/// Whether somebody holds the lease.
pub(crate) fn is_taken(zone: Zone, key: &Key) -> bool {
    zone.with(|table| table.has_lease(key, uptime())).unwrap_or(false)
}

/// Whether the request has reached its maximum wait; the first call starts the clock.
pub(crate) fn has_waited_enough(r: &Request<'_>) -> Result<bool, Fault> {
    let state = r.state()?;
    let clock = uptime();
    let since = state.waits_since.get().unwrap_or(clock);
    state.waits_since.set(Some(since));
    Ok(clock.saturating_sub(since) > WAIT)
}

/// Suspends the request until the holder of the lease is done, or there is an answer under its key.
pub(crate) fn wait(r: &mut Request<'_>, lease: Key) -> Result<(), Fault> {
    if scouts(r, lease)? {
        r.suspend(LOOK)?;
        return Ok(());
    }
    let ticket = r.suspend(Duration::from_secs(WAIT + 1))?;
    QUEUES.with_borrow_mut(|queues| queues.entry(lease).or_default().sleepers.push_back(ticket));
    Ok(())
}

/// The request holds the lease, and a thread is asking: no request of this worker needs to check.
pub(crate) fn lead(r: &Request<'_>, lease: Key) -> Result<(), Fault> {
    scouts(r, lease).map(drop)
}

/// Asks authentik on a thread, for all workers, while the request waits; it holds the lease. `work`
/// returns what makes the answer known, on the event loop, and lets go of the lease.
///
/// Returns `false`, without the lease, if no thread takes the question.
pub(crate) fn ask_for_all(
    r: &mut Request<'_>,
    zone: Zone,
    lease: Key,
    provider: &ProviderKey,
    work: impl FnOnce(&Client, Instant) -> Completion + Send + 'static,
) -> Result<bool, Fault> {
    // Checks again after this time: normally the answer wakes the request earlier; if not, the zone
    // has it.
    let ticket = r.suspend(Duration::from_secs(LEASE))?;
    let errand = Errand {
        line: Line::SignIns,
        provider: Some(provider),
        // Asked for all workers, even if the request ends.
        sender: None,
        ticket: Some(ticket),
        cancel: Cancel::default(),
    };
    let taken = errand.hand_over(move |client, deadline| {
        let publish = work(client, deadline);
        Box::new(move || {
            publish();
            ngx::wake(ticket, |_| {});
        })
    });
    if taken {
        lead(r, lease)?;
        return Ok(true);
    }
    r.resume_now();
    zone.with(|table| table.remove(&lease));
    found(r, || lease);
    Ok(false)
}

/// Whether the request is the scout; makes it the scout if there is none.
fn scouts(r: &Request<'_>, lease: Key) -> Result<bool, Fault> {
    let state = r.state()?;
    let scout = state.scout.take();
    if scout.as_ref().is_some_and(|scout| scout.lease == lease) {
        state.scout.set(scout);
        return Ok(true);
    }
    drop(scout);
    let appointed = QUEUES.with_borrow_mut(|queues| {
        let queue = queues.entry(lease).or_default();
        if queue.scout.is_some() {
            return None;
        }
        let number = SCOUTS.get() + 1;
        SCOUTS.set(number);
        queue.scout = Some(number);
        Some(Scout { lease, number })
    });
    let scouts = appointed.is_some();
    state.scout.set(appointed.map(Box::new));
    Ok(scouts)
}

/// The request no longer needs to wait. If it was the scout, neither do the others.
pub(crate) fn found(r: &Request<'_>, lease: impl FnOnce() -> Key) {
    let Some(scout) = r.existing_state().and_then(|state| state.scout.take()) else { return };
    if scout.lease == lease() {
        answered(&scout.lease);
    }
}

/// The answer is in the zone, or there will be none.
pub(crate) fn answered(lease: &Key) {
    let queue = QUEUES.with_borrow_mut(|queues| queues.remove(lease));
    if let Some(queue) = queue.filter(|queue| !queue.sleepers.is_empty()) {
        NEXT.with_borrow_mut(|next| next.awake.extend(queue.sleepers));
        threads::come_round();
    }
}

/// Called on the event loop, outside of all phases.
pub(crate) fn deliver() {
    for lease in NEXT.with_borrow_mut(|next| std::mem::take(&mut next.scoutless)) {
        replace_scout(&lease);
    }
    let awake: Vec<Ticket> = NEXT.with_borrow_mut(|next| {
        let count = AT_ONCE.min(next.awake.len());
        next.awake.drain(..count).collect()
    });
    for ticket in awake {
        ngx::wake(ticket, |_| {});
    }
    if NEXT.with_borrow(|next| !next.awake.is_empty()) {
        threads::come_round();
    }
}

/// Wakes a request to become the scout; if it has ended or timed out, the next one.
fn replace_scout(lease: &Key) {
    loop {
        let sleeper = QUEUES.with_borrow_mut(|queues| {
            let queue = queues.get_mut(lease).filter(|queue| queue.scout.is_none())?;
            let sleeper = queue.sleepers.pop_front();
            if sleeper.is_none() {
                queues.remove(lease);
            }
            sleeper
        });
        let Some(sleeper) = sleeper else { return };
        ngx::wake(sleeper, |_| {});
    }
}

impl Drop for Scout {
    fn drop(&mut self) {
        // Fails only at the end of the process.
        let _ = QUEUES.try_with(|queues| {
            let mut queues = queues.borrow_mut();
            let Some(queue) = queues.get_mut(&self.lease) else { return };
            if queue.scout != Some(self.number) {
                return;
            }
            queue.scout = None;
            NEXT.with_borrow_mut(|next| next.scoutless.push(self.lease));
            threads::come_round();
        });
    }
}
