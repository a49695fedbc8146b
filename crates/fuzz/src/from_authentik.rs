//! What authentik answers.

use std::sync::LazyLock;

use authentik_gate::fixtures;
use authentik_gate::provider::Provider;
use authentik_gate::question::{Endpoints, Head, Signing, Tokens};
use authentik_gate::testing;
use authentik_gate::token::{TokenFlaw, from_introspection};
use serde_json::Value;
use url::Url;

use crate::fixtures::NOW;
use crate::sessions;
use crate::tokens::{is_for, object};

/// The answer to "whose is this token?": only an active one, for us, is a session, and only an
/// explicit `false` ends one.
pub(crate) fn introspection(data: &[u8]) {
    static PROVIDER: LazyLock<Provider> = LazyLock::new(|| fixtures::provider("p-proxy"));
    let provider = &*PROVIDER;
    match from_introspection(data, &provider.client_id, NOW) {
        Ok(claims) => {
            let members = object(data);
            assert_eq!(members["active"], true);
            let is_ours =
                |name: &str| members.get(name) == Some(&provider.client_id.as_str().into());
            assert!(is_for(&members, provider) || is_ours("client_id"));
            let client = members.get("client_id").and_then(Value::as_str).unwrap_or_default();
            assert!(client.is_empty() || is_ours("client_id"));
            sessions::open(&claims, provider, &members);
        }
        Err(TokenFlaw::Inactive) => assert_eq!(object(data)["active"], false),
        Err(_) => {}
    }
}

/// The token endpoint's answer, a discovery document, and a document in the zone.
pub(crate) fn token_answer(data: &[u8]) {
    static PROVIDERS: LazyLock<[Provider; 3]> = LazyLock::new(|| {
        [fixtures::provider("p-proxy"), fixtures::provider("p-rs256"), testing::provider()]
    });
    if let Ok(tokens) = Tokens::parse(data) {
        let members = object(data);
        let said = |name: &str| members.get(name).and_then(Value::as_str).map(str::as_bytes);
        assert!(said("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case(b"bearer")));
        let secrets = [
            ("access_token", Some(&tokens.access_token)),
            ("id_token", tokens.id_token.as_ref()),
            ("refresh_token", tokens.refresh_token.as_ref()),
        ];
        for (name, token) in secrets {
            let Some(token) = token else { continue };
            assert!(said(name) == Some(token.expose()) && !token.is_empty());
        }
        assert!(!format!("{tokens:?}").contains("eyJ"), "a token was printed");
    }
    for provider in &*PROVIDERS {
        let Ok(found) = Endpoints::parse(data, provider) else { continue };
        assert_eq!(found.issuer, provider.issuer);
        assert!(found.signing == Signing::ClientSecret || found.jwks_uri.is_some());
        let optional = [&found.introspection, &found.revocation, &found.jwks_uri];
        let needed = [&found.authorization, &found.token, &found.end_session];
        for endpoint in needed.into_iter().chain(optional.into_iter().flatten()) {
            let url = Url::parse(endpoint).unwrap();
            let is_secure = url.scheme() == "https";
            assert!(is_secure || url.scheme() == "http" && !provider.issuer.starts_with("https:"));
            assert!(url.has_host() && url.username().is_empty() && url.password().is_none());
            assert!(endpoint.bytes().all(|byte| byte.is_ascii_graphic()) && endpoint.len() <= 2048);
        }
    }
    if let Some((head, document)) = Head::split(data) {
        assert!(data.ends_with(document));
        assert_eq!(Head::split(&head.to_bytes()), Some((head, &b""[..])));
        assert!(head.left(u64::MAX) <= head.left(0));
        assert!(!head.is_usable(u64::MAX, true) || head.left(u64::MAX) > 0);
    }
}
