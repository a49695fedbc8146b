//! Values derived from issuer, client id and secrets: cookie and session names, login key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{digest, hkdf};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::SettingsError;
use super::settings::missing;
use crate::hash;
use crate::secret::Secret;

/// Identifies a provider in the zone. Providers with different issuers or clients never share it.
/// No other setting changes it, so sessions survive a change of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProviderKey(pub [u8; 16]);

impl ProviderKey {
    /// The first 16 bytes of a SHA-256 over both. `sub` and client id are unique only within an
    /// issuer (OpenID Connect Core 1.0 §2): another issuer may use the same.
    pub(super) fn of(issuer: &str, client_id: &str) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"authentik provider v2");
        for part in [issuer, client_id] {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part.as_bytes());
        }
        Self(hash::first(context.finish().as_ref()))
    }
}

/// `authentik_proxy_` + first 8 hex digits of SHA-256(client id) (docs/protocol.md §6.1), after the
/// prefix of all cookies of the provider.
pub(super) fn cookie_name(prefix: &str, client_id: &str) -> String {
    let digest = digest::digest(&digest::SHA256, client_id.as_bytes());
    let hex: String = digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}authentik_proxy_{hex}")
}

/// 32 bytes of key material for login states. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginKey(pub [u8; 32]);

impl LoginKey {
    /// HKDF-SHA256 (RFC 5869) over the secret; the client id separates providers that share it.
    pub(crate) fn derive(material: &Secret, client_id: &str) -> Result<Self, SettingsError> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"ngx_http_authentik_module login state v1");
        let mut key = Self([0; 32]);
        salt.extract(material.expose())
            .expand(&[client_id.as_bytes()], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut key.0))
            .map_err(|_| missing("cookie_secret", "key derivation failed"))?;
        Ok(key)
    }
}

impl fmt::Debug for LoginKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginKey(32 bytes)")
    }
}

/// For documents that are meant to contain it.
impl Serialize for LoginKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0)))
    }
}

impl<'de> Deserialize<'de> for LoginKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // Messages of serde and base64 could quote the input.
        let wrong = || D::Error::custom("not a key");
        let encoded = Zeroizing::new(String::deserialize(from).map_err(|_| wrong())?);
        let mut key = Self([0; 32]);
        let written = URL_SAFE_NO_PAD.decode_slice(encoded.as_bytes(), &mut key.0);
        (written == Ok(key.0.len())).then_some(key).ok_or_else(wrong)
    }
}

impl Drop for LoginKey {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

#[cfg(test)]
mod tests {
    use crate::paths::UnauthPaths;
    use crate::provider::{Provider, ProviderKey, Settings};
    use crate::testing::settings;

    #[test]
    fn the_cookie_name_follows_the_client_id() {
        // Vectors: docs/protocol.md §6.1.
        for (client_id, name) in [
            ("client-123", "authentik_proxy_b44ea687"),
            ("test-client", "authentik_proxy_d5fe8251"),
            ("aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcd", "authentik_proxy_4923790d"),
        ] {
            for (external_host, prefix) in
                [("http://h.example", ""), ("https://h.example", "__Host-")]
            {
                let (client_id, external_host) = (client_id.into(), external_host.into());
                let settings = Settings { client_id, external_host, ..settings() };
                let provider = Provider::new(settings).unwrap();
                assert_eq!(provider.cookie_name, format!("{prefix}{name}"));
            }
        }
    }

    #[test]
    fn the_key_follows_issuer_and_client_id_and_nothing_else() {
        let key = |change: fn(&mut Settings)| {
            let mut settings = settings();
            change(&mut settings);
            Provider::new(settings).unwrap().key
        };
        let ours = key(|_| {});
        let same: [fn(&mut Settings); 4] = [
            |s| s.name = "renamed".into(),
            |s| s.external_host = "https://moved.example".into(),
            |s| s.client_secret = Some(crate::secret::Secret::new("renewed")),
            |s| s.unauth_paths = UnauthPaths::compile(&["^/public/".into()]).unwrap(),
        ];
        for change in same {
            assert_eq!(key(change), ours);
        }
        let other: [fn(&mut Settings); 4] = [
            |s| s.client_id = "client-124".into(),
            |s| s.issuer = "https://sso.example.com/application/o/wikj/".into(),
            |s| s.issuer = "https://sso.example.org/application/o/wiki/".into(),
            |s| s.issuer = "http://sso.example.com/application/o/wiki/".into(),
        ];
        for change in other {
            assert_ne!(key(change), ours);
        }
        // The boundary between the two matters.
        assert_ne!(ProviderKey::of("ab", "c"), ProviderKey::of("a", "bc"));
    }
}
