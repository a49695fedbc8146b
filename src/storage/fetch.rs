//! A session that the zone does not have, and whose cookie proves that we made it.
//!
//! One question a session and worker: requests for the same one wait together. What is found is put
//! into the zone, unless sessions have ended since the question was asked: then it is asked again.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use authentik_store::{Absent, Ended, Fault, Place, Row};
use gate::cookie::SentId;
use gate::identity::{self, SessionView, name_of, owner_of};
use gate::outpost::may_have_been_missed;
use gate::provider::ProviderKey;
use gate::secret::Secret;
use gate::shared_words::Word;
use gate::store::{Key, Owner, Record, kind};
use gate::time::UnixTime;
use nginx::lifecycle::uptime_millis;
use nginx::suspend::Ticket;

use super::connection::{Report, with_store};
use super::tasks::{Answer, Line, Task, wake};
use super::{DEADLINE, Service, ends, health, service};
use crate::ngx::keyring::keyring;
use crate::ngx::random::random;
use crate::ngx::zone::warn_if_full;
use crate::ngx::{Fault as Failure, Request, counters, now, sender};

/// Maximum wait of a request, in milliseconds, whatever it asks for.
const PATIENCE: u64 = 4_000;
/// How long a session counts as absent without another question, in milliseconds.
const ABSENT: u64 = 3_000;
/// How long nothing is asked after a failure, in milliseconds.
const PAUSE: u64 = 500;
/// How many times a session is asked for, if sessions end meanwhile.
const TRIES: u8 = 4;

/// How many times a session is put into the zone for one request, if others displace it.
const TIMES_FOUND: usize = 3;

/// The outcome for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    /// The request was suspended.
    Waiting,
    /// The store has none of these sessions.
    Absent,
    /// The store cannot be asked.
    Away,
}

/// What the store said about one session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    /// It is in the zone now.
    Found,
    Absent,
    Away,
}

/// What a request has asked for. Part of its state.
#[derive(Default)]
pub(crate) struct Asked {
    since: Option<u64>,
    said: Vec<(Key, Said)>,
}

/// A session to be read.
pub(super) struct Wanted {
    key: Key,
    id: Secret,
    provider: ProviderKey,
}

/// A session from the store, ready for the zone.
pub(super) struct Fetched {
    row: Row,
    owner: Owner,
    signed_in: UnixTime,
    expires: UnixTime,
    sealed: Vec<u8>,
}

/// A question under way.
struct Question {
    waiters: Vec<Ticket>,
    tries: u8,
    /// [`Word::Ends`] when it was asked.
    noted: u64,
}

thread_local! {
    // Used on the event-loop thread only.
    static QUESTIONS: RefCell<HashMap<Key, Question>> = RefCell::default();
    static ABSENTEES: RefCell<Absent> = RefCell::default();
    /// Nothing is asked before this, by the monotonic clock.
    static PAUSED: Cell<u64> = const { Cell::new(0) };
}

/// Looks up the first of these sessions that the store has; it then is in the zone when the request
/// continues. Their ids must be proven.
pub(crate) fn look_up<'i>(
    r: &mut Request<'_>,
    provider: &ProviderKey,
    ids: impl Iterator<Item = SentId<'i>>,
) -> Result<Looked, Failure> {
    let Some(service) = service() else { return Ok(Looked::Absent) };
    let mut asked = r.state()?.asked_store.take().unwrap_or_default();
    let outcome = service.look_up(r, provider, ids, &mut asked);
    r.state()?.asked_store.set(Some(asked));
    outcome
}

