//! Tokens as recorded: docs/protocol.md §4.4, §4.5 and §5.

use std::collections::BTreeSet;

use authentik_standin::{ProviderSettings, Signing, Standin, WIKI_CLIENT_ID, WIKI_CLIENT_SECRET};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::{hmac, signature};
use serde_json::Value;

use crate::client::{Answer, claims, get, post, post_with, request, send, token_parts};
use crate::{CALLBACK, authorize, standin, standin_for, started};

const TOKEN: &str = "/application/o/token/";
const INTROSPECT: &str = "/application/o/introspect/";

/// The form of a code exchange, with fields replaced (or, if empty, left out).
fn exchange(standin: &Standin, code: &str, changes: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", WIKI_CLIENT_ID),
        ("client_secret", WIKI_CLIENT_SECRET),
        ("code", code),
        ("redirect_uri", CALLBACK),
    ];
    form.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    form.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    post(standin.address(), TOKEN, &form)
}

fn signed_in(standin: &Standin) -> Value {
    let answer = exchange(standin, &authorize(standin, "").code(), &[]);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn tokens_have_the_recorded_members_and_user_claims() {
    let recorded: Value =
        serde_json::from_str(include_str!("../data/token_response_hs256_bob.json")).unwrap();
    let standin = standin_for("bob");
    let ours = signed_in(&standin);
    assert_eq!(keys(&ours), keys(&recorded));
    assert_ne!(ours["access_token"], ours["id_token"]);
    for token in ["access_token", "id_token"] {
        let (mine, theirs) = (claims(&ours[token]), claims(&recorded[token]));
        assert_eq!(keys(&mine), keys(&theirs), "{token}");
        for claim in [
            "acr",
            "amr",
            "ak_proxy",
            "email",
            "email_verified",
            "entitlements",
            "roles",
            "name",
            "given_name",
            "preferred_username",
            "nickname",
            "groups",
        ] {
            assert_eq!(mine[claim], theirs[claim], "{claim}");
        }
        for (claim, length) in [("sub", 64), ("sid", 64), ("jti", 40)] {
            assert_eq!(mine[claim].as_str().map(str::len), Some(length), "{claim}");
        }
        assert_eq!(mine["iss"], standin.issuer("wiki"));
        assert_eq!(mine["aud"], WIKI_CLIENT_ID);
        let lived = mine["exp"].as_u64().unwrap() - mine["iat"].as_u64().unwrap();
        assert_eq!(lived, 3600);
    }
}

#[test]
fn payloads_are_compact_ascii_in_the_recorded_order() {
    let token = &signed_in(&standin_for("zoe"))["access_token"];
    let (header, payload, _) = token_parts(token);
    assert_eq!(header, serde_json::json!({"alg": "HS256", "typ": "JWT"}));
    assert!(payload.is_ascii() && !payload.contains(", "), "{payload}");
    assert!(payload.contains(r#""name":"Zo\u00eb M\u00fcller \u65e5\u672c\u8a9e \ud83d\ude00""#));
    let order = ["iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "amr", "sid", "jti"];
    let places: Vec<_> = order.iter().map(|n| payload.find(&format!("\"{n}\":"))).collect();
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "{payload}");
}

#[test]
fn tokens_of_the_large_user_have_36_kilobytes() {
    let length = signed_in(&standin_for("biggy"))["access_token"].as_str().unwrap().len();
    assert!((36_000..38_000).contains(&length), "{length}");
}

#[test]
fn signatures_verify_with_what_the_provider_publishes() {
    for signing in [Signing::Hs256, Signing::Rs256, Signing::Es256] {
        let standin = started(|settings| settings.providers[0].signing = signing);
        let answer = signed_in(&standin);
        let token = answer["access_token"].as_str().unwrap();
        let (signed, _) = token.rsplit_once('.').unwrap();
        let (header, _, signature) = token_parts(&answer["access_token"]);
        let set = get(standin.address(), "/application/o/wiki/jwks/", &[]).json();
        let key = &set["keys"][0];
        assert_eq!(header["alg"], signing.name());
        assert_eq!(header["kid"], key["kid"]);
        let part = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
        let signed = signed.as_bytes();
        match signing {
            Signing::Hs256 => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, WIKI_CLIENT_SECRET.as_bytes());
                hmac::verify(&key, signed, &signature).expect("the client secret signs");
            }
            Signing::Rs256 => signature::RsaPublicKeyComponents { n: part("n"), e: part("e") }
                .verify(&signature::RSA_PKCS1_2048_8192_SHA256, signed, &signature)
                .expect("the published key signs"),
            Signing::Es256 => {
                let point = [vec![4], part("x"), part("y")].concat();
                signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
                    .verify(signed, &signature)
                    .expect("the published key signs");
            }
        }
    }
}

#[test]
fn the_issuer_of_a_token_follows_the_host_of_the_exchange() {
    let standin = standin();
    let code = authorize(&standin, "").code();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", WIKI_CLIENT_ID),
        ("client_secret", WIKI_CLIENT_SECRET),
        ("code", &code),
        ("redirect_uri", CALLBACK),
    ];
    let claimed = ["Host: sso.example.test", "X-Forwarded-Proto: https"];
    let answer = post_with(standin.address(), TOKEN, &form, &claimed).json();
    let issuer = "https://sso.example.test/application/o/wiki/";
    assert_eq!(claims(&answer["access_token"])["iss"], issuer);
}

