//! Requests about refresh tokens.

use super::exchange::MAX_TOKENS;
use super::{CoreError, Endpoints, Question, Tokens, form, post};
use crate::http::HttpRequest;
use crate::json;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::time::UnixTime;

/// What are the new tokens of this session? (RFC 6749 §6)
#[derive(Clone, Debug)]
pub struct RefreshTokens {
    /// The latest one of the session.
    pub refresh_token: Secret,
}

/// Nobody may use this token any more. (RFC 7009)
#[derive(Clone, Debug)]
pub struct RevokeToken {
    /// A refresh token.
    pub token: Secret,
}

/// Maximum length of the answer to a revocation, in bytes: authentik sends `{}`.
const MAX_REVOKED: usize = 4096;

impl Question for RefreshTokens {
    /// Not yet verified.
    type Answer = Tokens;

    const ABOUT: &'static str = "token_endpoint";

    /// docs/protocol.md §4.8: authenticated like a code exchange, without `scope`, which narrows
    /// nothing and fails if the provider has lost the mapping.
    fn to_http(
        &self,
        provider: &Provider,
        endpoints: &Endpoints,
    ) -> Result<HttpRequest, CoreError> {
        let body = form::encode(&[
            ("client_id", provider.client_id.as_bytes()),
            ("client_secret", provider.client_secret.expose()),
            ("grant_type", b"refresh_token"),
            ("refresh_token", self.refresh_token.expose()),
        ]);
        Ok(post(endpoints.token.clone(), provider, body, MAX_TOKENS))
    }

    fn understand(&self, body: &[u8], _: &Provider, _: UnixTime) -> Result<Tokens, CoreError> {
        Tokens::parse(body)
    }
}

impl Question for RevokeToken {
    type Answer = ();

    const ABOUT: &'static str = "revocation_endpoint";

    fn to_http(
        &self,
        provider: &Provider,
        endpoints: &Endpoints,
    ) -> Result<HttpRequest, CoreError> {
        let url = endpoints.revocation.clone();
        let url = url.ok_or_else(|| CoreError::unknown_endpoint(Self::ABOUT))?;
        let body = form::encode(&[
            ("client_id", provider.client_id.as_bytes()),
            ("client_secret", provider.client_secret.expose()),
            ("token", self.token.expose()),
            ("token_type_hint", b"refresh_token"),
        ]);
        Ok(post(url, provider, body, MAX_REVOKED))
    }

    /// The answer has no meaning (RFC 7009 §2.2), but a page of another server is none.
    fn understand(&self, body: &[u8], _: &Provider, _: UnixTime) -> Result<(), CoreError> {
        if body.is_empty() || json::object(body).is_some() {
            return Ok(());
        }
        Err(CoreError::Garbled { about: Self::ABOUT })
    }
}
