//! Each worker's thread for the outpost.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use authentik_io::outpost::{Agent, Identity};
use authentik_io::process;
use gate::outpost::{Candidate, Directory, Listener, Origin, OutpostSettings, may_leave};
use gate::shared_words::{SharedWords, Word};
use nginx::bell::Bell;
use nginx::lifecycle::{hostname, is_alive, is_leaving, process_id, uptime_millis};
use ring::rand::{SecureRandom, SystemRandom};

use super::herald::Herald;
use super::mailbox::{Mail, Mailbox};
use super::published::{Published, published};
use super::recheck::Rhythm;
use crate::authentik::threads::{CURE, spawn};
use crate::conf::OutpostConf;
use crate::ngx::log::Level;
use crate::ngx::shared_words::SharedWordsZone;

/// Interval at which the thread checks, unasked, whether the holder of the tenure is silent and
/// whether this worker is exiting. A few times within [`LOST_AFTER`](gate::outpost::LOST_AFTER).
const ROUND: Duration = Duration::from_secs(1);
/// The same while a connection is handed over.
const LOOK: Duration = Duration::from_millis(100);
/// Interval at which the event loop's delay is measured.
const PULSE: Duration = Duration::from_secs(1);
/// Pause of the thread after a panic.
const AFTER_DEFECT: Duration = Duration::from_secs(5);

/// The event loop's end of the thread.
pub(super) struct Keeper {
    stopped: Arc<AtomicBool>,
    bell: Bell<'static>,
    words: SharedWords<'static>,
    me: Candidate,
}

/// The state of the thread.
struct Watch {
    settings: OutpostSettings,
    origin: Origin,
    herald: Arc<Herald>,
    mailbox: Arc<Mailbox>,
    words: SharedWords<'static>,
    me: Candidate,
    stopped: Arc<AtomicBool>,
    /// Rung by any process when there is something to look at.
    bell: Bell<'static>,
    /// Says when the event loop has more sessions to check.
    rechecking: Arc<Rhythm>,
    /// Number of the newest known publication, and the directory built from it.
    seen: u64,
    directory: Option<Arc<Directory>>,
    /// The last request for the settings that was passed on.
    called: u64,
    /// Earlier directories that the event loop, or a request, may still use.
    retired: Vec<Arc<Directory>>,
}

impl Keeper {
    /// Starts the thread. `seen` is the publication that `directory` was built from.
    pub(super) fn start(
        conf: &OutpostConf,
        words: SharedWords<'static>,
        mailbox: Arc<Mailbox>,
        rechecking: Arc<Rhythm>,
        (seen, directory): (u64, Option<Arc<Directory>>),
    ) -> io::Result<Self> {
        let me = Candidate { epoch: SharedWordsZone::epoch(), pid: process_id() };
        let stopped = Arc::<AtomicBool>::default();
        let bell =
            words.bell().map(Bell::over).ok_or_else(|| io::Error::other("no shared words"))?;
        let herald = Arc::new(Herald::new(conf, words, bell, me, Arc::clone(&mailbox)));
        let watch = Watch {
            settings: conf.settings.clone(),
            origin: Origin::of(&conf.settings),
            herald,
            mailbox,
            words,
            me,
            stopped: Arc::clone(&stopped),
            bell,
            rechecking,
            seen,
            directory,
            called: 0,
            retired: Vec::new(),
        };
        let builder = Builder::new().name("authentik-watch".to_owned());
        spawn(builder, Box::new(move || watch.run()))?;
        Ok(Self { stopped, bell, words, me })
    }

    /// Whether this process has the tenure.
    pub(super) fn leads(&self) -> bool {
        self.words.tenure().and_then(|tenure| tenure.holder()) == Some(self.me)
    }

    /// Wakes the thread.
    pub(super) fn call(&self) {
        self.bell.ring();
    }

    /// Stops the thread soon, and resigns the tenure now, so that other workers need not wait for
    /// it to time out.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        if let Some(tenure) = self.words.tenure() {
            tenure.resign(self.me);
        }
        no_longer_listens(self.words, self.me.pid);
        self.bell.ring();
    }
}

/// The start time of the process with this id, by [`uptime_millis`]; `None` if there is none.
/// Without /proc, all processes are considered as old as the machine.
pub(super) fn started(pid: u32) -> Option<u64> {
    let shown = process::started(pid);
    shown.or_else(|| (process::started(process_id()).is_none() && is_alive(pid)).then_some(0))
}

/// Records that this process no longer has the WebSocket open.
fn no_longer_listens(words: SharedWords<'static>, pid: u32) {
    let word = words.get(Word::ConnectedBy);
    if Listener::of(word).is_some_and(|listener| listener.pid() == pid) {
        words.clear(Word::ConnectedBy, word);
    }
}

/// The state of a running thread.
#[derive(Default)]
struct Course {
    agent: Option<Agent>,
    /// When the tenure was lost, while the connection is kept.
    lost_at: Option<Instant>,
    pulsed: Option<Instant>,
}

impl Watch {
    /// Runs until stopped. A panic ends a turn, not the thread: otherwise the worker would keep old
    /// settings unnoticed.
    fn run(mut self) {
        let mut course = Course::default();
        while !self.stopped.load(Ordering::Acquire) {
            // First, so that a ring during the turn is not slept through.
            let heard = self.bell.heard();
            let turn = panic::catch_unwind(AssertUnwindSafe(|| self.turn(&mut course)));
            if turn.is_err() {
                let text = "outpost: a bug in this module; the settings stay as they are, and it is tried \
                            again in 5 seconds. Please report it, with the lines before this one";
                self.mailbox.put(Mail::Log(Level::Alert, text.to_owned()));
                thread::sleep(AFTER_DEFECT);
            }
            self.bell.wait(heard, self.pause(&course));
        }
        if let Some(agent) = course.agent {
            agent.stop();
        }
    }

