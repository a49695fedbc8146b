//! The token and introspection endpoints: forms sent, tokens received.

use serde_json::{Map, Value};

use super::{CoreError, form};
use crate::json;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::token::MAX_TOKEN;

/// What the token endpoint gave (RFC 6749 §5.1), unverified.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The one that a login verifies and keeps (docs/protocol.md §4.5).
    pub access_token: Secret,
    /// The one that `client_credentials` verifies and keeps (docs/protocol.md §5.2).
    pub id_token: Option<Secret>,
}

impl Tokens {
    /// Reads the body of a successful answer.
    ///
    /// # Errors
    /// [`CoreError::Garbled`] when it is not JSON, has no access token or is not of type Bearer.
    pub fn parse(body: &[u8]) -> Result<Self, CoreError> {
        const GARBLED: CoreError = CoreError::Garbled { about: "token_endpoint" };
        let mut members = json::object(body).ok_or(GARBLED)?;
        let is_bearer = |kind: &str| kind.eq_ignore_ascii_case("bearer");
        if !members.get("token_type").and_then(Value::as_str).is_some_and(is_bearer) {
            return Err(GARBLED);
        }
        let access_token = token(&mut members, "access_token").ok_or(GARBLED)?;
        Ok(Self { access_token, id_token: token(&mut members, "id_token") })
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

/// docs/protocol.md §4.4: sorted, the client's credentials in the body. `redirect_uri` is the
/// registered one, as in the authorize request.
pub(super) fn code_form(provider: &Provider, code: &Secret, verifier: &Secret) -> Secret {
    form::encode(&[
        ("client_id", provider.client_id.as_bytes()),
        ("client_secret", provider.client_secret.expose()),
        ("code", code.expose()),
        ("code_verifier", verifier.expose()),
        ("grant_type", b"authorization_code"),
        ("redirect_uri", provider.external.redirect_uri.as_bytes()),
    ])
}

/// docs/protocol.md §5.2: without the client's secret, which authentik ignores here.
pub(super) fn password_form(provider: &Provider, username: &Secret, password: &Secret) -> Secret {
    form::encode(&[
        ("grant_type", b"client_credentials"),
        ("client_id", provider.client_id.as_bytes()),
        ("username", username.expose()),
        ("password", password.expose()),
        ("scope", provider.scope.as_bytes()),
    ])
}

/// docs/protocol.md §5.1.
pub(super) fn introspection_form(provider: &Provider, token: &Secret) -> Secret {
    form::encode(&[
        ("client_id", provider.client_id.as_bytes()),
        ("client_secret", provider.client_secret.expose()),
        ("token", token.expose()),
    ])
}
