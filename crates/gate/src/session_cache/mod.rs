//! The sessions that a worker has seen recently, by the value of their cookie: a request with one
//! of them needs no SHA-256, no lock and no copy out of the zone.
//!
//! # When an entry is valid
//!
//! A cached session is as good as one in the zone as long as
//! * its epoch is the one noted under the lock when it was copied
//!   ([`Epochs`](crate::store::Epochs)): nothing was removed since;
//! * it has not expired;
//! * the provider is the same object, so its settings and headers are current.
//!
//! Every [`CONFIRMED_EVERY`] seconds it is *due*: one request takes the lock, lets the zone note
//! that the session is in use (a full zone evicts the least recently used), and checks that it is
//! still there.
//!
//! # Memory
//!
//! At most 4 MB per worker ([`BUDGET`]), enough for about 1,300 sessions with a token of 1.5 KB. A
//! session beyond that, or larger than [`LARGEST`], costs a lookup in the zone each time.
//!
//! Cookie values are not stored, only a [`Tag`] of each, created with the worker's own secret and
//! compared in constant time.

use std::sync::Arc;

use crate::cookie::{SentId, Tag, TagSecret};
use crate::provider::{Provider, Terms};
use crate::store::{Epoch, Key};
use crate::time::UnixTime;

/// Maximum memory of a worker's cache, in bytes: 4 MB minus the overhead of the system's allocator.
pub const BUDGET: usize = 3_800_000;

/// Larger sessions are not cached, in bytes: a few of them would displace all others.
pub const LARGEST: usize = 64 * 1024;

/// How long a session is valid without checking the zone, in seconds: the interval in which the
/// zone notes only one use. Shorter with a short `idle_timeout`.
pub const CONFIRMED_EVERY: u64 = Terms::NOTED_EVERY;

/// A session unused for this long is dropped, in seconds.
const IDLE: u64 = 600;

/// Number of places for sessions.
const PLACES: usize = SETS * WAYS;

/// Number of sets of places; a session's tag selects its set.
const SETS: usize = 512;

/// Places per set.
const WAYS: usize = 4;

/// Number of places that [`SessionCache::tidy`] checks.
const TIDIED: usize = 8;

/// A worker's cache. `V` is what the worker made of a session; must be cheap to clone.
pub struct SessionCache<V> {
    secret: TagSecret,
    sets: Vec<[Place<V>; WAYS]>,
    /// Total size of all entries, in bytes.
    taken: usize,
    /// The place last checked for something to drop.
    hand: usize,
    /// Number of sessions found so far: a clock finer than seconds.
    uses: u64,
}

type Place<V> = Option<Box<Entry<V>>>;

struct Entry<V> {
    tag: Tag,
    provider: Arc<Provider>,
    key: Key,
    epoch: Epoch,
    expires: UnixTime,
    /// When the zone was last asked.
    confirmed: UnixTime,
    /// How long it is then valid without asking again, in seconds.
    confirmed_every: u8,
    /// When it was last used, by [`SessionCache::uses`].
    used: u64,
    /// Whether it was used since last checked for dropping.
    in_use: bool,
    /// Its total size, in bytes.
    size: usize,
    value: V,
}

/// What a worker knows about a session id.
#[derive(Debug, PartialEq, Eq)]
pub enum Recalled<V> {
    /// The session is valid.
    Current(V),
    /// It is valid if the zone still has it, under this key and at this epoch. Pass the result to
    /// [`SessionCache::confirm`].
    Due(V, Key, Epoch),
    /// Unknown: ask the zone.
    Unknown,
}

/// A session as found in the zone, under the lock.
pub struct Seen<V> {
    /// Its key.
    pub key: Key,
    /// Its epoch.
    pub epoch: Epoch,
    /// When it expires.
    pub expires: UnixTime,
    /// The size of `value` in memory, in bytes.
    pub size: usize,
    /// What was made of it.
    pub value: V,
}

impl<V: Clone> SessionCache<V> {
    /// An empty cache.
    #[must_use]
    pub fn new(secret: TagSecret) -> Self {
        Self { secret, sets: Vec::new(), taken: 0, hand: 0, uses: 0 }
    }

    /// What is known about the session with this id and provider. `epoch_of` returns the current
    /// epoch of a key, `None` if there is no zone.
    #[inline]
    pub fn find(
        &mut self,
        id: SentId<'_>,
        provider: &Arc<Provider>,
        now: UnixTime,
        epoch_of: impl FnOnce(&Key) -> Option<Epoch>,
    ) -> Recalled<V> {
        self.uses += 1;
        let uses = self.uses;
        let tag = id.tag(&self.secret);
        let Some(place) = self.place_of(tag) else { return Recalled::Unknown };
        let Some(entry) = place.as_deref_mut() else { return Recalled::Unknown };
        if !Arc::ptr_eq(&entry.provider, provider) {
            return Recalled::Unknown;
        }
        if !entry.counts(now, epoch_of) {
            self.taken -= emptied(place);
            return Recalled::Unknown;
        }
        (entry.used, entry.in_use) = (uses, true);
        let value = entry.value.clone();
        // It is also due if the clock was set back.
        if now < entry.confirmed || now.since(entry.confirmed) >= u64::from(entry.confirmed_every) {
            return Recalled::Due(value, entry.key, entry.epoch);
        }
        Recalled::Current(value)
    }

