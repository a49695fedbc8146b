//! What is derived from the client id and the secrets: names of cookies and sessions, key of logins.

use std::fmt;

use ring::hkdf;

use crate::secret::Secret;

/// Names a provider in the zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProviderKey(pub [u8; 16]);

pub(super) fn hex4(key: &[u8; 16]) -> String {
    key.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// 32 bytes of key material for login states. Never printed.
#[derive(Clone)]
pub struct LoginKey(pub [u8; 32]);

pub(super) fn login_key(material: &Secret, client_id: &str) -> Option<LoginKey> {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"ngx_http_authentik_module login state v1");
    let mut key = LoginKey([0; 32]);
    salt.extract(material.expose())
        .expand(&[client_id.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key.0))
        .ok()?;
    Some(key)
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
