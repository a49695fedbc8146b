//! Tokens that end nothing (S39).

use authentik_standin::{LogoutMethod, Signing};
use serde_json::{Map, Value, json};

use super::{guarded, guarded_signed, only_session, sent, two_applications};

type Members = Map<String, Value>;
type Spoil = fn(&mut Members, &mut Members);

/// What is wrong, and what the log says about it.
const SPOILT: [(&str, &str, Spoil); 23] = [
    ("an id token's type", "unknown type", |header, _| put(header, "typ", json!("JWT"))),
    ("another type", "unknown type", |header, _| put(header, "typ", json!("at+jwt"))),
    ("no algorithm", "is signed with", |header, _| put(header, "alg", json!("none"))),
    ("another algorithm", "is signed with", |header, _| put(header, "alg", json!("RS256"))),
    ("a critical extension", "unknown type", |header, _| put(header, "crit", json!(["x"]))),
    ("another issuer", "issuer is", |_, claims| put(claims, "iss", json!("http://other/"))),
    ("no issuer", "issuer is", |_, claims| drop(claims.remove("iss"))),
    ("another audience", "no provider of this server", |_, claims| {
        put(claims, "aud", json!("another-client"));
    }),
    ("no audience", "no provider of this server", |_, claims| drop(claims.remove("aud"))),
    ("an empty audience", "no provider of this server", |_, claims| put(claims, "aud", json!([]))),
    ("old", "was issued", |_, claims| earlier(claims, "iat", 700)),
    ("from the future", "ahead", |_, claims| later(claims, "iat", 400)),
    ("no time", "no iat", |_, claims| drop(claims.remove("iat"))),
    ("expired", "expired", |_, claims| earlier(claims, "exp", 3700)),
    ("no end", "no exp", |_, claims| drop(claims.remove("exp"))),
    ("no event", "not about a logout", |_, claims| drop(claims.remove("events"))),
    ("another event", "not about a logout", |_, claims| {
        put(claims, "events", json!({"urn:other": {}}));
    }),
    ("an event that is no object", "events", |_, claims| {
        let event = "http://schemas.openid.net/event/backchannel-logout";
        put(claims, "events", json!({event: 1}));
    }),
    ("a nonce", "nonce", |_, claims| put(claims, "nonce", json!("n"))),
    ("no jti", "no jti", |_, claims| drop(claims.remove("jti"))),
    ("nobody", "no sid", |_, claims| {
        claims.remove("sid");
        claims.remove("sub");
    }),
    ("a sid that is no text", "sid", |_, claims| put(claims, "sid", json!(1))),
    ("an issuer that is no text", "iss", |_, claims| put(claims, "iss", json!([]))),
];

fn put(members: &mut Members, name: &str, value: Value) {
    members.insert(name.to_owned(), value);
}

fn earlier(claims: &mut Members, name: &str, seconds: u64) {
    let time = claims[name].as_u64().unwrap() - seconds;
    put(claims, name, json!(time));
}

fn later(claims: &mut Members, name: &str, seconds: u64) {
    let time = claims[name].as_u64().unwrap() + seconds;
    put(claims, name, json!(time));
}

#[test]
fn s39_a_token_with_any_flaw_ends_nothing() {
    for signing in [Signing::Hs256, Signing::Es256] {
        let site = guarded_signed(signing).start();
        let alice = site.signed_in();
        let sid = only_session(&site);
        for (what, words, spoil) in SPOILT {
            let token = site.sso.logout_token("wiki", &sid, spoil);
            let response = sent(&site, &token).send();
            assert_eq!(response.status(), 400, "{signing:?} {what}");
            let body: Value = serde_json::from_str(&response.text()).expect("JSON");
            assert_eq!(body["error"], "invalid_request", "{what}");
            assert_eq!(response.header("content-type"), Some("application/json"));
            let caching = response.header("cache-control").unwrap_or_default();
            assert!(caching.contains("no-store"), "{what}: {caching}");
            assert_eq!(alice.get("/").status(), 200, "{what}");
            let said = site.error_log().lines_with("logout refused, reason: logout-token");
            assert!(said.last().unwrap().contains(words), "{what}: {said:#?}");
        }
        for token in spellings(&site.sso.logout_token("wiki", &sid, |_, _| ())) {
            assert_eq!(sent(&site, &token).status(), 400, "{token}");
            assert_eq!(alice.get("/").status(), 200, "{token}");
        }
        let good = site.sso.logout_token("wiki", &sid, |_, _| ());
        assert_eq!(sent(&site, &good).status(), 200);
        assert_eq!(alice.get("/").status(), 401);
    }
}

