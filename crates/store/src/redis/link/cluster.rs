//! The nodes of a cluster.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use redis::Value;

use super::{Failure, Opener, Question, share, slot};
use crate::redis::connection::Connection;
use crate::redis::settings::Server;
use crate::redis::trouble::{Trouble, Unfit, redirected};
use crate::redis::value;

/// How often a question goes elsewhere before it is given up.
const TRIES: usize = 5;

/// The most ranges of slots that are kept. A cluster has hardly more nodes than this.
const MAX_RANGES: usize = 4096;

/// Pause before a question that was asked while slots moved is repeated.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) struct Cluster {
    /// Where to ask who has which slots: the servers of the settings, and those learnt from them.
    seeds: Vec<Server>,
    learnt: Vec<Server>,
    ranges: Vec<Range>,
    connections: HashMap<Server, Connection>,
}

/// Slots, from first to last, and their master.
struct Range {
    first: i64,
    last: i64,
    server: Server,
}

impl Cluster {
    pub(super) fn new(seeds: &[Server]) -> Self {
        Self {
            seeds: seeds.to_vec(),
            learnt: Vec::new(),
            ranges: Vec::new(),
            connections: HashMap::new(),
        }
    }

    /// Asks each master.
    pub(super) fn ask_each(
        &mut self,
        opener: &Opener,
        packed: &[u8],
        deadline: Instant,
    ) -> Result<Vec<Value>, Failure> {
        if self.ranges.is_empty() {
            self.learn(opener, deadline)?;
        }
        let mut replies = Vec::new();
        for server in self.learnt.clone() {
            match self.ask_at(opener, &server, false, packed, deadline) {
                Ok(reply) => replies.push(reply),
                Err(trouble) => {
                    self.connections.remove(&server);
                    return Err((server, trouble));
                }
            }
        }
        Ok(replies)
    }

    pub(super) fn ask(
        &mut self,
        opener: &Opener,
        question: &Question,
        deadline: Instant,
    ) -> Result<Value, Failure> {
        let slot = slot::of(&question.key);
        let packed = question.command.get_packed_command();
        let mut redirect: Option<(bool, Server)> = None;
        let mut failure = (Server::default(), Trouble::Timeout);
        for _ in 0..TRIES {
            let (is_ask, server) = match redirect.take() {
                Some(redirect) => redirect,
                None => (false, self.server_of(opener, slot, deadline)?),
            };
            let reply = match self.ask_at(opener, &server, is_ask, &packed, deadline) {
                Ok(reply) => reply,
                Err(trouble) => {
                    // Other nodes may know of a new master.
                    self.ranges.clear();
                    self.connections.remove(&server);
                    let is_over = !trouble.is_stale();
                    failure = (server, trouble);
                    if is_over {
                        return Err(failure);
                    }
                    continue;
                }
            };
            let Value::ServerError(error) = &reply else { return Ok(reply) };
            if let Some((is_ask, address)) = redirected(error) {
                if !is_ask {
                    self.ranges.clear();
                }
                redirect = elsewhere(address, &server).map(|server| (is_ask, server));
                failure = (server, Trouble::refused(error));
            } else if error.code() == "TRYAGAIN" {
                failure = (server, Trouble::refused(error));
                std::thread::sleep(PAUSE);
            } else {
                return Ok(reply);
            }
        }
        Err(failure)
    }

    fn ask_at(
        &mut self,
        opener: &Opener,
        server: &Server,
        is_ask: bool,
        packed: &[u8],
        deadline: Instant,
    ) -> Result<Value, Trouble> {
        let connection = self.connection(opener, server, deadline)?;
        let mut both = Vec::with_capacity(packed.len() + 32);
        if is_ask {
            both.extend(redis::cmd("ASKING").get_packed_command());
        }
        both.extend_from_slice(packed);
        let mut replies = connection.ask(&both, 1 + usize::from(is_ask), deadline, false)?;
        replies.pop().ok_or(Trouble::NotRedis)
    }

