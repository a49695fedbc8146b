//! The requests that a server got, as received, and their concurrency.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::tap::Connection;

/// Maximum request body.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// One request as it was received.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path, as sent.
    pub path: String,
    /// Query without `?`, as sent; `None` if there was no `?`.
    pub query: Option<String>,
    /// All headers in the order and spelling received, duplicates included. Bytes that are not
    /// UTF-8 show as U+FFFD; `head` has them.
    pub headers: Vec<(String, String)>,
    /// Request line and headers, byte for byte.
    pub head: Vec<u8>,
    /// The body, decoded if it was chunked.
    pub body: Vec<u8>,
    /// `HTTP/1.1` or `HTTP/1.0`.
    pub http_version: String,
    /// Number of the connection it came on.
    pub connection: u64,
    /// When the request was complete.
    pub at: SystemTime,
}

impl Seen {
    fn new(connection: &Connection, body: &Bytes) -> Self {
        let head = connection.head();
        let text = String::from_utf8_lossy(&head).into_owned();
        let mut lines = text.split("\r\n");
        let mut request_line = lines.next().unwrap_or_default().split(' ');
        let mut word = || request_line.next().unwrap_or_default().to_owned();
        let (method, target, http_version) = (word(), word(), word());
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
            None => (target, None),
        };
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let body = body.to_vec();
        let (connection, at) = (connection.number(), SystemTime::now());
        Self { method, path, query, headers, head, body, http_version, connection, at }
    }

    /// The first header of this name, in any letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers_named(name).first().copied()
    }

    /// All headers of this name, in any letter case.
    pub fn headers_named(&self, name: &str) -> Vec<&str> {
        let named = |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.headers.iter().filter(named).map(|(_, value)| value.as_str()).collect()
    }

    /// A parameter of the query, decoded.
    pub fn query_parameter(&self, name: &str) -> Option<String> {
        parameter(self.query.as_deref().unwrap_or_default().as_bytes(), name)
    }

    /// A field of the form in the body, decoded.
    pub fn form_field(&self, name: &str) -> Option<String> {
        parameter(&self.body, name)
    }
}

fn parameter(encoded: &[u8], name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(encoded);
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The headers of the current request, in the form of `Seen::headers`.
#[derive(Clone, Debug)]
pub(crate) struct RawHeaders(pub(crate) Vec<(String, String)>);

/// The requests of a server.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    /// Only counts: for benchmarks.
    count_only: bool,
    hits: AtomicU64,
    seen: Mutex<Vec<Seen>>,
    concurrency: Mutex<HashMap<String, Concurrency>>,
}

#[derive(Debug, Default)]
struct Concurrency {
    now: usize,
    peak: usize,
}

impl Recorder {
    /// Keeps every request, or only counts them.
    pub(crate) fn new(keep: bool) -> Arc<Self> {
        Arc::new(Self { count_only: !keep, ..Self::default() })
    }

    /// Number of requests since the start or the last `forget`.
    pub(crate) fn hits(&self) -> u64 {
        self.hits.load(Ordering::SeqCst)
    }

    /// All requests, in order of completion.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        lock(&self.seen).clone()
    }

    /// Number of requests whose path starts with this prefix.
    pub(crate) fn count(&self, path_prefix: &str) -> usize {
        lock(&self.seen).iter().filter(|seen| seen.path.starts_with(path_prefix)).count()
    }

    /// Maximum number of concurrent requests for exactly this path.
    pub(crate) fn concurrency_peak(&self, path: &str) -> usize {
        lock(&self.concurrency).get(path).map_or(0, |concurrency| concurrency.peak)
    }

    /// Forgets all requests so far.
    pub(crate) fn forget(&self) {
        self.hits.store(0, Ordering::SeqCst);
        lock(&self.seen).clear();
        lock(&self.concurrency).retain(|_, concurrency| {
            concurrency.peak = concurrency.now;
            concurrency.now > 0
        });
    }

    fn enter(self: &Arc<Self>, path: &str) -> InFlight {
        let mut concurrency = lock(&self.concurrency);
        let of_path = concurrency.entry(path.to_owned()).or_default();
        of_path.now += 1;
        of_path.peak = of_path.peak.max(of_path.now);
        InFlight { recorder: Arc::clone(self), path: path.to_owned() }
    }
}

/// A request in progress; ends also if the client hangs up and the handler is dropped.
struct InFlight {
    recorder: Arc<Recorder>,
    path: String,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(of_path) = lock(&self.recorder.concurrency).get_mut(&self.path) {
            of_path.now = of_path.now.saturating_sub(1);
        }
    }
}

/// Middleware: reads the whole request, records it, and lets the handler answer.
pub(crate) async fn record(
    State(recorder): State<Arc<Recorder>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
    next: Next,
) -> Response {
    recorder.hits.fetch_add(1, Ordering::SeqCst);
    if recorder.count_only {
        connection.stop_recording();
        return next.run(request).await;
    }
    let _in_flight = recorder.enter(request.uri().path());
    let (mut parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let seen = Seen::new(&connection, &body);
    parts.extensions.insert(RawHeaders(seen.headers.clone()));
    lock(&recorder.seen).push(seen);
    connection.request_done();
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    // Many request it, but only this switches the connection to another protocol.
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        connection.stop_recording();
    }
    response
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
