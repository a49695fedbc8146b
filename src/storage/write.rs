//! A session that begins: it is in the zone already, and now is written to the store.
//!
//! The visitor waits a moment for it, so that other hosts know the session at once. If the store
//! cannot take it, the session works nevertheless, and is written later.

use std::cell::RefCell;
use std::sync::Arc;

use authentik_store::{Backlog, Fault, Row};
use gate::cookie::{SentId, SessionId};
use gate::identity::{Rendered, SessionView, name_of, owner_of, seal_for_store};
use gate::shared_words::Word;

use super::connection::with_store;
use super::tasks::{Answer, Line, Task};
use super::{Service, ends, health, service};
use crate::ngx::keyring::keyring;
use crate::ngx::log::{self, Level};
use crate::ngx::random::random;
use crate::ngx::{counters, now};

/// Sessions tried again at once.
const BATCH: usize = 64;

/// Sessions that are not in the store yet.
#[derive(Default)]
struct Waiting {
    backlog: Backlog,
    under_way: usize,
}

thread_local! {
    // Used on the event-loop thread only.
    static WAITING: RefCell<Waiting> = RefCell::default();
}

/// Writes a session; returns the number of the task, to [`super::wait`] for. `None` if there is
/// nothing to wait for. `opened` in milliseconds since 1970.
pub(crate) fn put(id: &SessionId, rendered: &Rendered, opened: u64) -> Option<u64> {
    let service = service()?;
    let row = Arc::new(row(id.as_sent(), rendered, opened)?);
    if is_away(&service) {
        // Nobody waits for it: it is written when it is back.
        service.postpone(row);
        return None;
    }
    service.put(row)
}

/// Whether the last attempt to write failed, in any worker.
fn is_away(service: &Service) -> bool {
    service.words.get(Word::StoreUnwrittenSince) != 0
}

/// The session as the store keeps it: only its id opens it.
pub(crate) fn row(id: SentId<'_>, rendered: &Rendered, opened: u64) -> Option<Row> {
    let record = rendered.record.expose();
    let view = SessionView::over(record)?;
    let (provider, keyring) = (view.provider(), keyring()?);
    let key = id.zone_key(&provider);
    let owner = owner_of(record, keyring);
    Some(Row {
        key,
        provider: provider.0,
        subject: owner.subject,
        sid: owner.sid,
        name: name_of(view.username(), keyring),
        opened,
        expires: rendered.expires.0,
        record: seal_for_store(record, &key, id, keyring, opened, random()?)?,
    })
}

impl Service {
    fn put(&self, row: Arc<Row>) -> Option<u64> {
        let time = now().0;
        let (task, row) = (Task::Put(Arc::clone(&row)), row);
        let submitted = self.submit(Line::Writes, None, task, move |place, report| {
            Answer::Put(with_store(place, report, |store| store.put(&row, time)))
        });
        match submitted {
            Ok(number) => {
                WAITING.with_borrow_mut(|waiting| waiting.under_way += 1);
                count();
                Some(number)
            }
            Err(Task::Put(row)) => {
                self.postpone(row);
                None
            }
            Err(Task::Fetch(_) | Task::End(_) | Task::Keep | Task::Discard) => None,
        }
    }

    /// Keeps a session until it can be written.
    fn postpone(&self, row: Arc<Row>) {
        let row = Arc::unwrap_or_clone(row);
        let dropped = WAITING.with_borrow_mut(|waiting| waiting.backlog.push(row));
        if dropped > 0 {
            health::say_dropped(self.words, dropped);
        }
        count();
    }
}

/// Keeps a session that a thread could not write.
pub(super) fn later(row: Row, fault: &Fault) {
    let Some(service) = service() else { return };
    health::unwritten(service.words, fault);
    service.postpone(Arc::new(row));
}

/// The answer of a thread. On the event loop.
pub(super) fn arrived(service: &Service, row: Arc<Row>, result: Result<bool, Fault>) {
    WAITING.with_borrow_mut(|waiting| waiting.under_way = waiting.under_way.saturating_sub(1));
    match result {
        Ok(true) => health::written(service.words),
        Ok(false) => {
            health::written(service.words);
            // It ended elsewhere before it was written, so it ends here too.
            ends::in_zone(service.zone, |table| table.remove(&row.key));
        }
        Err(fault) => {
            health::unwritten(service.words, &fault);
            service.postpone(row);
        }
    }
    count();
}

/// Called when the worker starts: what its predecessor counted is gone.
pub(super) fn start() {
    count();
}

/// Called when the worker exits.
pub(super) fn stop() {
    let lost = WAITING.with_borrow(|waiting| waiting.backlog.len() + waiting.under_way);
    if lost > 0 {
        log::cycle(
            Level::Error,
            format_args!(
                "a worker exits with {lost} sessions that the store has not taken; they will not outlive this \
                 nginx"
            ),
        );
    }
}

/// Tries again what could not be written.
pub(super) fn again(service: &Service) {
    if WAITING.with_borrow(|waiting| waiting.under_way > 0) {
        return;
    }
    let count = if is_away(service) { 1 } else { BATCH };
    for _ in 0..count {
        let Some(row) = WAITING.with_borrow_mut(|waiting| waiting.backlog.pop()) else { return };
        if service.put(Arc::new(row)).is_none() {
            return; // it is in the backlog again
        }
    }
}

fn count() {
    WAITING.with_borrow(|waiting| {
        counters::set_store_backlog(waiting.backlog.len() + waiting.under_way);
    });
}
