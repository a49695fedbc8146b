//! The gate's table of sessions in the mapped zone.

use std::cell::RefCell;
use std::sync::Arc;

use authentik_store as stored;
use gate::cookie::{self, MAX_CANDIDATES, SentId, SessionId};
use gate::identity::{
    self, Rendered, is_of_user, name_of, opened_of, owner_of, provider_of, sid_of, subject_of,
};
use gate::lifetimes::recheck_key;
use gate::provider::{Provider, ProviderKey};
use gate::reason::Reason;
use gate::store::{Damaged, Epoch, Key, Owner, Record, kind};
use gate::time::UnixTime;
use gate::token::Ended;

use super::known::{self, Known};
use crate::ngx::keyring::{self, keyring};
use crate::ngx::random::random;
use crate::ngx::zone::{CopiedOut, warn_if_full};
use crate::ngx::{Fault, Request, Zone, kept, now, now_millis};
use crate::storage::ends::{self, Source};
use crate::storage::fetch::{self, Looked};
use crate::storage::{self, write};

/// The values of a request's `Cookie` headers, up to a maximum number.
#[derive(Default)]
pub(crate) struct Cookies<'r> {
    values: [&'r [u8]; MAX_CANDIDATES],
    count: usize,
}

impl<'r> Cookies<'r> {
    /// Adds a value.
    pub(crate) fn add(&mut self, value: &'r [u8]) {
        if let Some(slot) = self.values.get_mut(self.count) {
            *slot = value;
            self.count += 1;
        }
    }
}

/// Keeps the `Cookie` headers, unless already kept: the first values are the original ones.
pub(crate) fn remember_sent<'r>(r: &Request<'r>, sent: Cookies<'r>) -> Result<(), Fault> {
    match kept::recall_cookies(r) {
        None if sent.count > 0 => kept::remember_cookies(r, sent.values),
        _ => Ok(()),
    }
}

/// The original values of the request's `Cookie` headers.
pub(crate) fn cookies<'r>(r: &Request<'r>) -> Result<[&'r [u8]; MAX_CANDIDATES], Fault> {
    if let Some(kept) = kept::recall_cookies(r) {
        return Ok(kept);
    }
    let mut sent = Cookies::default();
    r.headers().filter(|(name, _)| *name == b"cookie").for_each(|(_, value)| sent.add(value));
    let values = sent.values;
    remember_sent(r, sent)?;
    Ok(values)
}

/// What a request's cookies mean at a provider.
pub(crate) enum Standing<'r> {
    /// The visitor has this session.
    SignedIn(&'r Known),
    /// The visitor has no session, for this reason.
    Stranger(Reason),
}

/// Whether the visitor has a session with this provider, as far as the zone knows.
pub(crate) fn is_signed_in(r: &Request<'_>, provider: &Arc<Provider>) -> Result<bool, Fault> {
    Ok(matches!(find(r, provider)?, Standing::SignedIn(_)))
}

/// Looks up the request's session with this provider.
pub(crate) fn find<'r>(r: &Request<'r>, provider: &Arc<Provider>) -> Result<Standing<'r>, Fault> {
    let mut reason = Reason::NoSession;
    for id in cookie::session_ids(cookies(r)?, provider) {
        if let Some(known) = known::find(r, provider, id)? {
            r.remember(kept::RECORD, known.owner().record())?;
            return Ok(Standing::SignedIn(known));
        }
        reason = Reason::UnknownSession;
    }
    Ok(Standing::Stranger(reason))
}

/// The same, but asks the store if the zone does not have the session. `None` while the request
/// waits for it.
pub(crate) fn seek<'r>(
    r: &mut Request<'r>,
    provider: &Arc<Provider>,
) -> Result<Option<Standing<'r>>, Fault> {
    match find(r, provider)? {
        Standing::Stranger(reason) => {
            let reason = seek_in_store(r, provider, reason)?;
            Ok(reason.map(Standing::Stranger))
        }
        known @ Standing::SignedIn(_) => Ok(Some(known)),
    }
}

/// Asks the store about a visitor whom the zone does not know, for this reason. Returns the reason
/// why the store does not know the visitor either. `None` while the request waits: when it
/// continues, the zone may know.
#[cold]
pub(crate) fn seek_in_store(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    reason: Reason,
) -> Result<Option<Reason>, Fault> {
    if reason != Reason::UnknownSession || !storage::is_on() {
        return Ok(Some(reason));
    }
    let ids = cookie::session_ids(cookies(r)?, provider).filter(|id| keyring::is_proven(*id));
    let ids: Vec<SentId<'_>> = ids.collect();
    Ok(match fetch::look_up(r, &provider.key, ids.into_iter())? {
        Looked::Waiting => None,
        Looked::Absent => Some(reason),
        Looked::Away => Some(Reason::StoreUnreachable),
    })
}

