//! Certificates of providers, selected by the name that a TLS client sends.

use std::fs;
use std::time::Duration;

use authentik_standin::{CertificateSettings, Endpoint, Fault, Mode, ProviderSettings};

use super::{CONNECTED, connected, started};
use crate::harness::{Builder, Curl, Site, TempDir, certificate, eventually, handshake, within};

const FILES: &str = "11111111-1111-4111-8111-111111111111";
const DOMAIN: &str = "22222222-2222-4222-8222-222222222222";

/// Certificate and key, PEM.
type Pair = (String, String);

fn pair(name: &str) -> Pair {
    let directory = TempDir::new();
    let (certificate, key) = certificate(name, "127.0.0.1", &directory);
    let read = |path| fs::read_to_string(path).expect("a PEM file");
    (read(certificate), read(key))
}

/// A TLS server with the providers' own certificates.
const BY_NAME: &str = "server {
        listen 127.0.0.1:%%PORT2%% ssl;
        server_name files.test *.example.test;
        ssl_certificate \"data:$authentik_ssl_certificate\";
        ssl_certificate_key \"data:$authentik_ssl_certificate_key\";
        authentik_provider auto;
        add_header X-Certificate \"[$authentik_ssl_certificate]\" always;
        add_header X-Key \"[$authentik_ssl_certificate_key]\" always;
        location / { proxy_pass http://app; }
    }";

/// `wiki.test` has no certificate; `files.test` and a domain have one.
fn site(files: &Pair, domain: &Pair) -> Site {
    site_with(connected().http(&format!("{CONNECTED} {BY_NAME}")), files, domain)
}

fn site_with(builder: Builder, files: &Pair, domain: &Pair) -> Site {
    let (files, domain) = (files.clone(), domain.clone());
    started(builder.settings(move |settings, ports| {
        let url = |host: &str| format!("https://{host}:{}", ports.other);
        let mut with_files = ProviderSettings::new("files", &url("files.test"));
        with_files.proxy.certificate = Some(FILES.to_owned());
        let mut with_domain = ProviderSettings::new("domain", &url("auth.example.test"));
        with_domain.proxy.mode = Mode::ForwardDomain;
        with_domain.proxy.cookie_domain = "example.test".to_owned();
        with_domain.proxy.certificate = Some(DOMAIN.to_owned());
        settings.providers.extend([with_files, with_domain]);
        for (pk, (certificate_pem, key_pem)) in [(FILES, files.clone()), (DOMAIN, domain.clone())] {
            let (pk, name) = (pk.to_owned(), pk.to_owned());
            settings.certificates.push(CertificateSettings { pk, name, certificate_pem, key_pem });
        }
    }))
}

/// The certificate presented to a client that asks for this name.
fn shown(site: &Site, name: &str) -> Result<String, String> {
    handshake(site.other_address(), &["-servername", name])
}

/// No log line of nginx or the module contains a part of the key.
fn assert_not_logged(site: &Site, (_, key): &Pair) {
    let log = site.error_log().text();
    for line in key.lines().filter(|line| !line.starts_with("-----")) {
        assert!(!log.contains(line), "a private key is in the log");
    }
    assert!(!log.contains("PRIVATE KEY"));
}

#[test]
fn each_name_is_shown_the_certificate_of_its_own_provider() {
    let (files, domain) = (pair("files.test"), pair("*.example.test"));
    let site = site(&files, &domain);
    for (name, expected) in [
        ("files.test", &files.0),
        ("FILES.test", &files.0),
        ("auth.example.test", &domain.0),
        ("any.example.test", &domain.0),
    ] {
        assert_eq!(shown(&site, name).as_ref(), Ok(expected), "{name}");
    }
    for name in ["wiki.test", "nobody.test", "evilexample.test", "127.0.0.1"] {
        assert!(shown(&site, name).is_err(), "{name}");
    }
    assert!(handshake(site.other_address(), &["-noservername"]).is_err());
    for pair in [&files, &domain] {
        assert_not_logged(&site, pair);
    }
}

