//! What is known about an authentik server: its endpoints and its keys.
//!
//! Both are documents that authentik serves. The first sign-in that needs one fetches it, with one
//! request at a time across all workers (a lease in the zone), and the zone keeps it for all of
//! them.

use std::sync::Arc;

use gate::http::HttpRequest;
use gate::provider::Provider;
pub(crate) use gate::question::Cause;
use gate::question::{
    CoreError, Document, Endpoints, Entry, Mark, REFETCH, Signing, discovery_request, keys_request,
    read_document,
};
use gate::reason::Reason;
use gate::secret::Secret;
use gate::token::Keys;
use nginx::lifecycle::uptime;

use super::asking::Learnt;
use super::documents::{self, Stored, Understood};
use super::lease::{self, LEASE};
use crate::ngx::log::{self, Level};
use crate::ngx::{Fault, Request, Zone};

/// A document fetched by a thread.
struct Fetched<D> {
    provider: Arc<Provider>,
    body: Result<(Secret, Mark, D), CoreError>,
}

/// The endpoints of a provider.
pub(crate) fn endpoints(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
) -> Result<Learnt<Endpoints>, Fault> {
    match Endpoints::given(provider) {
        Some(given) => Ok(Learnt::Known(given)),
        None => document(r, provider, || discovery_request(provider)),
    }
}

/// What is needed to request and verify tokens.
pub(crate) fn endpoints_and_keys(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
) -> Result<Learnt<(Endpoints, Keys)>, Fault> {
    let endpoints = match endpoints(r, provider)? {
        Learnt::Known(endpoints) => endpoints,
        Learnt::Waiting => return Ok(Learnt::Waiting),
        Learnt::Failed(reason) => return Ok(Learnt::Failed(reason)),
    };
    let keys = match endpoints.signing {
        Signing::ClientSecret => Learnt::Known(Keys::shared(provider)),
        Signing::PublishedKeys => document(r, provider, || keys_request(provider, &endpoints))?
            .map(|published| Keys::published(published, provider)),
    };
    Ok(keys.map(|keys| (endpoints, keys)))
}

/// The same, but only if available now, however old; does not wait.
pub(crate) fn at_hand(zone: Zone, provider: &Provider) -> Option<(Endpoints, Keys)> {
    let endpoints = endpoints_at_hand(zone, provider)?;
    let keys = match endpoints.signing {
        Signing::ClientSecret => Keys::shared(provider),
        Signing::PublishedKeys => Keys::published(at_hand_of(zone, provider)?, provider),
    };
    Some((endpoints, keys))
}

/// The endpoints without the keys.
pub(crate) fn endpoints_at_hand(zone: Zone, provider: &Provider) -> Option<Endpoints> {
    Endpoints::given(provider).or_else(|| at_hand_of(zone, provider))
}

/// A document that is available now, however old.
fn at_hand_of<D: Understood>(zone: Zone, provider: &Provider) -> Option<D> {
    let head = documents::head(zone, D::DOCUMENT, provider)?;
    match documents::stored(zone, provider, &head) {
        Stored::Understood(document) => Some(document),
        Stored::Unusable(_) | Stored::Gone => None,
    }
}

/// Called if a signature by authentik does not match its known keys: they are fetched again the
/// next time they are needed, unless this happened for the same [`Cause`] less than [`REFETCH`]
/// seconds ago. The known ones are kept until they are replaced.
pub(crate) fn outdate(zone: Zone, provider: &Provider, cause: Cause) {
    if lease::take(zone, Entry::Outdated(cause).key(Document::Keys, provider), REFETCH) {
        for document in [Document::Discovery, Document::Keys] {
            documents::outdate(zone, document, provider);
        }
    }
}

