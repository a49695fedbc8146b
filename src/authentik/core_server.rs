//! What is known of an authentik server: its endpoints and its keys.
//!
//! Both are documents that authentik serves. They are asked for by the first sign-in that needs
//! them, one request at a time over all workers (a lease in the zone), and kept in the zone for all.

use std::sync::Arc;
use std::time::Duration;

use authentik_io::pool::Cancel;
use gate::provider::Provider;
pub(crate) use gate::question::Cause;
use gate::question::{Answer, CoreError, Document, Endpoints, Entry, Mark, Question, Signing};
use gate::reason::Reason;
use gate::secret::Secret;
use gate::token::{KeySet, Keys};
use nginx::lifecycle::uptime;

use super::documents::{self, Content};
use super::lease::{self, LEASE};
use super::threads::{Errand, Line};
use crate::ngx::log::{self, Level};
use crate::ngx::{self, Fault, Request, Zone, now};

/// Keys that do not fit are fetched anew once in this time, in seconds (advisory S42).
const REFETCH: u64 = 60;

/// What a request learns when it needs a document.
pub(crate) type Known<T> = Result<T, Unknown>;

/// Why a request does not learn it.
pub(crate) enum Unknown {
    /// Not yet: the request was suspended.
    Waiting,
    /// It will not be known soon.
    Failed(Reason),
}

/// A document as a thread brings it.
struct Fetched {
    document: Document,
    provider: Arc<Provider>,
    body: Result<(Secret, Mark, Content), CoreError>,
}

/// The endpoints of a provider.
pub(crate) fn endpoints(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
) -> Result<Known<Endpoints>, Fault> {
    if let Some(given) = Endpoints::given(provider) {
        return Ok(Ok(given));
    }
    let known = document(r, provider, Document::Discovery, Question::Discover, None)?;
    Ok(known.and_then(|content| match content {
        Content::Endpoints(endpoints) => Ok(endpoints),
        Content::Keys(_) => Err(Unknown::Failed(Reason::Internal)),
    }))
}

/// What it takes to ask for tokens and to judge them.
pub(crate) fn endpoints_and_keys(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
) -> Result<Known<(Endpoints, Keys)>, Fault> {
    let endpoints = match endpoints(r, provider)? {
        Ok(endpoints) => endpoints,
        Err(unknown) => return Ok(Err(unknown)),
    };
    let keys = signing_keys(r, provider, &endpoints)?;
    Ok(keys.map(|keys| (endpoints, keys)))
}

/// The same as far as it is at hand, however old: nobody waits.
pub(crate) fn at_hand(zone: Zone, provider: &Provider) -> Option<(Endpoints, Keys)> {
    let content = |document| {
        let head = documents::head(zone, document, provider)?;
        documents::content(zone, document, provider, &head)?.ok()
    };
    let endpoints = match Endpoints::given(provider) {
        Some(given) => given,
        None => match content(Document::Discovery)? {
            Content::Endpoints(endpoints) => endpoints,
            Content::Keys(_) => return None,
        },
    };
    let shared = || Keys::Shared(provider.client_secret.clone());
    let keys = match endpoints.signing {
        Signing::ClientSecret => shared(),
        Signing::PublishedKeys => match content(Document::Keys)? {
            Content::Keys(keys) if keys.is_empty() => shared(),
            Content::Keys(keys) => Keys::Public(keys),
            Content::Endpoints(_) => return None,
        },
    };
    Some((endpoints, keys))
}

/// What tokens of the provider are signed with.
fn signing_keys(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    endpoints: &Endpoints,
) -> Result<Known<Keys>, Fault> {
    let shared = || Keys::Shared(provider.client_secret.clone());
    Ok(match endpoints.signing {
        Signing::ClientSecret => Ok(shared()),
        // `{}` is what authentik publishes for a provider without signing key: its tokens are
        // signed with the client secret, also where `jwks_uri` was given by hand.
        Signing::PublishedKeys => keys(r, provider, endpoints)?
            .map(|keys| if keys.is_empty() { shared() } else { Keys::Public(keys) }),
    })
}

/// The published keys of a provider.
fn keys(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    endpoints: &Endpoints,
) -> Result<Known<KeySet>, Fault> {
    let endpoints = Some(endpoints.clone());
    let known = document(r, provider, Document::Keys, Question::FetchKeys, endpoints)?;
    Ok(known.and_then(|content| match content {
        Content::Keys(keys) => Ok(keys),
        Content::Endpoints(_) => Err(Unknown::Failed(Reason::Internal)),
    }))
}

