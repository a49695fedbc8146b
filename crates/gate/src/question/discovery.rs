//! Where authentik's endpoints are: discovered (OpenID Connect Discovery 1.0) or configured.

use serde_json::{Map, Value};
use url::Url;

use super::CoreError;
use crate::json;
use crate::provider::{Provider, cure_of_other};
use crate::text::loggable;

/// The endpoints of one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Equal to the provider's.
    pub issuer: String,
    /// Where the browser signs in.
    pub authorization: String,
    /// Where codes are exchanged.
    pub token: String,
    /// Where presented tokens are checked.
    pub introspection: Option<String>,
    /// Where refresh tokens are revoked.
    pub revocation: Option<String>,
    /// Where the browser signs out.
    pub end_session: String,
    /// Where the signing keys are.
    pub jwks_uri: Option<String>,
    /// How tokens are signed.
    pub signing: Signing,
}

/// How tokens of a provider are signed. Decided here, not by a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    /// HS256 with the client secret: in practice all of authentik's proxy providers.
    ClientSecret,
    /// RS256 or ES256 with the keys at `jwks_uri`.
    PublishedKeys,
}

/// Maximum length of an endpoint, in bytes: it becomes part of a `Location`.
const MAX_URL: usize = 2048;

impl Endpoints {
    /// The endpoints, if enough of them are configured that none must be discovered: authorization,
    /// token and end-session. A configured `jwks_uri` means published keys.
    #[must_use]
    pub fn given(provider: &Provider) -> Option<Self> {
        let given = provider.given.clone();
        Some(Self {
            issuer: provider.issuer.clone(),
            authorization: given.authorization?,
            token: given.token?,
            introspection: given.introspection,
            revocation: given.revocation,
            end_session: given.end_session?,
            signing: match given.jwks {
                Some(_) => Signing::PublishedKeys,
                None => Signing::ClientSecret,
            },
            jwks_uri: given.jwks,
        })
    }

    /// Parses a discovery document; configured endpoints take precedence.
    ///
    /// # Errors
    /// [`CoreError::Garbled`] if it is not one, [`CoreError::Misconfigured`] if it has
    /// another issuer, lacks an endpoint, or names one that we must not use.
    pub fn parse(document: &[u8], provider: &Provider) -> Result<Self, CoreError> {
        const GARBLED: CoreError = CoreError::Garbled { about: "issuer" };
        let members = json::object(document).ok_or(GARBLED)?;
        let issuer = members.get("issuer").and_then(Value::as_str).ok_or(GARBLED)?;
        if issuer != provider.issuer {
            return Err(other_issuer(issuer, &provider.issuer));
        }
        let given = &provider.given;
        let endpoint = |setting, given: &Option<String>| match given {
            Some(url) => Ok(Some(url.clone())),
            None => discovered(&members, setting, &provider.issuer),
        };
        let needed = |setting, given| {
            endpoint(setting, given)?.ok_or_else(|| CoreError::unknown_endpoint(setting))
        };
        let jwks_uri = endpoint("jwks_uri", &given.jwks)?;
        let signing = signing(&members)?;
        if signing == Signing::PublishedKeys && jwks_uri.is_none() {
            return Err(CoreError::unknown_endpoint("jwks_uri"));
        }
        Ok(Self {
            issuer: issuer.to_owned(),
            authorization: needed("authorization_endpoint", &given.authorization)?,
            token: needed("token_endpoint", &given.token)?,
            introspection: endpoint("introspection_endpoint", &given.introspection)?,
            revocation: endpoint("revocation_endpoint", &given.revocation)?,
            end_session: needed("end_session_endpoint", &given.end_session)?,
            jwks_uri,
            signing,
        })
    }
}

fn other_issuer(found: &str, expected: &str) -> CoreError {
    let (found, expected) = (loggable(found, 256), loggable(expected, 256));
    let cure = cure_of_other(&found, &expected);
    CoreError::Misconfigured(format!(
        "issuer: \"{expected}\" is configured, but authentik answers as \"{found}\"; {cure}"
    ))
}

/// An endpoint from the document, if fit for use.
fn discovered(
    members: &Map<String, Value>,
    setting: &str,
    issuer: &str,
) -> Result<Option<String>, CoreError> {
    let url = match members.get(setting) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value.as_str().ok_or(CoreError::Garbled { about: "issuer" })?,
    };
    let wrong = |what| {
        Err(CoreError::Misconfigured(format!(
            "{setting}: authentik's \"{}\" {what}; write {setting} <URL>;",
            loggable(url, 256)
        )))
    };
    if !is_web_url(url) {
        return wrong("is not an http or https URL");
    }
    // The client secret would be sent in clear text.
    if has_scheme(issuer, "https") && !has_scheme(url, "https") {
        return wrong("is not https, while the issuer is");
    }
    Ok(Some(url.to_owned()))
}

fn is_web_url(url: &str) -> bool {
    url.len() <= MAX_URL
        && url.bytes().all(|byte| byte.is_ascii_graphic())
        && !url.contains(['"', '#', '\\'])
        && (has_scheme(url, "http") || has_scheme(url, "https"))
        && Url::parse(url).is_ok_and(|url| url.username().is_empty() && url.password().is_none())
}

fn has_scheme(url: &str, scheme: &str) -> bool {
    url.split_once("://").is_some_and(|(found, _)| found.eq_ignore_ascii_case(scheme))
}

/// docs/protocol.md §4.5: HS256 in the list means the client secret.
fn signing(members: &Map<String, Value>) -> Result<Signing, CoreError> {
    let listed = members.get("id_token_signing_alg_values_supported").and_then(Value::as_array);
    let lists = |name: &str| listed.into_iter().flatten().any(|value| value == name);
    if lists("HS256") {
        Ok(Signing::ClientSecret)
    } else if lists("RS256") || lists("ES256") {
        Ok(Signing::PublishedKeys)
    } else {
        Err(CoreError::Misconfigured(
            "issuer: authentik signs this provider's tokens with neither HS256, RS256 nor ES256; \
             choose another signing key in authentik"
                .to_owned(),
        ))
    }
}