#[test]
fn nothing_that_a_request_can_set_off_shows_certificate_or_key() {
    let (files, domain) = (pair("files.test"), pair("*.example.test"));
    let site = site(&files, &domain);
    let port = site.other_address().port();
    let directory = TempDir::new();
    let curl = Curl::new("files.test", site.other_address(), &directory);
    let answer = curl.run(&format!("https://files.test:{port}/"));
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("X-Certificate: []"), "{answer}");
    assert!(answer.contains("X-Key: []"), "{answer}");
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_renewed_certificate_is_shown_without_a_reload() {
    let (files, domain) = (pair("files.test"), pair("*.example.test"));
    let site = site(&files, &domain);
    site.sso.await_connections(1, Duration::from_secs(10));
    let workers = site.worker_pids();
    assert_eq!(shown(&site, "files.test"), Ok(files.0));

    let renewed = pair("files.test");
    site.sso.update_certificate(FILES, &renewed.0, &renewed.1);
    within(Duration::from_secs(3), "every worker shows the new one", || {
        (0..10).all(|_| shown(&site, "files.test").as_ref() == Ok(&renewed.0))
    });
    assert_eq!(shown(&site, "any.example.test"), Ok(domain.0));
    assert_eq!(site.worker_pids(), workers);
    assert_not_logged(&site, &renewed);
}

#[test]
fn a_certificate_that_is_not_granted_yet_leaves_the_former_one_in_place() {
    const RENEWED: &str = "33333333-3333-4333-8333-333333333333";
    let (files, domain) = (pair("files.test"), pair("*.example.test"));
    let site = site(&files, &domain);
    site.sso.await_connections(1, Duration::from_secs(10));
    let renewed = pair("files.test");
    let (certificate_pem, key_pem) = renewed.clone();
    site.sso.change(|settings| {
        let (pk, name) = (RENEWED.to_owned(), "renewed".to_owned());
        settings.certificates.push(CertificateSettings { pk, name, certificate_pem, key_pem });
    });

    // authentik announces a certificate before granting access, and for that moment revokes earlier
    // access.
    site.sso.fault(Endpoint::Certificates, Fault::Status(404));
    site.sso.update_provider("files", |files| {
        files.proxy.certificate = Some(RENEWED.to_owned());
    });
    let remark = format!("certificate {RENEWED}");
    eventually("the log names it", || {
        let lines = site.error_log().lines_with(&remark);
        lines.iter().any(|line| line.contains("the previous one is still in use"))
    });
    for round in 0..2 {
        for _ in 0..10 {
            assert_eq!(shown(&site, "files.test"), Ok(files.0.clone()), "round {round}");
            assert_eq!(shown(&site, "any.example.test"), Ok(domain.0.clone()), "round {round}");
        }
        site.reload();
    }

    site.sso.clear_faults();
    within(Duration::from_secs(60), "every worker shows the new one", || {
        (0..10).all(|_| shown(&site, "files.test").as_ref() == Ok(&renewed.0))
    });
    assert_eq!(shown(&site, "any.example.test"), Ok(domain.0));
}

#[test]
fn a_key_of_another_certificate_is_neither_used_nor_logged() {
    let (files, domain) = (pair("files.test"), pair("*.example.test"));
    let mixed = (files.0.clone(), domain.1.clone());
    let site = site(&mixed, &domain);
    eventually("the log names it", || {
        let lines = site.error_log().lines_with(&format!("certificate {FILES}"));
        lines.iter().any(|line| line.contains("private key is of another one"))
    });
    assert!(shown(&site, "files.test").is_err());
    assert_eq!(shown(&site, "auth.example.test"), Ok(domain.0.clone()));
    assert_not_logged(&site, &domain);
}

#[test]
fn a_map_shows_unknown_names_a_certificate_of_nginxs_own() {
    let (files, domain) = (pair("files.test"), pair("*.example.test"));
    let own = pair("own.test");
    let server = BY_NAME
        .replace("\"data:$authentik_ssl_certificate\"", "$shown_certificate")
        .replace("\"data:$authentik_ssl_certificate_key\"", "$shown_key");
    // Both maps depend on the certificate, so that certificate and key always match.
    let maps = "map $authentik_ssl_certificate $shown_certificate {
             \"\"     %%PREFIX%%/own.pem;
             default data:$authentik_ssl_certificate;
         }
         map $authentik_ssl_certificate $shown_key {
             \"\"     %%PREFIX%%/own.key;
             default data:$authentik_ssl_certificate_key;
         }";
    let builder = connected()
        .file("own.pem", &own.0)
        .file("own.key", &own.1)
        .http(&format!("{CONNECTED} {maps} {server}"));
    let site = site_with(builder, &files, &domain);
    for (name, expected) in [
        ("files.test", &files.0),
        ("any.example.test", &domain.0),
        ("wiki.test", &own.0),
        ("nobody.test", &own.0),
    ] {
        assert_eq!(shown(&site, name).as_ref(), Ok(expected), "{name}");
    }
    assert_eq!(handshake(site.other_address(), &["-noservername"]), Ok(own.0));
}
