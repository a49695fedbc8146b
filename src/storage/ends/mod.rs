//! Sessions that end: in the zone at once, in the store as soon as possible.
//!
//! # A session that ended does not come back
//!
//! A request may be reading a session from the store while another one ends it. So everything that
//! ends sessions increments [`Word::Ends`] under the zone's lock, and what was read is used only if
//! the word is still as it was before. And an end is remembered in the zone until the store has
//! taken it, however long that takes: until then nothing that it ends gets into the zone. Any worker
//! can tell the store, if the one that ended the session has been killed.
//!
//! If all of nginx stops, a file of this host remembers the end ([`super::kept`]).
//!
//! Redis answers before an end is on its disk, and before a replica has it. If it is killed then, it
//! has forgotten the end. So it is told a second time when it must have written the first.

mod again;
mod recall;
mod scan;

use authentik_store::{End, Ended, Fault, PendingEnd, Place};
use gate::shared_words::Word;
use gate::store::{Key, Owner, Record, Table, kind};
use gate::time::UnixTime;

pub(super) use self::again::again;
pub(super) use self::scan::{apply, forget_all, is_forgetting, step};
use super::connection::with_store;
use super::tasks::{Answer, Line, Task};
use super::{Service, health, service};
use crate::ngx::{Zone, now, now_millis};

/// How long the end of a user's sessions is remembered, in seconds.
const REMEMBERED: u64 = 24 * 3600;

/// Places of the zone that are checked under one lock.
const PLACES: u32 = 2048;
/// Ends told or recalled at once.
const BATCH: usize = 64;

/// Who says that sessions have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Somebody who is entitled to it.
    Entitled,
    /// Anybody, from this network: the store remembers the end only if it has such a session.
    Stranger(Option<u64>),
}

/// What the store is told.
pub(super) struct Telling {
    ends: Vec<PendingEnd>,
    source: Source,
    /// The task that writes them to the file of this host.
    pub(super) kept: Option<u64>,
}

