//! What can go wrong with a server, and what an administrator reads about it.
//!
//! The text of a server is never repeated: an old one quotes the arguments of a command that it does
//! not know, and the password is one.

use std::io::{self, ErrorKind};

use authentik_io::tls;
use redis::{ServerError, ServerErrorKind};

use super::settings::{Kind, Server, Settings};
use crate::fault::Fault;

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No connection, or a broken one: why.
    Away(String),
    /// The deadline has passed.
    Timeout,
    /// The certificate: why, and the remedy.
    Certificate(String),
    /// It answers something else.
    NotRedis,
    /// It refused: the code at the beginning of its error, and the command that the user lacks.
    Refused(String, Option<String>),
    /// It refused the greeting, with this code.
    Greeting(String),
    /// It runs something that does not fit the settings.
    Unfit(Unfit),
}

/// Why a server is not what the settings say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is too old: its version.
    Version([u32; 2]),
    /// It is a node of a cluster.
    Cluster,
    /// It is not.
    NoCluster,
    /// It is a Sentinel.
    Sentinel,
    /// It is not.
    NoSentinel,
    /// The Sentinel knows no such master.
    Master,
    /// It takes no writes.
    Replica,
    /// It has not as many databases.
    Database,
}

impl Trouble {
    #[expect(clippy::wildcard_enum_match_arm, reason = "io::ErrorKind is non-exhaustive")]
    pub(super) fn connecting(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Away("it refuses connections".to_owned()),
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::Timeout,
            ErrorKind::NotFound => Self::Away("its name has no address".to_owned()),
            _ => Self::Away(plain(&error.to_string(), 200)),
        }
    }

    /// Reading or writing failed. A server that wants TLS hangs up on who speaks without.
    #[expect(clippy::wildcard_enum_match_arm, reason = "io::ErrorKind is non-exhaustive")]
    pub(super) fn talking(error: &io::Error, is_first: bool) -> Self {
        if let Some(flaw) = tls::handshake_flaw(error) {
            return Self::Certificate(flaw);
        }
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::Timeout,
            ErrorKind::InvalidData => Self::NotRedis,
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => Self::Away(if is_first {
                "it hangs up at once: does it speak TLS (rediss://), or not, or is it no Redis?"
                    .to_owned()
            } else {
                "it hung up".to_owned()
            }),
            _ => Self::Away(plain(&error.to_string(), 200)),
        }
    }

    pub(super) fn greeting(error: &ServerError) -> Self {
        Self::Greeting(plain(error.code(), 20))
    }

    /// It refused to select the database.
    pub(super) fn database(error: &ServerError) -> Self {
        let refused = Self::refused(error);
        let is_unknown = refused == Self::Refused("ERR".to_owned(), None);
        if is_unknown { Self::Unfit(Unfit::Database) } else { refused }
    }

    /// A refusal. The ACL writes the command as `'xadd'`; inside a script, the code is `ERR`.
    pub(super) fn refused(error: &ServerError) -> Self {
        let details = error.details().unwrap_or_default();
        let code = match details {
            // Versions differ in how a script passes on the error of its command.
            _ if details.contains("ACL failure in script")
                || details.contains("The user executing the script can't") =>
            {
                "NOPERM"
            }
            _ if details.contains("OOM command not allowed") => "OOM",
            _ if details.contains("READONLY") => "READONLY",
            _ if details.contains("WRONGTYPE") => "WRONGTYPE",
            _ => error.code(),
        };
        let (_, said) = details.split_once(" to run the '").unwrap_or_default();
        let quoted = said.split('\'').next().unwrap_or_default();
        let is_command = |c: char| c.is_ascii_lowercase() || c == '|';
        let command = Some(quoted)
            .filter(|name| code == "NOPERM" && !name.is_empty() && name.len() < 30)
            .filter(|name| name.chars().all(is_command));
        Self::Refused(plain(code, 20), command.map(str::to_owned))
    }

    /// Whether another connection may help at once: this one was closed while it was idle, or its
    /// server is no longer the master.
    pub(super) fn is_stale(&self) -> bool {
        match self {
            Self::Away(_) => true,
            Self::Refused(code, _) => {
                matches!(code.as_str(), "READONLY" | "MASTERDOWN" | "UNBLOCKED" | "NOAUTH")
            }
            Self::Timeout
            | Self::Certificate(_)
            | Self::NotRedis
            | Self::Greeting(_)
            | Self::Unfit(_) => false,
        }
    }

    /// Whether there was no memory for a write.
    pub(super) fn is_out_of_memory(error: &ServerError) -> bool {
        matches!(Self::refused(error), Self::Refused(code, _) if code == "OOM")
    }

    /// In words for the log: which server, what is wrong, and what to do.
    pub(super) fn fault(&self, server: &Server, settings: &Settings) -> Fault {
        let (is_setup, what) = self.words(settings);
        let text = format!("{server}: {what}");
        if is_setup { Fault::Setup(text) } else { Fault::Away(text) }
    }

    fn words(&self, settings: &Settings) -> (bool, String) {
        match self {
            Self::Away(why) => (false, why.clone()),
            Self::Timeout => {
                let how = if settings.tls.is_some() { ", or not in TLS" } else { "" };
                (false, format!("it does not answer within {:?} (timeout=){how}", settings.timeout))
            }
            Self::Certificate(flaw) => (true, flaw.clone()),
            Self::NotRedis => (
                true,
                "it does not answer as Redis does; is the port right, and does it speak TLS \
                 (rediss://) or not?"
                    .to_owned(),
            ),
            Self::Greeting(code) => greeting_words(code, settings),
            Self::Refused(code, command) => refused_words(code, command.as_deref(), settings),
            Self::Unfit(unfit) => unfit_words(unfit, settings),
        }
    }
}

