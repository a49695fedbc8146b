//! Whether authentik answers at present: asked before a visitor who has a session is sent there.
//!
//! One request asks for all workers, and the answer counts for a few seconds. Anything that
//! authentik itself says is an answer, also that it does not understand the question.

use std::sync::Arc;

use gate::provider::Provider;
use gate::question::{Endpoints, Pulse, pulse_request};
use gate::store::{Key, Owner, Record, dated, kind};
use nginx::lifecycle::uptime;

use super::asking::Learnt;
use super::lease::{self, LEASE};
use crate::ngx::log::{self, Level};
use crate::ngx::{Fault, Request, Zone, now};

/// Whether authentik answers. If that cannot be found out, it counts as answering.
pub(crate) fn is_there(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    endpoints: &Endpoints,
) -> Result<Learnt<bool>, Fault> {
    let Some(zone) = r.main_conf().zone() else { return Ok(Learnt::Known(true)) };
    let (answer, lease) = Pulse::keys(endpoints);
    if let Some(is_there) = known(zone, &answer) {
        lease::found(r, || lease);
        return Ok(Learnt::Known(is_there));
    }
    if lease::has_waited_enough(r)? {
        return Ok(Learnt::Known(true));
    }
    if !lease::take(zone, lease, LEASE) {
        lease::wait(r, lease)?;
        return Ok(Learnt::Waiting);
    }
    let request = pulse_request(provider, endpoints);
    let asked = Arc::clone(provider);
    let taken = lease::ask_for_all(r, zone, lease, &provider.key, move |client, deadline| {
        let response = client.fetch(&request, &asked.trust, deadline);
        let pulse = Pulse::read(response.as_ref());
        Box::new(move || publish(&asked, answer, lease, &pulse))
    })?;
    Ok(if taken { Learnt::Waiting } else { Learnt::Known(true) })
}

fn known(zone: Zone, answer: &Key) -> Option<bool> {
    let mut desk = Vec::new();
    let kept = zone.copy_out(answer, now(), &mut desk)?;
    Pulse::of_content(dated::content(desk.get(..kept.length)?, uptime())?)
}

/// Runs on the event loop.
fn publish(provider: &Provider, answer: Key, lease: Key, pulse: &Pulse) {
    let Some(zone) = Zone::of_worker() else { return };
    if let Pulse::Away(why) = pulse {
        let name = &provider.name;
        log::cycle(
            Level::Error,
            format_args!(
                "authentik does not answer, provider: \"{name}\": {why}; visitors with a session are \
                 not asked to sign in again meanwhile"
            ),
        );
    }
    let payload = dated::payload(uptime(), pulse.counts_for(), pulse.content());
    let expires = now().plus(pulse.counts_for());
    if let Ok(record) = Record::new(answer, Owner::NOBODY, kind::DOCUMENT, expires, &payload) {
        zone.put(&record, now());
    }
    zone.with(|table| table.remove(&lease));
    lease::answered(&lease);
}
