//! The sample application behind nginx. It shows and records what it received.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, Path};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get};

use crate::application_page;
use crate::json::{Json, object};
use crate::recorder::{RawHeaders, Recorder, Seen, record};
use crate::server::Server;

/// Maximum `n` in `/bytes/<n>`.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// A sample application on 127.0.0.1. Dropping it stops it.
///
/// `/slow/<ms>`, `/status/<code>`, `/bytes/<n>`, `/echo` and `/ws` (WebSocket echo) do what their
/// names say; every other path shows the request: to browsers as a page, to others as JSON.
pub struct Application {
    recorder: Arc<Recorder>,
    server: Server,
}

impl Application {
    /// Starts on this port, or a free one. Listens before it returns; panics if the port is taken.
    pub fn start(port: Option<u16>) -> Self {
        Self::started(port, true)
    }

    /// Like [`Application::start`], but counts requests without keeping them: for benchmarks.
    pub fn start_without_records(port: Option<u16>) -> Self {
        Self::started(port, false)
    }

    #[expect(clippy::expect_used, reason = "a test tool that cannot start stops the test")]
    fn started(port: Option<u16>, keep: bool) -> Self {
        let recorder = Recorder::new(keep);
        let router = Router::new()
            .route("/slow/{milliseconds}", any(slow))
            .route("/status/{code}", any(status))
            .route("/bytes/{count}", get(bytes))
            .route("/echo", any(echo))
            .route("/ws", any(web_socket))
            .fallback(show)
            .layer(from_fn_with_state(Arc::clone(&recorder), record));
        let server = Server::start(port, router).expect("the application's port is free");
        Self { recorder, server }
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

    /// Number of requests that reached it.
    pub fn hits(&self) -> u64 {
        self.recorder.hits()
    }

    /// All requests, in order of completion.
    pub fn requests(&self) -> Vec<Seen> {
        self.recorder.requests()
    }

    /// The last request.
    pub fn last(&self) -> Option<Seen> {
        self.recorder.requests().pop()
    }

    /// Number of requests whose path starts with this prefix.
    pub fn count(&self, path_prefix: &str) -> usize {
        self.recorder.count(path_prefix)
    }

    /// Maximum number of concurrent requests for exactly this path.
    pub fn concurrency_peak(&self, path: &str) -> usize {
        self.recorder.concurrency_peak(path)
    }

    /// Forgets all requests so far, including the hits.
    pub fn forget_requests(&self) {
        self.recorder.forget();
    }

    /// Closes the listener and all connections: new ones are refused.
    pub fn down(&self) {
        self.server.down();
    }

    /// Listens again on the same port.
    #[expect(clippy::expect_used, reason = "a test tool that cannot start stops the test")]
    pub fn up(&self) {
        self.server.up().expect("the application's port is free again");
    }
}

async fn slow(Path(milliseconds): Path<u64>) -> String {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    format!("after {milliseconds} ms\n")
}

async fn status(Path(code): Path<u16>) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST)
}

async fn bytes(Path(count): Path<usize>) -> Vec<u8> {
    vec![b'x'; count.min(MAX_BYTES)]
}

async fn echo(headers: HeaderMap, body: Bytes) -> Response {
    let kind = headers.get(CONTENT_TYPE).cloned();
    let mut response = body.into_response();
    if let Some(kind) = kind {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

async fn web_socket(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(echo_messages)
}

async fn echo_messages(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let answered = match message {
            Message::Text(_) | Message::Binary(_) => socket.send(message).await,
            // axum answers pings and closes itself.
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => return,
        };
        if answered.is_err() {
            return;
        }
    }
}

async fn show(
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    raw: Option<Extension<RawHeaders>>,
) -> Response {
    let headers = raw.map_or_else(|| normalised(&headers), |Extension(RawHeaders(raw))| raw);
    let accept = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("accept"));
    if accept.is_some_and(|(_, accept)| accept.contains("text/html")) {
        let page = application_page::page(method.as_str(), &uri.to_string(), &headers);
        return Html(page).into_response();
    }
    let pair = |(name, value): &(String, String)| {
        Json::Array(vec![name.as_str().into(), value.as_str().into()])
    };
    let body = object([
        ("method", method.as_str().into()),
        ("path", uri.to_string().into()),
        ("headers", Json::Array(headers.iter().map(pair).collect())),
    ]);
    ([(CONTENT_TYPE, "application/json")], body.spaced()).into_response()
}

/// The headers as hyper keeps them, for a server without records.
fn normalised(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect()
}
