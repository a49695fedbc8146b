//! Requests as authentik expects them, and its responses.

use serde_json::{Value, json};

use super::*;
use crate::fixtures::{provider, recorded, settings};
use crate::provider::Settings;
use crate::token::{KeySet, MAX_TOKEN};

mod discovery;

const NOW: UnixTime = UnixTime(1_795_311_600);

fn discovered(file: &str, name: &str) -> Endpoints {
    Endpoints::parse(recorded(file).as_bytes(), &provider(name)).unwrap()
}

fn exchange() -> ExchangeCode {
    ExchangeCode {
        code: Secret::new("6421fd0a26cc47ecb851a3e8dbcd7881"),
        verifier: Secret::new("verifier-43"),
    }
}

fn read<Q: Question>(question: &Q, status: u16, body: &str) -> Result<Q::Answer, CoreError> {
    let response = HttpResponse { status, body: Secret::new(body) };
    question.read(&provider("p-proxy"), Ok(&response), NOW)
}

fn document<D: ServedDocument>(status: u16, body: &str) -> Result<D, CoreError> {
    let response = HttpResponse { status, body: Secret::new(body) };
    read_document(&provider("p-proxy"), Ok(&response))
}

#[test]
fn a_code_is_exchanged_by_the_recorded_request_and_pkce() {
    // The recorded request (docs/protocol.md §4.4), plus code_verifier.
    let provider = provider("p-proxy");
    let endpoints = discovered("openid_configuration_hs256.json", "p-proxy");
    let request = exchange().to_http(&provider, &endpoints).unwrap();
    assert_eq!(request.method, Method::PostForm);
    assert_eq!(request.url, "http://127.0.0.1:9100/application/o/token/");
    assert_eq!(request.claimed, None);
    let version = env!("CARGO_PKG_VERSION");
    let agent = format!("goauthentik.io/outpost/{version} (provider=p-proxy)");
    assert_eq!(request.user_agent, agent);
    let body = "client_id=XrHg8s9WC2sVDkfiOoZGws5NEr72Jr9tMNI9zrZy&client_secret=7C477rOmuGtYYpZ4\
        LerynsUsaOG9yXYXw4WJCpjnKZ2JXpzyd8i2yF9D9KBOP4Uwu0M8vQahQXNUWz1MkWU3Wh8M2kG1HpuEnQFst3M2\
        Rp6QtMEDIyvwr12WjHfZvZiR&code=6421fd0a26cc47ecb851a3e8dbcd7881&code_verifier=verifier-43\
        &grant_type=authorization_code&redirect_uri=http%3A%2F%2Fproxy.example.test%3A8880%2F\
        outpost.goauthentik.io%2Fcallback%3FX-authentik-auth-callback%3Dtrue";
    assert_eq!(request.body.expose_str(), Some(body));
    assert!(!format!("{request:?} {:?}", exchange()).contains("7C477"));
}

#[test]
fn the_other_requests_are_the_recorded_ones() {
    let basic = Provider::new(Settings {
        scope: ["ak_proxy", "entitlements", "email", "openid", "profile"].map(str::to_owned).into(),
        ..settings("p-basic")
    })
    .unwrap();
    let endpoints = discovered("openid_configuration_hs256.json", "p-proxy");
    let text = |request: &HttpRequest| request.body.expose_str().unwrap().to_owned();

    // As recorded, docs/protocol.md §5.2.
    let password = SignInByPassword {
        username: Secret::new("jürgen"),
        password: Secret::new("app-password-jrgen-key-0123456789"),
    };
    let request = password.to_http(&basic, &endpoints).unwrap();
    let expected = "grant_type=client_credentials&client_id=RAcRrHhqECT7WU44V7K9pnWOiCZOYpvzwEn8mbGW\
        &username=j%C3%BCrgen&password=app-password-jrgen-key-0123456789\
        &scope=ak_proxy+entitlements+email+openid+profile";
    assert_eq!(text(&request), expected);

    let introspect = Introspect { token: Secret::new("a.b.c") };
    let request = introspect.to_http(&basic, &endpoints).unwrap();
    assert_eq!(request.url, "http://127.0.0.1:9100/application/o/introspect/");
    assert!(
        text(&request).starts_with("client_id=RAcR") && text(&request).ends_with("&token=a.b.c")
    );

    let request = keys_request(&basic, &endpoints).unwrap();
    assert_eq!(request.method, Method::Get);
    assert_eq!(request.url, "http://127.0.0.1:9100/application/o/app-proxy/jwks/");
    assert!(request.body.is_empty());
}

