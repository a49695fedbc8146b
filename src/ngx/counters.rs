//! This worker's counters, in the words that all workers share.

use std::cell::Cell;
use std::sync::atomic::AtomicU64;

use gate::provider::Provider;
use gate::reason::Reason;
use gate::shared_words::SharedWords;
use gate::status::{self, Counter, Duration, Status};
use nginx::lifecycle::worker_number;

use super::shared_words::SharedWordsZone;

thread_local! {
    // Used on the event-loop thread only.
    static COUNTERS: Cell<&'static [AtomicU64]> = const { Cell::new(&[]) };
    // The same.
    static WORDS: Cell<Option<SharedWords<'static>>> = const { Cell::new(None) };
}

/// Called once per worker process.
pub(crate) fn start(zone: Option<SharedWordsZone>) {
    if let Some(words) = zone.and_then(|zone| zone.get()) {
        COUNTERS.set(words.counters(worker_number()));
        WORDS.set(Some(words));
    }
}

/// Counts how a request was decided, also for its provider.
#[inline]
pub(crate) fn count(status: Status, reason: Option<Reason>, provider: Option<&Provider>) {
    status::count(COUNTERS.get(), status, reason);
    let (Some(words), Some(provider)) = (WORDS.get(), provider) else { return };
    if let Some(seat) = provider.seat(|| words.take_seat(provider.key)) {
        status::count(words.seat_counters(worker_number(), seat), status, None);
    }
}

/// Counts a session lookup in the zone.
pub(crate) fn count_lookup() {
    status::count_lookup(COUNTERS.get());
}

/// Counts a session cookie not created by this nginx.
pub(crate) fn count_foreign_cookie() {
    status::count_foreign_cookie(COUNTERS.get());
}

/// Records how long something took.
pub(crate) fn record(what: Duration, took: std::time::Duration) {
    status::record(COUNTERS.get(), what, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
}

/// Counts a question to the store of sessions.
pub(crate) fn count_store_question() {
    status::count_store_question(COUNTERS.get());
}

/// Sets how many sessions of this worker wait for the store.
pub(crate) fn set_store_backlog(length: usize) {
    status::set_store_backlog(COUNTERS.get(), u64::try_from(length).unwrap_or(u64::MAX));
}

/// Counts a session that was renewed.
pub(crate) fn count_renewal() {
    status::count_renewal(COUNTERS.get(), Counter::Renewal);
}

/// Counts a session that ended at a renewal.
pub(crate) fn count_refused_renewal() {
    status::count_renewal(COUNTERS.get(), Counter::RefusedRenewal);
}

/// Counts a renewal without a usable answer.
pub(crate) fn count_failed_renewal() {
    status::count_renewal(COUNTERS.get(), Counter::FailedRenewal);
}