    fn connection(
        &mut self,
        opener: &Opener,
        server: &Server,
        deadline: Instant,
    ) -> Result<&mut Connection, Trouble> {
        if !self.connections.contains_key(server) {
            let (connection, greeting) = opener.open(server, opener.login(), deadline)?;
            match greeting.mode.as_str() {
                "cluster" => {}
                "sentinel" => return Err(Trouble::Unfit(Unfit::Sentinel)),
                _ => return Err(Trouble::Unfit(Unfit::NoCluster)),
            }
            self.connections.insert(server.clone(), connection);
        }
        self.connections.get_mut(server).ok_or(Trouble::Timeout)
    }

    /// The master of a slot.
    fn server_of(
        &mut self,
        opener: &Opener,
        slot: u16,
        deadline: Instant,
    ) -> Result<Server, Failure> {
        if self.ranges.is_empty() {
            self.learn(opener, deadline)?;
        }
        let slot = i64::from(slot);
        let range = self.ranges.iter().find(|range| (range.first..=range.last).contains(&slot));
        match range {
            Some(range) => Ok(range.server.clone()),
            None => {
                self.ranges.clear();
                let server = self.seeds.first().cloned().unwrap_or_default();
                Err((server, Trouble::Refused("CLUSTERDOWN".to_owned(), None)))
            }
        }
    }

    /// Asks one node after the other who has which slots. Each gets its share of the time.
    fn learn(&mut self, opener: &Opener, deadline: Instant) -> Result<(), Failure> {
        let mut nodes = self.seeds.clone();
        nodes.extend(self.learnt.iter().filter(|node| !self.seeds.contains(node)).cloned());
        let mut failure = (Server::default(), Trouble::Timeout);
        for (at, server) in nodes.iter().enumerate() {
            let parts = u32::try_from(nodes.len() - at).unwrap_or(1);
            // What is asked afterwards needs its share as well.
            match self.learn_from(opener, server, share(deadline, parts + 1)) {
                Ok(()) => return Ok(()),
                Err(trouble) => {
                    self.connections.remove(server);
                    failure = (server.clone(), trouble);
                }
            }
        }
        Err(failure)
    }

    fn learn_from(
        &mut self,
        opener: &Opener,
        server: &Server,
        deadline: Instant,
    ) -> Result<(), Trouble> {
        let mut command = redis::cmd("CLUSTER");
        command.arg("SLOTS");
        let connection = self.connection(opener, server, deadline)?;
        let replies = connection.ask(&command.get_packed_command(), 1, deadline, false)?;
        let reply = match replies.first() {
            Some(Value::ServerError(error)) => return Err(Trouble::refused(error)),
            reply => reply.and_then(value::array).ok_or(Trouble::NotRedis)?,
        };
        self.ranges = reply.iter().take(MAX_RANGES).filter_map(|one| range(one, server)).collect();
        if self.ranges.is_empty() {
            return Err(Trouble::Refused("CLUSTERDOWN".to_owned(), None));
        }
        let mut learnt: Vec<Server> =
            self.ranges.iter().map(|range| range.server.clone()).collect();
        learnt.sort_by(|one, other| (&one.host, one.port).cmp(&(&other.host, other.port)));
        learnt.dedup();
        self.connections.retain(|server, _| learnt.contains(server));
        self.learnt = learnt;
        Ok(())
    }
}

/// `[first, last, [host, port, …], replicas…]`. A node that does not know its own name is where it
/// was asked.
fn range(one: &Value, asked: &Server) -> Option<Range> {
    let (first, last) = value::pair(one)?;
    let (host, port) = value::pair(value::array(one)?.get(2)?)?;
    let host = value::text(host).filter(|host| !host.is_empty() && *host != "?");
    let server = Server {
        host: host.unwrap_or(&asked.host).to_owned(),
        port: value::number(port)?.try_into().ok()?,
    };
    Some(Range { first: value::number(first)?, last: value::number(last)?, server })
}

/// `host:port`; without a host, that of the node that said so.
fn elsewhere(address: &str, said: &Server) -> Option<Server> {
    let (host, port) = address.rsplit_once(':')?;
    let host = if host.is_empty() { &said.host } else { host };
    Some(Server { host: host.to_owned(), port: port.parse().ok()? })
}