impl Service {
    fn look_up<'i>(
        &self,
        r: &mut Request<'_>,
        provider: &ProviderKey,
        ids: impl Iterator<Item = SentId<'i>>,
        asked: &mut Asked,
    ) -> Result<Looked, Failure> {
        let clock = uptime_millis();
        let mut is_away = false;
        for id in ids {
            let key = id.zone_key(provider);
            match asked.answer(&key) {
                Some(Said::Absent) => continue,
                Some(Said::Away) => {
                    is_away = true;
                    continue;
                }
                // It came, but it is no session for this request: its provider lets sessions last
                // shorter by now, for example.
                Some(Said::Found) if self.is_in_zone(&key) => continue,
                // The zone has no room for it.
                Some(Said::Found) if asked.times_found(&key) >= TIMES_FOUND => {
                    is_away = true;
                    continue;
                }
                Some(Said::Found) | None => {}
            }
            if ABSENTEES.with_borrow(|absentees| absentees.has(&key, clock)) {
                continue;
            }
            let since = *asked.since.get_or_insert(clock);
            if clock.saturating_sub(since) > PATIENCE || !self.ask(r, id, *provider)? {
                asked.said.push((key, Said::Away));
                is_away = true;
                continue;
            }
            return Ok(Looked::Waiting);
        }
        Ok(if is_away { Looked::Away } else { Looked::Absent })
    }

    fn is_in_zone(&self, key: &Key) -> bool {
        self.zone.with(|table| table.find(key, now()).is_some()) == Some(true)
    }

    /// Makes the request wait for the answer about a session. `false` if it cannot be asked.
    fn ask(
        &self,
        r: &mut Request<'_>,
        id: SentId<'_>,
        provider: ProviderKey,
    ) -> Result<bool, Failure> {
        let key = id.zone_key(&provider);
        let ticket = r.suspend(DEADLINE + Duration::from_millis(500))?;
        let joined = QUESTIONS.with_borrow_mut(|questions| match questions.get_mut(&key) {
            Some(question) => {
                question.waiters.push(ticket);
                true
            }
            None => false,
        });
        if joined {
            return Ok(true);
        }
        let wanted = Arc::new(Wanted { key, id: Secret::new(id.value()), provider });
        let is_paused = uptime_millis() < PAUSED.get();
        match (!is_paused).then(|| self.question(&wanted, sender::network(r))).flatten() {
            Some(noted) => {
                let question = Question { waiters: vec![ticket], tries: 1, noted };
                QUESTIONS.with_borrow_mut(|questions| questions.insert(key, question));
                Ok(true)
            }
            None => {
                r.resume_now();
                Ok(false)
            }
        }
    }

    /// Passes a question to a thread; returns the count of ends before it.
    fn question(&self, wanted: &Arc<Wanted>, sender: Option<u64>) -> Option<u64> {
        let noted = self.words.get(Word::Ends);
        let time = now();
        let (task, wanted) = (Task::Fetch(Arc::clone(wanted)), Arc::clone(wanted));
        let submitted = self.submit(Line::Reads, sender, task, move |place, report| {
            Answer::Fetched(read(place, report, &wanted, time))
        });
        submitted.ok()?;
        counters::count_store_question();
        Some(noted)
    }

    /// Puts a session into the zone, unless it has ended.
    fn keep(&self, fetched: &Fetched, noted: u64) -> Kept {
        let Fetched { row, owner, expires, sealed, .. } = fetched;
        let Ok(record) = Record::new(row.key, *owner, kind::SESSION, *expires, sealed) else {
            return Kept::NoRoom;
        };
        let ends = Ended::that_end(row).map(|ended| ended.record_key());
        let time = now();
        let kept = self.zone.with(|table| {
            if self.words.get(Word::Ends) != noted {
                return Kept::Anew;
            }
            if ends.iter().any(|key| ends::is_pending(table, key, row.opened, time)) {
                return Kept::Ended;
            }
            match table.insert_if_absent(&record, time) {
                Ok(inserted) => Kept::InZone(inserted),
                Err(_) => Kept::NoRoom,
            }
        });
        kept.unwrap_or(Kept::NoRoom)
    }
}

