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
use serde_json::{Map, Value};

use crate::call::Call;
use crate::claims::subject;
use crate::core::{Core, unix_now};
use crate::endpoints;
use crate::fault::{self, Endpoint, Fault, Planned};
use crate::json::{Json, Members};
use crate::logout::{self, LogoutTry};
use crate::outpost;
use crate::pages;
use crate::recorder::{Recorder, Seen, record};
use crate::reply::Reply;
use crate::server::Server;
use crate::settings::{ProviderSettings, Settings, User};
use crate::tap::{Connection, Wire};

/// A stand-in authentik on 127.0.0.1. Dropping it stops it.
pub struct Standin {
    core: Arc<Mutex<Core>>,
    recorder: Arc<Recorder>,
    server: Server,
}

impl Standin {
    /// Listens before it returns. Panics if the port is taken, as no test would mean anything.
    #[expect(clippy::expect_used, reason = "a test tool that cannot start stops the test")]
    pub fn start(settings: Settings) -> Self {
        let (port, recorder) = (settings.port, Recorder::new(settings.record));
        let core = Core::new(settings).expect("the fixture keys are keys");
        let core = Arc::new(Mutex::new(core));
        lock(&core).me = Arc::downgrade(&core);
        let router = Router::new()
            .fallback(serve)
            .with_state(Arc::clone(&core))
            .layer(from_fn_with_state(Arc::clone(&recorder), record));
        let server = Server::start(port, router).expect("the stand-in's port is free");
        lock(&core).url = format!("http://{}", server.address());
        Self { core, recorder, server }
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// `http://127.0.0.1:<port>`, without trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// `url()` with the sub-path, without trailing slash: the value of `authentik_host`.
    pub fn base_url(&self) -> String {
        format!("{}{}", self.url(), self.lock().settings.sub_path)
    }

    /// The issuer of a provider as seen under `base_url()`.
    pub fn issuer(&self, slug: &str) -> String {
        format!("{}/application/o/{slug}/", self.base_url())
    }

    /// API token of the first outpost.
    pub fn outpost_token(&self) -> Option<String> {
        self.lock().settings.outposts.first()?.token.clone()
    }

    /// The provider with this slug, if there is one.
    pub fn provider(&self, slug: &str) -> Option<ProviderSettings> {
        self.lock().application(slug).cloned()
    }

    /// Changes providers, users and outposts at run time, without telling any outpost; `port` and
    /// `record` have no effect. Ends the sessions of inactive or removed users.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        let mut core = self.lock();
        change(&mut core.settings);
        core.settings.number_providers();
        core.forget_inactive();
        let active = |user: &User| user.active.then(|| user.username.clone());
        let active: Vec<String> = core.settings.users.iter().filter_map(active).collect();
        core.end_sessions(|session| !active.contains(&session.username));
    }

    /// Makes every request to this endpoint fail from now on. Several faults add up.
    pub fn fault(&self, at: Endpoint, fault: Fault) {
        self.lock().faults.push(Planned { at, fault, requests_left: None });
    }

    /// Makes this many requests to this endpoint fail.
    pub fn fault_times(&self, at: Endpoint, fault: Fault, requests: u32) {
        self.lock().faults.push(Planned { at, fault, requests_left: Some(requests) });
    }

    /// Removes all faults.
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

    /// Ends every browser session like an administrator: its access tokens become inactive
    /// (docs/protocol.md §10.1), and every outpost is told.
    pub fn end_sessions(&self) {
        self.lock().end_sessions(|_| true);
    }

    /// Logouts sent to applications, in order.
    pub fn logouts(&self) -> Vec<LogoutTry> {
        self.lock().logouts.clone()
    }

    /// A logout token of this provider for a session and a user, with header and claims altered by
    /// `change`: signed with the provider's key, and not sent.
    #[expect(clippy::expect_used, reason = "without it the test means nothing")]
    pub fn logout_token(
        &self,
        slug: &str,
        sid: &str,
        change: impl FnOnce(&mut Map<String, Value>, &mut Map<String, Value>),
    ) -> String {
        let iss = self.issuer(slug);
        let core = self.lock();
        let provider = core.application(slug).expect("a provider of this slug");
        let members = |members: Members| {
            let written = Json::Object(members).compact();
            serde_json::from_str::<Map<String, Value>>(&written).expect("JSON")
        };
        let mut header = members(logout::header(&core, provider));
        let mut claims = members(logout::claims(provider, &iss, &subject("alice"), sid));
        change(&mut header, &mut claims);
        let members = |members: Map<String, Value>| {
            members.into_iter().map(|(name, value)| (name, value.into())).collect()
        };
        logout::sign(&core, provider, members(header), members(claims)).expect("a signature")
    }

