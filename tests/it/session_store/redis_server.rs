//! A server of Redis, or of Valkey, on a free port.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::{TempDir, eventually, free_port};

/// A server that writes everything to disk, in a directory of its own. Killed when dropped.
pub(crate) struct RedisServer {
    program: &'static str,
    directory: TempDir,
    port: u16,
    child: Child,
    has_tls: bool,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// A server with further lines in its configuration.
    pub(crate) fn with(lines: &str) -> Self {
        Self::of("redis-server", lines)
    }

    /// The same with this program.
    pub(super) fn of(program: &'static str, lines: &str) -> Self {
        let (directory, port) = (TempDir::new(), free_port());
        let has_tls = lines.contains("tls-cert-file");
        let listens = if has_tls { "port 0\ntls-" } else { "" };
        let base = if lines.contains("sentinel ") {
            String::new()
        } else {
            "save \"\"\nappendonly yes\nrepl-diskless-sync-delay 0\n".to_owned()
        };
        directory.write(
            CONFIGURATION,
            format!(
                "bind 127.0.0.1\n{listens}port {port}\ndir {}\n{base}{lines}\n",
                directory.path().display()
            ),
        );
        let child = spawn(program, &directory);
        let server = Self { program, directory, port, child, has_tls };
        server.wait();
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The arguments of `redis` for several servers.
    pub(super) fn urls<'s>(servers: impl IntoIterator<Item = &'s Self>) -> String {
        let urls = servers.into_iter().map(|server| format!("redis://127.0.0.1:{}", server.port));
        urls.collect::<Vec<_>>().join(" ")
    }

    /// `redis redis://…` for a configuration, with a secret that a site has as a file.
    pub(crate) fn directive(&self, more: &str) -> String {
        let scheme = if self.has_tls { "rediss" } else { "redis" };
        directive(&format!("{scheme}://127.0.0.1:{} {more}", self.port))
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    pub(crate) fn start_again(&mut self) {
        self.child = spawn(self.program, &self.directory);
        self.wait();
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(sent.expect("kill").success());
    }

    /// A command; its reply, raw.
    pub(crate) fn command(&self, command: &str) -> Vec<u8> {
        let mut tcp = TcpStream::connect(self.address()).expect("a connection");
        tcp.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        tcp.write_all(format!("{command}\r\n").as_bytes()).expect("sent");
        tcp.shutdown(Shutdown::Write).expect("all of it");
        let mut said = Vec::new();
        tcp.read_to_end(&mut said).expect("a reply");
        said
    }

    /// The words of a reply that is a list.
    pub(crate) fn list(&self, command: &str) -> Vec<String> {
        let said = String::from_utf8_lossy(&self.command(command)).into_owned();
        let lines = said.lines().filter(|line| !line.starts_with(['*', '$']));
        lines.map(str::to_owned).collect()
    }

    /// All that it has: names and values.
    pub(super) fn dump(&self) -> Vec<u8> {
        let keys = self.list("KEYS *");
        let mut dump = keys.join("\n").into_bytes();
        for key in keys {
            for command in ["GET", "HGETALL", "XRANGE"] {
                let range = if command == "XRANGE" { " - +" } else { "" };
                dump.extend(self.command(&format!("{command} {key}{range}")));
            }
        }
        dump
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    fn wait(&self) {
        eventually("Redis answers", || {
            let Ok(mut tcp) = TcpStream::connect(self.address()) else { return false };
            if self.has_tls {
                return true;
            }
            let mut said = [0; 5];
            let asked = tcp.write_all(b"PING\r\n").and_then(|()| tcp.read_exact(&mut said));
            asked.is_ok() && &said == b"+PONG"
        });
    }
}

/// The file with the secret.
pub(crate) const SECRET: &str = "store.secret";

const CONFIGURATION: &str = "redis.conf";

/// The directive with these arguments of `redis`, the secret, and a file of ends that each nginx has in
/// its own directory.
pub(super) fn directive(arguments: &str) -> String {
    let ends_file = if arguments.contains("ends_file=") { "" } else { "ends_file=ends/list" };
    format!(
        "authentik_session_store redis {arguments} secret_file=%%PREFIX%%/{SECRET} {ends_file};"
    )
}

fn spawn(program: &str, directory: &TempDir) -> Child {
    let configuration = directory.path().join(CONFIGURATION);
    let text = std::fs::read_to_string(&configuration).expect("the configuration");
    let is_sentinel = text.contains("sentinel ");
    let started = Command::new(program)
        .arg(configuration)
        .args(is_sentinel.then_some("--sentinel"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    started.unwrap_or_else(|error| panic!("{program}: {error}; see ci/install.sh"))
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
