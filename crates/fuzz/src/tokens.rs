//! Tokens, the keys that verify them, and reports of ended sessions.

use std::sync::LazyLock;

use authentik_gate::fixtures;
use authentik_gate::provider::Provider;
use authentik_gate::token::{
    Ended, Expected, KeySet, Keys, Logout, LogoutClaims, TokenFlaw, verify,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Map, Value};

use crate::fixtures::{NOW, first_line};
use crate::sessions;

struct Issuer {
    provider: Provider,
    keys: Keys,
    token: String,
}

/// One per way to sign: client secret, RSA, elliptic curve.
static ISSUERS: LazyLock<[Issuer; 3]> = LazyLock::new(|| {
    let hs256 = fixtures::provider("p-proxy");
    let public = |document: &str| Keys::Public(KeySet::parse(document.as_bytes()).unwrap());
    let token = |answer: &str| fixtures::member(answer, "access_token");
    [
        Issuer {
            keys: Keys::shared(&hs256),
            provider: hs256,
            token: token("token_response_hs256_bob.json"),
        },
        Issuer {
            keys: public(fixtures::recorded("jwks_rs256.json")),
            provider: fixtures::provider("p-rs256"),
            token: token("token_response_rs256_bob.json"),
        },
        Issuer {
            keys: public(fixtures::recorded("jwks_es256.json")),
            provider: fixtures::provider("p-es256"),
            token: token("token_response_es256_bob.json"),
        },
    ]
});

/// A token: nothing is believed but what was signed, for us, and in time. The header and claims in
/// the two lines of the input are also signed with the right key, as if authentik had sent them.
pub(crate) fn jwt(data: &[u8]) {
    for (at, issuer) in ISSUERS.iter().enumerate() {
        let verified = verify(data, &Expected::of(&issuer.provider, None), &issuer.keys, NOW);
        // ECDSA signatures can be altered without the key (s, n - s), nothing else can.
        let is_signed = if at == 2 {
            let signed =
                |token: &[u8]| token.rsplitn(2, |byte| *byte == b'.').nth(1).map(<[u8]>::to_vec);
            signed(data) == signed(issuer.token.as_bytes())
        } else {
            data == issuer.token.as_bytes()
        };
        assert!(verified.is_err() || is_signed, "forged");
    }
    let issuer = &ISSUERS[0];
    let (header, claims) = first_line(data);
    let token = signed(&issuer.provider, header, claims);
    let expected = Expected::of(&issuer.provider, None);
    let Ok(verified) = verify(token.as_bytes(), &expected, &issuer.keys, NOW) else { return };
    let members = object(claims);
    assert_eq!(members["iss"], issuer.provider.issuer.as_str());
    assert!(is_for(&members, &issuer.provider));
    assert_eq!(object(header)["alg"], "HS256");
    let lead = |name: &str| members.get(name).and_then(Value::as_f64).unwrap_or_default();
    assert!(lead("nbf") < (NOW.0 + 301) as f64 && lead("iat") < (NOW.0 + 301) as f64);
    sessions::open(&verified, &issuer.provider, &members);
    let other = Expected { nonce: Some("n-0S6_WzA2Mj"), ..expected };
    let of_sign_in = verify(token.as_bytes(), &other, &issuer.keys, NOW);
    assert_eq!(of_sign_in.is_ok(), members.get("nonce") == Some(&"n-0S6_WzA2Mj".into()));
    assert!(verify(token.as_bytes(), &expected, &ISSUERS[1].keys, NOW).is_err());
    assert!(Logout::verify(token.as_bytes(), &issuer.provider, &issuer.keys, NOW).is_err());
}

/// A token with these parts.
fn signed(provider: &Provider, header: &[u8], claims: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, provider.client_secret.expose());
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub(crate) fn object(json: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(json).unwrap()
}

/// Whether `aud` names the provider's client.
pub(crate) fn is_for(members: &Map<String, Value>, provider: &Provider) -> bool {
    match members.get("aud") {
        Some(Value::Array(all)) => all.iter().any(|one| one == provider.client_id.as_str()),
        one => one == Some(&Value::from(provider.client_id.as_str())),
    }
}

