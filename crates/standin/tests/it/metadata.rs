//! Discovery and key sets.

use authentik_standin::{IssuerMode, Signing};
use serde_json::{Value, json};

use crate::client::get;
use crate::{standin, started};

const RECORDED: &str = include_str!("../data/openid_configuration_hs256.json");
const METADATA: &str = "/application/o/wiki/.well-known/openid-configuration";

#[test]
fn the_metadata_are_the_recorded_ones_but_for_slug_and_host() {
    let standin = standin();
    let answer = get(standin.address(), METADATA, &["Host: 127.0.0.1:9100"]);
    let recorded: Value =
        serde_json::from_str(&RECORDED.replace("app-proxy", "wiki")).expect("a fixture");
    assert_eq!(answer.json(), recorded);
    // Python's spacing and the members' order, too.
    assert_eq!(answer.body, one_line(&RECORDED.replace("app-proxy", "wiki")));
    assert_eq!(answer.header("content-type"), "application/json");
}

/// The fixture's order of members in the style of the wire.
fn one_line(text: &str) -> String {
    if !text.contains('\n') {
        return text.to_owned();
    }
    let lines = text.lines().map(str::trim_start);
    lines
        .collect::<Vec<_>>()
        .join(" ")
        .replace("{ ", "{")
        .replace(" }", "}")
        .replace("[ ", "[")
        .replace(" ]", "]")
}

#[test]
fn every_url_follows_the_host_and_scheme_of_the_request() {
    let standin = standin();
    for (headers, origin) in [
        (vec!["Host: sso.example.test:9443"], "http://sso.example.test:9443"),
        (vec!["Host: sso.example.test", "X-Forwarded-Proto: https"], "https://sso.example.test"),
    ] {
        let metadata = get(standin.address(), METADATA, &headers).json();
        assert_eq!(metadata["issuer"], format!("{origin}/application/o/wiki/"));
        for (name, value) in metadata.as_object().expect("an object") {
            if name.ends_with("_endpoint") || name.ends_with("_uri") {
                assert!(value.as_str().is_some_and(|url| url.starts_with(origin)), "{name}");
            }
        }
    }
}

#[test]
fn a_request_with_two_hosts_or_none_is_refused() {
    let standin = standin();
    let answer = get(standin.address(), METADATA, &["Host: a.test", "Host: a.test"]);
    assert_eq!(answer.status, 400);
    assert_eq!(standin.requests()[0].headers_named("host"), ["a.test", "a.test"]);
    let without = format!("GET {METADATA} HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert_eq!(crate::client::send(standin.address(), &without).status, 400);
}

#[test]
fn an_hs256_provider_has_a_key_set_without_keys() {
    let answer = get(standin().address(), "/application/o/wiki/jwks/", &[]);
    assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}

#[test]
fn rotated_keys_have_other_ids_and_replace_the_old_ones() {
    for signing in [Signing::Rs256, Signing::Es256] {
        let standin = started(|settings| settings.providers[0].signing = signing);
        let keys = || {
            let set = get(standin.address(), "/application/o/wiki/jwks/", &[]).json();
            assert_eq!(set["keys"].as_array().expect("keys").len(), 1);
            set["keys"][0].clone()
        };
        let before = keys();
        assert_eq!(before["alg"], signing.name());
        standin.rotate_keys();
        assert_ne!(before["kid"], keys()["kid"]);
        assert_eq!(before["kid"].as_str().map(str::len), Some(86), "as long as recorded");
    }
}

#[test]
fn the_global_issuer_has_no_slug() {
    let standin = started(|settings| settings.providers[0].issuer_mode = IssuerMode::Global);
    let metadata = get(standin.address(), METADATA, &["Host: sso.test"]).json();
    assert_eq!(metadata["issuer"], json!("http://sso.test/"));
}

#[test]
fn an_unknown_application_is_an_html_404_and_the_issuer_url_a_redirect() {
    let standin = standin();
    let unknown =
        get(standin.address(), "/application/o/nope/.well-known/openid-configuration", &[]);
    assert_eq!((unknown.status, unknown.header("content-type")), (404, "text/html; charset=utf-8"));
    let issuer = get(standin.address(), "/application/o/wiki/", &[]);
    assert_eq!(issuer.location(), METADATA);
}
