//! The way to the server that has a key: the one server, the master that Sentinels name, or a node
//! of a cluster. Connections are opened when they are needed and kept.

mod cluster;
mod slot;

use std::sync::Arc;
use std::time::{Duration, Instant};

use authentik_gate::secret::Secret;
use authentik_io::tls::Connector;
use redis::{Cmd, Value};

use self::cluster::Cluster;
use super::connection::{Connection, Greeting};
use super::settings::{Kind, Server, Settings};
use super::trouble::{Trouble, Unfit};
use super::value;
use crate::fault::Fault;

/// The oldest version that is supported: the oldest that was maintained when this was written.
const OLDEST: [u32; 2] = [6, 2];

/// A question about one key.
pub(super) struct Question {
    pub(super) key: Vec<u8>,
    pub(super) command: Cmd,
}

pub(super) struct Link {
    opener: Opener,
    /// The server, unless it is a cluster, and where it is.
    alone: Option<(Server, Connection)>,
    cluster: Cluster,
}

/// Opens connections.
pub(super) struct Opener {
    pub(super) settings: Arc<Settings>,
    tls: Option<Connector>,
}

/// What went wrong, and where.
pub(super) type Failure = (Server, Trouble);

impl Link {
    /// # Errors
    /// The certificates to trust are unusable: why.
    pub(super) fn new(settings: Arc<Settings>) -> Result<Self, String> {
        let tls = settings.tls.as_ref().map(Connector::new).transpose()?;
        let cluster = Cluster::new(&settings.servers);
        Ok(Self { opener: Opener { settings, tls }, alone: None, cluster })
    }

    /// Asks, and waits for replies that long in addition to the time limit. Each reply may be an
    /// error of the server.
    pub(super) fn ask(
        &mut self,
        questions: &[Question],
        wait: Duration,
    ) -> Result<Vec<Value>, Fault> {
        let deadline = Instant::now() + self.opener.settings.timeout + wait;
        let asked = match &self.opener.settings.kind {
            Kind::Cluster => questions
                .iter()
                .map(|question| self.cluster.ask(&self.opener, question, deadline))
                .collect(),
            Kind::Alone | Kind::Sentinel(_) => self.ask_alone(questions, deadline),
        };
        asked.map_err(|(server, trouble)| trouble.fault(&server, &self.opener.settings))
    }

    /// The fault of an error of the server.
    pub(super) fn refused(&self, error: &redis::ServerError) -> Fault {
        let settings = &self.opener.settings;
        let server = self.alone.as_ref().map(|(server, _)| server.clone());
        let server = server.or_else(|| settings.servers.first().cloned()).unwrap_or_default();
        Trouble::refused(error).fault(&server, settings)
    }

    /// Asks each server that has keys.
    pub(super) fn ask_each(&mut self, command: &Cmd) -> Result<Vec<Value>, Fault> {
        let deadline = Instant::now() + self.opener.settings.timeout;
        let packed = command.get_packed_command();
        let asked = match &self.opener.settings.kind {
            Kind::Cluster => self.cluster.ask_each(&self.opener, &packed, deadline),
            Kind::Alone | Kind::Sentinel(_) => self.ask_packed(&packed, 1, deadline),
        };
        asked.map_err(|(server, trouble)| trouble.fault(&server, &self.opener.settings))
    }

    fn ask_alone(
        &mut self,
        questions: &[Question],
        deadline: Instant,
    ) -> Result<Vec<Value>, Failure> {
        let packed: Vec<u8> =
            questions.iter().flat_map(|question| question.command.get_packed_command()).collect();
        self.ask_packed(&packed, questions.len(), deadline)
    }

    fn ask_packed(
        &mut self,
        packed: &[u8],
        count: usize,
        deadline: Instant,
    ) -> Result<Vec<Value>, Failure> {
        loop {
            let kept = self.alone.take();
            let is_fresh = kept.is_none();
            let (server, mut connection) = match kept {
                Some(kept) => kept,
                None => self.opener.master(deadline)?,
            };
            let asked = connection.ask(packed, count, deadline, false);
            let trouble = match asked {
                Ok(replies) => match replies.iter().find_map(stale) {
                    None => {
                        self.alone = Some((server, connection));
                        return Ok(replies);
                    }
                    Some(trouble) => trouble,
                },
                Err(trouble) => trouble,
            };
            if is_fresh || !trouble.is_stale() {
                return Err((server, trouble));
            }
        }
    }
}

