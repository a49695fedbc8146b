use serde_json::json;

use super::*;
use crate::fixtures::recorded;
use crate::provider::Trust;

fn settings(browser_url: Option<&str>) -> OutpostSettings {
    let token = Secret::new("t0ken");
    OutpostSettings::new("http://127.0.0.1:9100", browser_url, token, Trust::System).unwrap()
}

fn answer(status: u16, body: &str) -> HttpResponse {
    HttpResponse { status, body: Secret::new(body) }
}

fn ok(body: &Value) -> HttpResponse {
    answer(200, &body.to_string())
}

fn page(body: &Value) -> Result<ProviderPage, RefreshError> {
    read_providers(&ok(body), 1, &settings(None))
}

/// The recorded page with its first provider changed.
fn page_where(change: impl Fn(&mut Value)) -> ProviderPage {
    let mut body: Value = serde_json::from_str(recorded("outpost_providers_page_1.json")).unwrap();
    change(&mut body["results"][0]);
    page(&body).unwrap()
}

#[test]
fn the_outpost_of_the_token_is_read() {
    let outpost = read_instances(&answer(200, recorded("outpost_instances.json"))).unwrap();
    assert_eq!(outpost.pk, "7d3007dc-c79c-4534-8ead-ee1d6270f290");
    assert_eq!(outpost.name, "second outpost");
    assert_eq!(outpost.refresh_interval_s, 300);
}

#[test]
fn a_token_without_or_with_several_outposts_is_none_of_ours() {
    let several = answer(200, recorded("outpost_instances_of_an_administrator.json"));
    assert_eq!(read_instances(&several), Err(RefreshError::SeveralOutposts(3)));
    assert_eq!(read_instances(&ok(&json!({"results": []}))), Err(RefreshError::NoOutpost));
    let pk = "7d3007dc-c79c-4534-8ead-ee1d6270f290";
    let ldap = json!({"results": [{"pk": pk, "name": "dir", "type": "ldap"}]});
    let error = read_instances(&ok(&ldap)).unwrap_err();
    assert!(error.needs_administrator());
    assert!(error.to_string().contains("\"dir\", an outpost of type ldap"), "{error}");
}

#[test]
fn an_outpost_whose_name_in_urls_is_no_uuid_is_garbled() {
    for outpost in [
        json!({"name": "n", "type": "proxy"}),
        json!({"pk": "../admin", "name": "n", "type": "proxy"}),
        json!({"pk": 7, "name": "n"}),
        json!(null),
        json!("x"),
    ] {
        let error = read_instances(&ok(&json!({"results": [outpost]}))).unwrap_err();
        assert_eq!(error, RefreshError::Garbled { about: "the outpost" });
    }
}

#[test]
fn any_interval_is_read_and_nonsense_is_zero() {
    for (sent, read) in [
        (json!(300), 300),
        (json!(45.9), 45),
        (json!(-7), 0),
        (json!(null), 0),
        (json!("5"), 0),
        (json!(1e300), u64::MAX),
    ] {
        let outpost = json!({
            "pk": "7d3007dc-c79c-4534-8ead-ee1d6270f290", "name": "", "refresh_interval_s": sent,
        });
        let outpost = read_instances(&ok(&json!({"results": [outpost]}))).unwrap();
        assert_eq!(outpost.refresh_interval_s, read, "{sent}");
    }
}

#[test]
fn a_recorded_page_is_read_in_its_order() {
    let read = page_where(|_| ());
    assert_eq!(read.next, Some(2));
    assert_eq!(read.unusable, []);
    let names: Vec<&str> = read.providers.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["p-basic", "p-cert", "p-consent", "p-domain", "p-eddsa"]);

    let [basic, cert, _, domain, _] = read.providers.as_slice() else { unreachable!() };
    assert_eq!(basic.mode, "proxy");
    assert_eq!(basic.external_host, "http://basic.example.test:8880");
    assert_eq!(basic.internal_host, "http://127.0.0.1:9201");
    assert_eq!(basic.client_id, "RAcRrHhqECT7WU44V7K9pnWOiCZOYpvzwEn8mbGW");
    assert_eq!((basic.client_secret.expose().len(), basic.cookie_secret.expose().len()), (128, 32));
    assert_eq!(basic.skip_path_regex, "^/open(/|$)\n(?i)^/Ping$\n[invalid(regex");
    assert!(basic.basic_auth_enabled && basic.intercept_header_auth);
    assert_eq!(basic.basic_auth_user_attribute, "app_username");
    assert_eq!(basic.basic_auth_password_attribute, "app_password");
    assert_eq!(basic.scopes_to_request, ["ak_proxy", "email", "entitlements", "openid", "profile"]);
    assert_eq!(basic.assigned_application_slug, "app-basic");
    let oidc = &basic.oidc_configuration;
    assert_eq!(oidc.issuer, "http://127.0.0.1:9100/application/o/app-basic/");
    assert_eq!(oidc.id_token_signing_alg_values_supported, ["HS256"]);

    assert_eq!(cert.certificate.as_deref(), Some("bd1be30d-caa4-40d6-8a08-419a42b720cb"));
    assert!(!cert.internal_host_ssl_validation);
    assert_eq!(
        (domain.mode.as_str(), domain.cookie_domain.as_str()),
        ("forward_domain", "example.test")
    );
}