    /// Records the zone's answer about a session that was [due](Recalled::Due): whether it is still
    /// there at the same epoch. If not, it is dropped.
    pub fn confirm(&mut self, id: SentId<'_>, is_there: bool, now: UnixTime) {
        let Some(place) = self.place_of(id.tag(&self.secret)) else { return };
        if let Some(entry) = place.as_deref_mut().filter(|_| is_there) {
            entry.confirmed = now;
            return;
        }
        self.taken -= emptied(place);
    }

    /// Caches a session found in the zone, replacing the least recently used one if necessary.
    pub fn put(&mut self, id: SentId<'_>, provider: &Arc<Provider>, seen: Seen<V>, now: UnixTime) {
        let Seen { key, epoch, expires, size, value } = seen;
        let size = size + size_of::<Entry<V>>() + OF_ALLOCATOR;
        if size > LARGEST {
            return;
        }
        if self.sets.is_empty() {
            self.sets.resize_with(SETS, || [const { None }; WAYS]);
        }
        // At most two rounds.
        while self.taken + size > BUDGET {
            self.drop_next(|entry| !std::mem::take(&mut entry.in_use));
        }
        let tag = id.tag(&self.secret);
        let Some(set) = self.sets.get_mut(set_of(tag)) else { return };
        let same = set.iter().position(|place| holds(place, tag));
        let victim = match same {
            Some(same) => set.get_mut(same),
            // Empty places come first.
            None => set.iter_mut().min_by_key(|place| place.as_ref().map(|entry| entry.used)),
        };
        let Some(place) = victim else { return };
        let provider = Arc::clone(provider);
        let (confirmed, used, in_use) = (now, self.uses, false);
        let confirmed_every = u8::try_from(provider.terms.noted_every()).unwrap_or(1);
        let entry = Entry {
            tag,
            provider,
            key,
            epoch,
            expires,
            confirmed,
            confirmed_every,
            used,
            in_use,
            size,
            value,
        };
        let former = place.replace(Box::new(entry));
        self.taken = self.taken + size - former.map_or(0, |former| former.size);
    }

    /// Checks a few sessions, those not checked for longest, and drops those that are invalid or
    /// unused: a token must not stay in memory for nothing. To be called after asking the zone.
    pub fn tidy(&mut self, now: UnixTime, epoch_of: impl Fn(&Key) -> Option<Epoch>) {
        let is_idle = |entry: &Entry<V>| now.since(entry.confirmed) > IDLE;
        for _ in 0..TIDIED {
            self.drop_next(|entry| is_idle(entry) || !entry.counts(now, &epoch_of));
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.sets.clear();
        self.taken = 0;
    }

    /// Total memory used, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.taken + self.sets.capacity() * size_of::<[Place<V>; WAYS]>()
    }

    /// The place with this tag's session.
    #[inline]
    fn place_of(&mut self, tag: Tag) -> Option<&mut Place<V>> {
        self.sets.get_mut(set_of(tag))?.iter_mut().find(|place| holds(place, tag))
    }

    /// Advances to the next place, and empties it if its session is `unwanted`.
    fn drop_next(&mut self, unwanted: impl FnOnce(&mut Entry<V>) -> bool) {
        self.hand = (self.hand + 1) % PLACES;
        let set = self.sets.get_mut(self.hand / WAYS);
        let Some(place) = set.and_then(|set| set.get_mut(self.hand % WAYS)) else { return };
        if place.as_deref_mut().is_some_and(unwanted) {
            self.taken -= emptied(place);
        }
    }
}

impl<V> Entry<V> {
    #[inline]
    fn counts(&self, now: UnixTime, epoch_of: impl FnOnce(&Key) -> Option<Epoch>) -> bool {
        now < self.expires && epoch_of(&self.key) == Some(self.epoch)
    }
}

#[inline]
fn set_of(tag: Tag) -> usize {
    tag.start() as usize % SETS
}

#[inline]
fn holds<V>(place: &Place<V>, tag: Tag) -> bool {
    place.as_deref().is_some_and(|entry| entry.tag.is(tag))
}

/// Empties a place; returns the bytes freed.
fn emptied<V>(place: &mut Place<V>) -> usize {
    place.take().map_or(0, |entry| entry.size)
}

/// Approximate overhead of the system's allocator for an entry and its value.
const OF_ALLOCATOR: usize = 96;

#[cfg(test)]
mod tests;