/// Runs what removes sessions from the zone.
pub(crate) fn in_zone<T>(zone: Zone, remove: impl FnOnce(&mut Table<'_>) -> T) -> Option<T> {
    let words = service().map(|service| service.words);
    zone.with(|table| {
        if let Some(words) = words {
            words.add(Word::Ends, 1);
        }
        remove(table)
    })
}

/// The same, and tells the store of these ends. Returns how many sessions there were in the zone,
/// and the number of the task, to [`super::wait`] for, if there is one.
pub(crate) fn end(
    zone: Zone,
    ended: impl IntoIterator<Item = Ended>,
    source: Source,
    remove: impl Fn(&mut Table<'_>) -> u32,
) -> (u32, Option<u64>) {
    let Some(service) = service() else { return (zone.with(remove).unwrap_or(0), None) };
    let (at, until) = (now_millis(), now().0.saturating_add(REMEMBERED));
    let end = |ended| PendingEnd { end: End { ended, at }, until, taken: 0 };
    let mut telling = Telling { ends: ended.into_iter().map(end).collect(), source, kept: None };
    if telling.ends.is_empty() {
        return (in_zone(zone, remove).unwrap_or(0), None);
    }
    let mut removed = 0;
    if let Source::Stranger(_) = source {
        removed = in_zone(zone, &remove).unwrap_or(0);
        if removed > 0 {
            // About sessions here, so the store must know.
            telling.source = Source::Entitled;
        }
    }
    if telling.source == Source::Entitled {
        removed += service.remember(&telling.ends, remove).unwrap_or(0);
        telling.kept = service.keeper.as_ref().and_then(|keeper| keeper.keep(telling.ends.clone()));
    }
    let kept = telling.kept;
    (removed, service.tell(telling).or(kept))
}

impl Service {
    /// Remembers ends in the zone until the store has taken them, and removes sessions.
    fn remember<T>(
        &self,
        ends: &[PendingEnd],
        remove: impl FnOnce(&mut Table<'_>) -> T,
    ) -> Option<T> {
        let payloads: Vec<(Key, u64, Vec<u8>)> = ends
            .iter()
            .map(|pending| (pending.end.ended.record_key(), pending.until, pending.to_bytes()))
            .collect();
        let records: Vec<Record<'_>> = payloads
            .iter()
            .filter_map(|(key, until, payload)| {
                Record::new(*key, Owner::NOBODY, kind::END, UnixTime(*until), payload).ok()
            })
            .collect();
        let time = now();
        self.zone.with(|table| {
            // Under the lock: who finds no end, and then clears the word, must not clear this.
            self.words.add(Word::EndsPending, 1);
            self.words.add(Word::Ends, 1);
            for record in &records {
                // Without room, the store is told all the same.
                let _ = table.insert(record, time);
            }
            remove(table)
        })
    }

    /// Tells the store. Returns the number of the task.
    fn tell(&self, telling: Telling) -> Option<u64> {
        let (ends, source) = (telling.ends.clone(), telling.source);
        let sender = match source {
            Source::Entitled => None,
            Source::Stranger(sender) => sender,
        };
        let submitted =
            self.submit(Line::Writes, sender, Task::End(telling), move |place, report| {
                Answer::Ended(with_store(place, report, |store| {
                    let mut count = 0;
                    for PendingEnd { end, until, .. } in &ends {
                        if source == Source::Entitled || store.knows(&end.ended)? {
                            count += store.end(end, *until)?;
                        }
                    }
                    Ok(count)
                }))
            });
        match submitted {
            Ok(number) => Some(number),
            Err(Task::End(telling)) => {
                self.not_taken(&telling);
                None
            }
            Err(Task::Fetch(_) | Task::Put(_) | Task::Keep | Task::Discard) => None,
        }
    }

    /// The store has not taken the ends.
    fn not_taken(&self, telling: &Telling) {
        if telling.source == Source::Entitled {
            self.words.add(Word::EndsPending, 1);
        }
    }

    /// The store has taken them: they need no longer be remembered here, unless it is a server that
    /// may lose them, which is told once more.
    fn taken(&self, telling: &Telling) {
        let keys: Vec<(Key, PendingEnd)> =
            telling.ends.iter().map(|told| (told.end.ended.record_key(), *told)).collect();
        let (time, clock) = (now(), now_millis());
        let is_told_twice = matches!(*self.place, Place::Redis(_));
        let mut known = Vec::new();
        self.zone.with(|table| {
            self.words.add(Word::Ends, 1);
            for (key, told) in &keys {
                let found = pending(table, key, time);
                // Another worker may have ended the same later.
                if found.is_some_and(|found| found.end.at > told.end.at) {
                    continue;
                }
                if told.taken != 0 || !is_told_twice {
                    let _ = table.remove(key);
                    known.push(*told);
                    continue;
                }
                if found.is_none() {
                    continue;
                }
                let payload = PendingEnd { taken: clock, ..*told }.to_bytes();
                let until = UnixTime(told.until);
                if let Ok(record) = Record::new(*key, Owner::NOBODY, kind::END, until, &payload) {
                    let _ = table.insert(&record, time);
                }
            }
        });
        if let Some(keeper) = self.keeper.as_ref().filter(|_| !known.is_empty()) {
            keeper.discard(known);
        }
    }
}

/// The answer of a thread. On the event loop. Returns how many sessions of the store ended.
pub(super) fn arrived(
    service: &Service,
    telling: &Telling,
    result: Result<usize, Fault>,
) -> Option<usize> {
    match result {
        Ok(count) => {
            health::written(service.words);
            service.taken(telling);
            Some(count)
        }
        Err(fault) => {
            health::unwritten(service.words, &fault);
            service.not_taken(telling);
            None
        }
    }
}

fn pending(table: &mut Table<'_>, key: &Key, time: UnixTime) -> Option<PendingEnd> {
    let found = table.find(key, time)?;
    let mut payload = [0; PendingEnd::LENGTH];
    let is_copied = found.kind() == kind::END && found.copy_into(&mut payload);
    PendingEnd::from_bytes(&payload).filter(|_| is_copied)
}

/// Whether an end that the store does not know of yet, under this key, applies to a session opened
/// then, in milliseconds since 1970.
pub(super) fn is_pending(table: &mut Table<'_>, key: &Key, opened: u64, time: UnixTime) -> bool {
    pending(table, key, time)
        .is_some_and(|found| matches!(found.end.ended, Ended::Session(_)) || opened <= found.end.at)
}
