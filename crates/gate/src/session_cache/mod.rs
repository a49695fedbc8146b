//! The sessions that a worker has seen lately, by the value of their cookie: a request that has one of
//! them needs no SHA-256, no lock and no copy out of the zone.
//!
//! # What counts
//!
//! A remembered session is as good as one in the zone as long as
//! * its epoch is the one that was noted under the lock when it was copied
//!   ([`Epochs`](crate::store::Epochs)): nothing was removed since;
//! * it has not expired;
//! * the provider is the same object, so that its settings and headers are those of now.
//!
//! Every [`CONFIRMED_EVERY`] seconds it is *due*: one request takes the lock, has the zone note that
//! the session is in use (in a full zone what was not used for longest gives way), and learns that it
//! is still there.
//!
//! # What it takes
//!
//! At most 4 MB per worker ([`BUDGET`]), which is room for about 1,300 sessions with a token of 1.5 KB.
//! A session beyond that, or one larger than [`LARGEST`], costs what a lookup in the zone costs.
//!
//! No value of a cookie is kept, but a [`Tag`] of it, made with a secret of the worker's own and compared
//! in constant time.

use std::sync::Arc;

use crate::cookie::{SentId, Tag, TagSecret};
use crate::provider::Provider;
use crate::store::{Epoch, Key};
use crate::time::UnixTime;

/// Most memory that a worker's cache takes, in bytes: 4 MB less what the system's allocator adds.
pub const BUDGET: usize = 3_800_000;

/// A session that takes more is not remembered, in bytes: a few of them would displace all others.
pub const LARGEST: usize = 64 * 1024;

/// How long a session counts without a look into the zone, in seconds: as long as the zone takes all
/// uses for one.
pub const CONFIRMED_EVERY: u64 = 5;

/// A session that nobody uses for so long is dropped, in seconds.
const IDLE: u64 = 600;

/// Places for sessions.
const PLACES: usize = SETS * WAYS;

/// A session can be in one of so many sets of places, chosen by its tag.
const SETS: usize = 512;

/// Places of each set.
const WAYS: usize = 4;

/// Places that [`SessionCache::tidy`] looks at.
const TIDIED: usize = 8;

/// What a worker remembers. `V` is what it has made of a session; cheap to clone.
pub struct SessionCache<V> {
    secret: TagSecret,
    sets: Vec<[Place<V>; WAYS]>,
    /// Bytes that all entries take.
    taken: usize,
    /// The place that was looked at last for something to drop.
    hand: usize,
    /// So many sessions were found: a clock that is finer than seconds.
    uses: u64,
}

type Place<V> = Option<Box<Entry<V>>>;

struct Entry<V> {
    tag: Tag,
    provider: Arc<Provider>,
    key: Key,
    epoch: Epoch,
    expires: UnixTime,
    /// When the zone was asked last.
    confirmed: UnixTime,
    /// When it was used last, by [`SessionCache::uses`].
    used: u64,
    /// It was used since somebody looked for one to drop.
    in_use: bool,
    /// All that it takes, in bytes.
    size: usize,
    value: V,
}

/// What a worker knows of a session id.
#[derive(Debug, PartialEq, Eq)]
pub enum Recalled<V> {
    /// The session counts.
    Current(V),
    /// It counts if the zone still has it, under this key and at this epoch. What the zone says is for
    /// [`SessionCache::confirm`].
    Due(V, Key, Epoch),
    /// Nothing: ask the zone.
    Unknown,
}

/// A session as it was found in the zone, under the lock.
pub struct Seen<V> {
    /// Under this key.
    pub key: Key,
    /// At this epoch.
    pub epoch: Epoch,
    /// When it ends.
    pub expires: UnixTime,
    /// The memory that `value` takes, in bytes.
    pub size: usize,
    /// What was made of it.
    pub value: V,
}

impl<V: Clone> SessionCache<V> {
    /// An empty one.
    #[must_use]
    pub fn new(secret: TagSecret) -> Self {
        Self { secret, sets: Vec::new(), taken: 0, hand: 0, uses: 0 }
    }

    /// What is known of the session of this id with this provider. `epoch_of` reads the epochs of now,
    /// `None` if there is no zone.
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
        // A clock that was set back makes it due as well.
        if now < entry.confirmed || now.since(entry.confirmed) >= CONFIRMED_EVERY {
            return Recalled::Due(value, entry.key, entry.epoch);
        }
        Recalled::Current(value)
    }

    /// The zone was asked about a session that was [due](Recalled::Due): whether it is still there at the
    /// same epoch. If not, it is dropped.
    pub fn confirm(&mut self, id: SentId<'_>, is_there: bool, now: UnixTime) {
        let Some(place) = self.place_of(id.tag(&self.secret)) else { return };
        if let Some(entry) = place.as_deref_mut().filter(|_| is_there) {
            entry.confirmed = now;
            return;
        }
        self.taken -= emptied(place);
    }

    /// Remembers a session that was found in the zone, in place of one that was not used for longer.
    pub fn put(&mut self, id: SentId<'_>, provider: &Arc<Provider>, seen: Seen<V>, now: UnixTime) {
        let Seen { key, epoch, expires, size, value } = seen;
        let size = size + size_of::<Entry<V>>() + OF_ALLOCATOR;
        if size > LARGEST {
            return;
        }
        if self.sets.is_empty() {
            self.sets.resize_with(SETS, || [const { None }; WAYS]);
        }
        // At most twice around.
        while self.taken + size > BUDGET {
            self.drop_next(|entry| !std::mem::take(&mut entry.in_use));
        }
        let tag = id.tag(&self.secret);
        let Some(set) = self.sets.get_mut(set_of(tag)) else { return };
        let same = set.iter().position(|place| holds(place, tag));
        let victim = match same {
            Some(same) => set.get_mut(same),
            // An empty one comes first.
            None => set.iter_mut().min_by_key(|place| place.as_ref().map(|entry| entry.used)),
        };
        let Some(place) = victim else { return };
        let provider = Arc::clone(provider);
        let (confirmed, used, in_use) = (now, self.uses, false);
        let entry =
            Entry { tag, provider, key, epoch, expires, confirmed, used, in_use, size, value };
        let former = place.replace(Box::new(entry));
        self.taken = self.taken + size - former.map_or(0, |former| former.size);
    }

    /// Looks at a few sessions, those that were not looked at for longest, and drops what does not count
    /// any more or is not used: its token must not stay in memory for nothing. To be called when the
    /// zone was asked.
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

    /// The memory that all of it takes, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.taken + self.sets.capacity() * size_of::<[Place<V>; WAYS]>()
    }

    /// The place that holds the session of this tag.
    #[inline]
    fn place_of(&mut self, tag: Tag) -> Option<&mut Place<V>> {
        self.sets.get_mut(set_of(tag))?.iter_mut().find(|place| holds(place, tag))
    }

    /// Goes on to the next place, and empties it if its session is `unwanted`.
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

/// Drops what is in a place: the bytes that it took.
fn emptied<V>(place: &mut Place<V>) -> usize {
    place.take().map_or(0, |entry| entry.size)
}

/// What the system's allocator adds to an entry and what belongs to it, about.
const OF_ALLOCATOR: usize = 96;

#[cfg(test)]
mod tests;
