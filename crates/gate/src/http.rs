//! Requests to authentik and its answers, as values for the I/O side to carry.

use std::fmt;

use crate::secret::Secret;
use crate::text::loggable;

/// Who we say we are; also the value of `X-authentik-meta-version` (docs/protocol.md §7.1).
pub const USER_AGENT: &str = concat!("goauthentik.io/outpost/", env!("CARGO_PKG_VERSION"));

/// How a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`, no body.
    Get,
    /// `POST` with `application/x-www-form-urlencoded` body.
    PostForm,
    /// `POST` with `application/json` body.
    PostJson,
}

/// One request to authentik. HTTP/1.1, no redirects followed, exactly one `Host` header.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// How it is sent.
    pub method: Method,
    /// Absolute http or https URL.
    pub url: String,
    /// `Host` to claim instead of the URL's own (docs/protocol.md §1.2), with its scheme.
    pub claimed: Option<ClaimedHost>,
    /// Value of `User-Agent`.
    pub user_agent: String,
    /// Token for `Authorization: Bearer`, visible ASCII.
    pub bearer: Option<Secret>,
    /// The form or JSON, already encoded; empty for `Get`. May hold the client secret, hence `Secret`.
    pub body: Secret,
    /// Longest response body that is read, in bytes; a longer one is `TransportError::TooLarge`.
    pub max_response: usize,
}

/// The Host under which authentik is to believe that it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedHost {
    /// `host[:port]`, default ports left out.
    pub host: String,
    /// `http` or `https`: sent as `X-Forwarded-Proto` when the host differs from the URL's own.
    pub scheme: &'static str,
}

/// What came back, whatever the status.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    /// Status code, 100 to 599.
    pub status: u16,
    /// The body, at most `max_response` bytes. May hold tokens, hence `Secret`.
    pub body: Secret,
}

/// Why nothing usable came back. The text is for the log and names no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// The deadline passed.
    Timeout,
    /// No connection: refused, no route, name not found.
    Unreachable(String),
    /// The certificate was not accepted, or the handshake failed.
    Tls(String),
    /// The body was longer than `max_response`.
    TooLarge,
    /// Not HTTP, or the connection ended in the middle.
    Protocol(String),
    /// The queue was full, or the worker is about to exit.
    Overloaded,
}

/// A sentence for the log, without a final stop.
impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("authentik did not answer in time"),
            Self::Unreachable(why) => {
                write!(f, "authentik cannot be reached: {}", loggable(why, 200))
            }
            Self::Tls(why) => {
                write!(f, "no TLS connection to authentik: {}", loggable(why, 300))
            }
            Self::TooLarge => f.write_str("authentik's answer is too long"),
            Self::Protocol(why) => {
                write!(f, "authentik's answer is not HTTP: {}", loggable(why, 200))
            }
            Self::Overloaded => f.write_str("too many questions to authentik are waiting"),
        }
    }
}
