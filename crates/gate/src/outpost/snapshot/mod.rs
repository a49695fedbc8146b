//! The result of a refresh: everything that the workers need to know about an outpost.
//!
//! Published to the workers and stored on disk as JSON, with the API's field names
//! (docs/protocol.md §2.2, §2.3). Lists are sorted if authentik's order has no meaning, so that
//! equal settings give equal bytes.

mod succession;

use serde::{Deserialize, Serialize};

use super::unusable::Unusable;
use crate::provider::FormerKey;
use crate::secret::{self, Secret};

/// The state of an outpost, as reported by authentik.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The outpost that the token belongs to.
    pub outpost: Outpost,
    /// Its providers in authentik's order, by name: the last one of those with the same host wins.
    pub providers: Vec<ProviderConfig>,
    /// The certificates that providers use.
    pub certificates: Vec<Certificate>,
    /// What could not be read, and why.
    pub unusable: Vec<Unusable>,
}

/// An outpost of authentik.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outpost {
    /// UUID; names its WebSocket.
    pub pk: String,
    /// As named by the administrator.
    pub name: String,
    /// Seconds between refreshes; see docs/protocol.md §2.4 for its limits.
    pub refresh_interval_s: u64,
}

/// A provider as listed by the API; unused members are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderConfig {
    /// As named by the administrator: any text.
    pub name: String,
    /// `mode`: `proxy`, `forward_single` or `forward_domain`.
    pub mode: String,
    /// Public URL, as typed.
    pub external_host: String,
    /// Upstream URL of proxy mode, else empty.
    #[serde(default)]
    pub internal_host: String,
    /// Whether to verify the upstream's certificate.
    pub internal_host_ssl_validation: bool,
    /// OAuth2 client.
    pub client_id: String,
    /// Client authentication and HS256 key.
    #[serde(with = "secret::text")]
    pub client_secret: Secret,
    /// Key material for login states; empty if authentik sent none.
    #[serde(with = "secret::text")]
    pub cookie_secret: Secret,
    /// `Domain` of cookies, empty except at domain level.
    pub cookie_domain: String,
    /// Where authentik's endpoints are.
    pub oidc_configuration: OidcConfiguration,
    /// UUID of a [`Certificate`].
    pub certificate: Option<String>,
    /// Unauthenticated paths, one pattern per line.
    pub skip_path_regex: String,
    /// Whether to send HTTP Basic credentials upstream.
    pub basic_auth_enabled: bool,
    /// User attribute with the user name for it.
    pub basic_auth_user_attribute: String,
    /// User attribute with the password for it.
    pub basic_auth_password_attribute: String,
    /// Whether wrong credentials are answered with 401.
    pub intercept_header_auth: bool,
    /// Scopes, sorted: authentik sends them in any order.
    pub scopes_to_request: Vec<String>,
    /// Slug of the application.
    pub assigned_application_slug: String,
    /// Not from authentik: the previous key of login states, here so that it also reaches workers
    /// started later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_login_key: Option<FormerKey>,
    /// Not from authentik: UUID of the [`Certificate`] used until authentik releases the one in
    /// `certificate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_certificate: Option<String>,
}

/// The members of `oidc_configuration` that are used, with `browser_url` applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OidcConfiguration {
    /// Expected `iss`.
    pub issuer: String,
    /// Where the browser signs in.
    pub authorization_endpoint: String,
    /// Where codes are exchanged.
    pub token_endpoint: String,
    /// Where presented tokens are checked.
    pub introspection_endpoint: String,
    /// Where refresh tokens are revoked; empty in settings that an older module stored.
    #[serde(default)]
    pub revocation_endpoint: String,
    /// Where the browser signs out.
    pub end_session_endpoint: String,
    /// Signing keys.
    pub jwks_uri: String,
    /// Signature algorithms of tokens, sorted.
    pub id_token_signing_alg_values_supported: Vec<String>,
}

/// A certificate and its key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// UUID.
    pub pk: String,
    /// `fingerprint_sha256`, as authentik writes it.
    pub fingerprint: String,
    /// Chain, PEM.
    pub certificate: String,
    /// Private key, PEM.
    #[serde(with = "secret::text")]
    pub key: Secret,
}

impl ProviderConfig {
    /// What identifies the provider, whatever else changes.
    fn identity(&self) -> (&str, &str) {
        (&self.oidc_configuration.issuer, &self.client_id)
    }

    /// Key material for login states; authentik always sends it.
    pub(in crate::outpost) fn cookie_secret(&self) -> Option<&Secret> {
        Some(&self.cookie_secret).filter(|secret| !secret.is_empty())
    }

    /// What the login key is derived from, as in [`Provider::new`](crate::provider::Provider::new).
    fn key_material(&self) -> &Secret {
        self.cookie_secret().unwrap_or(&self.client_secret)
    }

    /// UUIDs of the certificates to use, in order of preference.
    pub(in crate::outpost) fn certificates(&self) -> impl Iterator<Item = &str> {
        [&self.certificate, &self.former_certificate].into_iter().flatten().map(String::as_str)
    }
}

impl Snapshot {
    /// Serialises it for publishing and storage. Contains secrets.
    ///
    /// # Errors
    /// Never in practice: everything in it can be expressed in JSON.
    pub fn to_json(&self) -> Result<Secret, serde_json::Error> {
        serde_json::to_vec(self).map(Secret::new)
    }

    /// Reads the output of [`Snapshot::to_json`].
    ///
    /// # Errors
    /// It is not ours, or has another version.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let provider = ProviderConfig {
            name: "Größe \"7\"".into(),
            client_secret: Secret::new("geheim"),
            scopes_to_request: vec!["email".into(), "openid".into()],
            ..ProviderConfig::default()
        };
        let certificate = Certificate { key: Secret::new("PEM"), ..Certificate::default() };
        let snapshot = Snapshot {
            providers: vec![provider],
            certificates: vec![certificate],
            ..Snapshot::default()
        };
        let json = snapshot.to_json().unwrap();
        assert_eq!(Snapshot::from_json(json.expose()).unwrap(), snapshot);
        assert!(Snapshot::from_json(b"{}").is_err());
    }
}
