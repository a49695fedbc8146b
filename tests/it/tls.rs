//! authentik behind TLS: its certificate is verified before anything is sent or trusted.

use crate::error_pages::assert_error_page;
use crate::harness::{Site, TempDir, certificate, eventually};

#[test]
fn authentiks_certificate_is_checked_unless_it_is_switched_off() {
    let given = |file| format!("ssl_trusted_certificate %%PREFIX%%/{file};");
    for (what, trust, works) in [
        ("an unknown certificate", String::new(), false),
        ("the certificate itself is given (openssl req -x509: CA:TRUE)", given("cert.pem"), true),
        ("another certificate is given", given("other.pem"), false),
        ("not checked, as the administrator wants", "ssl_verify off;".to_owned(), true),
    ] {
        let site = behind_tls("sso.test", "127.0.0.1", &trust);
        let mut browser = site.browser();
        let trail = browser.step("/page");

        if works {
            assert_eq!(trail.status(), 302, "{what}: {trail:#?}");
            assert!(trail.location().starts_with("https://127.0.0.1:"), "{what}: {trail:#?}");
        } else {
            assert_eq!(trail.status(), 503, "{what}: {trail:#?}");
            assert_error_page(&trail);
            assert_eq!(site.sso.requests().len(), 0, "{what}: nothing was told");
            assert_logged(&site, "in ssl_trusted_certificate");
        }
        assert_eq!(site.app.hits(), 0, "{what}");
    }
}

#[test]
fn a_certificate_of_another_name_is_refused() {
    let trust = "ssl_trusted_certificate %%PREFIX%%/cert.pem;";
    let site = behind_tls("sso.test", "127.0.0.9", trust);

    assert_eq!(site.browser().step("/page").status(), 503);

    assert_eq!(site.sso.requests().len(), 0);
    assert_logged(&site, "is for sso.test, 127.0.0.9 and not for 127.0.0.1");
}

/// The page is sent before its reason is logged.
fn assert_logged(site: &Site, text: &str) {
    eventually(text, || !site.error_log().lines_with(text).is_empty());
}

/// The stand-in behind an nginx with a TLS certificate for this name and address.
fn behind_tls(name: &str, address: &str, trust: &str) -> Site {
    let directory = TempDir::new();
    let pem = |address: &str| {
        let (certificate, key) = certificate(name, address, &directory);
        let read = |path| std::fs::read_to_string(path).expect("a PEM file");
        (read(certificate), read(key))
    };
    let (other, _) = pem(address);
    let (certificate, key) = pem(address);
    Site::builder()
        .file("cert.pem", &certificate)
        .file("key.pem", &key)
        .file("other.pem", &other)
        .http(&format!(
            "server {{
                 listen 127.0.0.1:%%PORT2%% ssl;
                 ssl_certificate %%PREFIX%%/cert.pem;
                 ssl_certificate_key %%PREFIX%%/key.pem;
                 location / {{
                     proxy_pass %%SSO%%;
                     proxy_set_header Host $http_host;
                     proxy_set_header X-Forwarded-Proto https;
                 }}
             }}
             authentik_provider secure {{
                 issuer https://127.0.0.1:%%PORT2%%/application/o/wiki/;
                 client_id {};
                 client_secret_file %%PREFIX%%/wiki.secret;
                 external_host http://wiki.test:%%PORT%%;
                 {trust}
             }}",
            authentik_standin::WIKI_CLIENT_ID
        ))
        .server(
            "authentik_provider secure;
             location / { proxy_pass http://app; }",
        )
        .start()
}
