//! Renewing sessions with authentik while their visitors go on: see [`gate::renewal`].
//!
//! One question per session at a time across all workers (a lease in the zone). A request whose
//! session has a valid access token does not wait for the answer; the new record replaces the old
//! one under the same key, and all workers notice by its epoch.

mod again;
mod outcome;
mod question;
mod revocation;

use std::sync::Arc;
use std::time::Duration;

use gate::identity::{self, SessionView};
use gate::lifetimes::{self, Due};
use gate::provider::Provider;
use gate::reason::Reason;
use gate::renewal::{Entry, PAUSE};
use gate::secret::Secret;
use gate::store::{Key, dated};
use nginx::lifecycle::uptime;

pub(crate) use self::again::deliver;
use self::question::Case;
pub(crate) use self::revocation::revoke;
use super::known::{Known, Session};
use crate::authentik::asking::Learnt;
use crate::authentik::core_server;
use crate::authentik::lease::{self, LEASE};
use crate::ngx::{Fault, Request, Zone, kept, now, sender};
use crate::storage;
use crate::visitor::{providers, sessions};

/// What a request can do about a session that is to be renewed.
pub(crate) enum KeptUp {
    /// The session counts as it is.
    Counts,
    /// The request waits for the renewal.
    Waiting,
    /// The session has changed: look it up again.
    Changed,
    /// The session does not count now, for this reason.
    Lost(Reason),
}

/// Renews the session if that is due.
#[cold]
pub(crate) fn keep_up(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    session: SessionView<'_>,
) -> Result<KeptUp, Fault> {
    let due = lifetimes::due(session, &provider.terms, now(), || false);
    if matches!(due, Due::Nothing | Due::Recheck) {
        return Ok(KeptUp::Counts);
    }
    let Some(known) = r.held(|known: &Known| known.owner().view().is_same(session)) else {
        return Ok(KeptUp::Counts); // by credentials: never renewed
    };
    let session = known.owner();
    match due {
        Due::Nothing | Due::Recheck => Ok(KeptUp::Counts),
        Due::Renew => {
            begin(r, provider, session);
            Ok(KeptUp::Counts)
        }
        Due::RenewFirst => wait_for(r, provider, session),
    }
}

/// The visitor is known: if the request has waited for the renewal, the others need not wait either,
/// whatever this one does next.
#[inline]
pub(crate) fn found(r: &Request<'_>) {
    if let Some(key) = r.existing_state().and_then(|state| state.renewing.take()) {
        lease::found(r, || Entry::Lease.key(&key));
    }
}

/// The reason why a visitor is a stranger: if the request has waited for a renewal, which has ended
/// the session, that of its end.
pub(crate) fn why_gone(r: &Request<'_>, reason: Reason) -> Reason {
    let waited = r.existing_state().and_then(|state| state.renewing.take());
    let (Some(key), Some(zone)) = (waited, r.main_conf().zone()) else { return reason };
    // Looked up before it waited: nothing may name the owner of a session that has ended.
    r.forget(kept::RECORD);
    lease::found(r, || Entry::Lease.key(&key));
    failure(zone, &key).unwrap_or(reason)
}

/// Renews a session whose access token is still valid, in the background.
fn begin(r: &Request<'_>, provider: &Arc<Provider>, session: &Session) {
    // Not with each request, whatever becomes of it.
    let pause = now().plus(PAUSE).min(session.view().access_until());
    session.leave_alone_until(pause);
    let Some(zone) = r.main_conf().zone() else { return };
    let Some(known) = core_server::at_hand(zone, provider) else { return };
    let key = *session.key();
    if failure(zone, &key).is_some() || !lease::take(zone, Entry::Lease.key(&key), LEASE) {
        return;
    }
    let is_asked = present(r, zone, provider, &key)
        .filter(|case| case.is_due() != Due::Nothing)
        .is_some_and(|case| case.submit(known));
    if !is_asked {
        give_up(zone, &key);
    }
}

/// Lets the request wait until the session is renewed.
fn wait_for(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    session: &Session,
) -> Result<KeptUp, Fault> {
    let Some(zone) = r.main_conf().zone() else { return Ok(KeptUp::Lost(Reason::Internal)) };
    let key = *session.key();
    let lease = Entry::Lease.key(&key);
    if let Some(reason) = failure(zone, &key) {
        lease::found(r, || lease);
        return Ok(KeptUp::Lost(reason));
    }
    if lease::has_waited_enough(r)? {
        return Ok(KeptUp::Lost(Reason::CoreTimeout));
    }
    let known = match core_server::endpoints_and_keys(r, provider)? {
        Learnt::Known(known) => known,
        Learnt::Waiting => return Ok(KeptUp::Waiting),
        Learnt::Failed(reason) => return Ok(KeptUp::Lost(reason)),
    };
    r.state()?.renewing.set(Some(Box::new(key)));
    if !lease::take(zone, lease, LEASE) {
        lease::wait(r, lease)?;
        return Ok(KeptUp::Waiting);
    }
    // Another worker may have renewed it since it was looked up, and with a threshold the refresh
    // token is the same.
    let case = present(r, zone, provider, &key);
    let Some(case) = case.filter(|case| case.is_due() == Due::RenewFirst) else {
        give_up(zone, &key);
        return Ok(KeptUp::Changed);
    };
    let ticket = r.suspend(Duration::from_secs(LEASE))?;
    if (Case { ticket: Some(ticket), ..case }).submit(known) {
        lease::lead(r, lease)?;
        return Ok(KeptUp::Waiting);
    }
    r.resume_now();
    give_up(zone, &key);
    Ok(KeptUp::Lost(Reason::Overloaded))
}

/// The session as it is in the zone now, with everything that its renewal needs. `None` if it is
/// gone.
fn present(r: &Request<'_>, zone: Zone, provider: &Arc<Provider>, key: &Key) -> Option<Case> {
    let cookies = sessions::cookies(r).ok()?;
    let mut ids = gate::cookie::session_ids(cookies, provider);
    let id = ids.find(|id| id.zone_key(&provider.key) == *key)?;
    let open = |sealed: &[u8], _, _| {
        Some((identity::open(sealed, key, id)?, identity::opened_of(sealed)?))
    };
    let (former, opened) = sessions::read(zone, key, now(), open)?;
    Some(Case {
        provider: Arc::clone(provider),
        is_of_outpost: providers::is_of_outpost(r, provider),
        key: *key,
        id: Secret::new(id.value()),
        former,
        opened,
        store: storage::renewal::access(),
        sender: sender::network(r),
        ticket: None,
        is_last: false,
    })
}

/// Why the last renewal of this session failed, if that was just now.
fn failure(zone: Zone, key: &Key) -> Option<Reason> {
    let key = Entry::Failure.key(key);
    sessions::read(zone, &key, now(), |payload, _, _| {
        Reason::from_code(dated::content(payload, uptime())?)
    })
}

/// Nobody is asking about this session any more: those who wait look again.
fn give_up(zone: Zone, key: &Key) {
    let lease = Entry::Lease.key(key);
    zone.with(|table| table.remove(&lease));
    lease::answered(&lease);
}