    fn pause(&self, course: &Course) -> Duration {
        let is_handing_over = course.lost_at.is_some();
        let round = if is_handing_over { LOOK } else { ROUND };
        self.rechecking.pause().map_or(round, |pause| pause.min(round))
    }

    fn turn(&mut self, course: &mut Course) {
        let leads = self.claim();
        match &course.agent {
            None if leads => course.agent = self.connect(),
            Some(_) if leads => course.lost_at = None,
            Some(running) if self.may_leave(&mut course.lost_at) => {
                running.stop();
                course.agent = None;
                course.lost_at = None;
                no_longer_listens(self.words, self.me.pid);
            }
            Some(_) | None => {}
        }
        // First, so that the same look sees what is published by then.
        let closes_gap = leads && self.herald.has_gap_to_close();
        let is_ours = self.look_at_board(leads);
        if let Some(agent) = course.agent.as_ref().filter(|_| leads) {
            // Our settings were overwritten, so publish them again.
            if self.words.take(Word::Overwritten) != 0 || !is_ours || self.is_called() {
                agent.refresh_now();
            }
        }
        if closes_gap && is_ours {
            self.mailbox.put(Mail::Recheck);
        }
        if leads && self.rechecking.pause().is_some() {
            self.mailbox.put(Mail::RecheckNext);
        }
        if course.pulsed.is_none_or(|pulsed| pulsed.elapsed() >= PULSE) {
            let sent = Instant::now();
            course.pulsed = Some(sent);
            self.mailbox.put(Mail::Pulse(sent));
        }
    }

    /// Whether a worker has requested the settings; true once per request.
    fn is_called(&mut self) -> bool {
        let asked = self.words.get(Word::SettingsAsked);
        let is_new = asked > self.words.get(Word::SettingsAnswered) && asked != self.called;
        self.called = asked;
        is_new
    }

    /// An exiting worker resigns the tenure: otherwise it would wait forever for the end of a
    /// connection that passes through this same nginx (with authentik behind it) and lives as long
    /// as the worker.
    fn claim(&self) -> bool {
        let Some(tenure) = self.words.tenure() else { return false };
        let holder = tenure.holder();
        if is_leaving() {
            tenure.resign(self.me);
            if holder == Some(self.me) {
                self.bell.ring();
            }
            return false;
        }
        let former = holder.filter(|former| *former != self.me);
        if !tenure.claim(self.me, uptime_millis(), started) {
            return false;
        }
        if holder != Some(self.me) {
            self.bell.ring(); // for who had it
        }
        // Taken from a process of the same configuration because it was silent: it may still exist,
        // but it is unknown whether it listens.
        if let Some(former) = former.filter(|former| former.epoch == self.me.epoch) {
            no_longer_listens(self.words, former.pid);
        }
        true
    }

    fn connect(&self) -> Option<Agent> {
        let mut fresh = [0; 16];
        SystemRandom::new().fill(&mut fresh).ok()?;
        let identity = Identity { instance: self.words.instance(fresh), hostname: hostname() };
        let events = Arc::clone(&self.herald);
        match Agent::start(self.settings.clone(), identity, events, spawn) {
            Ok(agent) => Some(agent),
            Err(error) => {
                let text = format!(
                    "outpost: no thread for the connection: {error}; it is tried again every second: {CURE}"
                );
                self.mailbox.put(Mail::Log(Level::Alert, text));
                None
            }
        }
    }

    /// Whether the connection can be closed now without losing anything.
    fn may_leave(&self, lost_at: &mut Option<Instant>) -> bool {
        let lost_at = lost_at.get_or_insert_with(Instant::now);
        let successor = self.words.tenure().and_then(|tenure| tenure.holder());
        let connected = Listener::of(self.words.get(Word::ConnectedBy)).map(Listener::pid);
        may_leave(successor, connected, lost_at.elapsed())
    }

    /// Builds the providers from what was published since the last look; `false` if it is from
    /// another outpost, whose configuration is newer or older, and thus not for us.
    fn look_at_board(&mut self, leads: bool) -> bool {
        // Dropped here: with many providers that takes too long for the event loop.
        self.retired.retain(|former| Arc::strong_count(former) > 1);
        if self.words.board().is_none_or(|board| board.newest() == self.seen) {
            return true;
        }
        let Some((number, published)) = published(self.words, &self.origin) else { return true };
        // Before building, so that settings that make it panic are not tried over and over.
        self.seen = number;
        let snapshot = match published {
            Published::Own(snapshot) => snapshot,
            Published::Nothing => {
                self.retired.extend(self.directory.take());
                self.mailbox.put(Mail::Nothing(number));
                return true;
            }
            Published::Doubted(_) | Published::Foreign => return false,
        };
        let former = self.directory.as_deref();
        let next = Arc::new(Directory::build(snapshot, &self.settings, former));
        if leads {
            self.herald.journal().tell_of(&next);
        }
        let former = self.directory.replace(Arc::clone(&next));
        self.retired.extend(former);
        self.mailbox.put(Mail::Directory(number, next));
        true
    }
}
