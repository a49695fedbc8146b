//! Servers on free ports, in temporary directories, killed when dropped.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use authentik_gate::secret::Secret;
use authentik_store::redis::{Kind, Server, Settings};

pub(crate) const PASSWORD: &str = "Grün&geheim-7";

/// A running server.
pub(crate) struct Running {
    child: Child,
    program: &'static str,
    pub(crate) port: u16,
    pub(crate) directory: PathBuf,
}

/// Starts a server with these lines in its configuration. `PORT` and `DIR` are replaced.
pub(crate) fn start(program: &'static str, lines: &str) -> Running {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("authentik-{program}-{}-{number}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir(&directory).unwrap();
    let port = free_port();
    let lines =
        lines.replace("PORT", &port.to_string()).replace("DIR", directory.to_str().unwrap());
    let is_sentinel = lines.contains("sentinel ");
    let saves = if is_sentinel { "" } else { "save \"\"\nrepl-diskless-sync-delay 0\n" };
    let listens = if lines.contains("tls-port") { String::new() } else { format!("port {port}\n") };
    let base = format!("bind 127.0.0.1\n{listens}dir {}\n{saves}", directory.display());
    fs::write(directory.join("conf"), base + &lines).unwrap();
    let child = spawn(program, &directory, is_sentinel);
    let mut running = Running { child, program, port, directory };
    running.wait();
    running
}

fn spawn(program: &str, directory: &std::path::Path, is_sentinel: bool) -> Child {
    let log = fs::File::options().create(true).append(true).open(directory.join("log")).unwrap();
    let mut command = Command::new(program);
    command.arg(directory.join("conf"));
    if is_sentinel {
        command.arg("--sentinel");
    }
    let errors = log.try_clone().unwrap();
    let started = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
    started.unwrap_or_else(|error| panic!("{program}: {error}; run ci/install.sh unit"))
}

impl Running {
    /// Settings for this server alone.
    pub(crate) fn settings(&self, prefix: &str) -> Settings {
        Settings {
            servers: vec![self.address()],
            kind: Kind::Alone,
            tls: None,
            database: 0,
            user: None,
            password: None,
            prefix: format!("{prefix}:"),
            timeout: Duration::from_secs(2),
        }
    }

    pub(crate) fn address(&self) -> Server {
        Server { host: "127.0.0.1".to_owned(), port: self.port }
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.program, &self.directory, false);
        self.wait();
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// A command as the administrator gives it; its reply, raw.
    pub(crate) fn command(&self, command: &str) -> String {
        let mut tcp = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        tcp.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        // Sentinels know no QUIT.
        tcp.shutdown(Shutdown::Write).unwrap();
        let mut said = Vec::new();
        // A server that is about to fail over may not answer.
        let _ = tcp.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    }

    fn wait(&mut self) {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{status}: {}", self.log());
            }
            if self.answers() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not start: {}", self.log());
    }

    fn answers(&self) -> bool {
        if fs::read_to_string(self.directory.join("conf")).unwrap().contains("tls-port") {
            return self.log().contains("Ready to accept connections");
        }
        let Ok(mut tcp) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        tcp.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut said = [0; 5];
        let asked = tcp.write_all(b"PING\r\n").and_then(|()| tcp.read_exact(&mut said));
        asked.is_ok() && (&said == b"+PONG" || &said == b"-NOAU")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

pub(crate) fn password(text: &str) -> Option<Secret> {
    Some(Secret::new(text))
}

/// A port that nobody listens on. No two of this process are the same.
pub(crate) fn free_port() -> u16 {
    static NEXT: Mutex<u16> = Mutex::new(0);
    let mut next = NEXT.lock().unwrap();
    if *next == 0 {
        *next = 12_000 + u16::try_from(std::process::id() % 1000).unwrap() * 20;
    }
    loop {
        *next += 1;
        if TcpListener::bind(("127.0.0.1", *next)).is_ok() {
            return *next;
        }
    }
}
