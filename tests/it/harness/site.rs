//! A protected site: nginx with the module, the stand-in authentik, an application behind it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use authentik_standin::{ProviderSettings, Settings, Standin, WIKI_CLIENT_SECRET};
use serde_json::Value;

use super::app::App;
use super::browser::Browser;
use super::build;
use super::conf::{Conf, Places, Ports, SITE_NAME, TOKEN_FILE};
use super::http::Request;
use super::log::ErrorLog;
use super::nginx::{ENVIRONMENT, Nginx, StartError};
use super::ports::free_port;
use super::processes::{SharedMemory, private_memory};
use super::temp::TempDir;

/// A site for a test. Dropping it stops nginx and checks its error log.
pub(crate) struct Site {
    // First: nginx must stop before its peers.
    nginx: Nginx,
    pub(crate) app: App,
    pub(crate) sso: Standin,
    ports: Ports,
}

impl Site {
    /// Two workers, one server with these lines. `authentik_provider wiki` is defined, the upstream
    /// `http://app` is the application, and `http://wiki.test:PORT` is the site's URL for browsers.
    pub(crate) fn start(server: &str) -> Self {
        Self::builder().server(server).start()
    }

    /// A builder, for tests that need more than lines of a server.
    pub(crate) fn builder() -> Builder {
        Builder::default()
    }

    /// `scheme://name:port` of the site.
    pub(crate) fn url(&self) -> String {
        format!("http://{SITE_NAME}:{}", self.ports.main)
    }

