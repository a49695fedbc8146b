//! Requests to the token and introspection endpoints: forms sent, tokens received.

use serde_json::{Map, Value};

use super::{CoreError, Endpoints, Question, form, post};
use crate::http::HttpRequest;
use crate::json;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::{MAX_TOKEN, VerifiedClaims, from_introspection};

/// Maximum response of the token endpoint: access token, ID token and some more.
pub(super) const MAX_TOKENS: usize = 3 * MAX_TOKEN;

/// The response of the token endpoint (RFC 6749 §5.1), unverified.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Verified and kept by a login (docs/protocol.md §4.5).
    pub access_token: Secret,
    /// Verified and kept by `client_credentials` (docs/protocol.md §5.2).
    pub id_token: Option<Secret>,
    /// Renews the session later (docs/protocol.md §4.8).
    pub refresh_token: Option<Secret>,
}

impl Tokens {
    /// Parses the body of a successful response.
    ///
    /// # Errors
    /// [`CoreError::Garbled`] if it is not JSON, has no access token or is not of type
    /// Bearer.
    pub fn parse(body: &[u8]) -> Result<Self, CoreError> {
        const GARBLED: CoreError = CoreError::Garbled { about: "token_endpoint" };
        let mut members = json::object(body).ok_or(GARBLED)?;
        let is_bearer = |kind: &str| kind.eq_ignore_ascii_case("bearer");
        if !members.get("token_type").and_then(Value::as_str).is_some_and(is_bearer) {
            return Err(GARBLED);
        }
        let access_token = token(&mut members, "access_token").ok_or(GARBLED)?;
        let id_token = token(&mut members, "id_token");
        Ok(Self { access_token, id_token, refresh_token: token(&mut members, "refresh_token") })
    }
}

fn token(members: &mut Map<String, Value>, name: &str) -> Option<Secret> {
    match members.remove(name) {
        Some(Value::String(token)) => {
            (1..=MAX_TOKEN).contains(&token.len()).then(|| Secret::new(token))
        }
        _ => None,
    }
}

/// Who has signed in? (RFC 6749 §4.1.3, RFC 7636 §4.5)
#[derive(Clone, Debug)]
pub struct ExchangeCode {
    /// As brought back by the browser.
    pub code: Secret,
    /// PKCE verifier from which this login's challenge was derived.
    pub verifier: Secret,
}

/// Whose is this app password? (`client_credentials`, docs/protocol.md §5.2)
#[derive(Clone, Debug)]
pub struct SignInByPassword {
    /// User name, as presented.
    pub username: Secret,
    /// App password, as presented.
    pub password: Secret,
}

/// Whose is this presented token? (RFC 7662)
#[derive(Clone, Debug)]
pub struct Introspect {
    /// As presented, without `Bearer`.
    pub token: Secret,
}

impl Question for ExchangeCode {
    /// Not yet verified.
    type Answer = Tokens;

    const ABOUT: &'static str = "token_endpoint";

    /// docs/protocol.md §4.4: sorted, client credentials in the body. `redirect_uri` is the
    /// registered one, as in the authorize request.
    fn to_http(
        &self,
        provider: &Provider,
        endpoints: &Endpoints,
    ) -> Result<HttpRequest, CoreError> {
        let body = form::encode(&[
            ("client_id", provider.client_id.as_bytes()),
            ("client_secret", provider.client_secret.expose()),
            ("code", self.code.expose()),
            ("code_verifier", self.verifier.expose()),
            ("grant_type", b"authorization_code"),
            ("redirect_uri", provider.external.redirect_uri.as_bytes()),
        ]);
        Ok(post(endpoints.token.clone(), provider, body, MAX_TOKENS))
    }

    fn understand(&self, body: &[u8], _: &Provider, _: UnixTime) -> Result<Tokens, CoreError> {
        Tokens::parse(body)
    }
}

impl Question for SignInByPassword {
    /// Not yet verified.
    type Answer = Tokens;

    const ABOUT: &'static str = "token_endpoint";

    /// docs/protocol.md §5.2: without the client secret, which authentik ignores here.
    fn to_http(
        &self,
        provider: &Provider,
        endpoints: &Endpoints,
    ) -> Result<HttpRequest, CoreError> {
        let body = form::encode(&[
            ("grant_type", b"client_credentials"),
            ("client_id", provider.client_id.as_bytes()),
            ("username", self.username.expose()),
            ("password", self.password.expose()),
            ("scope", provider.scope.as_bytes()),
        ]);
        Ok(post(endpoints.token.clone(), provider, body, MAX_TOKENS))
    }

    fn understand(&self, body: &[u8], _: &Provider, _: UnixTime) -> Result<Tokens, CoreError> {
        Tokens::parse(body)
    }
}

impl Question for Introspect {
    type Answer = VerifiedClaims;

    const ABOUT: &'static str = "introspection_endpoint";

    /// docs/protocol.md §5.1.
    fn to_http(
        &self,
        provider: &Provider,
        endpoints: &Endpoints,
    ) -> Result<HttpRequest, CoreError> {
        let url = endpoints.introspection.clone();
        let url = url.ok_or_else(|| CoreError::unknown_endpoint(Self::ABOUT))?;
        let body = form::encode(&[
            ("client_id", provider.client_id.as_bytes()),
            ("client_secret", provider.client_secret.expose()),
            ("token", self.token.expose()),
        ]);
        Ok(post(url, provider, body, MAX_TOKEN))
    }

    fn understand(
        &self,
        body: &[u8],
        provider: &Provider,
        now: UnixTime,
    ) -> Result<VerifiedClaims, CoreError> {
        Ok(from_introspection(body, &provider.client_id, now)?)
    }
}
