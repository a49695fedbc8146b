//! What is derived from client id and secrets: names of cookies and sessions, key of logins.

use std::fmt;

use ring::{digest, hkdf};

use super::SettingsError;
use super::settings::missing;
use crate::secret::Secret;

/// Names a provider in the zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProviderKey(pub [u8; 16]);

impl ProviderKey {
    /// First 16 bytes of SHA-256(client id).
    pub(super) fn of(client_id: &str) -> Self {
        let id_digest = digest::digest(&digest::SHA256, client_id.as_bytes());
        let mut key = [0; 16];
        key.iter_mut().zip(id_digest.as_ref()).for_each(|(to, from)| *to = *from);
        Self(key)
    }

    /// `authentik_proxy_` + first 8 hex digits of SHA-256(client id) (authentik-outpost.md §7.1).
    pub(super) fn cookie_name(&self) -> String {
        let hex: String = self.0.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("authentik_proxy_{hex}")
    }
}

/// 32 bytes of key material for login states. Never printed.
#[derive(Clone)]
pub struct LoginKey(pub [u8; 32]);

impl LoginKey {
    /// HKDF-SHA256 (RFC 5869) over the secret; the client id keeps providers that share it apart.
    pub(super) fn derive(material: &Secret, client_id: &str) -> Result<Self, SettingsError> {
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

impl Drop for LoginKey {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

#[cfg(test)]
mod tests {
    use crate::provider::{Provider, Settings};
    use crate::testing::settings;

    #[test]
    fn the_cookie_name_follows_the_client_id() {
        // Vectors: authentik-outpost.md §7.1.
        for (client_id, name) in [
            ("client-123", "authentik_proxy_b44ea687"),
            ("test-client", "authentik_proxy_d5fe8251"),
            ("aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcd", "authentik_proxy_4923790d"),
        ] {
            let provider = Provider::new(Settings { client_id: client_id.into(), ..settings() });
            assert_eq!(provider.unwrap().cookie_name, name);
        }
    }
}
