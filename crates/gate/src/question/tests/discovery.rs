//! Where discovery asks, and which documents it accepts.

use super::*;
use crate::provider::GivenEndpoints;

fn global() -> Provider {
    Provider::new(Settings {
        issuer: "http://127.0.0.1:9100/".into(),
        application: Some("app-global-issuer".into()),
        ..settings("p-proxy")
    })
    .unwrap()
}

#[test]
fn discovery_is_asked_of_the_application() {
    let with = |issuer: &str, application: Option<&str>| {
        let settings = Settings {
            issuer: issuer.into(),
            application: application.map(str::to_owned),
            ..settings("p-proxy")
        };
        let provider = Provider::new(settings).ok()?;
        discovery_request(&provider).map(|request| request.url).ok()
    };
    let wiki = "https://h/application/o/wiki/.well-known/openid-configuration";
    let below = "https://h/sso/application/o/wiki/.well-known/openid-configuration";
    for (issuer, application, url) in [
        ("https://h/application/o/wiki/", None, Some(wiki)),
        ("https://h/application/o/wiki/", Some("other"), Some(wiki)),
        ("https://h/", Some("wiki"), Some(wiki)),
        ("https://h/sso/application/o/wiki/", None, Some(below)),
        ("https://h/sso/", Some("wiki"), Some(below)),
        ("https://h/", None, None),
        ("https://h/", Some("../admin"), None),
        ("https://h/application/o/wiki/?q", None, None),
    ] {
        assert_eq!(with(issuer, application).as_deref(), url, "{issuer}");
    }
}

#[test]
fn recorded_discovery_documents_are_read() {
    let base = "http://127.0.0.1:9100/application/o";
    let endpoints = discovered("openid_configuration_hs256.json", "p-proxy");
    assert_eq!(
        endpoints,
        Endpoints {
            issuer: format!("{base}/app-proxy/"),
            authorization: format!("{base}/authorize/"),
            token: format!("{base}/token/"),
            introspection: Some(format!("{base}/introspect/")),
            revocation: Some(format!("{base}/revoke/")),
            end_session: format!("{base}/app-proxy/end-session/"),
            jwks_uri: Some(format!("{base}/app-proxy/jwks/")),
            signing: Signing::ClientSecret,
        }
    );
    let signing = discovered("openid_configuration_rs256.json", "p-rs256").signing;
    assert_eq!(signing, Signing::PublishedKeys);
    let document = recorded("openid_configuration_global_issuer.json");
    let endpoints = Endpoints::parse(document.as_bytes(), &global()).unwrap();
    assert_eq!(endpoints.end_session, format!("{base}/app-global-issuer/end-session/"));
}

#[test]
fn another_issuer_is_refused_with_both_names_and_the_cure() {
    let document = recorded("openid_configuration_rs256.json");
    let error = Endpoints::parse(document.as_bytes(), &provider("p-proxy")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "issuer: \"http://127.0.0.1:9100/application/o/app-proxy/\" is configured, but authentik \
         answers as \"http://127.0.0.1:9100/application/o/app-rs256/\"; write issuer \
         http://127.0.0.1:9100/application/o/app-rs256/;"
    );
    assert_eq!(error.cure(), Cure::Administrator);

    // Only the scheme differs: authentik does not know that its visitors use https.
    let issuer = "https://h/application/o/wiki/";
    let provider =
        Provider::new(Settings { issuer: issuer.into(), ..settings("p-proxy") }).unwrap();
    let document = json!({ "issuer": "http://h/application/o/wiki/" }).to_string();
    let error = Endpoints::parse(document.as_bytes(), &provider).unwrap_err().to_string();
    let cure = "add there proxy_set_header X-Forwarded-Proto $scheme; otherwise write issuer \
                http://h/application/o/wiki/;";
    assert!(error.ends_with(cure), "{error}");
}

#[test]
fn a_discovery_document_that_cannot_be_trusted_is_refused() {
    let issuer = "https://h/application/o/wiki/";
    let provider =
        Provider::new(Settings { issuer: issuer.into(), ..settings("p-proxy") }).unwrap();
    let good = json!({
        "issuer": issuer, "authorization_endpoint": "https://h/a", "token_endpoint": "https://h/t",
        "end_session_endpoint": "https://h/e", "jwks_uri": "https://h/k",
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    assert!(Endpoints::parse(good.to_string().as_bytes(), &provider).is_ok());
    for (member, value) in [
        ("issuer", json!("https://h/application/o/wiki")),
        ("issuer", json!(null)),
        ("authorization_endpoint", json!(null)),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("authorization_endpoint", json!("//h/a")),
        ("authorization_endpoint", json!("https://h/a\r\nSet-Cookie: a=b")),
        ("authorization_endpoint", json!("https://h/a#f")),
        ("authorization_endpoint", json!(format!("https://h/{}", "a".repeat(MAX_TOKEN)))),
        ("token_endpoint", json!("http://h/t")),
        ("token_endpoint", json!("https://user:pass@h/t")),
        ("token_endpoint", json!(["https://h/t"])),
        ("end_session_endpoint", json!(null)),
        ("jwks_uri", json!(null)),
        ("jwks_uri", json!("http://h/k")),
        ("id_token_signing_alg_values_supported", json!(["EdDSA", "none"])),
        ("id_token_signing_alg_values_supported", json!("RS256")),
        ("id_token_signing_alg_values_supported", json!(null)),
    ] {
        let mut document = good.clone();
        document[member] = value.clone();
        let parsed = Endpoints::parse(document.to_string().as_bytes(), &provider);
        assert!(parsed.is_err(), "{member}: {value}");
    }
}

#[test]
fn given_endpoints_replace_discovered_ones_and_discovery_itself() {
    let text = |url: &str| Some(url.to_owned());
    let with = |endpoints| Provider::new(Settings { endpoints, ..settings("p-proxy") }).unwrap();
    let all = GivenEndpoints {
        authorization: text("https://h/a"),
        token: text("http://10.0.0.5/t"),
        end_session: text("https://h/e"),
        ..GivenEndpoints::default()
    };
    let endpoints = Endpoints::given(&with(all.clone())).unwrap();
    assert_eq!((endpoints.signing, &endpoints.jwks_uri), (Signing::ClientSecret, &None));
    let error = keys_request(&with(all.clone()), &endpoints).unwrap_err();
    assert_eq!(error.to_string(), "jwks_uri is not known; write jwks_uri <URL>;");
    let keys = GivenEndpoints { jwks: text("https://h/k"), ..all.clone() };
    assert_eq!(Endpoints::given(&with(keys)).unwrap().signing, Signing::PublishedKeys);

    let some = GivenEndpoints { end_session: None, ..all };
    assert_eq!(Endpoints::given(&with(some.clone())), None);
    let document = recorded("openid_configuration_hs256.json");
    let endpoints = Endpoints::parse(document.as_bytes(), &with(some)).unwrap();
    assert_eq!(endpoints.token, "http://10.0.0.5/t");
    assert!(endpoints.end_session.ends_with("/app-proxy/end-session/"));
}