/// An error that is one of the connection rather than of the question.
fn stale(reply: &Value) -> Option<Trouble> {
    let Value::ServerError(error) = reply else { return None };
    Some(Trouble::refused(error)).filter(Trouble::is_stale)
}

impl Opener {
    /// A connection to a server that takes writes. Each candidate gets its share of the time.
    fn master(&self, deadline: Instant) -> Result<(Server, Connection), Failure> {
        let servers = &self.settings.servers;
        let mut failure = (Server::default(), Trouble::Timeout);
        for (at, server) in servers.iter().enumerate() {
            let candidates = u32::try_from(servers.len() - at).unwrap_or(1);
            let found = match &self.settings.kind {
                Kind::Sentinel(name) => {
                    // The master needs its share as well.
                    self.named_by(server, name, share(deadline, candidates + 1))
                        .and_then(|master| self.writable(&master, deadline))
                }
                Kind::Alone | Kind::Cluster => self.writable(server, share(deadline, candidates)),
            };
            match found {
                Ok(found) => return Ok(found),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn writable(
        &self,
        server: &Server,
        deadline: Instant,
    ) -> Result<(Server, Connection), Failure> {
        let failed = |trouble| (server.clone(), trouble);
        let login = self.login();
        let (mut connection, greeting) = self.open(server, login, deadline).map_err(failed)?;
        match greeting.mode.as_str() {
            "cluster" => return Err(failed(Trouble::Unfit(Unfit::Cluster))),
            "sentinel" => return Err(failed(Trouble::Unfit(Unfit::Sentinel))),
            _ => {}
        }
        if greeting.role != "master" {
            return Err(failed(Trouble::Unfit(Unfit::Replica)));
        }
        if self.settings.database != 0 {
            let mut select = redis::cmd("SELECT");
            select.arg(self.settings.database);
            let selected = connection.ask(&select.get_packed_command(), 1, deadline, false);
            if let Some(Value::ServerError(error)) = selected.map_err(failed)?.first() {
                return Err(failed(Trouble::database(error)));
            }
        }
        Ok((server.clone(), connection))
    }

    /// The master that a Sentinel names. Sentinels may have a password, and then it is the same.
    fn named_by(
        &self,
        sentinel: &Server,
        name: &str,
        deadline: Instant,
    ) -> Result<Server, Failure> {
        let failed = |trouble| (sentinel.clone(), trouble);
        let opened = match self.open(sentinel, None, deadline) {
            Err(Trouble::Greeting(code)) if code == "NOAUTH" => {
                self.open(sentinel, self.login(), deadline)
            }
            other => other,
        };
        let (mut connection, greeting) = opened.map_err(failed)?;
        if greeting.mode != "sentinel" {
            return Err(failed(Trouble::Unfit(Unfit::NoSentinel)));
        }
        let mut command = redis::cmd("SENTINEL");
        command.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
        let replies = connection.ask(&command.get_packed_command(), 1, deadline, false);
        let replies = replies.map_err(failed)?;
        match replies.first() {
            Some(Value::ServerError(error)) => Err(failed(Trouble::refused(error))),
            Some(reply) => server_of(reply).ok_or_else(|| failed(Trouble::Unfit(Unfit::Master))),
            None => Err(failed(Trouble::NotRedis)),
        }
    }

    fn open(
        &self,
        server: &Server,
        login: Option<(&str, &Secret)>,
        deadline: Instant,
    ) -> Result<(Connection, Greeting), Trouble> {
        let opened = Connection::open(server, self.tls.as_ref(), login, deadline)?;
        if opened.1.version < OLDEST {
            return Err(Trouble::Unfit(Unfit::Version(opened.1.version)));
        }
        Ok(opened)
    }

    fn login(&self) -> Option<(&str, &Secret)> {
        let user = self.settings.user.as_deref().unwrap_or("default");
        self.settings.password.as_ref().map(|password| (user, password))
    }
}

/// `[host, port]`.
fn server_of(reply: &Value) -> Option<Server> {
    let (host, port) = value::pair(reply)?;
    Some(Server { host: value::text(host)?.to_owned(), port: value::text(port)?.parse().ok()? })
}

/// A part of the time until then.
fn share(deadline: Instant, parts: u32) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / parts.max(1)
}
