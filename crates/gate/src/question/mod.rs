//! Questions to authentik, as values: what to send, and what the response means.
//!
//! Nothing here sends anything. The I/O side sends [`Question::to_http`] to authentik and passes
//! the response to [`Question::read`]; a [`ServedDocument`] works the same way.

mod discovery;
mod document;
mod error;
mod exchange;
mod form;
mod pulse;
mod refresh;
mod response;

pub use discovery::{Endpoints, Signing};
pub use document::{
    Cause, Document, Entry, FAILURE_KEPT, Head, Mark, REFETCH, ServedDocument, discovery_request,
    keys_request, read_document,
};
pub use error::{CoreError, Cure};
pub use exchange::{ExchangeCode, Introspect, SignInByPassword, Tokens};
pub use pulse::{Pulse, pulse_request};
pub use refresh::{RefreshTokens, RevokeToken};

use url::Url;

pub use crate::http::USER_AGENT;
use crate::http::{ClaimedHost, HttpRequest, HttpResponse, Method, TransportError};
use crate::provider::Provider;
use crate::secret::Secret;
use crate::time::UnixTime;

/// Maximum length of the discovery document and key set, in bytes.
const MAX_DOCUMENT: usize = 256 * 1024;

/// A question to authentik, asked with the client's credentials.
pub trait Question {
    /// The answer.
    type Answer;

    /// The directive that sets the URL, for messages.
    const ABOUT: &'static str;

    /// The request to send.
    ///
    /// # Errors
    /// [`CoreError::Misconfigured`] if the URL is unknown.
    fn to_http(&self, provider: &Provider, endpoints: &Endpoints)
    -> Result<HttpRequest, CoreError>;

    /// Parses the body of a successful response.
    ///
    /// # Errors
    /// It is not the answer.
    fn understand(
        &self,
        body: &[u8],
        provider: &Provider,
        now: UnixTime,
    ) -> Result<Self::Answer, CoreError>;

    /// Parses the response.
    ///
    /// # Errors
    /// Anything but the answer; [`CoreError::cure`] says what can be done.
    fn read(
        &self,
        provider: &Provider,
        response: Result<&HttpResponse, &TransportError>,
        now: UnixTime,
    ) -> Result<Self::Answer, CoreError> {
        let response = response.map_err(|error| CoreError::Unreachable(error.clone()))?;
        self.understand(response::success(response, Self::ABOUT)?, provider, now)
    }
}

fn get(url: String, provider: &Provider) -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        url,
        claimed: None, // documents are asked for under their own host (docs/protocol.md §1.2)
        user_agent: user_agent(provider),
        bearer: None,
        body: Secret::new([]),
        max_response: MAX_DOCUMENT,
    }
}

fn post(url: String, provider: &Provider, body: Secret, max_response: usize) -> HttpRequest {
    HttpRequest {
        method: Method::PostForm,
        claimed: claimed_host(&url, provider),
        url,
        user_agent: user_agent(provider),
        bearer: None,
        body,
        max_response,
    }
}

/// The issuer's host if the URL has another one: authentik builds a token's `iss` from the host and
/// scheme of the request (docs/protocol.md §1.2).
fn claimed_host(url: &str, provider: &Provider) -> Option<ClaimedHost> {
    let asked = Url::parse(url).ok()?;
    let issuer = Url::parse(&provider.issuer).ok()?;
    let scheme = if issuer.scheme() == "https" { "https" } else { "http" };
    let host = authority(&issuer)?;
    (authority(&asked)? != host || asked.scheme() != scheme).then_some(ClaimedHost { host, scheme })
}

/// `host[:port]`; the parser has removed default ports.
fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// Same format as upstream (docs/protocol.md §1.1), restricted to valid header characters.
fn user_agent(provider: &Provider) -> String {
    let is_safe = |c: &char| c.is_ascii_graphic() || *c == ' ';
    let name: String = provider.name.chars().filter(is_safe).take(128).collect();
    format!("{USER_AGENT} (provider={name})")
}

#[cfg(test)]
mod tests;
