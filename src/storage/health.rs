//! Whether the store can be reached, and what is said about it: once a minute.

use std::cell::Cell;
use std::path::Path;
use std::thread::LocalKey;

use authentik_store::Fault;
use gate::shared_words::{SharedWords, Word};
use nginx::lifecycle::uptime;

use crate::ngx::log::{self, Level, printable};
use crate::ngx::now;

/// Seconds before the same is said again.
const SAY_AGAIN: u64 = 60;

thread_local! {
    // Used on the event-loop thread only. When each is said again, in seconds since boot.
    static UNREAD: Cell<u64> = const { Cell::new(0) };
    static UNWRITTEN: Cell<u64> = const { Cell::new(0) };
    static UNKEPT: Cell<u64> = const { Cell::new(0) };
    static DROPPED: Cell<u64> = const { Cell::new(0) };
    static VERSION: Cell<u64> = const { Cell::new(0) };
}

/// The store could not be read.
pub(super) fn unread(words: SharedWords<'static>, fault: &Fault) {
    since(words, Word::StoreUnreadSince);
    if is_due(&UNREAD) {
        say(
            "the store of sessions cannot be read",
            fault,
            "visitors whose session is not in memory get 503 until it can",
        );
    }
}

/// The store could not be written.
pub(super) fn unwritten(words: SharedWords<'static>, fault: &Fault) {
    since(words, Word::StoreUnwrittenSince);
    if is_due(&UNWRITTEN) {
        say(
            "the store of sessions cannot be written",
            fault,
            if super::has_keeper() {
                "sessions work, and what began or ended is written as soon as it can be; if nginx stops \
                 before, sessions that began are lost"
            } else {
                "sessions work, and what began or ended is written as soon as it can be; nginx must not \
                 stop before: it would forget sign-outs, since authentik_session_store has no ends_file"
            },
        );
    }
}

fn say(what: &str, fault: &Fault, meanwhile: &str) {
    let why = fault.to_string();
    let cure = match fault {
        // Says it itself.
        Fault::Setup(_) => "",
        Fault::Away(_) | Fault::Damaged(_) if super::is_redis() => "",
        Fault::Away(_) => "; check the disk, the permissions and other processes that use the file",
        Fault::Damaged(_) => "; restore the file, or remove it",
    };
    let why = printable(why.as_bytes());
    log::cycle(Level::Error, format_args!("{what}: {why}; {meanwhile}{cure}"));
}

/// Ends could not be written to the file of this host, or not read from it.
pub(super) fn unkept(path: &Path, why: &str) {
    if is_due(&UNKEPT) {
        let (path, why) = (path.display(), printable(why.as_bytes()));
        log::cycle(
            Level::Error,
            format_args!(
                "the file of ended sessions \"{path}\" cannot be used: {why}; sign-outs that the store has not \
                 taken are forgotten if nginx stops; check the disk, the permissions and ends_file of \
                 authentik_session_store"
            ),
        );
    }
}

/// Sessions were dropped that no store has.
pub(super) fn say_dropped(words: SharedWords<'static>, count: u64) {
    let total = words.get(Word::StoreDropped).wrapping_add(count);
    words.add(Word::StoreDropped, count);
    if is_due(&DROPPED) {
        log::cycle(
            Level::Error,
            format_args!(
                "too many sessions wait for the store: {total} so far will not outlive this nginx; make the \
                 store available again"
            ),
        );
    }
}

/// A session was found that another version of this module has written.
pub(super) fn say_version() {
    if is_due(&VERSION) {
        log::cycle(
            Level::Error,
            format_args!(
                "the store has sessions that another version of this module has written; they count where it \
                 runs, and here their visitors sign in: have the same version on all hosts"
            ),
        );
    }
}

/// The store may forget ends.
pub(super) fn say_evictions(policies: &[String]) {
    log::cycle(
        Level::Error,
        format_args!(
            "Redis removes keys when its memory is full (maxmemory-policy {}), and may forget that a session \
             has ended: whoever signed out could be signed in again; set maxmemory-policy noeviction",
            policies.join(", ")
        ),
    );
}

/// An unusable file was moved aside.
pub(super) fn say_aside(what: &str) {
    let what = printable(what.as_bytes());
    log::cycle(
        Level::Alert,
        format_args!(
            "the file of sessions was unusable: {what}; a new one was made, and who is only in the old one \
             signs in again"
        ),
    );
}

/// The store was read.
pub(super) fn read(words: SharedWords<'static>) {
    again(words, Word::StoreUnreadSince);
}

/// The store was written.
pub(super) fn written(words: SharedWords<'static>) {
    again(words, Word::StoreUnwrittenSince);
}

fn since(words: SharedWords<'static>, word: Word) {
    if words.get(word) == 0 {
        words.set(word, now().0);
    }
}

fn again(words: SharedWords<'static>, word: Word) {
    if words.get(word) != 0 {
        words.set(word, 0);
    }
}

fn is_due(next: &'static LocalKey<Cell<u64>>) -> bool {
    let clock = uptime();
    let is_due = clock >= next.get();
    if is_due {
        next.set(clock + SAY_AGAIN);
    }
    is_due
}