#[test]
fn refresh_tokens_are_used_and_revoked_as_recorded() {
    // docs/protocol.md §4.8
    let provider = provider("p-refresh");
    let endpoints = discovered("openid_configuration_hs256.json", "p-proxy");
    let client = "client_id=YeDCf5OcX4wusgPVNioUyqLmp5DGu587Yyxacj9r\
        &client_secret=rotated-secret-1795762546-0123456789-0123456789-0123456789-0123456789";
    let refresh = RefreshTokens { refresh_token: Secret::new("CjVWTb+/") };
    let request = refresh.to_http(&provider, &endpoints).unwrap();
    assert_eq!(request.url, "http://127.0.0.1:9100/application/o/token/");
    let expected = format!("{client}&grant_type=refresh_token&refresh_token=CjVWTb%2B%2F");
    assert_eq!(request.body.expose_str(), Some(expected.as_str()));

    let revoke = RevokeToken { token: Secret::new("CjVWTb+/") };
    let request = revoke.to_http(&provider, &endpoints).unwrap();
    assert_eq!(request.url, "http://127.0.0.1:9100/application/o/revoke/");
    let expected = format!("{client}&token=CjVWTb%2B%2F&token_type_hint=refresh_token");
    assert_eq!(request.body.expose_str(), Some(expected.as_str()));
    let nowhere = Endpoints { revocation: None, ..endpoints };
    assert!(revoke.to_http(&provider, &nowhere).is_err());
    for (status, body, is_good) in
        [(200, "{}", true), (200, "", true), (200, "<html>", false), (401, "{}", false)]
    {
        assert_eq!(read(&revoke, status, body).is_ok(), is_good, "{status} {body}");
    }
    assert!(!format!("{refresh:?} {revoke:?}").contains("CjVWTb"));
}

#[test]
fn authentik_is_asked_under_the_host_that_its_issuer_names() {
    // docs/protocol.md §1.2: it computes `iss` from Host and scheme.
    for (issuer, token, claimed) in [
        ("https://sso.example/", "https://sso.example/t", None),
        ("https://sso.example:443/", "https://SSO.example/t", None),
        ("https://sso.example/", "http://10.0.0.5:9000/t", Some(("sso.example", "https"))),
        ("http://sso.example:8080/", "http://sso.example/t", Some(("sso.example:8080", "http"))),
        ("https://sso.example/", "http://sso.example/t", Some(("sso.example", "https"))),
    ] {
        let application = Some("wiki".into());
        let settings = Settings { issuer: issuer.into(), application, ..settings("p-proxy") };
        let provider = Provider::new(settings);
        let found = claimed_host(token, &provider.unwrap());
        let expected = claimed.map(|(host, scheme)| ClaimedHost { host: host.to_owned(), scheme });
        assert_eq!(found, expected, "{issuer} {token}");
    }
}

#[test]
fn a_provider_name_cannot_break_the_user_agent() {
    let name = "wiki\r\nX: y \u{e9}\u{1f600}".to_owned();
    let odd = Provider::new(Settings { name, ..settings("p-proxy") }).unwrap();
    assert_eq!(user_agent(&odd), format!("{USER_AGENT} (provider=wikiX: y )"));
}