thread_local! {
    /// A buffer for bytes of unknown length, no secrets.
    static DESK: RefCell<Vec<u8>> = RefCell::new(vec![0; 16 * 1024]);
}

/// Lends at least `length` bytes of the desk.
pub(crate) fn with_desk<R>(length: usize, work: impl FnOnce(&mut [u8]) -> R) -> R {
    DESK.with_borrow_mut(|desk| {
        if desk.len() < length {
            desk.resize(length, 0);
        }
        work(desk)
    })
}

/// Copies a record to the desk under the lock, and passes it to `read` after unlocking: nothing is
/// allocated or decrypted under the lock. `read` also gets the record's epoch and expiry time.
pub(super) fn read<T>(
    zone: Zone,
    key: &Key,
    time: UnixTime,
    read: impl FnOnce(&[u8], Epoch, UnixTime) -> Option<T>,
) -> Option<T> {
    zone.warm(key);
    DESK.with_borrow_mut(|desk| {
        let CopiedOut { length, epoch, expires } = zone.copy_out(key, time, desk)?;
        read(desk.get(..length)?, epoch, expires)
    })
}

/// A session that has just begun.
pub(crate) struct Begun {
    pub(crate) id: SessionId,
    /// The task that writes it to the store, to [`storage::wait`] for.
    pub(crate) task: Option<u64>,
}

/// Keys of the sessions that these cookies name, if we have made them.
pub(crate) fn proven<'c>(
    cookies: [&'c [u8]; MAX_CANDIDATES],
    provider: &'c Provider,
) -> impl Iterator<Item = Key> + 'c {
    let ids = cookie::session_ids(cookies, provider).filter(|id| keyring::is_proven(*id));
    ids.map(|id| id.zone_key(&provider.key))
}

/// Stores the session of a completed sign-in under a new id, replacing the browser's previous ones,
/// and `former`, whose cookie it has not sent.
pub(crate) fn open(
    r: &Request<'_>,
    provider: &Arc<Provider>,
    rendered: &Rendered,
    former: Option<Key>,
) -> Result<Begun, Reason> {
    let zone = r.main_conf().zone().ok_or(Reason::Internal)?;
    let keyring = keyring().ok_or(Reason::Internal)?;
    let id = SessionId::new(random().ok_or(Reason::Internal)?, keyring);
    let key = id.zone_key(&provider.key);
    let opened = if storage::is_on() { now_millis() } else { storage::NEVER };
    let Sealed { owner, bytes } =
        seal(rendered.record.expose(), &key, Some(id.as_sent()), opened).ok_or(Reason::Internal)?;
    let record = Record::new(key, owner, kind::SESSION, rendered.expires, &bytes)
        .map_err(|_| Reason::ZoneFull)?;
    let cookies = cookies(r).map_err(|_| Reason::Internal)?;
    let old: Vec<Key> = proven(cookies, provider).chain(former).collect();

    let replaced = old.iter().map(|key| stored::Ended::Session(*key));
    ends::end(zone, replaced, Source::Entitled, |table| {
        let remove = |key: &Key| -> Result<bool, Damaged> {
            table.remove(&recheck_key(key))?;
            table.remove(key)
        };
        old.iter().map(remove).filter(|removed| *removed == Ok(true)).count() as u32
    });
    let inserted = zone
        .with(|table| table.insert(&record, now()))
        .ok_or(Reason::Internal)?
        .map_err(|_| Reason::ZoneFull)?;
    warn_if_full(&inserted);
    let task = write::put(&id, rendered, opened);
    Ok(Begun { id, task })
}

/// A record ready for the zone.
pub(crate) struct Sealed {
    pub(crate) owner: Owner,
    pub(crate) bytes: Vec<u8>,
}

/// Seals the record of a session opened then, in milliseconds or [`storage::NEVER`], for this key, so that it takes this
/// nginx to open it, and the id, if there is one. `None` if there is no randomness.
pub(crate) fn seal(
    record: &[u8],
    key: &Key,
    id: Option<SentId<'_>>,
    opened: u64,
) -> Option<Sealed> {
    let keyring = keyring()?;
    let bytes = identity::seal(record, key, id, keyring, opened, random()?)?;
    Some(Sealed { owner: owner_of(record, keyring), bytes })
}