/// A good token, corrupted as a whole.
fn spellings(good: &str) -> Vec<String> {
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    vec![
        String::new(),
        "x".to_owned(),
        signed.to_owned(),
        format!("{signed}."),
        format!("{signed}.{other}{}", &signature[1..]),
        format!("{signed}.{signature}.x"),
        format!("{header}.{payload}.{signature}.x.y"),
        format!("{payload}.{payload}.{signature}"),
        format!("{header}..{signature}"),
        format!("{good}%00"),
    ]
}

#[test]
fn s39_a_token_ends_something_once() {
    let site = guarded().start();
    let mut alice = site.signed_in();
    let sid = only_session(&site);
    let token = site.sso.logout_token("wiki", &sid, |_, _| ());
    let user = site.sso.logout_token("wiki", "", |_, claims| drop(claims.remove("sid")));
    for token in [&token, &user] {
        assert_eq!(sent(&site, token).status(), 200);
        assert_eq!(alice.open("/").status(), 200, "signed in again");
        for replay in sent(&site, token).send_together(8) {
            assert_eq!(replay.status(), 400);
        }
        assert_eq!(alice.get("/").status(), 200, "a replay ends nothing");
    }
    let together = sent(&site, &site.sso.logout_token("wiki", &sid, |_, _| ())).send_together(8);
    let taken = together.iter().filter(|response| response.status() == 200).count();
    assert_eq!(taken, 1, "in all workers together");
    assert!(!site.error_log().lines_with("the token was used before").is_empty());
}

#[test]
fn s39_an_encrypted_token_is_refused_with_the_cure() {
    let site = guarded().start();
    let alice = site.signed_in();
    let token = site.sso.logout_token("wiki", &only_session(&site), |_, _| ());
    assert_eq!(sent(&site, &format!("{token}.x.y")).status(), 400);
    assert_eq!(alice.get("/").status(), 200);
    let said = site.error_log().lines_with("remove the encryption key");
    assert!(said.iter().any(|line| line.contains("[error]")), "{said:?}");
}

#[test]
fn s39_another_providers_token_ends_nothing() {
    let site = two_applications(LogoutMethod::Backchannel).start();
    let mut alice = site.signed_in();
    assert_eq!(alice.open("/blog/").status(), 200);
    let sid = only_session(&site);
    // Signed by the blog, but for the wiki.
    let token = site.sso.logout_token("blog", &sid, |_, claims| {
        let wiki = site_issuer(claims, "blog", "wiki");
        put(claims, "iss", json!(wiki));
        put(claims, "aud", json!(authentik_standin::WIKI_CLIENT_ID));
    });
    assert_eq!(sent(&site, &token).status(), 400);
    let both = site.sso.logout_token("blog", &sid, |_, claims| {
        put(claims, "aud", json!([authentik_standin::WIKI_CLIENT_ID, "blog-client-id"]));
    });
    assert_eq!(sent(&site, &both).status(), 200, "the blog's");
    assert_eq!(alice.get("/blog/").status(), 401);
    assert_eq!(alice.get("/").status(), 200);
}

fn site_issuer(claims: &Members, of: &str, other: &str) -> String {
    claims["iss"].as_str().unwrap().replace(&format!("/{of}/"), &format!("/{other}/"))
}

#[test]
fn a_refusal_is_an_error_once_and_then_a_remark() {
    let site = guarded().workers(1).start();
    for _ in 0..5 {
        assert_eq!(sent(&site, "x").status(), 400);
    }
    let said = site.error_log().lines_with("logout refused");
    let errors = said.iter().filter(|line| line.contains("[error]")).count();
    assert_eq!((said.len(), errors), (5, 1), "{said:#?}");
}
