//! What is known of an authentik server: its endpoints and its keys.
//!
//! Both are documents that authentik serves. They are asked for by the first sign-in that needs
//! them, one request at a time over all workers (a lease in the zone), and kept in the zone for all.

use std::sync::Arc;
use std::time::Duration;

use gate::provider::Provider;
use gate::question::{CoreError, Endpoints, Question, Signing};
use gate::reason::Reason;
use gate::secret::Secret;
use gate::store::{Key, Owner, Record, kind};
use gate::time::UnixTime;
use gate::token::{KeySet, Keys};
use ring::digest;

use crate::authentik::single_flight::{self, LEASE};
use crate::authentik::worker;
use crate::ngx::log::{self, Level};
use crate::ngx::{Fault, Request, Zone, now};
use crate::visitor::sessions::{self, copy_out};

/// A document this old is fetched again by the next sign-in, in seconds.
const FRESH: u64 = 3600;
/// A document is used this long when it cannot be fetched again, in seconds.
const KEPT: u64 = 24 * 3600;
/// A failure is not tried again for this long, in seconds: between one and two.
const FAILURE_KEPT: u64 = 2;
/// Keys that do not fit are fetched anew once in this time, in seconds (advisory S42).
const REFETCH: u64 = 60;
/// When a document was fetched that is known to be outdated.
const OUTDATED: UnixTime = UnixTime(0);

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
pub(crate) struct Fetched {
    document: Document,
    provider: Arc<Provider>,
    body: Result<Secret, CoreError>,
}

/// Who found that keys do not fit. Each has a share of its own, so that a client with a password does
/// not use up what sign-ins need. Others have none: their tokens are authentik's to judge.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cause {
    /// A sign-in: authentik itself delivered the token.
    SignIn,
    /// A password that authentik accepted.
    Credentials,
}

/// Which document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Document {
    Discovery,
    Keys,
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
    let because = |error| Unknown::Failed(Reason::from(&error));
    Ok(known.and_then(|body| Endpoints::parse(body.expose(), provider).map_err(because)))
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
    let garbage = |_| Unknown::Failed(Reason::CoreGarbage);
    Ok(known.and_then(|body| KeySet::parse(body.expose()).map_err(garbage)))
}