#[test]
fn refusals_are_the_recorded_ones() {
    let standin = started(|settings| {
        settings.providers.push(ProviderSettings::new("chat", "http://wiki.test:8880"));
    });
    let chat = [("client_id", "chat-client-id"), ("client_secret", "chat-client-secret")];
    let (client, grant) = ("invalid_client", "invalid_grant");
    for (changes, error) in [
        (vec![("code", "00000000000000000000000000000000")], grant),
        (vec![("code", "")], grant),
        (vec![("client_secret", "wrong")], client),
        (vec![("client_secret", "")], client),
        (vec![("client_id", "nope")], client),
        (vec![("client_id", "")], client),
        (chat.to_vec(), grant),
        (vec![("redirect_uri", "http://evil.test/")], client),
        (vec![("redirect_uri", "")], client),
        (vec![("grant_type", "magic")], "unsupported_grant_type"),
        (vec![("grant_type", "")], "unsupported_grant_type"),
        (vec![("grant_type", "implicit")], "unsupported_grant_type"),
        (vec![("code_verifier", "a-verifier-though-there-was-no-challenge-0123")], grant),
    ] {
        let answer = exchange(&standin, &authorize(&standin, "").code(), &changes);
        assert_eq!(answer.status, 400, "{changes:?}");
        assert_eq!(answer.json()["error"], error, "{changes:?}");
    }
}

#[test]
fn the_body_of_a_refusal_is_the_recorded_one_byte_for_byte() {
    let standin = standin();
    for (changes, recorded) in [
        (("code", "nope"), include_str!("../data/token_error_invalid_grant.json")),
        (("client_secret", "nope"), include_str!("../data/token_error_invalid_client.json")),
    ] {
        let answer = exchange(&standin, "", &[changes]);
        let id = answer.header("x-authentik-id");
        let theirs: Value = serde_json::from_str(recorded).unwrap();
        let expected = recorded.replace(theirs["request_id"].as_str().unwrap(), id);
        assert_eq!(answer.body, expected);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("pragma"), "no-cache");
    }
}

#[test]
fn a_code_works_once_and_survives_a_wrong_secret() {
    let standin = standin();
    let code = authorize(&standin, "").code();
    assert_eq!(exchange(&standin, &code, &[("client_secret", "wrong")]).status, 400);
    let other_allowed = "http://wiki.test:8880?X-authentik-auth-callback=true";
    assert_eq!(exchange(&standin, &code, &[("redirect_uri", other_allowed)]).status, 200);
    assert_eq!(exchange(&standin, &code, &[]).json()["error"], "invalid_grant");
}

#[test]
fn a_code_dies_with_its_time_or_its_user() {
    let standin = started(|settings| settings.providers[0].access_code_seconds = 0);
    let expired = exchange(&standin, &authorize(&standin, "").code(), &[]);
    assert_eq!(expired.json()["error"], "invalid_grant");
    standin.change(|settings| settings.providers[0].access_code_seconds = 60);
    let code = authorize(&standin, "").code();
    standin.change(|settings| settings.users[0].active = false);
    assert_eq!(exchange(&standin, &code, &[]).json()["error"], "invalid_grant");
}

