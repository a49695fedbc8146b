//! The outpost's side of the conversation with authentik: two threads that refresh and listen.
//!
//! The refresher fetches the providers, periodically and whenever there is a reason to; the listener
//! holds the WebSocket. Neither waits for the other, except that the listener first needs to know the
//! outpost's name.

mod connection;
mod key_pair;
mod listener;
mod names;
mod refresh;
mod refresher;
mod shared;
mod stream;

use std::io;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use authentik_gate::outpost::{Outpost, OutpostSettings, RefreshError, Snapshot};

use crate::pool::Spawner;
use shared::Shared;

/// Who we are to authentik, on its page of the outpost.
#[derive(Clone, Debug)]
pub struct Identity {
    /// UUID version 4: one per nginx.
    pub instance: String,
    /// Name of this machine.
    pub hostname: String,
}

/// What is to be done with what authentik says. Called on the threads of the [`Agent`], after
/// [`Agent::stop`] at most once more on each.
pub trait Events: Send + Sync {
    /// authentik is about to be asked for the settings.
    fn refresh_begins(&self) {}
    /// authentik has said which outpost the token is of; the rest of the refresh follows.
    fn outpost_known(&self, outpost: &Outpost) {
        let _ = outpost;
    }
    /// A refresh succeeded, whether or not anything has changed.
    fn refreshed(&self, snapshot: Snapshot);
    /// A refresh failed: what was there stays. The error is fit for the log.
    fn refresh_failed(&self, error: &RefreshError);
    /// The WebSocket is open, at this attempt, counted from 0.
    fn connected(&self, attempt: u32);
    /// It is not, or no longer; why, as a sentence for the log without a final stop.
    fn disconnected(&self, why: &str, again_in: Duration);
    /// A session of authentik is over: the `sid` of tokens, never empty.
    fn session_ended(&self, session_id: &str);
    /// authentik said something of so many bytes that is no message.
    fn not_understood(&self, bytes: usize) {
        let _ = bytes;
    }
}

/// The threads of one outpost connection. Dropping it stops them.
pub struct Agent {
    shared: Arc<Shared>,
}

impl Agent {
    /// Starts both threads; the first refresh begins at once.
    ///
    /// # Errors
    /// The system has no thread left for us; none runs then.
    pub fn start(
        settings: OutpostSettings,
        identity: Identity,
        events: Arc<dyn Events>,
        spawn: Spawner,
    ) -> io::Result<Self> {
        Self::start_at_pace(settings, identity, events, spawn, Pace::default())
    }

    /// The same in another rhythm, for tests.
    ///
    /// # Errors
    /// As [`Agent::start`].
    #[doc(hidden)]
    pub fn start_at_pace(
        settings: OutpostSettings,
        identity: Identity,
        events: Arc<dyn Events>,
        spawn: Spawner,
        pace: Pace,
    ) -> io::Result<Self> {
        // Dropped on failure, which stops the first thread when there is none for the second.
        let agent = Self { shared: Arc::new(Shared::new(settings, identity, events, spawn, pace)) };
        agent.spawn(spawn, "authentik-rest", refresher::run)?;
        agent.spawn(spawn, "authentik-ws", listener::run)?;
        Ok(agent)
    }

    /// Calls for a refresh: it begins within a second or so of the last one's end, and not before
    /// the next retry while authentik refuses the token, which only authentik itself can hasten.
    pub fn refresh_now(&self) {
        self.shared.ask_for_refresh();
    }

    /// Both threads leave within 300 ms, the listener with a Close frame; one that is opening a
    /// connection or waits for an answer leaves when that ends. Waits for none.
    pub fn stop(&self) {
        self.shared.stop();
    }

    fn spawn(&self, spawn: Spawner, name: &str, body: fn(&Shared)) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let builder = Builder::new().name(name.to_owned()).stack_size(STACK);
        spawn(builder, Box::new(move || shared.keep_running(body)))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

/// Rhythm of the WebSocket.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Pace {
    /// Between two hellos; authentik forgets an outpost after 15 s without.
    pub hello: Duration,
    /// Without an acknowledgement for so long, the connection is dead: two hellos unanswered.
    pub patience: Duration,
    /// For everything from finding the host to the end of the handshake.
    pub handshake: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(10),
            patience: Duration::from_secs(25),
            handshake: Duration::from_secs(10),
        }
    }
}

/// As the threads of the pool: ureq with rustls, and JSON of bounded depth.
const STACK: usize = 1024 * 1024;
