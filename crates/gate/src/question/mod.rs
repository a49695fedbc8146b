//! Questions to authentik, as values: what to send, and what the answer means.
//!
//! Nothing here sends anything. The I/O side carries [`Question::to_http`] to authentik and what
//! came back to [`Question::read`].

mod discovery;
mod document;
mod error;
mod exchange;
mod form;
mod response;

pub use discovery::{Endpoints, Signing};
pub use document::{Cause, Document, Entry, Head, Mark};
pub use error::{CoreError, Cure};
pub use exchange::Tokens;

use url::Url;

pub use crate::http::USER_AGENT;
use crate::http::{ClaimedHost, HttpRequest, HttpResponse, Method, TransportError};
use crate::provider::{Provider, discovery_url};
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::{KeySet, MAX_TOKEN, VerifiedClaims, from_introspection};

/// Longest answer of discovery and of the key set, in bytes.
const MAX_DOCUMENT: usize = 256 * 1024;

/// Longest answer of the token endpoint: access token, ID token and some more.
const MAX_TOKENS: usize = 3 * MAX_TOKEN;

/// Something that only authentik knows.
#[derive(Clone, Debug)]
pub enum Question {
    /// Where is everything? (OpenID Connect Discovery 1.0 §4)
    Discover,
    /// Which keys sign tokens? (RFC 7517)
    FetchKeys,
    /// Who has signed in? (RFC 6749 §4.1.3, RFC 7636 §4.5)
    ExchangeCode {
        /// What the browser brought back.
        code: Secret,
        /// PKCE: what the challenge of this login was made from.
        verifier: Secret,
    },
    /// Whose is this presented token? (RFC 7662)
    Introspect {
        /// As presented, without `Bearer`.
        token: Secret,
    },
    /// Whose is this app password? (`client_credentials`, docs/protocol.md §5.2)
    SignInByPassword {
        /// User name, as presented.
        username: Secret,
        /// App password, as presented.
        password: Secret,
    },
}

/// What authentik knew.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To [`Question::Discover`].
    Endpoints(Endpoints),
    /// To [`Question::FetchKeys`].
    Keys(KeySet),
    /// To [`Question::ExchangeCode`] and [`Question::SignInByPassword`]: not yet verified.
    Tokens(Tokens),
    /// To [`Question::Introspect`].
    Claims(VerifiedClaims),
}

impl Question {
    /// The request that asks it. `endpoints` may be `None` for [`Question::Discover`] only.
    ///
    /// # Errors
    /// [`CoreError::Misconfigured`] when it is not known where to ask.
    pub fn to_http(
        &self,
        provider: &Provider,
        endpoints: Option<&Endpoints>,
    ) -> Result<HttpRequest, CoreError> {
        let known = || endpoints.ok_or_else(|| CoreError::unknown_endpoint("token_endpoint"));
        match self {
            Self::Discover => {
                let url = discovery_url(&provider.issuer, &provider.application);
                url.map(|url| get(url, provider))
                    .ok_or_else(|| CoreError::unknown_endpoint("authorization_endpoint"))
            }
            Self::FetchKeys => {
                let url = endpoints.and_then(|known| known.jwks_uri.clone());
                url.map(|url| get(url, provider))
                    .ok_or_else(|| CoreError::unknown_endpoint("jwks_uri"))
            }
            Self::ExchangeCode { code, verifier } => {
                let body = exchange::code_form(provider, code, verifier);
                Ok(post(known()?.token.clone(), provider, body, MAX_TOKENS))
            }
            Self::SignInByPassword { username, password } => {
                let body = exchange::password_form(provider, username, password);
                Ok(post(known()?.token.clone(), provider, body, MAX_TOKENS))
            }
            Self::Introspect { token } => {
                let url = endpoints.and_then(|known| known.introspection.clone());
                let url =
                    url.ok_or_else(|| CoreError::unknown_endpoint("introspection_endpoint"))?;
                let body = exchange::introspection_form(provider, token);
                Ok(post(url, provider, body, MAX_TOKEN))
            }
        }
    }

    /// What came back, understood.
    ///
    /// # Errors
    /// Everything that is not the answer; [`CoreError::cure`] says what can be done.
    pub fn read(
        &self,
        provider: &Provider,
        response: Result<&HttpResponse, &TransportError>,
        now: UnixTime,
    ) -> Result<Answer, CoreError> {
        let response = response.map_err(|error| CoreError::Unreachable(error.clone()))?;
        let body = response::success(response, self.about())?;
        match self {
            Self::Discover => Endpoints::parse(body, provider).map(Answer::Endpoints),
            Self::FetchKeys => KeySet::parse(body)
                .map(Answer::Keys)
                .map_err(|_| CoreError::Garbled { about: self.about() }),
            Self::ExchangeCode { .. } | Self::SignInByPassword { .. } => {
                Tokens::parse(body).map(Answer::Tokens)
            }
            Self::Introspect { .. } => {
                Ok(Answer::Claims(from_introspection(body, &provider.client_id, now)?))
            }
        }
    }

    /// The directive whose value leads there, for messages.
    fn about(&self) -> &'static str {
        match self {
            Self::Discover => "issuer",
            Self::FetchKeys => "jwks_uri",
            Self::ExchangeCode { .. } | Self::SignInByPassword { .. } => "token_endpoint",
            Self::Introspect { .. } => "introspection_endpoint",
        }
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

/// The issuer's host where the URL has another: authentik makes `iss` of a token from the host
/// and scheme that it was asked under (docs/protocol.md §1.2).
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

/// What upstream sends (docs/protocol.md §1.1), kept to what a header may hold.
fn user_agent(provider: &Provider) -> String {
    let is_safe = |c: &char| c.is_ascii_graphic() || *c == ' ';
    let name: String = provider.name.chars().filter(is_safe).take(128).collect();
    format!("{USER_AGENT} (provider={name})")
}

#[cfg(test)]
mod tests;