#[test]
fn the_browser_url_moves_what_browsers_see_and_nothing_else() {
    // docs/protocol.md §1.2.
    let body = recorded("outpost_providers_page_1.json");
    let settings = settings(Some("https://SSO.example.com:443/"));
    let read = read_providers(&answer(200, body), 1, &settings).unwrap();
    let oidc = &read.providers[0].oidc_configuration;
    for (url, expected) in [
        (&oidc.issuer, "https://sso.example.com/application/o/app-basic/"),
        (&oidc.authorization_endpoint, "https://sso.example.com/application/o/authorize/"),
        (
            &oidc.end_session_endpoint,
            "https://sso.example.com/application/o/app-basic/end-session/",
        ),
        (&oidc.token_endpoint, "http://127.0.0.1:9100/application/o/token/"),
        (&oidc.introspection_endpoint, "http://127.0.0.1:9100/application/o/introspect/"),
        (&oidc.revocation_endpoint, "http://127.0.0.1:9100/application/o/revoke/"),
        (&oidc.jwks_uri, "http://127.0.0.1:9100/application/o/app-basic/jwks/"),
    ] {
        assert_eq!(url, expected);
    }
}

#[test]
fn one_bad_provider_is_named_and_the_others_load() {
    let long = "a".repeat(4097);
    for (field, value, why) in [
        ("name", json!(""), "name is missing"),
        ("mode", json!(null), "mode is missing"),
        ("mode", json!("for\"ward"), "mode \"for?ward\" is not known"),
        ("external_host", json!(null), "external_host is missing"),
        ("external_host", json!(long), "external_host is longer than 4096 bytes"),
        ("client_id", json!(7), "client_id is not a string"),
        ("client_secret", json!(""), "client_secret is missing"),
        ("certificate", json!("../x"), "certificate is not a UUID"),
        ("basic_auth_enabled", json!("yes"), "basic_auth_enabled is neither true nor false"),
        ("scopes_to_request", json!("openid"), "scopes_to_request is not a list of strings"),
        ("scopes_to_request", json!([1]), "scopes_to_request is not a list of strings"),
        ("skip_path_regex", json!(["^/"]), "skip_path_regex is not a string"),
        ("assigned_application_slug", json!(null), "assigned_application_slug is missing"),
        ("oidc_configuration", json!(null), "oidc_configuration.issuer is missing"),
        ("oidc_configuration", json!([]), "oidc_configuration.issuer is missing"),
    ] {
        let read = page_where(|provider| provider[field] = value.clone());
        assert_eq!(read.providers.len(), 4, "{field}");
        let [unusable] = read.unusable.as_slice() else { panic!("{field} was accepted") };
        assert_eq!(unusable.why, why);
        let name = if field == "name" { "(provider number 4)" } else { "p-basic" };
        assert_eq!(unusable.name, name);
    }
    for garbage in [json!(null), json!(7), json!([]), json!({})] {
        let read = page_where(|provider| *provider = garbage.clone());
        assert_eq!((read.providers.len(), read.unusable.len()), (4, 1));
        assert_eq!(read.unusable[0].name, "(a provider without a name)");
    }
    for url in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"] {
        let read = page_where(|provider| provider["oidc_configuration"][url] = json!("ftp://h/"));
        let why = format!("oidc_configuration.{url} is not an http or https URL");
        assert_eq!(read.unusable[0].why, why);
    }
}

