//! How a Redis store is set up.

use std::fmt;
use std::time::Duration;

use authentik_gate::provider::Trust;
use authentik_gate::secret::Secret;

/// The parameters of `authentik_session_store redis`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The servers: the first one that takes writes is used. With [`Kind::Sentinel`], the
    /// Sentinels; with [`Kind::Cluster`], some of its nodes. At least one.
    pub servers: Vec<Server>,
    /// What these servers are.
    pub kind: Kind,
    /// How certificates are verified; `None` without TLS.
    pub tls: Option<Trust>,
    /// The database, by number.
    pub database: u32,
    /// The user (ACL). None is `default`.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// Beginning of all keys.
    pub prefix: String,
    /// Time limit of each operation, including connecting.
    pub timeout: Duration,
}

/// What the servers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Servers with all the data.
    Alone,
    /// Sentinels, which know the master of this name.
    Sentinel(String),
    /// Nodes of a Redis Cluster.
    Cluster,
}

/// Address of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Server {
    /// Name or address, the latter without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}
