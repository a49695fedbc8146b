//! A Redis server on a free port.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::{TempDir, eventually, free_port};

/// A server that writes everything to disk, in a directory of its own. Killed when dropped.
pub(super) struct RedisServer {
    directory: TempDir,
    port: u16,
    child: Child,
}

impl RedisServer {
    pub(super) fn start() -> Self {
        let (directory, port) = (TempDir::new(), free_port());
        let child = spawn(&directory, port);
        let server = Self { directory, port, child };
        server.wait();
        server
    }

    /// `redis redis://…` for a configuration, with a secret that a site has as a file.
    pub(super) fn directive(&self, more: &str) -> String {
        format!(
            "authentik_session_store redis redis://127.0.0.1:{} secret_file=%%PREFIX%%/{SECRET} \
             {more};",
            self.port
        )
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    pub(super) fn start_again(&mut self) {
        self.child = spawn(&self.directory, self.port);
        self.wait();
    }

    pub(super) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(sent.expect("kill").success());
    }

    /// A command; its reply, raw.
    pub(super) fn command(&self, command: &str) -> Vec<u8> {
        let mut tcp = TcpStream::connect(self.address()).expect("a connection");
        tcp.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        tcp.write_all(format!("{command}\r\n").as_bytes()).expect("sent");
        tcp.shutdown(Shutdown::Write).expect("all of it");
        let mut said = Vec::new();
        tcp.read_to_end(&mut said).expect("a reply");
        said
    }

    /// The words of a reply that is a list.
    pub(super) fn list(&self, command: &str) -> Vec<String> {
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
            let mut said = [0; 5];
            let asked = tcp.write_all(b"PING\r\n").and_then(|()| tcp.read_exact(&mut said));
            asked.is_ok() && &said == b"+PONG"
        });
    }
}

/// The file with the secret.
pub(super) const SECRET: &str = "store.secret";

fn spawn(directory: &TempDir, port: u16) -> Child {
    let started = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""])
        .args(["--appendonly", "yes", "--dir"])
        .arg(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    started.expect("redis-server; see ci/install.sh")
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