/// A document from the zone, or fetched from authentik into the zone.
fn document<D: Understood>(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    request: impl FnOnce() -> Result<HttpRequest, CoreError>,
) -> Result<Learnt<D>, Fault> {
    let Some(zone) = r.main_conf().zone() else { return Ok(Learnt::Failed(Reason::Internal)) };
    let failure = documents::failure(zone, D::DOCUMENT, provider);
    let key = || Entry::Lease.key(D::DOCUMENT, provider);
    let head = documents::head(zone, D::DOCUMENT, provider);
    if let Some(head) = head.filter(|head| head.is_usable(uptime(), failure.is_some())) {
        let learnt = match documents::stored(zone, provider, &head) {
            Stored::Understood(document) => Some(Learnt::Known(document)),
            Stored::Unusable(reason) => Some(Learnt::Failed(reason)),
            Stored::Gone => None,
        };
        if let Some(learnt) = learnt {
            lease::found(r, key);
            return Ok(learnt);
        }
    }
    if let Some(reason) = failure {
        lease::found(r, key);
        return Ok(Learnt::Failed(reason));
    }
    if lease::has_waited_enough(r)? {
        return Ok(Learnt::Failed(Reason::CoreTimeout));
    }
    if !lease::take(zone, key(), LEASE) {
        lease::wait(r, key())?;
        return Ok(Learnt::Waiting);
    }
    fetch::<D>(r, zone, provider, request())
}

fn fetch<D: Understood>(
    r: &mut Request<'_>,
    zone: Zone,
    provider: &Arc<Provider>,
    request: Result<HttpRequest, CoreError>,
) -> Result<Learnt<D>, Fault> {
    let asked = Arc::clone(provider);
    let key = Entry::Lease.key(D::DOCUMENT, provider);
    let taken = lease::ask_for_all(r, zone, key, &provider.key, move |client, deadline| {
        let body = request.and_then(|request| {
            let response = client.fetch(&request, &asked.trust, deadline);
            // Parsed here: only a valid document gets into the zone, and long ones take a while.
            let document: D = read_document(&asked, response.as_ref())?;
            let body = response.map_err(CoreError::Unreachable)?.body;
            let mark = Mark::of(body.expose());
            Ok((body, mark, document))
        });
        let fetched = Fetched { provider: asked, body };
        Box::new(move || publish(fetched))
    })?;
    Ok(if taken { Learnt::Waiting } else { Learnt::Failed(Reason::Overloaded) })
}

/// Makes what a thread fetched available to all workers. Runs on the event loop.
fn publish<D: Understood>(fetched: Fetched<D>) {
    let Fetched { provider, body } = fetched;
    let Some(zone) = Zone::of_worker() else { return };
    let kept = body
        .map(|(body, mark, document)| documents::keep(zone, &provider, (&body, mark, document)));
    let reason = match kept {
        Ok(true) => None,
        Ok(false) => {
            log_failure(
                D::DOCUMENT,
                &provider,
                &"the answer does not fit into the zone; enlarge authentik_shared_zone",
            );
            Some(Reason::ZoneFull)
        }
        Err(error) => {
            log_failure(D::DOCUMENT, &provider, &error);
            Some(Reason::from(&error))
        }
    };
    // Otherwise waiting requests would ask again at once, one after another, until they time out.
    let keep = |reason| documents::keep_failure(zone, D::DOCUMENT, &provider, reason);
    if reason.is_some_and(|reason| !keep(reason)) {
        log_failure(D::DOCUMENT, &provider, &"the failure does not fit into the zone either");
    }
    let key = Entry::Lease.key(D::DOCUMENT, &provider);
    zone.with(|table| table.remove(&key));
    lease::answered(&key);
}

fn log_failure(document: Document, provider: &Provider, why: &dyn core::fmt::Display) {
    let what = match document {
        Document::Discovery => "discovery",
        Document::Keys => "fetching the keys",
    };
    let name = &provider.name;
    log::cycle(Level::Error, format_args!("{what} failed, provider: \"{name}\": {why}"));
}
