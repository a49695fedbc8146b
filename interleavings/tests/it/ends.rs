//! Ends of sessions that a store has to be told of. The protocol is the shell's (`src/storage`,
//! `ends.rs` and `fetch.rs`) and imitated here, with the gate's table and words.

use std::sync::Arc;

use authentik_gate::shared_words::Word;
use authentik_gate::store::{Key, kind};
use loom::sync::Mutex;
use loom::thread;

use crate::explore;
use crate::sessions::{NOW, Zone, insert};
use crate::words::Words;

const SESSION: Key = [1; 32];
/// The record that remembers its end until the store has taken it.
const ENDED: Key = [2; 32];

/// One nginx, and a store that has a session which the zone does not have.
#[derive(Clone)]
struct Host {
    zone: Arc<Zone>,
    words: Words,
    store: Arc<Mutex<bool>>,
}

impl Host {
    fn new() -> Self {
        Self { zone: Arc::new(Zone::new()), words: Words::new(), store: Arc::new(Mutex::new(true)) }
    }

    fn has(&self, key: &Key) -> bool {
        self.zone.with(|table| table.find(key, NOW).is_some())
    }

    /// `Service::question` and `Service::keep`, for a request. Whether it is let in.
    fn fetch(&self) -> bool {
        for _ in 0..2 {
            let noted = self.words.shared().get(Word::Ends);
            if !*self.store.lock().unwrap() {
                return false;
            }
            let kept = self.zone.with(|table| {
                if self.words.shared().get(Word::Ends) != noted {
                    return None;
                }
                if table.find(&ENDED, NOW).is_some() {
                    return Some(false);
                }
                insert(table, SESSION, kind::SESSION);
                Some(true)
            });
            if let Some(kept) = kept {
                return kept;
            }
        }
        false
    }

    /// `Service::remember`.
    fn remember(&self) {
        self.zone.with(|table| {
            self.words.shared().add(Word::EndsPending, 1);
            self.words.shared().add(Word::Ends, 1);
            insert(table, ENDED, kind::END);
            table.remove(&SESSION).unwrap();
        });
    }

    /// `Service::tell`, and `Service::taken` for a store that is told once.
    fn tell(&self) {
        *self.store.lock().unwrap() = false;
        self.zone.with(|table| {
            self.words.shared().add(Word::Ends, 1);
            table.remove(&ENDED).unwrap();
        });
    }

    /// `ends::again`: whether there is anything to tell.
    fn looks_for_what_is_to_be_told(&self) -> bool {
        let noted = self.words.shared().get(Word::EndsPending);
        if noted == 0 {
            return false;
        }
        let found = self.has(&ENDED);
        if !found {
            self.words.shared().clear(Word::EndsPending, noted);
        }
        found
    }
}

#[test]
fn a_session_that_ended_is_not_brought_back_from_the_store() {
    explore("ends: a request reads the session that another one ends", None, || {
        let host = Host::new();
        let of_other = host.clone();
        let other = thread::spawn(move || {
            of_other.remember();
            assert!(!of_other.has(&SESSION), "not even before the store knows");
            of_other.tell();
        });
        host.fetch();
        other.join().unwrap();
        assert!(!host.has(&SESSION) && !host.fetch());
    });
}

#[test]
fn an_end_that_was_remembered_is_told_though_its_worker_is_killed() {
    explore("ends: a worker ends a session and is killed, another looks for ends", None, || {
        let host = Host::new();
        // An end of before has been told.
        host.words.shared().add(Word::EndsPending, 1);
        let of_other = host.clone();
        let other = thread::spawn(move || of_other.remember());
        host.looks_for_what_is_to_be_told();
        other.join().unwrap();
        assert!(host.looks_for_what_is_to_be_told());
    });
}
