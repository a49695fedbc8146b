//! A running nginx: its master, its workers, its signals.

mod master;
mod upgrade;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::build;
use super::http::Connection;
use super::log::ErrorLog;
use super::patience::eventually;
use super::processes::{SharedMemory, children_of, shared_memory, signal, title_of};
use super::temp::TempDir;
use master::Master;

pub(super) use master::ENVIRONMENT;

/// A master process with its workers. Dropping it stops them and checks the error log.
#[derive(Debug)]
pub(crate) struct Nginx {
    master: Master,
    /// The former master, while there are two.
    former: Option<u32>,
    workers: usize,
    pub(crate) log: ErrorLog,
    // Last, so that it outlives the processes.
    prefix: TempDir,
}

/// Why nginx did not start.
#[derive(Debug)]
pub(crate) enum StartError {
    /// Another process has taken the port.
    PortTaken,
    /// Another error; the log has the details.
    Failed(String),
}

impl Nginx {
    /// Starts nginx with `prefix/nginx.conf` and waits until it accepts connections on `address`.
    pub(crate) fn start(
        prefix: TempDir,
        address: SocketAddr,
        workers: usize,
    ) -> Result<Self, StartError> {
        let files = [STDERR, ERROR_LOG].map(|name| prefix.path().join(name));
        let master = Master::spawn(prefix.path());
        let log = ErrorLog::new(files.to_vec());
        let mut nginx = Self { master, former: None, workers, log, prefix };
        nginx.wait_until_ready(address)?;
        Ok(nginx)
    }

    /// Stops nginx and starts it again with the same files.
    pub(crate) fn restart(&mut self, address: SocketAddr) {
        assert!(self.quit(), "nginx did not leave:\n{}", self.log.tail());
        self.master = Master::spawn(self.prefix.path());
        if let Err(error) = self.wait_until_ready(address) {
            panic!("nginx did not start again: {error:?}");
        }
    }

    /// Kills all its processes at once, and starts it again with the same files.
    pub(crate) fn kill_all_and_start(&mut self, address: SocketAddr) {
        let workers = self.workers();
        self.master.kill();
        for pid in workers {
            signal(pid, "KILL");
        }
        // A killed process listens until the last of its threads is gone.
        eventually("nobody listens", || TcpListener::bind(address).is_ok());
        self.restart(address);
    }