fn greeting_words(code: &str, settings: &Settings) -> (bool, String) {
    let user = settings.user.as_deref().unwrap_or("default");
    match code {
        "NOAUTH" => (true, "it wants a password; name its file in password_file=".to_owned()),
        "WRONGPASS" => (
            true,
            format!("it refuses the password of the user \"{user}\"; see user= and password_file="),
        ),
        "DENIED" => (
            true,
            "it is in protected mode and takes connections of its own host only; give it a \
             password, or bind and protected-mode"
                .to_owned(),
        ),
        // Unknown command, or too many clients, which only its text tells apart.
        "ERR" => (
            false,
            "it refuses the greeting (HELLO): is it Redis 6.2 or later, or Valkey, and has it room \
             for another client (maxclients)?"
                .to_owned(),
        ),
        _ => (false, format!("it refuses the greeting: {code}")),
    }
}

fn refused_words(code: &str, command: Option<&str>, settings: &Settings) -> (bool, String) {
    match code {
        "NOPERM" => (true, not_permitted(command, settings)),
        "WRONGTYPE" => (
            true,
            format!(
                "a key that begins with \"{}\" is of another program; choose another prefix=",
                settings.prefix
            ),
        ),
        "OOM" => (
            false,
            "it has no memory left; give it more (maxmemory), and let it evict nothing \
             (maxmemory-policy noeviction)"
                .to_owned(),
        ),
        "READONLY" => unfit_words(&Unfit::Replica, settings),
        "LOADING" => (false, "it is reading its file after a start".to_owned()),
        "MASTERDOWN" => (false, "it has lost its master".to_owned()),
        "CLUSTERDOWN" => (false, "the cluster is not complete: cluster info".to_owned()),
        "TRYAGAIN" | "MOVED" | "ASK" => {
            (false, "the cluster is moving its slots, and has not told where to".to_owned())
        }
        "MISCONF" => {
            (false, "it cannot write its file to disk and takes no writes: see its log".to_owned())
        }
        "NOREPLICAS" => (false, "too few of its replicas are there (min-replicas-to-write)".into()),
        "BUSY" => (false, "it is busy with a script of another client".to_owned()),
        _ => (false, format!("it refuses a command: {code}")),
    }
}

/// What the user of the module needs to be allowed, by the kind of servers.
#[must_use]
pub fn commands(kind: &Kind) -> &'static str {
    match kind {
        Kind::Alone | Kind::Sentinel(_) => {
            "+get +getrange +set +del +pttl +pexpire +hget +hmget +hset +hsetnx +exists +eval \
             +xadd +xread +xrange +xrevrange"
        }
        Kind::Cluster => {
            "+get +getrange +set +del +pttl +pexpire +hget +hmget +hset +hsetnx +exists +eval \
             +xadd +xread +xrange +xrevrange +cluster|slots +asking"
        }
    }
}

fn not_permitted(command: Option<&str>, settings: &Settings) -> String {
    let user = settings.user.as_deref().unwrap_or("default");
    let what = command.map_or_else(
        || format!("all commands that it needs, or keys that begin with \"{}\"", settings.prefix),
        |command| format!("the command \"{command}\""),
    );
    let select = if settings.database == 0 { "" } else { " +select" };
    let (prefix, commands) = (&settings.prefix, commands(&settings.kind));
    format!(
        "it does not allow the user \"{user}\" {what}; allow it there: ACL SETUSER {user} \
         ~{prefix}* {commands}{select}"
    )
}

fn unfit_words(unfit: &Unfit, settings: &Settings) -> (bool, String) {
    match unfit {
        Unfit::Version([major, minor]) => {
            (true, format!("it is version {major}.{minor}; 6.2 is the oldest that will do"))
        }
        Unfit::Cluster => (true, "it is a node of a Redis Cluster; add cluster=on".to_owned()),
        Unfit::NoCluster => {
            (true, "it is not a node of a Redis Cluster; remove cluster=on".to_owned())
        }
        Unfit::Sentinel => {
            (true, "it is a Sentinel; add sentinel=NAME, the name of its master".to_owned())
        }
        Unfit::NoSentinel => (true, "it is not a Sentinel; remove sentinel=, or name one".into()),
        Unfit::Master => {
            let Kind::Sentinel(name) = &settings.kind else { return (true, String::new()) };
            (true, format!("this Sentinel knows no master \"{name}\"; see sentinel="))
        }
        Unfit::Database => {
            (true, format!("it has no database {}; choose another in the URL", settings.database))
        }
        Unfit::Replica => (
            false,
            "it is a replica, which takes no writes; name the master, or Sentinels with sentinel="
                .to_owned(),
        ),
    }
}

/// Whether a server error asks to go elsewhere in the cluster.
pub(super) fn redirected(error: &ServerError) -> Option<(bool, &str)> {
    let is_ask = error.kind() == Some(ServerErrorKind::Ask);
    if !is_ask && error.kind() != Some(ServerErrorKind::Moved) {
        return None;
    }
    Some((is_ask, error.details()?.split(' ').nth(1)?))
}

/// One printable line of limited length.
fn plain(text: &str, at_most: usize) -> String {
    let printable = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    text.chars().take(at_most).map(printable).collect()
}
