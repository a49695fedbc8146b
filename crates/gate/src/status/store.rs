//! The store of sessions beyond the zone: `authentik_session_store`.

use serde::Serialize;

use super::count::Counter;
use super::duration::{Duration, Histogram};
use super::report::Source;
use crate::shared_words::Word;

/// The store. Times are in seconds since 1970.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct StoreReport {
    /// `file` or `redis`.
    pub kind: &'static str,
    /// Since when it cannot be read; `None` if it can.
    pub unread_since: Option<u64>,
    /// Since when it cannot be written; `None` if it can.
    pub unwritten_since: Option<u64>,
    /// How long ago the ends of sessions in it were last noticed, in seconds; `None` if they never
    /// were.
    pub behind_seconds: Option<u64>,
    /// Sessions in it when they were last counted; `None` if they cannot be.
    pub sessions: Option<u64>,
    /// Its size at that time, in bytes; `None` like `sessions`.
    pub bytes: Option<u64>,
    /// Questions for sessions that the zone did not have.
    pub questions: u64,
    /// How long accesses to it took.
    pub duration: Histogram,
    /// Whether it may forget ends when its memory is full.
    pub evicts: bool,
    /// Sessions that wait to be written.
    pub backlog: u64,
    /// Sessions that were never written, because too many waited.
    pub dropped: u64,
}

impl Source<'_> {
    pub(super) fn of_store(&self, kind: &'static str) -> StoreReport {
        let total = |counter: Counter| self.words.map_or(0, |words| words.total(counter.slot()));
        // Redis would have to look at each of its keys.
        let is_counted = kind != "redis";
        StoreReport {
            kind,
            unread_since: self.time(Word::StoreUnreadSince),
            unwritten_since: self.time(Word::StoreUnwrittenSince),
            behind_seconds: self
                .time(Word::FollowedAt)
                .map(|followed| self.uptime.saturating_sub(followed)),
            sessions: is_counted.then(|| self.fact(Word::StoreSessions)),
            bytes: is_counted.then(|| self.fact(Word::StoreBytes)),
            questions: total(Counter::StoreQuestion),
            duration: Histogram::of(Duration::Store, self.words),
            evicts: self.fact(Word::StoreEvicts) != 0,
            backlog: total(Counter::StoreBacklog),
            dropped: self.fact(Word::StoreDropped),
        }
    }
}

impl StoreReport {
    /// Its state in a few words.
    pub(super) fn state(&self) -> &'static str {
        match (self.unread_since, self.unwritten_since) {
            (None, None) => "in use",
            (None, Some(_)) => "cannot be written",
            (Some(_), _) => "cannot be read",
        }
    }
}
