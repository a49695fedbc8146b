//! Ends that the store has not taken are told again.

use std::cell::Cell;

use authentik_store::PendingEnd;
use gate::shared_words::Word;
use gate::store::kind;

use super::super::Service;
use super::super::tasks::is_under_way;
use super::{BATCH, PLACES, Source, Telling};
use crate::ngx::{now, now_millis};

/// How many times [`PLACES`] are searched in one go.
const LOCKS: usize = 64;

#[derive(Clone, Copy)]
struct Survey {
    from: u32,
    found: bool,
    noted: u64,
}

thread_local! {
    // Used on the event-loop thread only.
    /// Where the search for ends continues, and whether any was found.
    static SURVEY: Cell<Survey> = const { Cell::new(Survey { from: 0, found: false, noted: 0 }) };
    /// The task that tells them.
    static RETRY: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Tells the store again what it has not taken, from whichever worker it was.
pub(in crate::storage) fn again(service: &Service) {
    let pending = service.words.get(Word::EndsPending);
    if pending == 0 || RETRY.get().is_some_and(is_under_way) {
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
