//! Each fault does what it says, and only where it is wanted.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use authentik_standin::{Endpoint, Fault, Signing, Standin, WIKI_CLIENT_ID, WIKI_CLIENT_SECRET};
use ring::hmac;
use serde_json::{Value, json};

use crate::client::{self, claims, get, post, token_parts};
use crate::{CALLBACK, authorize, standin, started};

const METADATA: &str = "/application/o/wiki/.well-known/openid-configuration";

fn tokens(standin: &Standin) -> Value {
    let code = authorize(standin, "&nonce=n1").code();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", WIKI_CLIENT_ID),
        ("client_secret", WIKI_CLIENT_SECRET),
        ("code", &code),
        ("redirect_uri", CALLBACK),
    ];
    post(standin.address(), "/application/o/token/", &form).json()
}

/// What comes back to a metadata request, to the byte.
fn raw(standin: &Standin) -> std::io::Result<Vec<u8>> {
    let request = client::request("GET", METADATA, standin.address(), &[], "");
    client::exchange(standin.address(), &request)
}

#[test]
fn claims_are_spoilt_one_by_one() {
    let standin = standin();
    let good = claims(&tokens(&standin)["access_token"]);
    for (fault, claim, expected) in [
        (Fault::WrongIssuer, "iss", None),
        (Fault::WrongAudience, "aud", Some(json!("another-client"))),
        (Fault::MissingExp, "exp", Some(Value::Null)),
        (Fault::Expired, "exp", None),
        (Fault::NoNonce, "nonce", Some(Value::Null)),
        (Fault::WrongNonce, "nonce", Some(json!("another-nonce"))),
        (Fault::Claim("groups".into(), Some(json!("staff"))), "groups", Some(json!("staff"))),
        (Fault::Claim("sub".into(), None), "sub", Some(Value::Null)),
    ] {
        standin.fault_times(Endpoint::Token, fault.clone(), 1);
        let answer = tokens(&standin);
        for token in ["access_token", "id_token"] {
            let spoilt = claims(&answer[token]);
            assert_ne!(spoilt[claim], good[claim], "{fault:?}");
            if let Some(expected) = &expected {
                assert_eq!(spoilt[claim], *expected, "{fault:?}");
            }
        }
        assert_eq!(claims(&tokens(&standin)["id_token"])["aud"], good["aud"], "one request only");
    }
}

#[test]
fn an_expired_token_expired_an_hour_ago() {
    let standin = standin();
    standin.fault(Endpoint::Token, Fault::Expired);
    let claims = claims(&tokens(&standin)["access_token"]);
    assert_eq!(claims["exp"].as_u64().unwrap() + 3600, claims["iat"].as_u64().unwrap());
}

#[test]
fn signatures_are_spoilt() {
    let standin = standin();
    let key = hmac::Key::new(hmac::HMAC_SHA256, WIKI_CLIENT_SECRET.as_bytes());
    let verifies = |token: &Value| {
        let (signed, _) = token.as_str().unwrap().rsplit_once('.').unwrap();
        hmac::verify(&key, signed.as_bytes(), &token_parts(token).2).is_ok()
    };
    for (fault, alg, good) in [
        (None, "HS256", true),
        (Some(Fault::WrongSignature), "HS256", false),
        (Some(Fault::WrongAlg), "RS256", true),
        (Some(Fault::AlgNone), "none", false),
    ] {
        standin.clear_faults();
        if let Some(fault) = fault {
            standin.fault(Endpoint::Token, fault);
        }
        let token = &tokens(&standin)["access_token"];
        assert_eq!(token_parts(token).0["alg"], alg);
        assert_eq!(verifies(token), good, "{alg}");
        assert_eq!(token_parts(token).2.is_empty(), alg == "none");
    }
}

#[test]
fn an_unknown_key_id_is_in_no_key_set() {
    let standin = started(|settings| settings.providers[0].signing = Signing::Rs256);
    let id = |standin: &Standin| {
        let token = &tokens(standin)["access_token"];
        token_parts(token).0["kid"].as_str().expect("a key id").to_owned()
    };
    let known = id(&standin);
    standin.fault(Endpoint::Token, Fault::UnknownKid);
    assert_ne!(id(&standin), known);
}

#[test]
fn the_access_token_is_left_out_on_demand() {
    let standin = standin();
    standin.fault(Endpoint::Token, Fault::OmitAccessToken);
    let answer = tokens(&standin);
    assert!(answer.get("access_token").is_none() && answer.get("id_token").is_some());
}