    /// Its listening address.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports.main))
    }

    /// A second port, for further `listen` lines: `%%PORT2%%`.
    pub(crate) fn other_address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports.other))
    }

    /// A bare request, like that of a script.
    pub(crate) fn get(&self, target: &str) -> Request {
        self.request("GET", target)
    }

    /// A bare request with any method.
    pub(crate) fn request(&self, method: &str, target: &str) -> Request {
        Request::new(self.address(), method, &format!("{SITE_NAME}:{}", self.ports.main), target)
    }

    /// A request with the headers of a browser's navigation.
    pub(crate) fn navigate(&self, target: &str) -> Request {
        self.get(target).navigation()
    }

    /// A browser with an empty profile.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(&self.url())
    }

    /// A browser in which alice has signed in; the application has forgotten the requests so far.
    pub(crate) fn signed_in(&self) -> Browser {
        self.signed_in_as("alice")
    }

    /// A browser in which this user has signed in.
    pub(crate) fn signed_in_as(&self, user: &str) -> Browser {
        let mut browser = self.browser();
        browser.become_user(user);
        let trail = browser.open("/");
        assert_eq!(trail.status(), 200, "sign-in failed: {trail:#?}");
        assert_eq!(browser.session_cookies().len(), 1, "no session cookie: {browser:#?}");
        self.app.forget();
        browser
    }

    /// The contents of a file in nginx's directory.
    pub(crate) fn file(&self, name: &str) -> String {
        self.nginx.file(name)
    }

    /// The path of a file in nginx's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.nginx.path(name)
    }

    /// Stops nginx and starts it again in the same directory, with the same peers.
    pub(crate) fn restart(&mut self) {
        self.nginx.restart(self.address());
        self.await_store(self.address());
    }

    /// `kill -9` of all processes of nginx, then starts it again in the same directory.
    pub(crate) fn kill_all_and_start(&mut self) {
        let address = self.address();
        self.nginx.kill_all_and_start(address);
        self.await_store(address);
    }

    /// Until nginx follows its store, it may forget sessions in memory and read them again, so that
    /// what a test then takes away would matter. Waits for that, if the status shows it and if it
    /// happens: the store may be away.
    fn await_store(&self, address: SocketAddr) {
        let conf = self.file("nginx.conf");
        if !(conf.contains("authentik_session_store") && conf.contains("/status.json")) {
            return;
        }
        let begun = Instant::now();
        while begun.elapsed() < STORE_PATIENCE {
            let status = self.get("/status.json").to(address).try_send();
            let text = status.map(|status| status.text()).unwrap_or_default();
            let status: Value = serde_json::from_str(&text).unwrap_or_default();
            if !status["store"]["behind_seconds"].is_null() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Another nginx with the same configuration, on the other address of the site, with a directory
    /// and memory of its own.
    pub(crate) fn sister(&self) -> Sister {
        let prefix = TempDir::new();
        prefix.write("temp/keep", "");
        let conf = self.file("nginx.conf");
        let listen = |port: u16| format!("listen 127.0.0.1:{port};");
        let here = listen(self.ports.main);
        assert!(conf.contains(&here), "{conf}");
        prefix.write("nginx.conf", conf.replace(&here, &listen(self.ports.other)));
        let workers = self.worker_pids().len();
        match Nginx::start(prefix, self.other_address(), workers) {
            Ok(nginx) => {
                self.await_store(self.other_address());
                Sister { nginx, address: self.other_address() }
            }
            Err(error) => panic!("the other nginx did not start: {error:?}"),
        }
    }

    /// Reloads the same configuration; returns when only new workers accept connections.
    pub(crate) fn reload(&self) {
        self.nginx.reload();
    }

    /// Replaces text in `nginx.conf`, for the next reload.
    pub(crate) fn edit_configuration(&self, from: &str, to: &str) {
        self.nginx.edit_configuration(from, to);
    }

    /// Reloads a configuration that nginx rejects; returns the log line that says so.
    pub(crate) fn reload_in_vain(&mut self) -> String {
        self.nginx.reload_in_vain()
    }

    /// The nginx process.
    pub(crate) fn nginx(&mut self) -> &mut Nginx {
        &mut self.nginx
    }

    /// The workers that accept connections.
    pub(crate) fn worker_pids(&self) -> Vec<u32> {
        self.nginx.workers()
    }

    /// Private memory of each worker, in KiB, without shared memory.
    pub(crate) fn private_memory(&self) -> Vec<u64> {
        self.worker_pids().into_iter().map(private_memory).collect()
    }

    /// Memory shared by all nginx processes.
    pub(crate) fn shared_memory(&self) -> Vec<SharedMemory> {
        self.nginx.shared_memory()
    }

    /// `kill -9`; returns when the master has replaced the worker.
    pub(crate) fn kill_worker(&mut self, pid: u32) {
        self.nginx.kill_worker(pid);
    }

    /// `kill -STOP`: the worker exists, but does nothing until [`Site::thaw_worker`].
    pub(crate) fn freeze_worker(&self, pid: u32) {
        self.nginx.freeze(pid);
    }

    /// `kill -CONT`.
    pub(crate) fn thaw_worker(&self, pid: u32) {
        self.nginx.thaw(pid);
    }

    /// Stops nginx like `nginx -s stop`, and checks its error log.
    pub(crate) fn stop_fast(self) {
        self.nginx.stop_fast();
    }

    /// Accepts log lines with this text in this test, whatever their level.
    pub(crate) fn expect_in_error_log(&mut self, text: &str) {
        self.nginx.log.allow(text);
    }

    /// The error log so far.
    pub(crate) fn error_log(&self) -> &ErrorLog {
        &self.nginx.log
    }
}

/// See [`Site::sister`].
pub(crate) struct Sister {
    nginx: Nginx,
    address: SocketAddr,
}

impl Sister {
    /// Its address, under which browsers do not know it: [`Request::to`] sends a request there.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it and starts it again.
    pub(crate) fn restart(&mut self) {
        self.nginx.restart(self.address);
    }
}

/// A site to be started.
pub(crate) struct Builder {
    module: Option<PathBuf>,
    workers: usize,
    daemon: bool,
    main: String,
    events: String,
    http: String,
    provider: Option<String>,
    server: String,
    environment: String,
    files: Vec<(String, String)>,
    secrets: Vec<(String, String)>,
    settings: Box<ChangeSettings>,
}

type ChangeSettings = dyn Fn(&mut Settings, Ports);

impl Default for Builder {
    fn default() -> Self {
        Self {
            module: None,
            workers: 2,
            daemon: false,
            main: String::new(),
            events: "worker_connections 2048;".to_owned(),
            http: String::new(),
            provider: Some(String::new()),
            server: String::new(),
            environment: String::new(),
            files: Vec::new(),
            secrets: Vec::new(),
            settings: Box::new(|_, _| ()),
        }
    }
}

impl Builder {
    /// Sets lines at the top level of the configuration.
    pub(crate) fn main(mut self, lines: &str) -> Self {
        self.main = lines.to_owned();
        self
    }

    /// Sets other lines of the `events` block.
    pub(crate) fn events(mut self, lines: &str) -> Self {
        self.events = lines.to_owned();
        self
    }

    /// Sets lines of the `http` block; they may contain more providers and servers.
    pub(crate) fn http(mut self, lines: &str) -> Self {
        self.http = lines.to_owned();
        self
    }

    /// Sets lines of the `server` block.
    pub(crate) fn server(mut self, lines: &str) -> Self {
        self.server = lines.to_owned();
        self
    }

    /// Sets more lines of `authentik_provider wiki { }`.
    pub(crate) fn provider(mut self, lines: &str) -> Self {
        self.provider = Some(lines.to_owned());
        self
    }

    /// Leaves out `authentik_provider wiki { }`, for a site whose providers come from an outpost.
    /// The file `%%TOKEN%%` contains the token of the stand-in's first outpost.
    pub(crate) fn without_provider(mut self) -> Self {
        self.provider = None;
        self
    }

    /// Sets the number of workers.
    pub(crate) fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Runs nginx as a daemon instead of a child of the test, as in production: required for
    /// upgrades.
    pub(crate) fn daemon(mut self) -> Self {
        self.daemon = true;
        self
    }

    /// Uses another build of the module.
    pub(crate) fn module(mut self, module: PathBuf) -> Self {
        self.module = Some(module);
        self
    }

    /// Adds a variable to nginx's environment, also after an upgrade. Not to that of
    /// [`Site::sister`].
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push_str(&format!("{name}={value}\n"));
        self
    }

    /// Adds a file in nginx's directory, e.g. `html/index.html`.
    pub(crate) fn file(mut self, name: &str, content: &str) -> Self {
        self.files.push((name.to_owned(), content.to_owned()));
        self
    }

    /// Adds a file that only its owner can read.
    pub(crate) fn secret_file(mut self, name: &str, content: &str) -> Self {
        self.secrets.push((name.to_owned(), content.to_owned()));
        self
    }

    /// Changes the settings of the stand-in authentik, given the ports of the site.
    pub(crate) fn settings(mut self, change: impl Fn(&mut Settings, Ports) + 'static) -> Self {
        self.settings = Box::new(change);
        self
    }

    /// Starts everything, or panics with nginx's error.
    pub(crate) fn start(self) -> Site {
        let app = App::start();
        for _ in 0..PORT_ATTEMPTS {
            let ports = Ports { main: free_port(), other: free_port() };
            let prefix = TempDir::new();
            let sso = self.standin(ports);
            self.write(&prefix, &app, &sso, ports);
            let address = SocketAddr::from(([127, 0, 0, 1], ports.main));
            match Nginx::start(prefix, address, self.workers) {
                Ok(nginx) => {
                    let site = Site { nginx, app, sso, ports };
                    site.await_store(address);
                    return site;
                }
                Err(StartError::PortTaken) => {}
                Err(StartError::Failed(text)) => panic!("nginx did not start:\n{text}"),
            }
        }
        panic!("no free port in {PORT_ATTEMPTS} attempts");
    }

    fn standin(&self, ports: Ports) -> Standin {
        let url = format!("http://{SITE_NAME}:{}", ports.main);
        let mut settings =
            Settings { providers: vec![ProviderSettings::wiki(&url)], ..Settings::default() };
        (self.settings)(&mut settings, ports);
        Standin::start(settings)
    }

    fn write(&self, prefix: &TempDir, app: &App, sso: &Standin, ports: Ports) {
        prefix.write("temp/keep", "");
        prefix.write(ENVIRONMENT, &self.environment);
        prefix.write_secret("wiki.secret", WIKI_CLIENT_SECRET);
        let token = sso.outpost_token().unwrap_or_default();
        prefix.write_secret(TOKEN_FILE, format!("{token}\n"));
        for (name, content) in &self.files {
            prefix.write(name, content);
        }
        for (name, content) in &self.secrets {
            prefix.write_secret(name, content);
        }
        let names = self.environment.lines().filter_map(|line| line.split('=').next());
        let passed_on: String = names.map(|name| format!("env {name};\n")).collect();
        let conf = Conf {
            module: self.module.as_deref().unwrap_or_else(|| build::module()),
            workers: self.workers,
            daemon: self.daemon,
            main: &(passed_on + &self.main),
            events: &self.events,
            http: &self.http,
            provider: self.provider.as_deref(),
            server: &self.server,
        };
        let places =
            Places { prefix: prefix.path(), ports, app: app.address(), sso: sso.base_url() };
        prefix.write("nginx.conf", places.fill(&conf.render()));
    }
}

const PORT_ATTEMPTS: usize = 5;

/// Wait of a site that starts until its store is followed.
const STORE_PATIENCE: Duration = Duration::from_secs(3);
