//! The outpost's communication with authentik: two threads, one that refreshes and one that
//! listens.
//!
//! The refresher fetches the providers, periodically and on demand; the listener holds the
//! WebSocket. Neither waits for the other, except that the listener first needs to know which
//! outpost it is.

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
pub use connection::socket_limits;
use shared::Shared;

/// How authentik shows this nginx on the page of the outpost.
#[derive(Clone, Debug)]
pub struct Identity {
    /// UUID version 4: one per nginx.
    pub instance: String,
    /// Name of this machine.
    pub hostname: String,
}

/// Handles events. Called on the threads of the [`Agent`]; after [`Agent::stop`] at most once more
/// on each.
pub trait Events: Send + Sync {
    /// The settings are about to be requested.
    fn refresh_begins(&self) {}
    /// authentik has said which outpost the token belongs to; the rest of the refresh follows.
    fn outpost_known(&self, outpost: &Outpost) {
        let _ = outpost;
    }
    /// A refresh succeeded, whether or not anything changed.
    fn refreshed(&self, snapshot: Snapshot);
    /// A refresh failed; the old settings remain. The error is fit for the log.
    fn refresh_failed(&self, error: &RefreshError);
    /// The WebSocket is open, after this attempt (counted from 0).
    fn connected(&self, attempt: u32);
    /// The WebSocket is closed or could not be opened; why, as a sentence without a trailing
    /// period.
    fn disconnected(&self, why: &str, again_in: Duration);
    /// An authentik session has ended: the `sid` of tokens, never empty.
    fn session_ended(&self, session_id: &str);
    /// authentik sent something of this many bytes that is not a message.
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
    /// The system cannot create a thread; none is left running then.
    pub fn start(
        settings: OutpostSettings,
        identity: Identity,
        events: Arc<dyn Events>,
        spawn: Spawner,
    ) -> io::Result<Self> {
        Self::start_at_pace(settings, identity, events, spawn, Pace::default())
    }

    /// The same at another pace, for tests.
    ///
    /// # Errors
    /// See [`Agent::start`].
    #[doc(hidden)]
    pub fn start_at_pace(
        settings: OutpostSettings,
        identity: Identity,
        events: Arc<dyn Events>,
        spawn: Spawner,
        pace: Pace,
    ) -> io::Result<Self> {
        // Dropped on failure, which stops the first thread if the second cannot be started.
        let agent = Self { shared: Arc::new(Shared::new(settings, identity, events, spawn, pace)) };
        agent.spawn(spawn, "authentik-rest", refresher::run)?;
        agent.spawn(spawn, "authentik-ws", listener::run)?;
        Ok(agent)
    }

    /// Requests a refresh. It begins within about a second after the end of the last one; while
    /// authentik refuses the token, not before the next retry, which only authentik itself can
    /// hasten.
    pub fn refresh_now(&self) {
        self.shared.ask_for_refresh();
    }

    /// Stops both threads within 300 ms, the listener with a Close frame. A thread that is opening
    /// a connection or awaiting a response stops when that ends. Does not wait for them.
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

/// Timing of the WebSocket.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Pace {
    /// Interval between hellos; authentik forgets an outpost after 15 s without one.
    pub hello: Duration,
    /// Without an acknowledgement for this long, i.e. two hellos, the connection is dead.
    pub patience: Duration,
    /// Limit from name resolution to the end of the handshake.
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

/// Same as for the threads of the pool: ureq with rustls, and JSON of limited depth.
const STACK: usize = 1024 * 1024;