#[test]
fn answers_are_replaced_at_their_endpoint_only() {
    for (fault, status, kind, json) in [
        (Fault::Status(503), 503, "text/html", false),
        (Fault::HtmlError(500), 500, "text/html", false),
        (Fault::NotJson, 200, "application/json", false),
        (Fault::HugeBody(3_000_000), 200, "application/json", true),
    ] {
        let standin = standin();
        standin.fault(Endpoint::Discovery, fault.clone());
        let answer = get(standin.address(), METADATA, &[]);
        assert_eq!(answer.status, status, "{fault:?}");
        assert!(answer.header("content-type").starts_with(kind), "{fault:?}");
        let parsed = serde_json::from_str::<Value>(&answer.body);
        assert_eq!(parsed.is_ok(), json, "{fault:?}");
        assert!(!matches!(fault, Fault::HugeBody(bytes) if answer.body.len() <= bytes));
        assert_eq!(authorize(&standin, "").status, 302, "{fault:?}");
    }
}

#[test]
fn an_error_redirect_has_the_second_question_mark() {
    let standin = standin();
    standin.fault(Endpoint::Authorize, Fault::ErrorRedirect("access_denied".to_owned()));
    let prefix = format!("{CALLBACK}?error=access_denied&error_description=");
    assert!(authorize(&standin, "").location().starts_with(&prefix));
}

#[test]
fn a_slow_answer_is_the_right_one_later() {
    let standin = standin();
    standin.fault(Endpoint::Discovery, Fault::Slow(Duration::from_millis(150)));
    let start = Instant::now();
    assert_eq!(get(standin.address(), METADATA, &[]).status, 200);
    assert!(start.elapsed() >= Duration::from_millis(150));
}

#[test]
fn connections_break_in_three_ways() {
    let standin = standin();
    let good = raw(&standin).expect("an answer");

    standin.fault_times(Endpoint::Any, Fault::Hangup, 1);
    assert!(raw(&standin).unwrap_or_default().is_empty());

    standin.fault_times(Endpoint::Any, Fault::Garbage, 1);
    let garbage = raw(&standin).expect("bytes");
    assert!(!garbage.is_empty() && !garbage.starts_with(b"HTTP/1"));

    standin.fault_times(Endpoint::Any, Fault::Truncated, 1);
    let cut = raw(&standin).expect("bytes");
    assert!(cut.starts_with(b"HTTP/1.1 200") && cut.len() + 500 < good.len());

    assert_eq!(raw(&standin).expect("an answer").len(), good.len(), "all over");
    assert_eq!(standin.count(METADATA), 5);
}

#[test]
fn down_refuses_connections_and_up_remembers_everything() {
    let standin = standin();
    let code = authorize(&standin, "").code();
    standin.down();
    let refused = raw(&standin).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    standin.up();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", WIKI_CLIENT_ID),
        ("client_secret", WIKI_CLIENT_SECRET),
        ("code", &code),
        ("redirect_uri", CALLBACK),
    ];
    assert_eq!(post(standin.address(), "/application/o/token/", &form).status, 200);
}

#[test]
fn concurrency_is_the_most_at_one_moment() {
    let standin = standin();
    standin.fault(Endpoint::Discovery, Fault::Slow(Duration::from_millis(1_500)));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| raw(&standin));
        }
    });
    assert_eq!(standin.concurrency_peak(METADATA), 4);
    assert_eq!(raw(&standin).map(|bytes| bytes.is_empty()).ok(), Some(false));
    assert_eq!(standin.concurrency_peak(METADATA), 4);
    standin.forget_requests();
    assert_eq!((standin.concurrency_peak(METADATA), standin.count("/")), (0, 0));
}

#[test]
fn a_code_survives_a_hangup_but_not_a_truncated_answer() {
    let standin = standin();
    let code = authorize(&standin, "").code();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", WIKI_CLIENT_ID),
        ("client_secret", WIKI_CLIENT_SECRET),
        ("code", &code),
        ("redirect_uri", CALLBACK),
    ];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let kind = ["Content-Type: application/x-www-form-urlencoded"];
    let request = client::request("POST", "/application/o/token/", standin.address(), &kind, &body);
    for (fault, starts) in [
        (Some(Fault::Hangup), ""),
        (Some(Fault::Truncated), "HTTP/1.1 200"),
        (None, "HTTP/1.1 400"),
    ] {
        if let Some(fault) = fault {
            standin.fault_times(Endpoint::Token, fault, 1);
        }
        let bytes = client::exchange(standin.address(), &request).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.starts_with(starts) && text.is_empty() == starts.is_empty(), "{text}");
    }
}
