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

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use authentik_store::{End, Ended, Fault, PendingEnd, Place};
use gate::identity::{is_of_user, opened_of, provider_of};
use gate::provider::ProviderKey;
use gate::shared_words::Word;
use gate::store::{Key, Owner, Record, Table, kind};
use gate::time::UnixTime;

use super::connection::with_store;
use super::{Answer, Line, NEVER, PENDING, Service, Task, health, service};
use crate::authentik::threads;
use crate::ngx::{Zone, now, now_millis};

/// How long the end of a user's sessions is remembered, in seconds.
const REMEMBERED: u64 = 24 * 3600;

/// Places of the zone that are checked under one lock.
const PLACES: u32 = 2048;
/// How many times that in one go.
const LOCKS: usize = 64;
/// Ends told at once.
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

    /// Called when the worker starts: what the file of this host has is ended here as well, and the
    /// store is told. `leads`: the file is made if there is none.
    pub(super) fn recall(&self, leads: bool) {
        let Some(keeper) = &self.keeper else { return };
        self.recalled(keeper.file().read(now().0));
        if leads {
            let _ = keeper.keep(Vec::new());
        }
    }

    /// What the file of this host has.
    pub(super) fn recalled(&self, ends: Result<Vec<PendingEnd>, Fault>) {
        let Some(keeper) = &self.keeper else { return };
        let ends = match ends {
            Ok(ends) => ends,
            Err(fault) => return health::unkept(keeper.file().path(), &fault.to_string()),
        };
        let time = now();
        let is_new = |table: &mut Table<'_>, told: &PendingEnd| {
            let known = pending(table, &told.end.ended.record_key(), time);
            known.is_none_or(|known| known.end.at < told.end.at)
        };
        for some in ends.chunks(BATCH) {
            let new = self.zone.with(|table| {
                some.iter().filter(|told| is_new(table, told)).copied().collect::<Vec<_>>()
            });
            let new = new.unwrap_or_default();
            if new.is_empty() {
                continue;
            }
            self.remember(&new, |_| ());
            new.iter().for_each(|told| apply(self.zone, &told.end));
        }
    }

    /// The thread has written the file of this host.
    pub(super) fn kept(&self, result: &Result<(), Fault>) {
        if let (Some(keeper), Err(fault)) = (&self.keeper, result) {
            health::unkept(keeper.file().path(), &fault.to_string());
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

/// Part of the zone that must be searched from beginning to end.
struct Scan {
    whose: Whose,
    from: u32,
}

#[derive(Clone, Copy)]
enum Whose {
    /// The sessions of a user name, opened until then.
    Name([u8; 16], u64),
    /// All that the store has.
    Everybody,
}

thread_local! {
    // Used on the event-loop thread only.
    static SCANS: RefCell<VecDeque<Scan>> = RefCell::default();
    /// Where the search for ends continues, and whether any was found.
    static SURVEY: Cell<Survey> = const { Cell::new(Survey { from: 0, found: false, noted: 0 }) };
    /// The task that tries again.
    static RETRY: Cell<Option<u64>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Survey {
    from: u32,
    found: bool,
    noted: u64,
}

/// Ends sessions in the zone that have ended in the store.
pub(super) fn apply(zone: Zone, end: &End) {
    let at = end.at;
    let is_older = |beginning: &[u8]| opened_of(beginning).is_none_or(|opened| opened <= at);
    let is_of = |beginning: &[u8], provider: &Option<[u8; 16]>| {
        provider.is_none_or(|provider| provider_of(beginning) == Some(ProviderKey(provider)))
    };
    in_zone(zone, |table| match &end.ended {
        Ended::Session(key) => table.remove(key).map(drop),
        Ended::Subject(whose, provider) => {
            let wanted = |beginning: &[u8]| is_older(beginning) && is_of(beginning, provider);
            table.remove_wanted_by_subject(whose, wanted).map(drop)
        }
        Ended::Sid(whose, provider) => {
            let wanted = |beginning: &[u8]| is_older(beginning) && is_of(beginning, provider);
            table.remove_wanted_by_sid(whose, wanted).map(drop)
        }
        Ended::Name(whose) => {
            scan(Whose::Name(*whose, at));
            Ok(())
        }
    });
}

/// Forgets all sessions in the zone that the store has: they are read again from there.
pub(super) fn forget_all() {
    scan(Whose::Everybody);
}

/// Whether [`forget_all`] is still at work.
pub(super) fn is_forgetting() -> bool {
    SCANS.with_borrow(|scans| scans.iter().any(|scan| matches!(scan.whose, Whose::Everybody)))
}

fn scan(whose: Whose) {
    SCANS.with_borrow_mut(|scans| scans.push_back(Scan { whose, from: 0 }));
    threads::come_round();
}

/// Searches a part of the zone, once per turn of the event loop.
pub(super) fn step(service: &Service) {
    let Some(Scan { whose, from }) = SCANS.with_borrow_mut(VecDeque::pop_front) else { return };
    let wanted = |beginning: &[u8]| match &whose {
        Whose::Name(name, at) => {
            is_of_user(beginning, name) && opened_of(beginning).is_none_or(|opened| opened <= *at)
        }
        Whose::Everybody => opened_of(beginning).is_some_and(|opened| opened != NEVER),
    };
    let removed = in_zone(service.zone, |table| table.remove_wanted_from(from, PLACES, wanted));
    let next = removed.and_then(Result::ok).and_then(|(_, next)| next);
    if let Some(from) = next {
        SCANS.with_borrow_mut(|scans| scans.push_front(Scan { whose, from }));
    }
    if SCANS.with_borrow(|scans| !scans.is_empty()) {
        threads::come_round();
    }
}

/// Tells the store again what it has not taken, from whichever worker it was.
pub(super) fn again(service: &Service) {
    let pending = service.words.get(Word::EndsPending);
    let is_under_way = RETRY
        .get()
        .is_some_and(|number| PENDING.with_borrow(|pending| pending.contains_key(&number)));
    if pending == 0 || is_under_way {
        return;
    }
    let mut survey = SURVEY.get();
    if survey.from == 0 {
        survey = Survey { from: 0, found: false, noted: pending };
    }
    let mut due = Vec::new();
    let (time, clock) = (now(), now_millis());
    for _ in 0..LOCKS {
        let next = service.zone.with(|table| {
            table.survey(survey.from, PLACES, time, |_, _, found| {
                let mut payload = [0; PendingEnd::LENGTH];
                if found.kind() == kind::END && found.copy_into(&mut payload) {
                    survey.found = true;
                    let pending = PendingEnd::from_bytes(&payload);
                    due.extend(pending.filter(|one| one.is_due(clock)));
                }
                due.len() < BATCH
            })
        });
        match next.flatten() {
            Some(next) => survey.from = next,
            None => {
                if !survey.found {
                    service.words.clear(Word::EndsPending, survey.noted);
                }
                survey.from = 0;
                break;
            }
        }
        if due.len() >= BATCH {
            break;
        }
    }
    SURVEY.set(survey);
    if !due.is_empty() {
        RETRY.set(service.tell(Telling { ends: due, source: Source::Entitled, kept: None }));
    }
}
