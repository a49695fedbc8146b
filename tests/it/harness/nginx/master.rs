//! The master process: a child of the test or, as in production, a daemon.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::build;
use super::super::processes::{is_running, signal};
use super::{ERROR_LOG, POLL, STDERR};

#[derive(Debug)]
pub(super) enum Master {
    Child(Child),
    /// With this process id.
    Daemon(u32),
}

impl Master {
    /// Starts nginx with `nginx.conf` of this directory, which says whether it runs as a daemon.
    pub(super) fn spawn(prefix: &Path) -> Self {
        let mut child = spawn(prefix);
        let conf = fs::read_to_string(prefix.join("nginx.conf")).expect("nginx.conf");
        let is_daemon = conf.contains("daemon on;");
        // The child exits once the daemon exists, or if nginx could not start.
        if is_daemon && child.wait().expect("wait").success() {
            return Self::Daemon(daemon(prefix));
        }
        Self::Child(child)
    }

    pub(super) fn id(&self) -> u32 {
        match self {
            Self::Child(child) => child.id(),
            Self::Daemon(pid) => *pid,
        }
    }

    pub(super) fn has_left(&mut self) -> bool {
        match self {
            Self::Child(child) => child.try_wait().expect("wait").is_some(),
            Self::Daemon(pid) => !is_running(*pid),
        }
    }

    pub(super) fn kill(&mut self) {
        match self {
            Self::Child(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
            Self::Daemon(pid) => signal(*pid, "KILL"),
        }
    }
}

/// The process id in `nginx.pid`.
pub(super) fn pid_file(prefix: &Path) -> Option<u32> {
    fs::read_to_string(prefix.join("nginx.pid")).ok()?.trim().parse().ok()
}

/// The daemon's file is written after the child has exited.
fn daemon(prefix: &Path) -> u32 {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match pid_file(prefix) {
            Some(pid) if is_running(pid) => return pid,
            _ => assert!(Instant::now() < deadline, "no nginx.pid"),
        }
        std::thread::sleep(POLL);
    }
}

fn spawn(prefix: &Path) -> Child {
    let stderr = File::options().create(true).append(true).open(prefix.join(STDERR));
    let environment = fs::read_to_string(prefix.join(ENVIRONMENT)).unwrap_or_default();
    Command::new(build::nginx())
        .envs(environment.lines().filter_map(|line| line.split_once('=')))
        .arg("-p")
        .arg(prefix)
        .arg("-e")
        .arg(prefix.join(ERROR_LOG))
        .args(["-c", "nginx.conf"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr.expect("stderr.log"))
        .spawn()
        .expect("AUTHENTIK_NGINX starts")
}

/// In nginx's directory: more variables for its environment, a line each.
pub(in super::super) const ENVIRONMENT: &str = "environment";