/// What authentik signed does not fit what is known of its keys: whoever needs them next fetches
/// them anew, unless that was done for the same [`Cause`] less than [`REFETCH`] seconds ago. What is
/// known stays until there is something better.
pub(crate) fn outdate(zone: Zone, provider: &Provider, cause: Cause) {
    if single_flight::take(zone, Entry::Outdated(cause).key(Document::Keys, provider), REFETCH) {
        for document in [Document::Discovery, Document::Keys] {
            let key = Entry::Body.key(document, provider);
            let known = read(zone, key).filter(|(fetched, _)| *fetched != OUTDATED);
            if let Some((fetched, body)) = known {
                let body = Secret::new([&OUTDATED.0.to_le_bytes(), body.expose()].concat());
                store(zone, key, now(), fetched.plus(KEPT), body.expose());
            }
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
) -> Result<Known<Secret>, Fault> {
    let Some(zone) = r.main_conf().zone() else { return failed(Reason::Internal) };
    let stored = read(zone, Entry::Body.key(document, provider));
    let failure = read(zone, Entry::Failure.key(document, provider));
    // What is old is still better than nothing when authentik is away.
    let usable = |fetched: UnixTime| now().since(fetched) < FRESH || failure.is_some();
    let lease = || Entry::Lease.key(document, provider);
    if let Some((_, body)) = stored.filter(|(fetched, _)| usable(*fetched)) {
        single_flight::found(r, lease);
        return Ok(Ok(body));
    }
    if let Some((_, reason)) = failure {
        single_flight::found(r, lease);
        return failed(failure_of(reason.expose()));
    }
    if single_flight::has_waited_enough(r)? {
        return failed(Reason::CoreTimeout);
    }
    if !single_flight::take(zone, lease(), LEASE) {
        single_flight::wait(r, lease())?;
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
) -> Result<Known<Secret>, Fault> {
    // A look later: the answer wakes the request before, and if it does not, the zone tells.
    let ticket = r.suspend(Duration::from_secs(LEASE))?;
    let subject = Arc::clone(provider);
    let time = now();
    let taken = worker::fetch(ticket, &provider.key, move |client, deadline| {
        let body = question.to_http(&subject, endpoints.as_ref()).and_then(|request| {
            let response = client.fetch(&request, &subject.trust, deadline);
            // Read here too, so that only what is understood gets into the zone.
            question.read(&subject, response.as_ref(), time)?;
            response.map(|response| response.body).map_err(CoreError::Unreachable)
        });
        Fetched { document, provider: subject, body }
    });
    let lease = Entry::Lease.key(document, provider);
    if taken {
        single_flight::lead(r, lease)?;
        return Ok(Err(Unknown::Waiting));
    }
    r.resume_now();
    if let Some(zone) = r.main_conf().zone() {
        zone.with(|table| table.remove(&lease));
    }
    single_flight::found(r, || lease);
    failed(Reason::Overloaded)
}

fn failed<T>(reason: Reason) -> Result<Known<T>, Fault> {
    Ok(Err(Unknown::Failed(reason)))
}

/// Puts what a thread brought where every worker finds it. On the event loop.
pub(crate) fn publish(fetched: Fetched) {
    let Fetched { document, provider, body } = fetched;
    let Some(zone) = worker::zone() else { return };
    let time = now();
    let put = |entry: Entry, life, payload: &[u8]| {
        let stamped = Secret::new([&time.0.to_le_bytes(), payload].concat());
        let key = entry.key(document, &provider);
        store(zone, key, time, time.plus(life), stamped.expose())
    };
    let reason = match body {
        Ok(body) if put(Entry::Body, KEPT, body.expose()) => None,
        Ok(_) => {
            document.log_failure(&provider, &"the answer does not fit into the zone");
            Some(Reason::ZoneFull)
        }
        Err(error) => {
            document.log_failure(&provider, &error);
            Some(Reason::from(&error))
        }
    };
    // Else those who wait would ask again at once, one after the other, until their patience ends.
    if reason.is_some_and(|reason| !put(Entry::Failure, FAILURE_KEPT, reason.code().as_bytes())) {
        document.log_failure(&provider, &"not even that fits into the zone");
    }
    let lease = Entry::Lease.key(document, &provider);
    zone.with(|table| table.remove(&lease));
    single_flight::answered(&lease);
}

/// Whether the zone has it now.
fn store(zone: Zone, key: Key, time: UnixTime, expires: UnixTime, payload: &[u8]) -> bool {
    Record::new(key, Owner::NOBODY, kind::DOCUMENT, expires, payload)
        .is_ok_and(|record| sessions::put(zone, &record, time))
}

impl Document {
    fn log_failure(self, provider: &Provider, why: &dyn core::fmt::Display) {
        let what = match self {
            Self::Discovery => "discovery",
            Self::Keys => "fetching the keys",
        };
        let name = &provider.name;
        log::cycle(Level::Error, format_args!("{what} failed, provider: \"{name}\": {why}"));
    }
}

/// What the zone holds of a document.
#[derive(Clone, Copy)]
enum Entry {
    /// Time of the fetch and the body.
    Body,
    /// Time of the fetch and the code of the reason why there is no body.
    Failure,
    /// Somebody is fetching it.
    Lease,
    /// Keys that did not fit were fetched anew lately.
    Outdated(Cause),
}

impl Entry {
    /// Depends on every setting that the document depends on: after a reload with another issuer
    /// the old document is not found.
    fn key(self, document: Document, provider: &Provider) -> Key {
        let given = &provider.given;
        let settings = [
            Some(&provider.issuer),
            Some(&provider.application),
            given.jwks.as_ref(),
            given.token.as_ref(),
            given.authorization.as_ref(),
            given.end_session.as_ref(),
        ];
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"authentik document v1");
        let entry = match self {
            Self::Body => 0,
            Self::Failure => 1,
            Self::Lease => 2,
            Self::Outdated(Cause::SignIn) => 3,
            Self::Outdated(Cause::Credentials) => 4,
        };
        context.update(&[entry, document as u8]);
        context.update(&provider.key.0);
        for setting in settings {
            let setting = setting.map(String::as_bytes).unwrap_or_default();
            context.update(&setting.len().to_le_bytes());
            context.update(setting);
        }
        let mut key = [0; 32];
        key.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
        key
    }
}

fn read(zone: Zone, key: Key) -> Option<(UnixTime, Secret)> {
    let mut desk = Vec::new();
    let length = copy_out(zone, &key, &mut desk)?;
    let (time, body) = desk.get(..length)?.split_first_chunk()?;
    Some((UnixTime(u64::from_le_bytes(*time)), Secret::new(body)))
}

fn failure_of(code: &[u8]) -> Reason {
    let known = [
        Reason::CoreTimeout,
        Reason::CoreGarbage,
        Reason::CoreMismatch,
        Reason::ClientRejected,
        Reason::Overloaded,
        Reason::ZoneFull,
    ];
    let found = known.into_iter().find(|reason| reason.code().as_bytes() == code);
    found.unwrap_or(Reason::CoreUnreachable)
}