enum Kept {
    InZone(Option<gate::store::Inserted>),
    /// It has ended here, and the store does not know yet.
    Ended,
    /// Sessions have ended since the question was asked, perhaps this one.
    Anew,
    NoRoom,
}

impl Asked {
    fn times_found(&self, key: &Key) -> usize {
        self.said.iter().filter(|said| **said == (*key, Said::Found)).count()
    }

    fn answer(&self, key: &Key) -> Option<Said> {
        self.said.iter().rev().find(|(asked, _)| asked == key).map(|(_, said)| *said)
    }
}

/// On a thread.
fn read(
    place: &Place,
    report: &mut Report,
    wanted: &Wanted,
    time: UnixTime,
) -> Result<Option<Fetched>, Fault> {
    let row = with_store(place, report, |store| store.get(&wanted.key, time.0))?;
    let record = row.as_ref().map(|row| row.record.as_slice());
    report.is_of_another_version = record.is_some_and(identity::is_of_another_version);
    Ok(row.and_then(|row| ready(row, wanted, time)))
}

/// Opens a session with its id and seals it for the zone. `None` if it is not one.
fn ready(mut row: Row, wanted: &Wanted, time: UnixTime) -> Option<Fetched> {
    let id = SentId::parse(wanted.id.expose())?;
    let record = identity::open(&row.record, &wanted.key, id)?;
    let view = record.view();
    let expires = view.expires();
    if view.provider() != wanted.provider || expires <= time {
        return None;
    }
    let keyring = keyring()?;
    let (record, key) = (record.bytes(), &wanted.key);
    let sealed = identity::seal(record, key, Some(id), keyring, row.opened, random()?)?;
    let owner = owner_of(record, keyring);
    // What the record says counts, not what is written beside it.
    (row.subject, row.sid, row.record) = (owner.subject, owner.sid, Vec::new());
    row.name = name_of(SessionView::over(record)?.username(), keyring);
    row.provider = wanted.provider.0;
    Some(Fetched { row, owner, signed_in: view.signed_in(), expires, sealed })
}

/// The answer of a thread. On the event loop.
pub(super) fn arrived(
    service: &Service,
    wanted: &Arc<Wanted>,
    result: Result<Option<Fetched>, Fault>,
) {
    let question = QUESTIONS.with_borrow_mut(|questions| questions.remove(&wanted.key));
    let Some(mut question) = question else { return };
    let clock = uptime_millis();
    let said = match result {
        Ok(None) => Said::Absent,
        Ok(Some(fetched)) => match service.keep(&fetched, question.noted) {
            Kept::InZone(inserted) => {
                let since = UnixTime(service.words.get(Word::ListenedSince));
                if may_have_been_missed(fetched.signed_in, since) {
                    service.words.add(Word::FromStore, 1);
                }
                inserted.as_ref().map(warn_if_full);
                Said::Found
            }
            Kept::Ended => Said::Absent,
            Kept::Anew if question.tries < TRIES => {
                if let Some(noted) = service.question(wanted, None) {
                    question.noted = noted;
                    question.tries += 1;
                    QUESTIONS.with_borrow_mut(|questions| questions.insert(wanted.key, question));
                    return;
                }
                Said::Away
            }
            Kept::Anew | Kept::NoRoom => Said::Away,
        },
        Err(fault) => {
            PAUSED.set(clock + PAUSE);
            health::unread(service.words, &fault);
            answer(question, wanted.key, Said::Away);
            return;
        }
    };
    health::read(service.words);
    if said == Said::Absent {
        ABSENTEES.with_borrow_mut(|absentees| absentees.remember(wanted.key, clock + ABSENT));
    }
    answer(question, wanted.key, said);
}

fn answer(question: Question, key: Key, said: Said) {
    for ticket in question.waiters {
        wake(
            ticket,
            Box::new(move |state| {
                let mut asked = state.asked_store.take().unwrap_or_default();
                asked.said.push((key, said));
                state.asked_store.set(Some(asked));
            }),
        );
    }
}
