//! A visitor who browses goes through authentik again, see [`gate::lifetimes`]: when, and when not
//! yet.
//!
//! The first page that is opened after `recheck` begins the sign-in, for all tabs of the browser:
//! pages opened in the next seconds are served, since they may be the rest of a restored window.
//! That is granted once, so whom authentik does not let return opens nothing more. If authentik does
//! not answer, the session goes on: a redirect would end at an error of the browser.

use std::sync::Arc;

use gate::identity::SessionView;
use gate::lifetimes::recheck_key;
use gate::provider::Provider;
use gate::status::Status;
use gate::store::{Key, Owner, Record, kind, lease};
use nginx::lifecycle::uptime;

use crate::authentik::asking::Learnt;
use crate::authentik::{core_server, pulse};
use crate::ngx::log::Level;
use crate::ngx::{Fault, Request, Zone, now};
use crate::outpost;
use crate::visitor::known::Known;
use crate::visitor::providers;

/// For how long pages are served after the first one was redirected, in seconds.
const GRACE: u64 = 5;

/// Whether the visitor is sent to authentik by this request.
pub(crate) enum Recheck {
    /// The visitor is.
    Now,
    /// Not by this request.
    NotYet,
    /// The request waits until it is known whether authentik answers.
    Waiting,
}

/// A recheck is due, and this request could begin it.
pub(crate) fn begin(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    session: SessionView<'_>,
) -> Result<Recheck, Fault> {
    if r.state()?.rechecks.get() {
        return Ok(Recheck::Now);
    }
    // nginx judges again after an internal redirect: what was admitted may be a form, submitted
    // since.
    if r.state()?.decided.get().status == Some(Status::Known) {
        return Ok(Recheck::NotYet);
    }
    if is_in_doubt(r, provider) {
        return Ok(Recheck::NotYet);
    }
    let Some(zone) = r.main_conf().zone() else { return Ok(Recheck::NotYet) };
    let known = r.held(|known: &Known| known.owner().view().is_same(session));
    let Some(key) = known.map(|known| recheck_key(known.owner().key())) else {
        return Ok(Recheck::NotYet);
    };
    if is_granted(zone, &key) {
        return Ok(Recheck::NotYet);
    }
    match is_possible(r, provider)? {
        Learnt::Known(true) => {}
        Learnt::Known(false) | Learnt::Failed(_) => {
            let name = &provider.name;
            r.log(
                Level::Info,
                format_args!("recheck put off, authentik does not answer, provider: \"{name}\""),
            );
            return Ok(Recheck::NotYet);
        }
        Learnt::Waiting => return Ok(Recheck::Waiting),
    }
    let is_first = note(zone, key, session);
    // Another tab may have been faster.
    if !is_first && is_granted(zone, &key) {
        return Ok(Recheck::NotYet);
    }
    r.state()?.rechecks.set(true);
    Ok(Recheck::Now)
}

/// A provider that may be another outpost's signs nobody in.
fn is_in_doubt(r: &Request<'_>, provider: &Provider) -> bool {
    providers::is_of_outpost(r, provider)
        && outpost::directory().is_some_and(|directory| directory.is_doubted())
}

/// Whether the sign-in of another page began a moment ago.
fn is_granted(zone: Zone, key: &Key) -> bool {
    zone.with(|table| table.has_lease(key, uptime())).unwrap_or(false)
}

/// Notes that the recheck has begun, until the session ends. Returns whether it had not.
fn note(zone: Zone, key: Key, session: SessionView<'_>) -> bool {
    let end = lease::payload(uptime(), GRACE);
    let Ok(record) = Record::new(key, Owner::NOBODY, kind::CREDENTIALS, session.expires(), &end)
    else {
        return true;
    };
    !matches!(zone.with(|table| table.insert_if_absent(&record, now())), Some(Ok(None)))
}

/// Whether authentik's endpoints are known, and something answers there.
fn is_possible(r: &mut Request<'_>, provider: &Arc<Provider>) -> Result<Learnt<bool>, Fault> {
    match core_server::endpoints(r, provider)? {
        Learnt::Known(endpoints) => pulse::is_there(r, provider, &endpoints),
        Learnt::Waiting => Ok(Learnt::Waiting),
        Learnt::Failed(reason) => Ok(Learnt::Failed(reason)),
    }
}