#[test]
fn recorded_answers_are_understood() {
    let tokens = read(&exchange(), 200, recorded("token_response_hs256_bob.json")).unwrap();
    assert_ne!(Some(&tokens.access_token), tokens.id_token.as_ref());
    let introspect = Introspect { token: Secret::new("t") };
    let active = recorded("introspection_active_hs256.json");
    assert!(read(&introspect, 200, active).is_ok());
    assert!(document::<KeySet>(200, "{}").is_ok_and(|keys| keys.is_empty()));
    assert!(document::<Endpoints>(200, recorded("openid_configuration_hs256.json")).is_ok());
}

#[test]
fn every_failure_has_its_cure() {
    let introspect = Introspect { token: Secret::new("t") };
    let invalid_grant = recorded("token_error_invalid_grant.json");
    let invalid_client = recorded("token_error_invalid_client.json");
    for (status, body, cure) in [
        (400, invalid_grant, Cure::SignInAgain),
        (400, invalid_client, Cure::Administrator),
        (401, invalid_client, Cure::Administrator),
        (400, r#"{"error":"temporarily_unavailable"}"#, Cure::Later),
        (400, r#"{"error":["invalid_grant"]}"#, Cure::Administrator),
        (400, "<html>", Cure::Administrator),
        (405, "", Cure::Administrator),
        (302, "", Cure::Administrator),
        (204, "", Cure::Administrator),
        (429, "", Cure::Later),
        (500, "<html>", Cure::Later),
        (503, invalid_grant, Cure::Later),
        (200, "<html>", Cure::Later),
        (200, "", Cure::Later),
        (200, "{}", Cure::Later),
        (200, r#"{"access_token":"","token_type":"Bearer"}"#, Cure::Later),
        (200, r#"{"access_token":"t"}"#, Cure::Later),
        (200, r#"{"access_token":"t","token_type":"DPoP"}"#, Cure::Later),
        (200, r#"{"access_token":1,"token_type":"Bearer"}"#, Cure::Later),
    ] {
        let error = read(&exchange(), status, body).unwrap_err();
        assert_eq!(error.cure(), cure, "{status} {body}: {error}");
    }
    let inactive = read(&introspect, 200, recorded("introspection_inactive.json"));
    assert_eq!(inactive.unwrap_err().cure(), Cure::SignInAgain);
    for (status, body, cure) in [
        (200, "[]", Cure::Later),
        (200, "<html>", Cure::Later),
        (404, "<html>", Cure::Administrator),
    ] {
        assert_eq!(document::<KeySet>(status, body).unwrap_err().cure(), cure, "{status} {body}");
        assert_eq!(
            document::<Endpoints>(status, body).unwrap_err().cure(),
            cure,
            "{status} {body}"
        );
    }
    for error in [
        TransportError::Timeout,
        TransportError::Unreachable("refused".into()),
        TransportError::Tls("unknown issuer".into()),
        TransportError::TooLarge,
        TransportError::Protocol("x".into()),
        TransportError::Overloaded,
    ] {
        let result = exchange().read(&provider("p-proxy"), Err(&error), NOW);
        assert_eq!(result.unwrap_err().cure(), Cure::Later, "{error:?}");
    }
}

#[test]
fn what_authentik_says_of_an_error_cannot_flood_or_forge_the_log() {
    let body: Value =
        json!({"error": "a\n[alert] b", "error_description": "\u{1b}[2J".repeat(500)});
    let error = read(&exchange(), 400, &body.to_string()).unwrap_err();
    let shown = error.to_string();
    assert!(shown.starts_with("authentik rejected it: a?[alert] b, ?[2J"), "{shown}");
    assert!(shown.len() < 300 && shown.chars().all(|c| !c.is_control()));
}

#[test]
fn a_token_longer_than_we_verify_is_not_taken_over() {
    let long = "a".repeat(MAX_TOKEN + 1);
    let body = json!({"access_token": long, "token_type": "Bearer"}).to_string();
    assert!(read(&exchange(), 200, &body).is_err());
}
