//! The documents of authentik servers: as received, in the zone, for all workers; and parsed, in each
//! worker, so that a long one is not parsed for every sign-in.

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

/// How many documents of a kind a worker keeps as it understood them. Beyond, it starts again.
const UNDERSTOOD: usize = 1024;

/// A document that workers remember as they understood it.
pub(super) trait Understood: ServedDocument + Clone + Send + 'static {
    /// Where this worker has those of its kind.
    fn memory() -> &'static LocalKey<Memory<Self>>;
}

/// Documents of one kind, and the marks they are known by.
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

/// What the zone has of a document.
pub(super) enum Stored<D> {
    /// It says this.
    Understood(D),
    /// It cannot be used, and this is why.
    Unusable(Reason),
    /// It is not there any more.
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

/// What the document with this head says.
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

/// Puts a document into the zone, which was understood already. Says whether it is there now.
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

/// Has the document asked for again by who needs it next.
pub(super) fn outdate(zone: Zone, document: Document, provider: &Provider) {
    let key = Entry::Body.key(document, provider);
    if let Some((head, body)) = read(zone, key).filter(|(head, _)| !head.is_outdated()) {
        store(zone, key, head.outdated(), &body);
    }
}

/// Why the document could not be had a moment ago.
pub(super) fn failure(zone: Zone, document: Document, provider: &Provider) -> Option<Reason> {
    let mut desk = Vec::new();
    let length = zone.copy_out(&Entry::Failure.key(document, provider), &mut desk)?;
    dated::content(desk.get(..length)?, uptime()).map(failure_of)
}

/// Puts that into the zone. Says whether it is there now.
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
    let length = zone.copy_out(&key, &mut desk)?;
    let (head, body) = Head::split(desk.get(..length)?)?;
    Some((head, Secret::new(body)))
}

fn failure_of(code: &[u8]) -> Reason {
    Reason::from_code(code).unwrap_or(Reason::CoreUnreachable)
}
