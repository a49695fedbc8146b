//! The documents of authentik servers: in the zone as they came, for all workers, and in each worker as
//! they were understood, so that a long one is not read for every sign-in.

use std::cell::RefCell;
use std::collections::HashMap;

use gate::provider::Provider;
use gate::question::{Document, Endpoints, Entry, Head, Mark};
use gate::reason::Reason;
use gate::secret::Secret;
use gate::store::{Key, Owner, Record, dated, kind};
use gate::token::KeySet;
use nginx::lifecycle::uptime;

use crate::ngx::{Zone, now};

/// A failure is not tried again for this long, in seconds: between one and two.
const FAILURE_KEPT: u64 = 2;
/// How many documents a worker keeps as it understood them. Beyond, it begins anew.
const UNDERSTOOD: usize = 2048;

/// What a document says.
#[derive(Clone)]
pub(super) enum Content {
    Endpoints(Endpoints),
    Keys(KeySet),
}

thread_local! {
    // Used on the event-loop thread only.
    static CONTENTS: RefCell<HashMap<Key, (Mark, Content)>> = RefCell::default();
}

/// What a document says, or why that cannot be used.
fn understand(document: Document, body: &[u8], provider: &Provider) -> Result<Content, Reason> {
    match document {
        Document::Discovery => Endpoints::parse(body, provider)
            .map(Content::Endpoints)
            .map_err(|error| Reason::from(&error)),
        Document::Keys => KeySet::parse(body).map(Content::Keys).map_err(|_| Reason::CoreGarbage),
    }
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

/// What the document in the zone says; `None` if it is not there any more.
pub(super) fn content(
    zone: Zone,
    document: Document,
    provider: &Provider,
    head: &Head,
) -> Option<Result<Content, Reason>> {
    let key = Entry::Body.key(document, provider);
    let known = CONTENTS.with_borrow(|contents| {
        let known = contents.get(&key).filter(|(mark, _)| *mark == head.mark());
        known.map(|(_, content)| content.clone())
    });
    if let Some(known) = known {
        return Some(Ok(known));
    }
    let (head, body) = read(zone, key)?;
    let content = understand(document, body.expose(), provider);
    if let Ok(content) = &content {
        remember(key, head.mark(), content.clone());
    }
    Some(content)
}

fn remember(key: Key, mark: Mark, content: Content) {
    CONTENTS.with_borrow_mut(|contents| {
        if contents.len() >= UNDERSTOOD {
            contents.clear();
        }
        contents.insert(key, (mark, content));
    });
}

/// Puts a document into the zone, which was understood already. Says whether it is there now.
pub(super) fn keep(
    zone: Zone,
    document: Document,
    provider: &Provider,
    (body, mark, content): (&Secret, Mark, Content),
) -> bool {
    let key = Entry::Body.key(document, provider);
    let is_kept = store(zone, key, Head::new(mark, uptime()), body);
    if is_kept {
        remember(key, mark, content);
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
