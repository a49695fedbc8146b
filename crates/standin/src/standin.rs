//! The stand-in authentik as a running server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::middleware::from_fn_with_state;
use axum::response::Response;

use crate::call::Call;
use crate::core::Core;
use crate::endpoints;
use crate::fault::{self, Endpoint, Fault, Planned};
use crate::pages;
use crate::recorder::{Recorder, Seen, record};
use crate::reply::Reply;
use crate::server::Server;
use crate::settings::{ProviderSettings, Settings};
use crate::tap::{Connection, Wire};

/// A stand-in authentik on 127.0.0.1. Dropping it stops it.
pub struct Standin {
    core: Arc<Mutex<Core>>,
    recorder: Arc<Recorder>,
    server: Server,
}

impl Standin {
    /// Listens before it returns. Panics if the port is taken: without it no test means anything.
    #[expect(clippy::expect_used, reason = "a test tool that cannot start stops the test")]
    pub fn start(settings: Settings) -> Self {
        let (port, recorder) = (settings.port, Recorder::new(settings.record));
        let core = Core::new(settings).expect("the fixture keys are keys");
        let core = Arc::new(Mutex::new(core));
        let router = Router::new()
            .fallback(serve)
            .with_state(Arc::clone(&core))
            .layer(from_fn_with_state(Arc::clone(&recorder), record));
        let server = Server::start(port, router).expect("the stand-in's port is free");
        Self { core, recorder, server }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// `http://127.0.0.1:<port>`, no final slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// The issuer of a provider as seen under `url()`.
    pub fn issuer(&self, slug: &str) -> String {
        format!("{}/application/o/{slug}/", self.url())
    }

    /// The provider of this slug, if there is one.
    pub fn provider(&self, slug: &str) -> Option<ProviderSettings> {
        self.lock().application(slug).cloned()
    }

    /// Alters providers and users while it runs; `port` and `record` are without effect.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.lock().settings);
    }

    /// Every request to this endpoint goes wrong from now on. Several faults add up.
    pub fn fault(&self, at: Endpoint, fault: Fault) {
        self.lock().faults.push(Planned { at, fault, requests_left: None });
    }

    /// The next so many requests to this endpoint go wrong.
    pub fn fault_times(&self, at: Endpoint, fault: Fault, requests: u32) {
        self.lock().faults.push(Planned { at, fault, requests_left: Some(requests) });
    }

    /// Everything works again.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// New signing keys with new key ids; the old ones leave the key sets.
    pub fn rotate_keys(&self) {
        let mut core = self.lock();
        if let Some(next) = core.keys.next() {
            core.keys = next;
        }
    }

    /// Ends every browser session; tokens stay active.
    pub fn end_sessions(&self) {
        self.lock().sessions.clear();
    }

    /// Closes the listener and all connections: new ones are refused.
    pub fn down(&self) {
        self.server.down();
    }

    /// Listens again on the same port, with all it knew.
    #[expect(clippy::expect_used, reason = "a test tool that cannot start stops the test")]
    pub fn up(&self) {
        self.server.up().expect("the stand-in's port is free again");
    }

    /// All requests, in the order they were complete.
    pub fn requests(&self) -> Vec<Seen> {
        self.recorder.requests()
    }

    /// Number of requests whose path begins so.
    pub fn count(&self, path_prefix: &str) -> usize {
        self.recorder.count(path_prefix)
    }

    /// Most requests for this very path that were in the works at one moment.
    pub fn concurrency_peak(&self, path: &str) -> usize {
        self.recorder.concurrency_peak(path)
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.recorder.forget();
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        lock(&self.core)
    }
}

fn lock(core: &Mutex<Core>) -> MutexGuard<'_, Core> {
    core.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(
    State(core): State<Arc<Mutex<Core>>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let faults = fault::take(&mut lock(&core).faults, parts.uri.path());
    let call = Call::new(&parts, &body, faults);
    for fault in &call.faults {
        if let Fault::Slow(delay) = fault {
            tokio::time::sleep(*delay).await;
        }
    }
    let reply = replacement(&call).unwrap_or_else(|| answer(&mut lock(&core), &call));
    let wire = wire(&call, &reply);
    let mut response = reply.into_response(&call);
    if wire != Wire::Clean {
        connection.set_wire(wire);
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Exactly one Host: a second one broke logins in authentik 2026.8.0.
fn answer(core: &mut Core, call: &Call) -> Reply {
    if call.headers.get_all("host").iter().count() != 1 {
        return Reply::html(400, pages::notice("Bad Request", "There must be exactly one Host."));
    }
    endpoints::answer(core, call)
}

/// The answer of a fault that takes the place of the right one.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other faults apply elsewhere")]
fn replacement(call: &Call) -> Option<Reply> {
    call.faults.iter().find_map(|fault| match fault {
        Fault::NotJson => Some(Reply::raw_json("<html>this is not JSON")),
        Fault::HtmlError(status) => {
            let page = pages::notice("Trouble", "The server behind this proxy is in trouble.");
            Some(Reply::html(*status, page))
        }
        Fault::Status(status) => Some(Reply::empty(*status)),
        // Never sent; so that nothing is issued or used up.
        Fault::Hangup | Fault::Garbage => Some(Reply::empty(500)),
        Fault::HugeBody(bytes) => {
            Some(Reply::raw_json(format!("{{\"padding\": \"{}\"}}", "x".repeat(*bytes))))
        }
        _ => None,
    })
}

/// What the faults do to the connection.
fn wire(call: &Call, reply: &Reply) -> Wire {
    let has = |fault: &Fault| call.faults.contains(fault);
    match () {
        () if has(&Fault::Hangup) => Wire::Broken,
        () if has(&Fault::Garbage) => Wire::Garbage,
        () if has(&Fault::Truncated) => Wire::CutBody(reply.body_length() / 2),
        () => Wire::Clean,
    }
}
