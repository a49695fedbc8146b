//! Header authentication: clients without a session that send an `Authorization` header.
//!
//! authentik is asked off the event loop, with one request per credential across all workers; its
//! answer is kept in the zone for a limited time, under a keyed hash of the header.

mod again;
mod judge;
mod offer;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gate::credentials::{Credentials, Round, no_counts_for, reason_of, yes_counts_for, zone_key};
use gate::decision::Visitor;
use gate::identity::{Rendered, is_sealed, open_unasked};
use gate::provider::Provider;
use gate::reason::Reason;
use gate::store::{Key, Record, TooBig, dated, kind};
use nginx::lifecycle::uptime;
use nginx::suspend::Ticket;

use self::judge::{Case, Judged};
use crate::authentik::asking::{Learnt, Put};
use crate::authentik::core_server::{self, Cause};
use crate::authentik::lease::{self, LEASE};
use crate::ngx::keyring;
use crate::ngx::log;
use crate::ngx::{self, Fault, Request, Zone, kept, now, sender};
use crate::storage;
use crate::visitor::providers;
use crate::visitor::sessions::{self, Sealed, Standing};

/// The credentials of a request, and where the zone keeps the answer about them.
struct Presented {
    credentials: Credentials,
    zone: Zone,
    answer: Key,
    lease: Key,
}

/// Who the visitor is.
pub(crate) struct Identified<'r> {
    pub(crate) visitor: Visitor<'r>,
    /// Nothing is due for the visitor's session, see [`gate::lifetimes`].
    pub(crate) is_calm: bool,
}

/// Identifies the visitor by session, otherwise by credentials that authentik was recently asked
/// about. `None` while the request waits for the store of sessions.
#[inline]
pub(crate) fn identify<'r>(
    r: &mut Request<'r>,
    provider: &'r Arc<Provider>,
) -> Result<Option<Identified<'r>>, Fault> {
    match sessions::find(r, provider)? {
        Standing::SignedIn(known) => {
            let session = known.owner();
            let is_calm = now() < session.calm_until();
            Ok(Some(Identified { visitor: Visitor::Known(session.view()), is_calm }))
        }
        Standing::Stranger(reason) => {
            let Some(reason) = sessions::seek_in_store(r, provider, reason)? else {
                return Ok(None);
            };
            let visitor = by_credentials(r, provider, reason)?;
            Ok(Some(Identified { visitor, is_calm: true }))
        }
    }
}

/// Identifies a visitor without a session, for this reason, by credentials.
fn by_credentials<'r>(
    r: &mut Request<'r>,
    provider: &'r Arc<Provider>,
    reason: Reason,
) -> Result<Visitor<'r>, Fault> {
    if !r.location().checks_header() {
        return Ok(Visitor::Stranger(reason));
    }
    let Some(presented) = presented(r, provider) else {
        // After an internal redirect: the previous location accepted and removed the header.
        let consumed = r.existing_state().and_then(|state| state.consumed.get());
        let known = consumed.map(|answer| known(r, provider, &answer, None)).transpose()?.flatten();
        return Ok(known.unwrap_or(Visitor::Stranger(reason)));
    };
    let known = known(r, provider, &presented.answer, Some(&presented.credentials))?;
    if known.is_some() {
        lease::found(r, || presented.lease);
    }
    Ok(known.unwrap_or(Visitor::Unverified))
}

/// The `Authorization` header, if it can be an authentik credential.
fn presented(r: &Request<'_>, provider: &Provider) -> Option<Presented> {
    let header = r.header(b"authorization")?;
    let credentials = Credentials::parse(header)?;
    Some(Presented {
        zone: r.main_conf().zone()?,
        answer: zone_key(provider, b"answer", &credentials),
        lease: zone_key(provider, b"lease", &credentials),
        credentials,
    })
}

/// Asks authentik about the credentials.
pub(crate) fn ask<'r>(r: &mut Request<'r>, provider: &'r Arc<Provider>) -> Result<Put, Fault> {
    let Some(presented) = presented(r, provider) else {
        return Ok(Put::Refused(Reason::NoSession));
    };
    if r.state()?.asked_credentials.get() {
        // This request has asked, and the answer did not get into the zone.
        return Ok(Put::Refused(Reason::CoreTimeout));
    }
    if lease::has_waited_enough(r)? {
        return Ok(Put::Refused(Reason::CoreTimeout));
    }
    let Presented { zone, lease, .. } = presented;
    if !lease::take_for_stranger(zone, lease, sender::network(r), LEASE) {
        lease::wait(r, lease)?;
        return Ok(Put::Waiting);
    }
    put_question(r, provider, presented)
}

