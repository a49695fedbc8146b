use super::super::OidcConfiguration;
use super::*;
use crate::provider::{SameSite, Terms, Trust};
use crate::secret::Secret;

fn config(name: &str, external_host: &str) -> ProviderConfig {
    let host = "https://sso.example.com/application/o";
    ProviderConfig {
        name: name.into(),
        mode: "forward_single".into(),
        external_host: external_host.into(),
        client_id: format!("client-{name}"),
        client_secret: Secret::new("secret"),
        oidc_configuration: OidcConfiguration {
            issuer: format!("{host}/{name}/"),
            authorization_endpoint: format!("{host}/authorize/"),
            token_endpoint: format!("{host}/token/"),
            introspection_endpoint: format!("{host}/introspect/"),
            revocation_endpoint: format!("{host}/revoke/"),
            end_session_endpoint: format!("{host}/{name}/end-session/"),
            jwks_uri: format!("{host}/{name}/jwks/"),
            id_token_signing_alg_values_supported: vec!["HS256".into()],
        },
        assigned_application_slug: name.into(),
        intercept_header_auth: true,
        ..ProviderConfig::default()
    }
}

fn domain(name: &str, cookie_domain: &str) -> ProviderConfig {
    ProviderConfig {
        mode: "forward_domain".into(),
        cookie_domain: cookie_domain.into(),
        ..config(name, &format!("https://auth.{}", cookie_domain.trim_start_matches('.')))
    }
}

/// This nginx's settings for all providers.
fn nginx(cookie_samesite: SameSite) -> OutpostSettings {
    let (url, token) = ("https://sso.example", Secret::new("t0ken"));
    let settings = OutpostSettings::new(url, None, token, Trust::System).unwrap();
    OutpostSettings { cookie_samesite, ..settings }
}

fn directory(providers: Vec<ProviderConfig>) -> Directory {
    Directory::build(Snapshot { providers, ..Snapshot::default() }, &nginx(SameSite::Lax), None)
}

#[test]
fn what_is_said_of_all_cookies_refuses_no_provider() {
    let providers = vec![
        config("wiki", "https://wiki.example.com"),
        config("plain", "http://plain.example.com"),
    ];
    for (said, wiki, plain) in [
        (SameSite::None, SameSite::None, SameSite::Lax),
        (SameSite::Strict, SameSite::Strict, SameSite::Strict),
    ] {
        let snapshot = Snapshot { providers: providers.clone(), ..Snapshot::default() };
        let directory = Directory::build(snapshot, &nginx(said), None);
        let found: Vec<_> = directory.providers().map(|made| made.cookie_samesite).collect();
        assert_eq!(found, [wiki, plain]);
        assert_eq!(directory.skipped(), []);
    }
}

#[test]
fn a_host_leads_to_its_provider() {
    let directory = directory(vec![
        config("wiki", "https://Wiki.example.com/"),
        config("alt", "https://wiki.example.com:8443"),
        config("plain", "http://plain.example.com"),
        config("six", "http://[::1]:8080/app/"),
        ProviderConfig {
            mode: "sideways".into(),
            ..config("broken", "https://broken.example.com")
        },
        domain("wide", "example.com"),
        domain("deep", ".team.example.com"),
    ]);
    for (host, port, expected) in [
        ("wiki.example.com", None, "wiki"),
        ("wiki.example.com", Some(443), "wiki"),
        ("wiki.example.com", Some(8443), "alt"),
        // A different port: the domain covers it, and would let others in.
        ("wiki.example.com", Some(80), ""),
        ("broken.example.com", None, ""),
        ("auth.example.com", Some(1), "wide"),
        ("plain.example.com", None, "plain"),
        ("plain.example.com", Some(80), "plain"),
        ("[::1]", Some(8080), "six"),
        ("[::1]", None, ""),
        ("auth.example.com", None, "wide"),
        ("example.com", None, "wide"),
        ("a.b.example.com", Some(9000), "wide"),
        ("team.example.com", None, "deep"),
        ("x.team.example.com", None, "deep"),
        ("xteam.example.com", None, "wide"),
        ("evilexample.com", None, ""),
        ("example.com.evil.org", None, ""),
        ("com", None, ""),
        ("", None, ""),
    ] {
        let found = directory.find(host.as_bytes(), port, || port.or(Some(443)));
        assert_eq!(found.map_or("", |found| &found.name), expected, "{host} {port:?}");
    }
    assert_eq!(directory.skipped().len(), 1);
}