/// How many sessions of the zone ended, and the task that tells the store, to [`storage::wait`] for.
pub(crate) type EndedHere = (u32, Option<u64>);

/// Ends all sessions of this session's user, at all providers: those that began until now. If the
/// clock was set back since this one began, it ends by its key.
pub(crate) fn end_all_of(r: &Request<'_>, session: &known::Session) -> EndedHere {
    let Some(zone) = r.main_conf().zone() else { return (0, None) };
    let uid = session.view().uid();
    let subjects: Vec<_> = keyring::each().map(|keyring| subject_of(uid, keyring)).collect();
    let all = subjects.iter().map(|subject| stored::Ended::Subject(*subject, None));
    let opened = read(zone, session.key(), now(), |sealed, _, _| opened_of(sealed));
    let is_ahead = opened.is_some_and(|opened| opened > now_millis());
    let ended = all.chain(is_ahead.then_some(stored::Ended::Session(*session.key())));
    ends::end(zone, ended, Source::Entitled, |table| {
        subjects.iter().filter_map(|subject| table.remove_by_subject(subject).ok()).sum()
    })
}

/// Ends sessions at these providers, `None` at all: others may use the same name for a session or
/// user.
pub(crate) fn end_at(
    zone: Zone,
    ended: &Ended,
    providers: Option<&[ProviderKey]>,
    source: Source,
) -> EndedHere {
    let wanted = |beginning: &[u8]| {
        let provider = provider_of(beginning);
        provider.is_some_and(|key| providers.is_none_or(|providers| providers.contains(&key)))
    };
    // The store is told of each provider.
    let each = || match providers {
        None => vec![None],
        Some(providers) => providers.iter().map(|key| Some(key.0)).collect(),
    };
    let owners: Vec<stored::Ended> = keyring::each()
        .flat_map(|keyring| each().into_iter().map(move |provider| (keyring, provider)))
        .map(|(keyring, provider)| match ended {
            Ended::Session(sid) => stored::Ended::Sid(sid_of(sid.as_bytes(), keyring), provider),
            Ended::User(uid) => {
                stored::Ended::Subject(subject_of(uid.as_bytes(), keyring), provider)
            }
        })
        .collect();
    ends::end(zone, owners.iter().copied(), source, |table| {
        let remove = |owner: &stored::Ended| match owner {
            stored::Ended::Sid(sid, _) => table.remove_wanted_by_sid(sid, wanted),
            stored::Ended::Subject(uid, _) => table.remove_wanted_by_subject(uid, wanted),
            stored::Ended::Session(_) | stored::Ended::Name(_) => Ok(0),
        };
        owners.iter().map(remove).filter_map(Result::ok).sum()
    })
}

/// Ends the sessions of every user with this name, at all providers, in one part of the zone.
/// Returns how many there were, and where to continue. Names are not indexed: this is for
/// administrators.
pub(crate) fn end_some_of_name(zone: Zone, name: &[u8], from: u32) -> (u32, Option<u32>) {
    const PLACES: u32 = 2048;
    let names = names_of(name);
    let wanted = |beginning: &[u8]| names.iter().any(|name| is_of_user(beginning, name));
    let removed = ends::in_zone(zone, |table| table.remove_wanted_from(from, PLACES, wanted));
    removed.and_then(Result::ok).unwrap_or((0, None))
}

/// Tells the store that the sessions of every user with this name end. Call it before
/// [`end_some_of_name`]. Returns the task, to [`storage::wait`] for.
pub(crate) fn tell_of_name(zone: Zone, name: &[u8]) -> Option<u64> {
    let names = names_of(name).into_iter().map(stored::Ended::Name);
    ends::end(zone, names, Source::Entitled, |_| 0).1
}

fn names_of(name: &[u8]) -> Vec<[u8; 16]> {
    keyring::each().map(|keyring| name_of(name, keyring)).collect()
}

/// Whether this is the first use of a token that may be used once before `until`. A use that cannot
/// be recorded counts as the first: it is better to end a session twice than not at all.
pub(crate) fn is_first_use(zone: Zone, token: Key, until: UnixTime) -> bool {
    let spent = Record::of_spent(token, until);
    !matches!(zone.with(|table| table.insert_if_absent(&spent, now())), Some(Ok(None)))
}