/// What authentik signed does not fit what is known of its keys: whoever needs them next fetches
/// them anew, unless that was done for the same [`Cause`] less than [`REFETCH`] seconds ago. What is
/// known stays until there is something better.
pub(crate) fn outdate(zone: Zone, provider: &Provider, cause: Cause) {
    if lease::take(zone, Entry::Outdated(cause).key(Document::Keys, provider), REFETCH) {
        for document in [Document::Discovery, Document::Keys] {
            documents::outdate(zone, document, provider);
        }
    }
}

/// A document from the zone, or from authentik by way of the zone.
fn document(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    document: Document,
    question: Question,
    endpoints: Option<Endpoints>,
) -> Result<Known<Content>, Fault> {
    let Some(zone) = r.main_conf().zone() else { return failed(Reason::Internal) };
    let failure = documents::failure(zone, document, provider);
    let key = || Entry::Lease.key(document, provider);
    let head = documents::head(zone, document, provider);
    if let Some(head) = head.filter(|head| head.is_usable(uptime(), failure.is_some())) {
        if let Some(content) = documents::content(zone, document, provider, &head) {
            lease::found(r, key);
            return Ok(content.map_err(Unknown::Failed));
        }
    }
    if let Some(reason) = failure {
        lease::found(r, key);
        return failed(reason);
    }
    if lease::has_waited_enough(r)? {
        return failed(Reason::CoreTimeout);
    }
    if !lease::take(zone, key(), LEASE) {
        lease::wait(r, key())?;
        return Ok(Err(Unknown::Waiting));
    }
    fetch(r, provider, document, question, endpoints)
}

fn fetch(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    document: Document,
    question: Question,
    endpoints: Option<Endpoints>,
) -> Result<Known<Content>, Fault> {
    // A look later: the answer wakes the request before, and if it does not, the zone tells.
    let ticket = r.suspend(Duration::from_secs(LEASE))?;
    let subject = Arc::clone(provider);
    let time = now();
    let errand = Errand {
        line: Line::SignIns,
        provider: Some(&provider.key),
        // For all workers, also when the request goes.
        sender: None,
        ticket: Some(ticket),
        cancel: Cancel::default(),
    };
    let taken = errand.hand_over(move |client, deadline| {
        let body = question.to_http(&subject, endpoints.as_ref()).and_then(|request| {
            let response = client.fetch(&request, &subject.trust, deadline);
            // Understood here: only what is gets into the zone, and long ones take their time.
            let content = match question.read(&subject, response.as_ref(), time)? {
                Answer::Endpoints(endpoints) => Content::Endpoints(endpoints),
                Answer::Keys(keys) => Content::Keys(keys),
                Answer::Tokens(_) | Answer::Claims(_) => {
                    return Err(CoreError::Garbled { about: "issuer" });
                }
            };
            let body = response.map_err(CoreError::Unreachable)?.body;
            let mark = Mark::of(body.expose());
            Ok((body, mark, content))
        });
        let fetched = Fetched { document, provider: subject, body };
        Box::new(move || {
            publish(fetched);
            ngx::wake(ticket, |_| {});
        })
    });
    let key = Entry::Lease.key(document, provider);
    if taken {
        lease::lead(r, key)?;
        return Ok(Err(Unknown::Waiting));
    }
    r.resume_now();
    if let Some(zone) = r.main_conf().zone() {
        zone.with(|table| table.remove(&key));
    }
    lease::found(r, || key);
    failed(Reason::Overloaded)
}

fn failed<T>(reason: Reason) -> Result<Known<T>, Fault> {
    Ok(Err(Unknown::Failed(reason)))
}

/// Puts what a thread brought where every worker finds it. On the event loop.
fn publish(fetched: Fetched) {
    let Fetched { document, provider, body } = fetched;
    let Some(zone) = Zone::of_worker() else { return };
    let reason = match body {
        Ok((body, mark, content))
            if documents::keep(zone, document, &provider, (&body, mark, content.clone())) =>
        {
            None
        }
        Ok(_) => {
            log_failure(document, &provider, &"the answer does not fit into the zone");
            Some(Reason::ZoneFull)
        }
        Err(error) => {
            log_failure(document, &provider, &error);
            Some(Reason::from(&error))
        }
    };
    // Else those who wait would ask again at once, one after the other, until their patience ends.
    let keep = |reason| documents::keep_failure(zone, document, &provider, reason);
    if reason.is_some_and(|reason| !keep(reason)) {
        log_failure(document, &provider, &"the failure does not fit into the zone either");
    }
    let key = Entry::Lease.key(document, &provider);
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
