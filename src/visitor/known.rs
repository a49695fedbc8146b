//! Sessions that this worker remembers: see [`gate::session_cache`] for when they are valid.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use authentik_store::Ended;
use gate::cookie::{SentId, TagSecret};
use gate::identity::{self, HeaderEncoding, OwnedRecord, SessionView};
use gate::lifetimes;
use gate::provider::Provider;
use gate::session_cache::{Recalled, Seen, SessionCache};
use gate::shared_words::Word;
use gate::store::{Key, Table};
use gate::time::UnixTime;
use nginx::ready_headers::ReadyHeaders;

use super::sessions;
use crate::ngx::keyring::is_proven;
use crate::ngx::log::Level;
use crate::ngx::random::random;
use crate::ngx::shared_words::SharedWordsZone;
use crate::ngx::{Fault, Request, Zone, counters, now};
use crate::storage::ends::{self, Source};
use crate::visitor::told::the_twelve;

/// A session with its identity headers in UTF-8. Requests hold it by reference count.
pub(crate) type Known = ReadyHeaders<Session>;

/// The data that headers and variables refer to.
pub(crate) struct Session {
    record: OwnedRecord,
    provider: Arc<Provider>,
    key: Key,
    /// See [`Self::calm_until`].
    calm_until: Cell<UnixTime>,
}

impl Session {
    /// The session.
    pub(crate) fn view(&self) -> SessionView<'_> {
        self.record.view()
    }

    /// The session as bytes.
    pub(crate) fn record(&self) -> &[u8] {
        self.record.bytes()
    }

    /// Its key in the zone.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// Until when nothing is due, see [`lifetimes::due`].
    pub(crate) fn calm_until(&self) -> UnixTime {
        self.calm_until.get()
    }

    /// Nothing of what is due now is to be done again before this time.
    pub(crate) fn leave_alone_until(&self, time: UnixTime) {
        self.calm_until.set(time);
    }
}

struct Memory {
    cache: SessionCache<Rc<Known>>,
    /// Its configuration. A worker has only one, unless nginx runs without a master process.
    configuration: u32,
}

thread_local! {
    // Used on the event-loop thread only, and by workers only.
    static MEMORY: RefCell<Option<Memory>> = const { RefCell::new(None) };
}

/// The session with this id at the provider, held by the request.
pub(super) fn find<'r>(
    r: &Request<'r>,
    provider: &Arc<Provider>,
    id: SentId<'_>,
) -> Result<Option<&'r Known>, Fault> {
    let Some(zone) = r.main_conf().zone() else { return Ok(None) };
    let time = now();
    if let Some(known) = recall(r, zone, provider, id, time) {
        return r.hold(known).map(Some);
    }
    if !is_proven(id) {
        // There cannot be such a session, so it is not looked up.
        counters::count_foreign_cookie();
        return Ok(None);
    }
    let key = id.zone_key(&provider.key);
    if ends_unused(r, zone, provider, &key, time) {
        return Ok(None);
    }
    look_up(zone, provider, id, time).map(|known| r.hold(known)).transpose()
}

/// Whether the session ends now, since it was not used for too long; otherwise, notes that it is.
fn ends_unused(
    r: &Request<'_>,
    zone: Zone,
    provider: &Provider,
    key: &Key,
    time: UnixTime,
) -> bool {
    let Some(limit) = provider.terms.over_after() else { return false };
    if zone.with(|table| table.end_if_unused(key, time, limit)) == Some(false) {
        return false;
    }
    // It must not come back from the store, nor from a thread that is reading it there now.
    let remove = |table: &mut Table<'_>| u32::from(table.remove(key) == Ok(true));
    ends::end(zone, [Ended::Session(*key)], Source::Entitled, remove);
    if let Some(words) = r.main_conf().shared_words().and_then(|zone| zone.get()) {
        words.add(Word::EndedIdle, 1);
    }
    let name = &provider.name;
    r.log(
        Level::Info,
        format_args!("session ended, unused for idle_timeout, provider: \"{name}\""),
    );
    true
}

/// Forgets all sessions, when the worker exits.
pub(crate) fn forget() {
    // Fails only at the end of the process.
    let _ = MEMORY.try_with(RefCell::take);
}

fn with_cache<T>(use_it: impl FnOnce(&mut SessionCache<Rc<Known>>) -> T) -> Option<T> {
    MEMORY.with_borrow_mut(|memory| {
        let configuration = SharedWordsZone::epoch();
        let memory = match memory {
            Some(memory) if memory.configuration == configuration => memory,
            // The zone may have changed.
            outdated => {
                let cache = SessionCache::new(TagSecret::new(random()?));
                outdated.insert(Memory { cache, configuration })
            }
        };
        Some(use_it(&mut memory.cache))
    })
}

/// A remembered session that is still valid. Locks only if it is time to record that the session is
/// in use.
fn recall(
    r: &Request<'_>,
    zone: Zone,
    provider: &Arc<Provider>,
    id: SentId<'_>,
    time: UnixTime,
) -> Option<Rc<Known>> {
    let epoch_of = |key: &Key| zone.epoch_of(key);
    match with_cache(|cache| cache.find(id, provider, time, epoch_of))? {
        Recalled::Current(known) => Some(known),
        Recalled::Unknown => None,
        Recalled::Due(known, key, epoch) => {
            counters::count_lookup();
            zone.warm_head(&key);
            let is_over = ends_unused(r, zone, provider, &key, time);
            let is_there = !is_over
                && zone.with(|table| {
                    // If it is there, it is unchanged: the epoch is read under the same lock.
                    table.find(&key, time).is_some() && table.epoch(&key) == epoch
                }) == Some(true);
            with_cache(|cache| {
                cache.confirm(id, is_there, time);
                cache.tidy(time, epoch_of);
            });
            is_there.then_some(known)
        }
    }
}

/// Looks up the session in the zone, and remembers it.
fn look_up(
    zone: Zone,
    provider: &Arc<Provider>,
    id: SentId<'_>,
    time: UnixTime,
) -> Option<Rc<Known>> {
    counters::count_lookup();
    let key = id.zone_key(&provider.key);
    let opened = sessions::read(zone, &key, time, |sealed, epoch, expires| {
        Some((identity::open(sealed, &key, id)?, epoch, expires))
    });
    let (record, epoch, expires) = opened?;
    // Bound to the provider twice: by the key and by the contents of the record.
    let view = record.view();
    if view.provider() != provider.key {
        return None;
    }
    // The configuration may have changed since the sign-in.
    let expires = expires.min(lifetimes::ends(view, &provider.terms));
    if expires <= time {
        return None;
    }
    let calm_until = Cell::new(lifetimes::calm_until(view, &provider.terms));
    let size = record.size();
    let session = Session { record, provider: Arc::clone(provider), key, calm_until };
    let known = Rc::new(Known::lay_out(session, |session, headers| {
        let provider = &session.provider.headers;
        headers.extend(the_twelve(&session.view(), provider, HeaderEncoding::Utf8));
    }));
    let size = size + size_of::<Session>() + known.size();
    let seen = Seen { key, epoch, expires, size, value: Rc::clone(&known) };
    with_cache(|cache| {
        cache.put(id, provider, seen, time);
        cache.tidy(time, |key| zone.epoch_of(key));
    });
    Some(known)
}