#[test]
fn of_two_ports_of_a_host_the_one_that_was_connected_to_counts() {
    let directory = directory(vec![
        config("wiki", "https://wiki.example.com"),
        config("alt", "https://wiki.example.com:8443"),
        config("only", "https://only.example.com"),
        domain("wide", "example.com"),
    ]);
    for (host, claimed, own, expected) in [
        ("wiki.example.com", None, 443, "wiki"),
        ("wiki.example.com", Some(8443), 8443, "alt"),
        ("wiki.example.com", None, 8443, ""),
        ("wiki.example.com", Some(443), 8443, ""),
        ("wiki.example.com", Some(8443), 443, ""),
        // Behind something that owns the ports: only the client says which, so neither.
        ("wiki.example.com", None, 10443, ""),
        ("wiki.example.com", Some(443), 10443, ""),
        ("wiki.example.com", Some(8443), 10443, ""),
        ("only.example.com", None, 10443, "only"),
    ] {
        let found = directory.find(host.as_bytes(), claimed, || Some(own));
        let found = found.map_or("", |found| &found.name);
        assert_eq!(found, expected, "{host} {claimed:?} at {own}");
    }
    // A trusted proxy saw the port itself; a socket has none.
    for (told, expected) in [(None, "wiki"), (Some(443), "wiki"), (Some(8443), "alt")] {
        let found = directory.find_told(b"wiki.example.com", told);
        assert_eq!(found.map_or("", |found| &found.name), expected, "{told:?}");
        assert!(directory.find(b"wiki.example.com", told, || None).is_none(), "{told:?}");
    }
}

#[test]
fn what_cannot_be_used_is_named_and_the_others_load() {
    let directory = directory(vec![
        config("good", "https://good.example"),
        config("bad", "not a url"),
        ProviderConfig { mode: "sideways".into(), ..config("mode", "https://m.example") },
        ProviderConfig { client_secret: Secret::default(), ..config("none", "https://n.example") },
        ProviderConfig {
            skip_path_regex: "^/public/\n\n(\n^/x$\r".into(),
            ..config("paths", "https://paths.example")
        },
        config("twin", "https://good.example/"),
        ProviderConfig {
            mode: "proxy".into(),
            internal_host: "https://10.0.0.1".into(),
            ..config("tls", "https://tls.example")
        },
        ProviderConfig { skip_path_regex: ".*".into(), ..config("open", "https://open.example") },
        ProviderConfig {
            scopes_to_request: ["openid", "email", "entitlements", "ak_proxy"]
                .map(Into::into)
                .into(),
            ..config("scope", "https://scope.example")
        },
        ProviderConfig {
            external_host: "https://first.corp.example".into(),
            ..domain("first", "corp.example")
        },
        domain("second", "corp.example"),
    ]);
    assert_eq!(directory.len(), 8);
    assert_eq!(directory.find(b"any.corp.example", None, || None).unwrap().name, "second");
    assert_eq!(directory.find(b"first.corp.example", None, || None).unwrap().name, "first");
    assert_eq!(
        directory.find(b"good.example", None, || None).unwrap().name,
        "twin",
        "the last one counts"
    );
    let skipped = directory.skipped();
    let told = |name: &str, words: &str| {
        let found = skipped.iter().find(|skipped| skipped.name == name);
        assert!(found.is_some_and(|found| found.why.contains(words)), "{name}: {skipped:?}");
    };
    told("bad", "external_host: \"not a url\" is not a URL");
    told("mode", "mode");
    told("none", "client_secret");
    told("paths", "\"(\" does not compile");
    told("good", "is used: \"twin\"");
    told("tls", "proxy_ssl_verify");
    told("open", "open every path");
    told("scope", "leave out \"profile\": every sign-in is refused");
    told("first", "corp.example too and is used for its hosts: \"second\"");
    assert_eq!(skipped.len(), 9, "each is said once: {skipped:?}");
}