#[test]
fn only_the_right_verifier_opens_a_code_with_a_challenge() {
    // RFC 7636, appendix B.
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let s256 = "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
                &code_challenge_method=S256";
    let plain = format!("&code_challenge={verifier}");
    let standin = standin();
    for (challenge, verifier, status) in [
        (s256, verifier, 200),
        (s256, "wrong", 400),
        (s256, "", 400),
        (plain.as_str(), verifier, 200),
        (plain.as_str(), "wrong", 400),
    ] {
        let code = authorize(&standin, challenge).code();
        let answer = exchange(&standin, &code, &[("code_verifier", verifier)]);
        assert_eq!(answer.status, status, "{challenge} {verifier}");
    }
}

#[test]
fn the_nonce_is_in_both_tokens() {
    let standin = standin();
    let code = authorize(&standin, "&nonce=nonce-value-123").code();
    let answer = exchange(&standin, &code, &[]).json();
    for token in ["access_token", "id_token"] {
        assert_eq!(claims(&answer[token])["nonce"], "nonce-value-123", "{token}");
    }
}

#[test]
fn scopes_limit_the_claims_and_unknown_ones_are_dropped() {
    let standin = standin();
    for (scope, granted, has_groups) in [
        ("openid", "openid", false),
        ("openid+nonsense+profile", "openid profile", true),
        ("", "openid email profile entitlements ak_proxy", true),
    ] {
        let url =
            crate::authorize_url("").replace("ak_proxy+entitlements+email+openid+profile", scope);
        let code = get(standin.address(), &url, &[]).code();
        let answer = exchange(&standin, &code, &[]).json();
        assert_eq!(answer["scope"], granted);
        let claims = claims(&answer["access_token"]);
        assert_eq!(claims["scope"], granted);
        assert_eq!(claims.get("groups").is_some(), has_groups, "{scope}");
    }
}

#[test]
fn client_authentication_by_http_basic_works_as_well() {
    let standin = standin();
    let code = authorize(&standin, "").code();
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
    let credentials = STANDARD.encode(format!("{WIKI_CLIENT_ID}:{WIKI_CLIENT_SECRET}"));
    let header = format!("Authorization: Basic {credentials}");
    assert_eq!(post_with(standin.address(), TOKEN, &form, &[&header]).status, 200);
}

#[test]
fn the_token_endpoint_takes_forms_by_post_only() {
    let standin = standin();
    let answer = get(standin.address(), TOKEN, &[]);
    assert_eq!((answer.status, answer.header("allow")), (405, "POST, OPTIONS"));
    let body = format!("{{\"client_id\": \"{WIKI_CLIENT_ID}\"}}");
    let json = ["Content-Type: application/json"];
    let request = request("POST", TOKEN, standin.address(), &json, &body);
    assert_eq!(send(standin.address(), &request).json()["error"], "invalid_client");
}

#[test]
fn app_passwords_give_tokens_without_a_browser_session() {
    let recorded = include_str!("../data/token_response_client_credentials_carol.json");
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    let standin = standin();
    let answer = credentials(&standin, &[("username", "carol"), ("password", CAROL)]);
    assert_eq!(answer.status, 200, "{answer:?}");
    let (ours, theirs) = (claims(&answer.json()["id_token"]), claims(&recorded["id_token"]));
    assert_eq!(keys(&ours), keys(&theirs));
    assert!(ours.get("sid").is_none() && ours.get("amr").is_none());
    assert_eq!(ours["ak_proxy"], theirs["ak_proxy"]);
}

const CAROL: &str = "app-password-carol-key-0123456789";

fn credentials(standin: &Standin, fields: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", WIKI_CLIENT_ID),
        ("scope", "ak_proxy entitlements email openid profile"),
    ];
    form.extend(fields);
    post(standin.address(), TOKEN, &form)
}

#[test]
fn client_credentials_are_refused_as_recorded() {
    let standin = started(|settings| settings.providers[0].only_groups = vec!["devs".to_owned()]);
    for (username, password, status) in [
        ("carol", CAROL, 200),
        ("Carol", CAROL, 400),
        ("carol@example.test", CAROL, 400),
        ("carol", "carol-test-password", 400),
        ("carol", "wrong", 400),
        ("nobody", "wrong", 400),
        ("carol", "", 400),
        ("", CAROL, 400),
        ("bob", CAROL, 400),
        ("eve", "app-password-eve-key-0123456789", 400),
        ("alice", "app-password-alice-key-0123456789", 400),
    ] {
        // A client secret, right or wrong, is ignored when a user name is there.
        let fields = [("username", username), ("password", password), ("client_secret", "wrong")];
        let answer = credentials(&standin, &fields);
        assert_eq!(answer.status, status, "{username} {password}");
        assert!(status == 200 || answer.json()["error"] == "invalid_grant");
    }
}