    /// Number of refresh tokens that work, of all users and clients.
    pub fn refresh_tokens(&self) -> usize {
        let core = self.lock();
        let now = unix_now();
        let tokens = core.refresh_tokens.values();
        tokens.filter(|token| token.used.is_none() && token.expires > now).count()
    }

    /// Revokes every refresh token.
    pub fn revoke_refresh_tokens(&self) {
        self.lock().refresh_tokens.clear();
    }

    /// `sid` of every browser session.
    pub fn session_ids(&self) -> Vec<String> {
        self.lock().sessions.values().map(|session| session.sid.clone()).collect()
    }

    /// Ends this browser session like an administrator.
    pub fn end_session_of_id(&self, sid: &str) {
        self.lock().end_sessions(|session| session.sid == sid);
    }

    /// Closes the listener and all connections: new ones are refused.
    pub fn down(&self) {
        self.server.down();
    }

    /// Listens again on the same port, with its old state; the order of the scopes changes.
    #[expect(clippy::expect_used, reason = "a test tool that cannot start stops the test")]
    pub fn up(&self) {
        self.shuffle_scopes();
        self.server.up().expect("the stand-in's port is free again");
    }

    /// All requests, in order of completion.
    pub fn requests(&self) -> Vec<Seen> {
        self.recorder.requests()
    }

    /// Number of requests whose path starts with this prefix.
    pub fn count(&self, path_prefix: &str) -> usize {
        self.recorder.count(path_prefix)
    }

    /// Maximum number of concurrent requests for exactly this path.
    pub fn concurrency_peak(&self, path: &str) -> usize {
        self.recorder.concurrency_peak(path)
    }

    /// Forgets all requests so far.
    pub fn forget_requests(&self) {
        self.recorder.forget();
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        lock(&self.core)
    }
}

pub(crate) fn lock(core: &Mutex<Core>) -> MutexGuard<'_, Core> {
    core.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other faults apply elsewhere")]
async fn serve(
    State(core): State<Arc<Mutex<Core>>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request<Body>,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let call = {
        let core = &mut *lock(&core);
        let mut call = Call::new(&parts, &body, &core.settings.sub_path);
        call.faults = fault::take(&mut core.faults, &call.path, call.query("page"));
        call
    };
    for fault in &call.faults {
        match fault {
            Fault::Slow(delay) => tokio::time::sleep(*delay).await,
            Fault::Hang => std::future::pending().await,
            _ => {}
        }
    }
    let replaced = replacement(&call);
    if replaced.is_none() && call.path.starts_with("/ws/") {
        let socket = outpost::Handshake { core: &core, call: &call, connection: &connection };
        return socket.answer(&mut parts).await;
    }
    let reply = replaced.unwrap_or_else(|| answer(&mut lock(&core), &call));
    let wire = wire(&call, &reply);
    let response = reply.into_response(&call);
    spoil(response, wire, &connection)
}

/// The response, on an intact or a broken connection.
pub(crate) fn spoil(mut response: Response, wire: Wire, connection: &Connection) -> Response {
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

/// The response of a fault that replaces the right one.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other faults apply elsewhere")]
fn replacement(call: &Call) -> Option<Reply> {
    call.faults.iter().find_map(|fault| match fault {
        Fault::NotJson => Some(Reply::raw_json("<html>this is not JSON")),
        Fault::HtmlError(status) => {
            let page = pages::notice("Trouble", "The server behind this proxy is in trouble.");
            Some(Reply::html(*status, page))
        }
        // A refused web socket has its own response.
        Fault::Status(403) if call.path.starts_with("/ws/") => None,
        Fault::Status(status) => Some(Reply::empty(*status)),
        // Never sent, but prevents anything from being issued or used up.
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
