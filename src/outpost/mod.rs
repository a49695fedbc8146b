//! The connection to authentik as an outpost: one worker holds it, all workers see its results.
//!
//! Each worker has one thread, the [`keeper`]: it claims the tenure, runs the connection while it
//! holds it, and builds a [`Directory`] from every published state, so that the event loop only has
//! to replace a pointer. Tasks for the event loop are sent to it as [`Mail`].

mod calls;
mod herald;
mod journal;
mod keeper;
mod mailbox;
mod published;
mod recheck;
mod state_file;

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Instant;

use authentik_store::Ended;
use gate::identity::sid_of;
use gate::outpost::{Directory, Origin};
use gate::shared_words::{SharedWords, Word};
use nginx::wakeup::Waker;

pub(crate) use self::calls::{called_for, newest, of_these_settings};
use self::keeper::Keeper;
use self::mailbox::{Mail, Mailbox};
use self::published::Published;
use self::recheck::{Recheck, Rhythm};
use crate::authentik::threads::CURE;
use crate::conf::{MainConf, OutpostConf};
use crate::ngx::Zone;
use crate::ngx::keyring;
use crate::ngx::log::{self, Level};
use crate::storage::ends::{self, Source};

struct Post {
    mailbox: Arc<Mailbox>,
    keeper: Keeper,
    recheck: Recheck,
    words: SharedWords<'static>,
}

thread_local! {
    // Used on the event-loop thread only.
    static POST: RefCell<Option<Post>> = const { RefCell::new(None) };
    static DIRECTORY: RefCell<Option<Arc<Directory>>> = const { RefCell::new(None) };
    /// Number of the publication that it was built from.
    static NUMBER: Cell<u64> = const { Cell::new(0) };
}

/// A request for the settings: authentik does not announce every change.
#[derive(Clone, Copy)]
pub(crate) struct Called(u64);

/// The outpost's providers. `None` if not known yet.
pub(crate) fn directory() -> Option<Arc<Directory>> {
    DIRECTORY.with_borrow(Option::clone)
}

/// Requests the settings, whichever process has the connection. `None` without an outpost.
pub(crate) fn call() -> Option<Called> {
    POST.with_borrow(|post| {
        let Post { words, keeper, .. } = post.as_ref()?;
        let call = words.count(Word::SettingsAsked);
        keeper.call();
        Some(Called(call))
    })
}

/// The last request, by any worker.
pub(crate) fn last_call() -> Option<Called> {
    let words = POST.with_borrow(|post| post.as_ref().map(|post| post.words))?;
    Some(Called(words.get(Word::SettingsAsked)))
}

/// Whether the request is finished, successful or not, and [`directory`] is up to date with it.
pub(crate) fn has_answered(Called(call): Called) -> bool {
    POST.with_borrow(|post| {
        let Some(Post { words, .. }) = post else { return true };
        let newest = words.board().map_or(0, |board| board.newest());
        words.get(Word::SettingsAnswered) >= call && newest == NUMBER.get()
    })
}

/// Called once per worker process. Settings that are available now are ready before the first
/// request.
pub(crate) fn start(conf: &MainConf, wakeup: Waker) {
    let (Some(outpost), Some(words)) =
        (&conf.outpost, conf.shared_words().and_then(|zone| zone.get()))
    else {
        return;
    };
    let (published, directory) = at_hand(outpost, words);
    DIRECTORY.set(directory.clone());
    NUMBER.set(published);
    let mailbox = Arc::new(Mailbox::new(wakeup.clone()));
    let rechecking = Arc::<Rhythm>::default();
    let recheck = Recheck::new(wakeup, Arc::clone(&rechecking), words);
    match Keeper::start(outpost, words, Arc::clone(&mailbox), rechecking, (published, directory)) {
        Ok(keeper) => POST.set(Some(Post { mailbox, keeper, recheck, words })),
        Err(error) => log::cycle(
            Level::Alert,
            format_args!(
                "no thread for the outpost: {error}; its settings stay as they are in this worker: {}",
                CURE
            ),
        ),
    }
}

/// The settings published before this worker was started, otherwise those on disk.
fn at_hand(outpost: &OutpostConf, words: SharedWords<'static>) -> (u64, Option<Arc<Directory>>) {
    let build = |snapshot| Directory::build(snapshot, &outpost.settings, None);
    let ready = |snapshot| Some(Arc::new(build(snapshot)));
    let number = match published::published(words, &Origin::of(&outpost.settings)) {
        Some((number, Published::Own(snapshot))) => return (number, ready(snapshot)),
        Some((number, Published::Doubted(snapshot))) => {
            return (number, Some(Arc::new(build(snapshot).in_doubt())));
        }
        Some((number, Published::Nothing | Published::Foreign)) => number,
        None => 0,
    };
    match state_file::read(outpost.state.as_deref(), &outpost.settings) {
        Ok(snapshot) => (number, snapshot.and_then(ready)),
        Err(why) => {
            log::cycle(Level::Warn, format_args!("state_path: {why}"));
            (number, None)
        }
    }
}

/// Called when the worker exits.
pub(crate) fn stop() {
    if let Some(post) = POST.take() {
        post.keeper.stop();
        post.recheck.stop();
    }
}

/// Called on the event loop when there may be mail.
pub(crate) fn deliver() {
    POST.with_borrow_mut(|post| {
        let Some(post) = post else { return };
        for mail in post.mailbox.take() {
            post.handle(mail);
        }
        for sid in post.recheck.ended() {
            end_session(&sid, post.words, "while it was not connected");
        }
    });
}

impl Post {
    fn handle(&mut self, mail: Mail) {
        match mail {
            Mail::Directory(number, directory) => {
                NUMBER.set(number);
                exchange(Some(directory), self.words);
            }
            Mail::Nothing(number) => {
                NUMBER.set(number);
                exchange(None, self.words);
            }
            Mail::SessionEnded(session_id) => {
                for keyring in keyring::each() {
                    end_session(&sid_of(session_id.as_bytes(), keyring), self.words, "now");
                }
            }
            Mail::Recheck => {
                self.recheck.begin();
                self.keeper.call();
            }
            Mail::RecheckNext => {
                let is_done = Zone::of_worker().is_some_and(|zone| self.recheck.step(zone));
                if is_done && self.keeper.leads() {
                    self.words.set(Word::Unchecked, 0);
                }
            }
            Mail::Log(level, text) => log::cycle(level, format_args!("{text}")),
            Mail::Pulse(sent) => self.words.raise(Word::LongestPause, micros(sent)),
        }
    }
}

/// New requests see these providers from now on. The keeper also has the old ones, so that this
/// thread does not have to drop them.
fn exchange(directory: Option<Arc<Directory>>, words: SharedWords<'static>) {
    let begun = Instant::now();
    DIRECTORY.set(directory);
    words.raise(Word::LongestExchange, micros(begun));
}

/// authentik ended a session: ends all sessions that belong to it here, for every provider.
fn end_session(sid: &[u8; 16], words: SharedWords<'static>, when: &str) {
    let Some(zone) = Zone::of_worker() else { return };
    let (ended, _) = ends::end(zone, [Ended::Sid(*sid, None)], Source::Entitled, |table| {
        table.remove_by_sid(sid).unwrap_or(0)
    });
    words.add(Word::EndedByCore, u64::from(ended));
    if ended > 0 {
        log::cycle(
            Level::Info,
            format_args!("authentik ended a session ({when}), ended here: {ended}"),
        );
    }
}

fn micros(since: Instant) -> u64 {
    // Rounded up: nothing takes zero time.
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX).saturating_add(1)
}
