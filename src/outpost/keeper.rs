//! The thread that every worker has for the outpost.

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

/// How often the thread looks around without having been called: whether the holder of the tenure is
/// silent, whether this worker is leaving. A few times within [`LOST_AFTER`](gate::outpost::LOST_AFTER).
const ROUND: Duration = Duration::from_secs(1);
/// The same while a connection is handed over.
const LOOK: Duration = Duration::from_millis(100);
/// How often the event loop is asked how long it takes to come round.
const PULSE: Duration = Duration::from_secs(1);
/// How long a defect stops the thread.
const AFTER_DEFECT: Duration = Duration::from_secs(5);

/// The event loop's end of the thread.
pub(super) struct Keeper {
    stopped: Arc<AtomicBool>,
    bell: Bell<'static>,
    words: SharedWords<'static>,
    me: Candidate,
}

/// What the thread knows.
struct Watch {
    settings: OutpostSettings,
    origin: Origin,
    herald: Arc<Herald>,
    mailbox: Arc<Mailbox>,
    words: SharedWords<'static>,
    me: Candidate,
    stopped: Arc<AtomicBool>,
    /// Rung by whoever has something to look at, in whichever process.
    bell: Bell<'static>,
    /// The event loop has more sessions to look at.
    rechecking: Arc<Rhythm>,
    /// Number of the newest publication that is known, and what was made of it.
    seen: u64,
    directory: Option<Arc<Directory>>,
    /// The last call for the settings that was passed on.
    called: u64,
    /// Former ones that the event loop, or a request, may still have.
    retired: Vec<Arc<Directory>>,
}

impl Keeper {
    /// Starts the thread. `seen` is what `directory` was made of.
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

    /// Makes the thread look around.
    pub(super) fn call(&self) {
        self.bell.ring();
    }

    /// Ends the thread soon, and the tenure now: another worker need not wait for it to time out.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        if let Some(tenure) = self.words.tenure() {
            tenure.resign(self.me);
        }
        no_longer_listens(self.words, self.me.pid);
        self.bell.ring();
    }
}

/// When the process was started that has this id now, by [`uptime_millis`]; `None` if there is none.
/// Where there is no /proc all processes are as old as the machine.
pub(super) fn started(pid: u32) -> Option<u64> {
    let shown = process::started(pid);
    shown.or_else(|| (process::started(process_id()).is_none() && is_alive(pid)).then_some(0))
}

/// Nobody takes this process for the one that hears what authentik says any more.
fn no_longer_listens(words: SharedWords<'static>, pid: u32) {
    let word = words.get(Word::ConnectedBy);
    if Listener::of(word).is_some_and(|listener| listener.pid() == pid) {
        words.clear(Word::ConnectedBy, word);
    }
}

/// What the thread does over time.
#[derive(Default)]
struct Course {
    agent: Option<Agent>,
    /// When the tenure was lost, while the connection is kept.
    lost_at: Option<Instant>,
    pulsed: Option<Instant>,
}

impl Watch {
    /// Until it is stopped. A defect ends a turn, not the thread: workers would go on with old
    /// settings and nobody would know.
    fn run(mut self) {
        let mut course = Course::default();
        while !self.stopped.load(Ordering::Acquire) {
            // Asked first: what is called in the course of the turn is not slept through.
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
        // Asked first: what is published by then is seen in the same look.
        let closes_gap = leads && self.herald.has_gap_to_close();
        let is_ours = self.look_at_board(leads);
        if let Some(agent) = course.agent.as_ref().filter(|_| leads) {
            // What we have to say was replaced, so it is said again.
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

    /// Whether a worker has called for the settings; says it once for each call.
    fn is_called(&mut self) -> bool {
        let asked = self.words.get(Word::SettingsAsked);
        let is_new = asked > self.words.get(Word::SettingsAnswered) && asked != self.called;
        self.called = asked;
        is_new
    }

    /// A worker that is leaving gives the tenure up: it would wait for ever for the end of a
    /// connection that goes through this very nginx (authentik behind it) and lives as long as it.
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
        // Taken from one of the same configuration, which therefore was silent: it may be there
        // still, but nobody knows whether it listens.
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

    /// Whether nothing is lost by closing the connection now.
    fn may_leave(&self, lost_at: &mut Option<Instant>) -> bool {
        let lost_at = lost_at.get_or_insert_with(Instant::now);
        let successor = self.words.tenure().and_then(|tenure| tenure.holder());
        let connected = Listener::of(self.words.get(Word::ConnectedBy)).map(Listener::pid);
        may_leave(successor, connected, lost_at.elapsed())
    }

    /// Makes providers of what was published since the last look; `false` if that is of another
    /// outpost, whose configuration is newer or older: it is not ours.
    fn look_at_board(&mut self, leads: bool) -> bool {
        // They are taken apart here: with many providers that takes too long for the event loop.
        self.retired.retain(|former| Arc::strong_count(former) > 1);
        if self.words.board().is_none_or(|board| board.newest() == self.seen) {
            return true;
        }
        let Some((number, published)) = published(self.words, &self.origin) else { return true };
        // Before they are made: what makes us stumble is not tried again and again.
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
        let OutpostSettings { trust, cookie_samesite, .. } = &self.settings;
        let former = self.directory.as_deref();
        let next = Arc::new(Directory::build(snapshot, trust, *cookie_samesite, former));
        if leads {
            self.herald.journal().tell_of(&next);
        }
        let former = self.directory.replace(Arc::clone(&next));
        self.retired.extend(former);
        self.mailbox.put(Mail::Directory(number, next));
        true
    }
}