#[test]
fn without_a_user_name_the_client_secret_stands_for_one() {
    let standin = standin();
    let answer = credentials(&standin, &[("client_secret", WIKI_CLIENT_SECRET)]).json();
    let name = &claims(&answer["access_token"])["preferred_username"];
    assert_eq!(name, "ak-wiki-client_credentials");
    let packed = STANDARD.encode(format!("carol:{CAROL}"));
    let answer = credentials(&standin, &[("client_secret", &packed)]).json();
    assert_eq!(claims(&answer["access_token"])["preferred_username"], "carol");
}

#[test]
fn introspection_knows_live_access_tokens_of_this_client_only() {
    let recorded = include_str!("../data/introspection_active_hs256.json");
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    let standin = started(|settings| {
        settings.default_user = "bob".to_owned();
        settings.providers.push(ProviderSettings::new("chat", "http://chat.test"));
    });
    let tokens = signed_in(&standin);
    let access = tokens["access_token"].as_str().unwrap();
    let ask = |client_id: &str, secret: &str, token: &str| {
        let form = [("client_id", client_id), ("client_secret", secret), ("token", token)];
        post(standin.address(), INTROSPECT, &form)
    };
    let good = ask(WIKI_CLIENT_ID, WIKI_CLIENT_SECRET, access).json();
    assert_eq!(keys(&good), keys(&recorded));
    assert_eq!((&good["active"], &good["groups"]), (&recorded["active"], &recorded["groups"]));
    assert_eq!(good["client_id"], WIKI_CLIENT_ID);

    let changed = format!("{access}x");
    for (client_id, secret, token) in [
        (WIKI_CLIENT_ID, WIKI_CLIENT_SECRET, tokens["id_token"].as_str().unwrap()),
        (WIKI_CLIENT_ID, WIKI_CLIENT_SECRET, "garbage"),
        (WIKI_CLIENT_ID, WIKI_CLIENT_SECRET, ""),
        (WIKI_CLIENT_ID, WIKI_CLIENT_SECRET, &changed),
        (WIKI_CLIENT_ID, "wrong", access),
        ("nope", WIKI_CLIENT_SECRET, access),
        ("chat-client-id", "chat-client-secret", access),
    ] {
        let answer = ask(client_id, secret, token);
        assert_eq!((answer.status, answer.body.as_str()), (200, "{\"active\": false}"));
    }
    standin.change(|settings| {
        settings.users.iter_mut().for_each(|user| user.active = user.username != "bob");
    });
    assert_eq!(ask(WIKI_CLIENT_ID, WIKI_CLIENT_SECRET, access).body, "{\"active\": false}");
}

#[test]
fn userinfo_and_revocation_know_access_tokens_only() {
    let recorded: Value = serde_json::from_str(include_str!("../data/userinfo_bob.json")).unwrap();
    let standin = standin_for("bob");
    let tokens = signed_in(&standin);
    let userinfo = |token: &str| {
        let header = format!("Authorization: Bearer {token}");
        get(standin.address(), "/application/o/userinfo/", &[&header])
    };
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(keys(&userinfo(access).json()), keys(&recorded));
    for bad in [tokens["id_token"].as_str().unwrap(), "garbage"] {
        let answer = userinfo(bad);
        assert_eq!((answer.status, answer.body.as_str()), (401, ""));
        assert!(answer.header("www-authenticate").starts_with("error=\"invalid_token\", "));
    }
    let revoke = |secret: &str| {
        let form = [("client_id", WIKI_CLIENT_ID), ("client_secret", secret), ("token", access)];
        post(standin.address(), "/application/o/revoke/", &form)
    };
    assert_eq!(revoke("wrong").status, 401);
    assert_eq!(userinfo(access).status, 200);
    assert_eq!((revoke(WIKI_CLIENT_SECRET).status, userinfo(access).status), (200, 401));
}
