//! Reports from the connection to authentik: to all workers through the board, to the administrator
//! through the [`Journal`].

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use authentik_io::outpost::Events;
use gate::outpost::{
    Candidate, Gap, Listener, Origin, Outpost, OutpostSettings, RefreshError, Snapshot, TooLarge,
};
use gate::secret::Secret;
use gate::shared_words::{SharedWords, Word};
use gate::time::UnixTime;
use nginx::bell::Bell;

use super::journal::{Journal, Trouble};
use super::mailbox::{Mail, Mailbox};
use super::published::{Published, published};
use super::{keeper, state_file};
use crate::conf::OutpostConf;
use crate::ngx::log::{Level, printable};

pub(super) struct Herald {
    words: SharedWords<'static>,
    /// Wakes the keepers of all workers.
    bell: Bell<'static>,
    me: Candidate,
    /// Identifies this process as the one that has the WebSocket open.
    listener: Listener,
    mailbox: Arc<Mailbox>,
    journal: Journal,
    state: Option<PathBuf>,
    settings: OutpostSettings,
    origin: Origin,
    /// Number of the publication last written to disk by this process, 0 = none.
    stored: AtomicU64,
    gap: Gap,
    /// The requests for settings that the current refresh will answer.
    calls: AtomicU64,
}

impl Herald {
    pub(super) fn new(
        conf: &OutpostConf,
        words: SharedWords<'static>,
        bell: Bell<'static>,
        me: Candidate,
        mailbox: Arc<Mailbox>,
    ) -> Self {
        Self {
            words,
            bell,
            me,
            listener: Listener::new(me.pid, keeper::started(me.pid).unwrap_or(0)),
            journal: Journal::new(Arc::clone(&mailbox)),
            mailbox,
            state: conf.state.clone(),
            settings: conf.settings.clone(),
            origin: Origin::of(&conf.settings),
            stored: AtomicU64::new(0),
            gap: Gap::default(),
            calls: AtomicU64::new(0),
        }
    }

    /// The journal for the administrator.
    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Writes settings to the board and to disk, unless already there.
    fn publish(&self, snapshot: &Snapshot) {
        let Ok(document) = snapshot.to_json() else { return };
        let document = self.origin.mark(&document);
        if let Some(number) = self.post(&document) {
            self.store(number, &document);
        }
    }

    /// The settings in use: the published ones or, after a restart, those on disk.
    fn previous(&self) -> Option<Snapshot> {
        match published(self.words, &self.origin) {
            Some((_, Published::Own(snapshot))) => Some(snapshot),
            Some((_, Published::Nothing | Published::Doubted(_) | Published::Foreign)) | None => {
                state_file::read(self.state.as_deref(), &self.settings).ok().flatten()
            }
        }
    }

    /// What is served until newer settings arrive, for the log.
    fn what_serves(&self) -> &'static str {
        if self.previous().is_some() {
            return "the previous ones stay in use";
        }
        match published(self.words, &self.origin) {
            Some((_, Published::Doubted(_))) => {
                "those of the previous token serve signed-in visitors only"
            }
            Some((_, Published::Own(_) | Published::Nothing | Published::Foreign)) | None => {
                "there are none yet, so its hosts get 503"
            }
        }
    }

    /// Decides about settings published with another token: if this token is for the same outpost
    /// (`outpost` is authentik's answer), they are ours; otherwise they are dropped.
    fn resolve_doubt(&self, outpost: Option<&Outpost>) {
        let board = published(self.words, &self.origin);
        let Some((_, Published::Doubted(snapshot))) = board.filter(|_| self.is_holder()) else {
            return;
        };
        if outpost.is_some_and(|outpost| outpost.pk == snapshot.outpost.pk) {
            self.publish(&snapshot);
            let text = "outpost: the new token belongs to the same outpost; its settings stay";
            self.journal.log(Level::Notice, text.to_owned());
        } else {
            let _ = self.post(&self.origin.mark(&Secret::default()));
            let text = "outpost: the new token belongs to another outpost; those of the previous \
                        one \
                        are no longer served";
            self.journal.log(Level::Notice, text.to_owned());
        }
        self.bell.ring();
    }

    /// Publishes the document if the board does not have it yet. Returns its number there.
    fn post(&self, document: &Secret) -> Option<u64> {
        let board = self.words.board()?;
        if let Some((number, known)) = board.read() {
            if known == document.expose() {
                return Some(number);
            }
        }
        match board.publish(document.expose()) {
            Ok(number) => {
                self.journal.relieved(Trouble::Board);
                Some(number)
            }
            Err(TooLarge { length, room }) => {
                let text = format!(
                    "outpost: the settings are too large: {length} bytes, {room} are possible; \
                     the previous ones stay in use"
                );
                self.journal.complain(Trouble::Board, Level::Crit, text);
                None
            }
        }
    }

    /// Writes the file, at least once per process even without a change: the file of another
    /// process may be elsewhere or missing. If this fails, the next refresh tries again.
    fn store(&self, number: u64, document: &Secret) {
        let Some(directory) = &self.state else { return };
        if self.stored.load(Ordering::Relaxed) == number {
            return;
        }
        match state_file::write(directory, document, &self.settings.token) {
            Ok(()) => {
                self.stored.store(number, Ordering::Relaxed);
                self.journal.relieved(Trouble::State);
            }
            Err(why) => {
                self.journal.complain(Trouble::State, Level::Error, format!("state_path: {why}"))
            }
        }
    }

    /// Marks the requests made before this refresh as finished.
    fn answer_calls(&self) {
        self.words.raise(Word::SettingsAnswered, self.calls.load(Ordering::Relaxed));
    }

    /// Whether sessions must now be compared with authentik, using the settings on the board.
    pub(super) fn has_gap_to_close(&self) -> bool {
        self.gap.is_to_be_closed()
    }

    /// Unless another process still listens, messages may have been lost. What earlier processes
    /// missed is left to the one that is connected now.
    fn may_have_missed_something(&self) -> bool {
        let before = Listener::of(self.words.get(Word::ConnectedBy));
        let listens = before.is_some_and(|before| before.is_there(keeper::started));
        !listens || self.words.get(Word::Unchecked) != 0
    }

    fn is_holder(&self) -> bool {
        self.words.tenure().and_then(|tenure| tenure.holder()) == Some(self.me)
    }
}

