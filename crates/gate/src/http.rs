//! Requests to authentik and its responses, as values that the I/O side transports.

use std::fmt;

use crate::secret::Secret;
use crate::text::loggable;

/// Our `User-Agent`, and the value of `X-authentik-meta-version` (docs/protocol.md §7.1).
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

/// One request to authentik. HTTP/1.1, redirects are not followed, exactly one `Host` header.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// How it is sent.
    pub method: Method,
    /// Absolute http or https URL.
    pub url: String,
    /// `Host` to send instead of the URL's own (docs/protocol.md §1.2), with its scheme.
    pub claimed: Option<ClaimedHost>,
    /// Value of `User-Agent`.
    pub user_agent: String,
    /// Token for `Authorization: Bearer`, visible ASCII.
    pub bearer: Option<Secret>,
    /// The encoded form or JSON; empty for `Get`. May contain the client secret, hence `Secret`.
    pub body: Secret,
    /// Maximum response body, in bytes; a longer one is `TransportError::TooLarge`.
    pub max_response: usize,
}

/// The host that authentik should see in the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedHost {
    /// `host[:port]`, without default port.
    pub host: String,
    /// `http` or `https`; sent as `X-Forwarded-Proto` if the host differs from the URL's own.
    pub scheme: &'static str,
}

/// A response, whatever its status.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    /// Status code, 100 to 599.
    pub status: u16,
    /// The body, at most `max_response` bytes. May contain tokens, hence `Secret`.
    pub body: Secret,
}

/// Why there is no usable response. The text is for the log and contains no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// The deadline passed.
    Timeout,
    /// No connection: refused, no route, or name not found.
    Unreachable(String),
    /// The certificate was rejected or the handshake failed.
    Tls(String),
    /// The body was longer than `max_response`.
    TooLarge,
    /// Not HTTP, or the connection was closed prematurely.
    Protocol(String),
    /// The queue is full, or the worker is about to exit.
    Overloaded,
}

/// A sentence for the log, without a trailing period.
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
