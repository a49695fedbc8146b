//! The connected outposts: their connections, what they sent, and what they are sent.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// An outpost is forgotten this long after its last hello (1.5 × 10 s).
const FORGOTTEN_AFTER: Duration = Duration::from_secs(15);

/// One connection of an outpost, as seen from authentik.
#[derive(Clone, Debug)]
pub struct OutpostConnection {
    /// Primary key of the outpost.
    pub outpost: String,
    /// `instance_uuid` of the handshake.
    pub instance_uuid: Option<String>,
    /// `attempt` of the handshake, as sent.
    pub attempt: Option<String>,
    /// When the handshake was accepted.
    pub opened: SystemTime,
    /// When the connection ended; `None` while it is open.
    pub closed: Option<SystemTime>,
    /// The close code that the outpost sent; 1005 for a close frame without one.
    pub close_code: Option<u16>,
    /// Its hellos.
    pub hellos: Vec<Hello>,
    /// All its text frames.
    pub received: Vec<(SystemTime, String)>,
    /// The text frames sent to it.
    pub sent: Vec<(SystemTime, String)>,
}

/// A hello.
#[derive(Clone, Debug)]
pub struct Hello {
    /// When it came.
    pub at: SystemTime,
    /// Its `args`.
    pub args: Value,
}

/// A command to a connection's task.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Send this text frame.
    Text(String),
    /// Send this binary frame.
    Binary(Vec<u8>),
    /// Send these raw bytes.
    Raw(Vec<u8>),
    /// Close with this code.
    Close(u16),
    /// Drop the TCP connection without a close frame.
    Drop,
    /// Stop reading and writing, but keep the socket.
    Freeze,
    /// Resume.
    Thaw,
}

/// An instance that has sent a hello.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) uid: String,
    pub(super) last_seen: SystemTime,
    pub(super) args: Value,
}

/// All connections since the start.
#[derive(Default)]
pub(crate) struct Hub(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    connections: Vec<(OutpostConnection, UnboundedSender<Command>)>,
    /// By outpost and uid.
    instances: BTreeMap<(String, String), Instance>,
}

impl Hub {
    /// Adds a connection; returns its number and its commands.
    pub(super) fn open(
        &self,
        connection: OutpostConnection,
    ) -> (usize, UnboundedReceiver<Command>) {
        let (sender, receiver) = unbounded_channel();
        let connections = &mut self.lock().connections;
        connections.push((connection, sender));
        (connections.len() - 1, receiver)
    }

    /// Changes the record of a connection.
    pub(super) fn note(&self, number: usize, change: impl FnOnce(&mut OutpostConnection)) {
        if let Some((connection, _)) = self.lock().connections.get_mut(number) {
            change(connection);
        }
    }

    /// Records that an instance is alive.
    pub(super) fn hello(&self, outpost: &str, instance: Instance) {
        let key = (outpost.to_owned(), instance.uid.clone());
        self.lock().instances.insert(key, instance);
    }

    /// The instances of an outpost with a recent hello.
    pub(super) fn instances(&self, outpost: &str) -> Vec<Instance> {
        let inner = self.lock();
        let of_outpost = inner.instances.iter().filter(|((pk, _), _)| pk == outpost);
        let lately = |instance: &&Instance| {
            instance.last_seen.elapsed().is_ok_and(|elapsed| elapsed < FORGOTTEN_AFTER)
        };
        of_outpost.map(|(_, instance)| instance).filter(lately).cloned().collect()
    }

    /// Sends to every open connection of these outposts; returns the number of connections.
    pub(crate) fn tell(&self, command: &Command, outposts: impl Fn(&str) -> bool) -> usize {
        let inner = self.lock();
        let live = inner
            .connections
            .iter()
            .filter(|(connection, _)| connection.closed.is_none() && outposts(&connection.outpost));
        live.filter(|(_, sender)| sender.send(command.clone()).is_ok()).count()
    }

    /// TRIGGER_UPDATE, in the recorded spelling.
    pub(crate) fn update(&self, outposts: impl Fn(&str) -> bool) -> usize {
        self.tell(&Command::Text(r#"{"instruction": 2, "args": {}}"#.to_owned()), outposts)
    }

    /// SESSION_END to every outpost, in the recorded spelling.
    pub(crate) fn session_ended(&self, sid: &str) -> usize {
        let sid = Value::from(sid);
        let text = format!(
            r#"{{"instruction": 4, "args": {{"type": "event.session.end", "session_id": {sid}}}}}"#
        );
        self.tell(&Command::Text(text), |_| true)
    }

    /// All connections so far.
    pub(crate) fn connections(&self) -> Vec<OutpostConnection> {
        self.lock().connections.iter().map(|(connection, _)| connection.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