#[test]
fn what_the_schema_lets_out_has_upstreams_default_and_more_is_ignored() {
    let read = page_where(|provider| {
        let members = provider.as_object_mut().unwrap();
        for name in [
            "internal_host",
            "internal_host_ssl_validation",
            "cookie_secret",
            "cookie_domain",
            "certificate",
            "skip_path_regex",
            "basic_auth_enabled",
            "basic_auth_user_attribute",
            "basic_auth_password_attribute",
            "intercept_header_auth",
        ] {
            members.remove(name).unwrap();
        }
        members.insert("of_a_newer_version".into(), json!({"a": [1]}));
    });
    let provider = &read.providers[0];
    assert!(provider.internal_host_ssl_validation && provider.intercept_header_auth);
    assert!(!provider.basic_auth_enabled && provider.cookie_secret.is_empty());
    assert_eq!(provider.certificate, None);
}

#[test]
fn scopes_in_another_order_are_the_same_settings() {
    let reversed = page_where(|provider| {
        provider["scopes_to_request"].as_array_mut().unwrap().reverse();
    });
    assert_eq!(reversed, page_where(|_| ()));
}

#[test]
fn paging_ends_and_never_goes_back() {
    for (next, page_read) in [
        (json!(0), Some(None)),
        (json!(0.0), Some(None)),
        (json!(6), Some(Some(6))),
        (json!(5), None),
        (json!(4), None),
        (json!(-1), None),
        (json!(null), None),
        (json!(5_000_000_000_u64), None),
    ] {
        let body = json!({"pagination": {"next": next}, "results": []});
        let read = read_providers(&ok(&body), 5, &settings(None)).ok().map(|read| read.next);
        assert_eq!(read, page_read, "{next}");
    }
    for body in [json!({"results": []}), json!({"pagination": {"next": 0}}), json!([])] {
        assert_eq!(page(&body), Err(RefreshError::Garbled { about: "the providers" }));
    }
}

#[test]
fn a_certificate_is_told_apart_by_its_fingerprint() {
    let call = Call::KeyPair("bd1be30d-caa4-40d6-8a08-419a42b720cb");
    let fingerprint = read_fingerprint(&answer(200, recorded("outpost_key_pair.json")), call);
    assert!(fingerprint.unwrap().starts_with("cb:d7:84:91:d6:"));
    for body in [json!({}), json!({"fingerprint_sha256": null}), json!({"fingerprint_sha256": ""})]
    {
        assert!(read_fingerprint(&ok(&body), call).is_err(), "{body}");
    }
    let call = Call::PrivateKey("bd1be30d-caa4-40d6-8a08-419a42b720cb");
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nMII";
    assert_eq!(read_pem(&ok(&json!({"data": pem})), call), Ok(Secret::new(pem)));
    for body in [json!({"data": ""}), json!({"data": null}), json!({"data": "<html>"}), json!({})] {
        assert!(read_pem(&ok(&body), call).is_err(), "{body}");
    }
}

#[test]
fn a_refusal_is_explained() {
    // Recorded bodies.
    let html = "<!DOCTYPE html><title>authentik</title>";
    for (status, body, administrator, says) in [
        (
            403,
            r#"{"detail":"Token invalid/expired"}"#,
            true,
            "(403 for the providers, Token invalid/expired)",
        ),
        (403, r#"{"detail":"a\r\nb"}"#, true, "a??b"),
        (403, html, true, "service account"),
        (401, "", true, "View Deployment Info"),
        (
            404,
            r#"{"detail":"Invalid page."}"#,
            false,
            "answered 404 for the providers: Invalid page.",
        ),
        (404, html, false, "is the URL right?"),
        (302, "", false, "answered 302"),
        (500, html, false, "answered 500 for the providers"),
        (502, "", false, "answered 502"),
        (429, "", false, "answered 429"),
        (200, html, false, "cannot be understood"),
        (200, "{}{}", false, "cannot be understood"),
    ] {
        let error = read_providers(&answer(status, body), 1, &settings(None)).unwrap_err();
        assert_eq!(error.needs_administrator(), administrator, "{status} {body}");
        assert!(error.to_string().contains(says), "{status} {body}: {error}");
        assert!(!error.to_string().contains("t0ken"));
    }
}

#[test]
fn no_message_repeats_a_secret() {
    let read = page_where(|provider| provider["client_secret"] = json!(["hunter2", "hunter2"]));
    assert!(!format!("{read:?}").contains("hunter2"));
    assert_eq!(read.unusable[0].why, "client_secret is not a string");
}