    /// The path of a file in nginx's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.prefix.path().join(name)
    }

    fn wait_until_ready(&mut self, address: SocketAddr) -> Result<(), StartError> {
        let deadline = Instant::now() + PATIENCE;
        while Connection::try_open(address).is_err() || self.workers().len() < self.workers {
            if self.master.has_left() || Instant::now() > deadline {
                self.master.kill();
                let text = self.log.text();
                self.log.allow(""); // whatever it says, the caller reports it
                return Err(if text.contains("(98: ") {
                    StartError::PortTaken
                } else {
                    StartError::Failed(text)
                });
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Process ids of the workers that accept connections.
    pub(crate) fn workers(&self) -> Vec<u32> {
        workers_of(self.master.id())
    }

    /// Memory shared by all its processes.
    pub(crate) fn shared_memory(&self) -> Vec<SharedMemory> {
        shared_memory(self.master.id())
    }

    /// The contents of a file in nginx's directory.
    pub(crate) fn file(&self, name: &str) -> String {
        let path = self.prefix.path().join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Reloads the configuration and waits until only new workers accept.
    pub(crate) fn reload(&self) {
        let old = self.workers();
        self.signal_master("HUP");
        let fresh =
            |new: &[u32]| new.len() == self.workers && new.iter().all(|pid| !old.contains(pid));
        self.wait_for_workers("new workers after the reload", fresh);
    }

    /// Replaces text in `nginx.conf`, for the next reload.
    pub(crate) fn edit_configuration(&self, from: &str, to: &str) {
        let path = self.prefix.path().join("nginx.conf");
        let text = fs::read_to_string(path).expect("nginx.conf");
        assert!(text.contains(from), "no {from:?} in nginx.conf");
        self.prefix.write("nginx.conf", text.replace(from, to));
    }

    /// Reloads a configuration that nginx rejects; returns the log line that says so.
    pub(crate) fn reload_in_vain(&mut self) -> String {
        self.signal_master("HUP");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.log.lines_with("[emerg]").pop() {
                self.log.allow(line.clone());
                return line;
            }
            assert!(Instant::now() < deadline, "nginx accepts it:\n{}", self.log.tail());
            std::thread::sleep(POLL);
        }
    }

    /// Kills a worker like the kernel does, and waits until the master has replaced it.
    pub(crate) fn kill_worker(&mut self, pid: u32) {
        self.log.allow(format!("worker process {pid} exited on signal 9"));
        signal(pid, "KILL");
        self.wait_for_workers("a new worker", |new| {
            new.len() == self.workers && !new.contains(&pid)
        });
    }

    /// Kills a worker, which nobody can replace at present.
    pub(crate) fn kill_unreplaced(&mut self, pid: u32) {
        self.log.allow(format!("worker process {pid} exited on signal 9"));
        signal(pid, "KILL");
    }

    /// Waits until there are as many workers as there should be.
    pub(crate) fn await_workers(&self) {
        self.wait_for_workers("replaced workers", |workers| workers.len() == self.workers);
    }

    /// Stops a process of this nginx like a debugger: it exists, but does nothing.
    pub(crate) fn freeze(&self, pid: u32) {
        signal(pid, "STOP");
    }

    /// Continues it.
    pub(crate) fn thaw(&self, pid: u32) {
        signal(pid, "CONT");
    }

    /// Stops nginx without waiting for open connections.
    pub(crate) fn stop_fast(mut self) {
        self.signal_master("TERM");
        let deadline = Instant::now() + PATIENCE;
        while !self.master.has_left() {
            assert!(Instant::now() < deadline, "nginx does not leave:\n{}", self.log.tail());
            std::thread::sleep(POLL);
        }
    }

    /// Sends a signal to the master.
    pub(crate) fn signal_master(&self, name: &str) {
        signal(self.master.id(), name);
    }

    fn wait_for_workers(&self, what: &str, enough: impl Fn(&[u32]) -> bool) {
        self.wait(what, |nginx| enough(&nginx.workers()));
    }

    fn wait(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "no {what}; error log:\n{}", self.log.tail());
            std::thread::sleep(POLL);
        }
    }

    /// Shuts nginx down gracefully; kills it after [`PATIENCE`].
    fn quit(&mut self) -> bool {
        if self.master.has_left() {
            return true;
        }
        self.signal_master("QUIT");
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.master.has_left() {
                return true;
            }
            std::thread::sleep(POLL);
        }
        for pid in self.workers() {
            signal(pid, "KILL");
        }
        self.master.kill();
        false
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.signal_master("TERM");
            if let Some(former) = self.former {
                signal(former, "TERM");
            }
            std::thread::sleep(Duration::from_millis(100));
            self.quit();
            eprintln!("--- end of the error log ---\n{}", self.log.tail());
            return;
        }
        let left = self.quit();
        let offences = self.log.offences();
        assert!(
            offences.is_empty(),
            "the error log has lines that no run may have:\n{}\n--- end of the log ---\n{}",
            offences.join("\n"),
            self.log.tail()
        );
        assert!(self.former.is_none(), "a former master is there still");
        assert!(left, "nginx did not leave after SIGQUIT:\n{}", self.log.tail());
    }
}

/// The workers that accept connections.
fn workers_of(master: u32) -> Vec<u32> {
    let accepts = |pid: &u32| title_of(*pid) == "nginx: worker process";
    children_of(master).into_iter().filter(accepts).collect()
}

const STDERR: &str = "stderr.log";
const ERROR_LOG: &str = "error.log";

/// The result of `nginx -t`.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// Whether nginx would start with it.
    pub(crate) accepted: bool,
    /// The complete output.
    pub(crate) text: String,
}

/// Runs `nginx -t` on a complete configuration, written to `prefix/nginx.conf`.
pub(crate) fn test_configuration(prefix: &TempDir, conf: &str) -> Verdict {
    test_with_log(prefix, conf, "stderr")
}

/// The same, for an nginx that was built to write its first log elsewhere.
pub(crate) fn test_with_log(prefix: &TempDir, conf: &str, log: &str) -> Verdict {
    prefix.write("nginx.conf", conf);
    let output = Command::new(build::nginx())
        .arg("-p")
        .arg(prefix.path())
        .args(["-e", log, "-t", "-c", "nginx.conf"])
        // `nginx -t` exits without freeing memory, so nginx's own memory would count as leaked.
        .env("LSAN_OPTIONS", "detect_leaks=0")
        .output()
        .expect("nginx -t");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let crashed = output.status.code().is_none() || text.contains("panicked");
    assert!(!crashed, "nginx -t crashed ({}): {text}", output.status);
    Verdict { accepted: output.status.success(), text }
}

const POLL: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::super::processes::signal;
    use super::super::site::Site;

    #[test]
    #[should_panic(expected = "lines that no run may have")]
    fn a_worker_that_crashed_fails_its_test() {
        let site = Site::start("location / { return 204; }");
        let before = site.worker_pids();
        signal(before[0], "ABRT");
        while site.worker_pids() == before || site.worker_pids().len() < 2 {}
        assert_eq!(site.get("/").status(), 204, "all looks well");
    }
}
