//! A real Caddy in front of a site.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::http::Connection;
use super::patience::eventually;
use super::processes::signal;
use super::site::Site;
use super::temp::TempDir;

/// A Caddy that asks the site whether to let requests through to the site's application. Dropping
/// it stops it.
#[derive(Debug)]
pub(crate) struct Caddy {
    process: Child,
    // Last, so that it outlives the process.
    directory: TempDir,
}

impl Caddy {
    /// Listens on [`Site::other_address`], for every host. In the lines of the site block,
    /// `%%OUTPOST%%` is the site's address, `%%APP%%` the application's.
    pub(crate) fn start(site: &Site, lines: &str) -> Self {
        let directory = TempDir::new();
        let address = site.other_address();
        let lines = lines
            .replace("%%OUTPOST%%", &site.address().to_string())
            .replace("%%APP%%", &site.app.address());
        // Without any outside contact: no certificates are requested, and there is no admin
        // endpoint.
        let conf = format!(
            "{{
    admin off
    auto_https off
}}
http://:{} {{
    bind {}
{lines}
}}
",
            address.port(),
            address.ip()
        );
        directory.write("Caddyfile", conf);
        let mut caddy = Self { process: spawn(&directory), directory };
        eventually("Caddy listens", || {
            let left = caddy.process.try_wait().expect("wait");
            assert!(left.is_none(), "Caddy did not start:\n{}", caddy.log());
            Connection::try_open(address).is_ok()
        });
        caddy
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join(LOG)).unwrap_or_default()
    }
}

impl Drop for Caddy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- what Caddy said ---\n{}", self.log());
        }
        signal(self.process.id(), "TERM");
        let deadline = Instant::now() + PATIENCE;
        while self.process.try_wait().expect("wait").is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(directory: &TempDir) -> Child {
    let path = directory.path();
    let log = File::create(path.join(LOG)).expect("a file for what Caddy says");
    Command::new("caddy")
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(path.join("Caddyfile"))
        // Where Caddy keeps its data; otherwise it would use the user's directories.
        .envs(["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"].map(|name| (name, path)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("caddy is installed: apt-get install caddy")
}

const LOG: &str = "caddy.log";
const PATIENCE: Duration = Duration::from_secs(10);
