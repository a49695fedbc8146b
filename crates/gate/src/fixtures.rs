//! Recorded answers of a real authentik, for the tests of this crate, and of others with the feature
//! `testing`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "this is test code"
)]

use serde_json::Value;

use crate::provider::{Provider, Settings};
use crate::secret::Secret;

macro_rules! recordings {
    ($($file:literal)*) => {
        /// A file of `tests/data/authentik-2026.2.2/`.
        pub fn recorded(file: &str) -> &'static str {
            match file {
                $($file => include_str!(
                    concat!("../../../tests/data/authentik-2026.2.2/", $file)
                ),)*
                _ => panic!("{file} is not listed in fixtures.rs"),
            }
        }
    };
}

recordings! {
    "access_token_of_150_groups.txt"
    "access_token_with_nonce.txt"
    "clients.json"
    "introspection_active_hs256.json"
    "introspection_inactive.json"
    "jwks_es256.json"
    "jwks_hs256.json"
    "jwks_jwe.json"
    "jwks_rs256.json"
    "openid_configuration_global_issuer.json"
    "openid_configuration_hs256.json"
    "openid_configuration_rs256.json"
    "outpost_instances.json"
    "outpost_instances_of_an_administrator.json"
    "outpost_key_pair.json"
    "outpost_providers_page_1.json"
    "token_error_invalid_client.json"
    "token_error_invalid_grant.json"
    "token_response_client_credentials_carol.json"
    "token_response_es256_bob.json"
    "token_response_es256_zoe.json"
    "token_response_hs256_bob.json"
    "token_response_hs256_zoe.json"
    "token_response_jwe_bob.json"
    "token_response_refreshable.json"
    "token_response_refreshable_ended.json"
    "token_response_refreshed.json"
    "token_response_refreshed_ended.json"
    "token_response_rs256_bob.json"
    "token_response_rs256_zoe.json"
}

/// A member of a recorded JSON object.
pub fn member(file: &str, name: &str) -> String {
    let object: Value = serde_json::from_str(recorded(file)).unwrap();
    object[name].as_str().unwrap().to_owned()
}

/// The settings of a recorded provider, e.g. `p-proxy`.
pub fn settings(name: &str) -> Settings {
    let clients: Value = serde_json::from_str(recorded("clients.json")).unwrap();
    let text = |key: &str| clients[name][key].as_str().unwrap().to_owned();
    Settings {
        name: name.to_owned(),
        issuer: text("issuer"),
        client_id: text("client_id"),
        client_secret: Some(Secret::new(text("client_secret"))),
        external_host: "http://proxy.example.test:8880".to_owned(),
        ..Settings::default()
    }
}

/// A recorded provider.
pub fn provider(name: &str) -> Provider {
    Provider::new(settings(name)).unwrap()
}