/// A key set: no document makes a key of another kind, and none verifies a recorded token but with
/// the key that signed it.
pub(crate) fn key_set(data: &[u8]) {
    let Ok(set) = KeySet::parse(data) else { return };
    assert!(set.len() <= 64);
    let members = object(data);
    let listed = members.get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
    assert!(set.len() <= listed.len());
    assert_eq!(
        set.is_empty(),
        matches!(Keys::published(set.clone(), &ISSUERS[0].provider), Keys::Shared(_))
    );
    let keys = Keys::Public(set);
    // Never signed with the client secret, whatever the set contains.
    let symmetric = &ISSUERS[0];
    let expected = Expected::of(&symmetric.provider, None);
    assert!(verify(symmetric.token.as_bytes(), &expected, &keys, NOW).is_err());
    let genuine = [fixtures::recorded("jwks_rs256.json"), fixtures::recorded("jwks_es256.json")];
    for (issuer, document) in ISSUERS[1..].iter().zip(genuine) {
        let expected = Expected::of(&issuer.provider, None);
        if verify(issuer.token.as_bytes(), &expected, &keys, NOW).is_ok() {
            let genuine = &object(document.as_bytes())["keys"][0];
            let same = |key: &&Value| ["n", "e", "x", "y"].iter().all(|of| key[of] == genuine[of]);
            assert!(listed.iter().any(|key| same(&key)), "verified with another key");
        }
    }
}

/// A logout token, header and claims in two lines: nothing ends but what the right issuer reports,
/// for us, lately, and as one of the two kinds.
pub(crate) fn logout_token(data: &[u8]) {
    let Issuer { provider, keys, token } = &ISSUERS[0];
    // Signed by nobody, or not as a logout: it ends nothing.
    assert!(Logout::verify(data, provider, keys, NOW).is_err());
    assert!(Logout::verify(token.as_bytes(), provider, keys, NOW).is_err());

    let (header, claims) = first_line(data);
    let token = signed(provider, header, claims);
    let verified = Logout::verify(token.as_bytes(), provider, keys, NOW);
    let read = LogoutClaims::read(token.as_bytes());
    let before = read.as_ref().map_err(Clone::clone).and_then(|read| read.check(provider, NOW));
    match (&verified, &before) {
        (Ok(_), before) => assert_eq!(*before, Ok(())),
        (Err(TokenFlaw::Algorithm { .. } | TokenFlaw::Signature), _) => {}
        (Err(flaw), before) => assert_eq!(before.as_ref(), Err(flaw), "the check foretells it"),
    }
    if let Ok(read) = &read {
        let all: Vec<_> = ISSUERS.iter().map(|issuer| Named(&issuer.provider)).collect();
        let found = read.provider_of(all.iter());
        assert!(before.is_err() || found.is_some_and(|found| found.0.key == provider.key));
    }
    let Ok(Logout { ended, id, until }) = verified else { return };
    let members = object(claims);
    assert_eq!(members["iss"], provider.issuer.as_str());
    assert!(is_for(&members, provider) && !members.contains_key("nonce"));
    assert!(members["events"]["http://schemas.openid.net/event/backchannel-logout"].is_object());
    assert!(!id.is_empty() && members["jti"] == id.as_str());
    assert!(until > NOW && until.since(NOW) <= 900, "kept for {}", until.since(NOW));
    let (name, value) = match &ended {
        Ended::Session(sid) => ("sid", sid),
        Ended::User(sub) => ("sub", sub),
    };
    assert!(!value.is_empty() && members[name] == value.as_str());
    assert!(verify(token.as_bytes(), &Expected::of(provider, None), keys, NOW).is_err());
}

struct Named<'p>(&'p Provider);

impl AsRef<Provider> for Named<'_> {
    fn as_ref(&self) -> &Provider {
        self.0
    }
}