#[test]
fn what_did_not_change_is_not_made_again() {
    let all = |wiki: &str| Snapshot {
        providers: vec![config("a", "https://a.example"), config("b", wiki)],
        ..Snapshot::default()
    };
    let before = Directory::build(all("https://b.example"), &nginx(SameSite::Lax), None);
    let after = Directory::build(all("https://c.example"), &nginx(SameSite::Lax), Some(&before));
    let of = |directory: &Directory, host: &[u8]| directory.find(host, None, || None).cloned();
    assert!(Arc::ptr_eq(&of(&before, b"a.example").unwrap(), &of(&after, b"a.example").unwrap()));
    assert!(of(&after, b"b.example").is_none());
    assert!(of(&after, b"c.example").is_some());
}

#[test]
fn a_provider_has_the_key_that_it_had_before_its_secret_changed() {
    let of = |secret: &str| ProviderConfig {
        cookie_secret: Secret::new(secret),
        ..config("a", "https://a.example")
    };
    let before = Snapshot { providers: vec![of("one")], ..Snapshot::default() };
    let mut after = Snapshot { providers: vec![of("two")], ..Snapshot::default() };
    let now = crate::time::UnixTime(1_795_352_157);
    after.succeed(&before, now);
    let keys = |snapshot: Snapshot| -> Vec<_> {
        let directory = Directory::build(snapshot, &nginx(SameSite::Lax), None);
        directory.only().unwrap().login_keys(now).cloned().collect()
    };
    assert_eq!(keys(after)[1..], keys(before));
}

#[test]
fn a_certificate_is_found_by_server_name() {
    let certificate =
        Certificate { pk: "1".into(), certificate: "PEM".into(), ..Certificate::default() };
    let with = |config: ProviderConfig| ProviderConfig { certificate: Some("1".into()), ..config };
    let providers = vec![
        with(config("a", "https://a.example:8443")),
        config("b", "https://b.example"),
        with(domain("d", "d.example")),
        ProviderConfig { certificate: Some("2".into()), ..config("c", "https://c.example") },
    ];
    let snapshot = Snapshot { providers, certificates: vec![certificate], ..Snapshot::default() };
    let directory = Directory::build(snapshot, &nginx(SameSite::Lax), None);
    let long = format!("{}.d.example", "x".repeat(250));
    for (name, found) in [
        ("a.example", true),
        ("A.Example.", true),
        ("b.example", false),
        ("c.example", false),
        ("x.d.example", true),
        ("evild.example", false),
        ("a.example..", false),
        ("", false),
        (".", false),
        (&long, false),
    ] {
        assert_eq!(directory.certificate(name.as_bytes()).is_some(), found, "{name}");
    }
}

#[test]
fn tokens_are_checked_with_the_secret_where_authentik_lists_hs256() {
    let mut other = config("rs", "https://rs.example");
    other.oidc_configuration.id_token_signing_alg_values_supported = vec!["RS256".into()];
    let directory = directory(vec![config("hs", "https://hs.example"), other]);
    assert!(directory.find(b"hs.example", None, || None).unwrap().given.jwks.is_none());
    assert!(directory.find(b"rs.example", None, || None).unwrap().given.jwks.is_some());
}

#[test]
fn the_only_provider_is_known_as_such() {
    assert!(directory(Vec::new()).only().is_none());
    assert!(directory(vec![config("a", "https://a.example")]).only().is_some());
    let two = vec![config("a", "https://a.example"), config("b", "https://b.example")];
    assert!(directory(two).only().is_none());
}

#[test]
fn sessions_of_all_providers_last_as_nginx_says() {
    let terms = Terms { session_lifetime: 60, ..Terms::default() };
    let snapshot =
        Snapshot { providers: vec![config("a", "https://a.example")], ..Snapshot::default() };
    let settings = OutpostSettings { terms, ..nginx(SameSite::Lax) };
    let directory = Directory::build(snapshot, &settings, None);
    assert_eq!(directory.only().unwrap().terms, terms);
}

#[test]
fn a_log_line_names_a_few_hosts_and_how_many_more_there_are() {
    let few = directory(vec![
        config("wiki", "https://wiki.example.com:8443"),
        domain("all", ".example.org"),
    ]);
    assert_eq!(few.hosts(), "the outpost has wiki.example.com:8443, *.example.org");
    assert_eq!(directory(Vec::new()).hosts(), "the outpost has no providers");
    let many = (0..10).map(|at| config(&at.to_string(), &format!("https://h{at}.example.com")));
    let many = directory(many.collect()).hosts();
    assert!(many.starts_with("the outpost has h0.example.com, ") && many.ends_with(" and 2 more"));
}
