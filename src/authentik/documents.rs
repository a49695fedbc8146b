//! The documents of authentik servers: as received, in the zone, for all workers; and parsed, in
//! each worker, so that a long one is not parsed at every sign-in.

use std::cell::RefCell;
use std::collections::HashMap;
use std::thread::LocalKey;

use gate::provider::Provider;
use gate::question::{Document, Endpoints, Entry, FAILURE_KEPT, Head, Mark, ServedDocument};
use gate::reason::Reason;
use gate::secret::Secret;
use gate::store::{Key, Owner, Record, dated, kind};
use gate::token::KeySet;
use nginx::lifecycle::uptime;

use crate::ngx::{Zone, now};

/// Parsed documents of one kind that a worker keeps. When there are more, it starts over.
const UNDERSTOOD: usize = 1024;

/// A document that workers keep in parsed form.
pub(super) trait Understood: ServedDocument + Clone + Send + 'static {
    /// This worker's documents of this kind.
    fn memory() -> &'static LocalKey<Memory<Self>>;
}

/// Documents of one kind, with the marks that identify their versions.
type Memory<D> = RefCell<HashMap<Key, (Mark, D)>>;

thread_local! {
    // Used on the event-loop thread only.
    static ENDPOINTS: Memory<Endpoints> = RefCell::default();
    static KEYS: Memory<KeySet> = RefCell::default();
}

impl Understood for Endpoints {
    fn memory() -> &'static LocalKey<Memory<Self>> {
        &ENDPOINTS
    }
}

impl Understood for KeySet {
    fn memory() -> &'static LocalKey<Memory<Self>> {
        &KEYS
    }
}

/// The state of a document in the zone.
pub(super) enum Stored<D> {
    /// The parsed document.
    Understood(D),
    /// The document cannot be used, for this reason.
    Unusable(Reason),
    /// The document is no longer there.
    Gone,
}

/// The head of the document in the zone.
pub(super) fn head(zone: Zone, document: Document, provider: &Provider) -> Option<Head> {
    let mut bytes = [0; Head::LENGTH];
    let key = Entry::Body.key(document, provider);
    let is_whole = zone.with(|table| {
        let found = table.find(&key, now())?;
        let mut room = bytes.iter_mut();
        let copy = |part: &[u8]| room.by_ref().zip(part).for_each(|(to, from)| *to = *from);
        Some(found.len() >= Head::LENGTH && found.parts(copy))
    })??;
    is_whole.then(|| Head::split(&bytes).map(|(head, _)| head))?
}

/// The contents of the document with this head.
pub(super) fn stored<D: Understood>(zone: Zone, provider: &Provider, head: &Head) -> Stored<D> {
    let key = Entry::Body.key(D::DOCUMENT, provider);
    let known = D::memory().with_borrow(|documents| {
        let known = documents.get(&key).filter(|(mark, _)| *mark == head.mark());
        known.map(|(_, document)| document.clone())
    });
    if let Some(known) = known {
        return Stored::Understood(known);
    }
    let Some((head, body)) = read(zone, key) else { return Stored::Gone };
    match D::understand(body.expose(), provider) {
        Ok(document) => {
            remember(key, head.mark(), document.clone());
            Stored::Understood(document)
        }
        Err(error) => Stored::Unusable(Reason::from(&error)),
    }
}

fn remember<D: Understood>(key: Key, mark: Mark, document: D) {
    D::memory().with_borrow_mut(|documents| {
        if documents.len() >= UNDERSTOOD {
            documents.clear();
        }
        documents.insert(key, (mark, document));
    });
}

/// Stores a parsed document in the zone. Returns whether it is stored.
pub(super) fn keep<D: Understood>(
    zone: Zone,
    provider: &Provider,
    (body, mark, document): (&Secret, Mark, D),
) -> bool {
    let key = Entry::Body.key(D::DOCUMENT, provider);
    let is_kept = store(zone, key, Head::new(mark, uptime()), body);
    if is_kept {
        remember(key, mark, document);
    }
    is_kept
}

/// Marks the document as outdated, so that it is fetched again the next time it is needed.
pub(super) fn outdate(zone: Zone, document: Document, provider: &Provider) {
    let key = Entry::Body.key(document, provider);
    if let Some((head, body)) = read(zone, key).filter(|(head, _)| !head.is_outdated()) {
        store(zone, key, head.outdated(), &body);
    }
}

/// The reason why a recent attempt to fetch the document failed.
pub(super) fn failure(zone: Zone, document: Document, provider: &Provider) -> Option<Reason> {
    let mut desk = Vec::new();
    let failure = zone.copy_out(&Entry::Failure.key(document, provider), now(), &mut desk)?;
    dated::content(desk.get(..failure.length)?, uptime()).map(failure_of)
}

/// Stores such a failure in the zone. Returns whether it is stored.
pub(super) fn keep_failure(
    zone: Zone,
    document: Document,
    provider: &Provider,
    reason: Reason,
) -> bool {
    let payload = dated::payload(uptime(), FAILURE_KEPT, reason.code().as_bytes());
    put(zone, Entry::Failure.key(document, provider), FAILURE_KEPT, &payload)
}

fn store(zone: Zone, key: Key, head: Head, body: &Secret) -> bool {
    let payload = Secret::new([&head.to_bytes(), body.expose()].concat());
    put(zone, key, head.left(uptime()), payload.expose())
}

fn put(zone: Zone, key: Key, life: u64, payload: &[u8]) -> bool {
    let time = now();
    Record::new(key, Owner::NOBODY, kind::DOCUMENT, time.plus(life), payload)
        .is_ok_and(|record| zone.put(&record, time))
}

fn read(zone: Zone, key: Key) -> Option<(Head, Secret)> {
    let mut desk = Vec::new();
    let document = zone.copy_out(&key, now(), &mut desk)?;
    let (head, body) = Head::split(desk.get(..document.length)?)?;
    Some((head, Secret::new(body)))
}

fn failure_of(code: &[u8]) -> Reason {
    Reason::from_code(code).unwrap_or(Reason::CoreUnreachable)
}