impl Events for Herald {
    fn refresh_begins(&self) {
        self.calls.store(self.words.get(Word::SettingsAsked), Ordering::Relaxed);
        self.gap.refresh_begins();
    }

    fn outpost_known(&self, outpost: &Outpost) {
        self.resolve_doubt(Some(outpost));
    }

    fn refreshed(&self, mut snapshot: Snapshot) {
        // The connection being handed over may be slower than its successor.
        if !self.is_holder() {
            return;
        }
        if let Some(previous) = self.previous() {
            snapshot.succeed(&previous, UnixTime(now()));
        }
        self.publish(&snapshot);
        if !self.is_holder() {
            // Slept for seconds in between: newer settings may have been overwritten with older
            // ones.
            self.words.set(Word::Overwritten, 1);
            self.bell.ring();
            return;
        }
        self.gap.refreshed();
        self.bell.ring();
        self.answer_calls();
        self.words.set(Word::LastRefresh, now());
        if self.journal.relieved(Trouble::Refresh) {
            self.journal.log(Level::Notice, "outpost: authentik answers again".to_owned());
        }
    }

    fn refresh_failed(&self, error: &RefreshError) {
        if error.is_of_another() {
            self.resolve_doubt(None);
        }
        self.answer_calls();
        self.words.set(Word::LastFailure, now());
        self.words.add(Word::RefreshFailures, 1);
        let rest = self.what_serves();
        let text = format!("outpost: settings were not read: {error}; {rest}");
        self.journal.complain(Trouble::Refresh, Level::Error, text);
    }

    fn connected(&self, _attempt: u32) {
        if self.is_holder() {
            if self.may_have_missed_something() {
                self.words.set(Word::Unchecked, 1);
                self.gap.noticed();
            }
            self.words.set(Word::ConnectedBy, self.listener.word());
            self.words.set(Word::ConnectedSince, now());
            self.bell.ring(); // for who hands the connection over
        }
        self.journal.relieved(Trouble::Socket);
        self.journal.log(Level::Notice, "outpost: connected to authentik".to_owned());
    }

    fn disconnected(&self, why: &str, _again_in: Duration) {
        if self.words.get(Word::ConnectedBy) == self.listener.word() {
            self.words.clear(Word::ConnectedBy, self.listener.word());
            self.words.set(Word::ConnectedSince, now());
            self.words.add(Word::Disconnects, 1);
        }
        let why = printable(why.as_bytes());
        let text = format!(
            "outpost: no connection to authentik: {why}; settings are refreshed by time only, and \
             ended sessions are not reported"
        );
        self.journal.complain(Trouble::Socket, Level::Error, text);
    }

    fn session_ended(&self, session_id: &str) {
        self.mailbox.put(Mail::SessionEnded(session_id.to_owned()));
    }
}

/// Seconds since 1970. Must not use nginx's cached time, which belongs to the event loop.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