/// The answer in the zone. `credentials` is `None` if a previous location has removed the header.
fn known<'r>(
    r: &mut Request<'r>,
    provider: &Arc<Provider>,
    answer: &Key,
    credentials: Option<&Credentials>,
) -> Result<Option<Visitor<'r>>, Fault> {
    let Some(zone) = r.main_conf().zone() else { return Ok(None) };
    let kept = sessions::read(zone, answer, now(), |payload, _, _| {
        let content = dated::content(payload, uptime())?;
        if is_sealed(content) {
            return keyring::each()
                .find_map(|keyring| open_unasked(content, answer, keyring))
                .map(Ok);
        }
        Some(Err(reason_of(content)))
    });
    let record = match kept {
        Some(Ok(record)) => r.hold(Rc::new(record))?,
        Some(Err(reason)) => return Ok(Some(Visitor::Stranger(reason))),
        None => return Ok(None),
    };
    let view = record.view();
    if view.provider() != provider.key {
        return Ok(None);
    }
    r.remember(kept::RECORD, record.bytes())?;
    r.state()?.consumed.set(Some(*answer));
    let is_fresh = r.state()?.asked_credentials.replace(false);
    if let Some(credentials) = credentials {
        let accepted =
            offer::Accepted { credentials, key: answer, bytes: record.bytes(), is_fresh };
        offer::session(r, provider, &accepted, view.expires())?;
    }
    // Consumed: the application must not see it, fresh or not (docs/protocol.md §5.3).
    r.remove_headers(|name, _| name == b"authorization")?;
    Ok(Some(Visitor::Known(view)))
}

/// Submits the question to a thread.
fn put_question(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    presented: Presented,
) -> Result<Put, Fault> {
    let Presented { credentials, zone, answer, lease } = presented;
    let give_up = |put| {
        zone.with(|table| table.remove(&lease));
        Ok(put)
    };
    let (endpoints, keys) = match core_server::endpoints_and_keys(r, provider)? {
        Learnt::Known(known) => known,
        Learnt::Waiting => return give_up(Put::Waiting),
        Learnt::Failed(reason) => return give_up(Put::Refused(reason)),
    };
    let ticket = r.suspend(Duration::from_secs(LEASE))?;
    let case = Case {
        credentials,
        provider: Arc::clone(provider),
        is_of_outpost: providers::is_of_outpost(r, provider),
        sender: sender::network(r),
        answer,
        lease,
    };
    let taken = judge::submit(ticket, case, Round::First, (endpoints, keys));
    if taken {
        lease::lead(r, lease)?;
        r.state()?.asked_credentials.set(true);
        return Ok(Put::Waiting);
    }
    r.resume_now();
    give_up(Put::Refused(Reason::Overloaded))
}

/// Handles the result of a thread. Runs on the event loop.
fn publish(ticket: Ticket, judged: Judged) {
    if let Some(zone) = Zone::of_worker() {
        settle(zone, again::sift(zone, ticket, judged));
    }
}

/// Continues requests that no longer need to wait. Runs on the event loop.
pub(crate) fn deliver() {
    if let Some(zone) = Zone::of_worker() {
        settle(zone, again::due(zone));
    }
}

fn settle(zone: Zone, judged: Vec<(Ticket, Judged)>) {
    for (ticket, judged) in judged {
        put(zone, judged);
        ngx::wake(ticket, |_| {});
    }
}

/// Stores authentik's answer where all workers find it.
fn put(zone: Zone, judged: Judged) {
    let Judged { case: Case { credentials, provider, sender, answer, lease, .. }, result, .. } =
        judged;
    let (time, clock) = (now(), uptime());
    let keep = |record: Result<Record<'_>, TooBig>| {
        if let Ok(record) = record {
            zone.put(&record, time);
        }
    };
    match result {
        Ok(Rendered { record, expires }) => {
            let life = yes_counts_for(expires, time);
            let sealed = sessions::seal(record.expose(), &answer, None, storage::NEVER);
            if let Some(Sealed { owner, bytes }) = sealed {
                let payload = dated::payload(clock, life, &bytes);
                let expires = time.plus(life);
                keep(Record::new(answer, owner, kind::CREDENTIALS, expires, &payload));
            }
        }
        Err(error) => {
            // The next request asks with the current keys.
            if error.is_about_keys() {
                core_server::outdate(zone, &provider, Cause::Credentials);
            }
            let reason = credentials.refusal(&error);
            let name = &provider.name;
            let are_wrong = reason == Reason::CredentialsRejected;
            let what = if are_wrong { "not accepted" } else { "not checked" };
            log::cycle(
                log::level(reason.reply().level),
                format_args!("credentials {what}, provider: \"{name}\": {error}"),
            );
            let life = no_counts_for(&error);
            let payload = dated::payload(clock, life, reason.code().as_bytes());
            keep(Record::of_stranger(answer, sender, time.plus(life), &payload));
        }
    }
    // Last: requests that wait for the lease look for the answer, and ask again if there is none.
    zone.with(|table| table.remove(&lease));
    lease::answered(&lease);
}
