use super::*;
use crate::provider::Settings;
use crate::testing::{domain_provider, provider, provider_at, settings};

const PAYLOADS: &str = include_str!("../../../../tests/data/open_redirect_payloads.txt");

fn parse(rd: &str) -> Result<String, RedirectFlaw> {
    RedirectTarget::parse(rd, &provider()).map(|target| target.as_str().to_owned())
}

#[test]
fn a_target_must_be_on_the_external_host() {
    // The table of docs/protocol.md §4.2, with more rows.
    for (rd, expected) in [
        ("https://ext.example/p?q#f", Ok("https://ext.example/p?q#f")),
        ("/p", Ok("https://ext.example/p")),
        ("p", Ok("https://ext.example/p")),
        ("?a=b", Ok("https://ext.example/?a=b")),
        ("", Ok("https://ext.example/")),
        ("//evil.example/", Err(RedirectFlaw::ForeignHost)),
        ("https://ext.example@evil.example/", Err(RedirectFlaw::UserInfo)),
        ("https://evil.example/?https://ext.example", Err(RedirectFlaw::ForeignHost)),
        ("https://ext.example:8443/", Err(RedirectFlaw::ForeignHost)),
        ("https://EXT.example/", Ok("https://ext.example/")),
        ("/\\evil.example", Err(RedirectFlaw::ForeignHost)),
        ("https://ext.example:443/", Ok("https://ext.example/")),
        ("https:///evil.example", Err(RedirectFlaw::ForeignHost)),
        ("https:evil.example", Ok("https://ext.example/evil.example")),
        ("javascript:alert(1)", Err(RedirectFlaw::NotWeb)),
        // Our own: no downgrade, no ambiguity between readers, no loop.
        ("http://ext.example/p", Ok("https://ext.example/p")),
        ("http://ext.example:443/p", Err(RedirectFlaw::ForeignHost)),
        ("/p\tq", Err(RedirectFlaw::ControlCharacter)),
        ("https://ext.example:x/", Err(RedirectFlaw::NotAUrl)),
        ("/outpost.goauthentik.io/start", Err(RedirectFlaw::OwnEndpoint)),
        ("/p?X-authentik-logout=true", Err(RedirectFlaw::OwnEndpoint)),
    ] {
        assert_eq!(parse(rd).as_deref().map_err(|flaw| *flaw), expected, "{rd}");
    }
}

#[test]
fn scheme_port_and_directory_follow_external_host() {
    for (external, rd, expected) in [
        ("http://ext.example", "https://ext.example/p", Some("http://ext.example/p")),
        ("http://ext.example:80", "/p", Some("http://ext.example/p")),
        (
            "https://ext.example:8443",
            "http://ext.example:8443/p",
            Some("https://ext.example:8443/p"),
        ),
        ("https://ext.example:8443", "https://ext.example/p", None),
        ("https://ext.example/app/", "p", Some("https://ext.example/app/p")),
        ("https://ext.example/app/", "/p", Some("https://ext.example/p")),
        ("https://ext.example/app/", "", Some("https://ext.example/app/")),
        ("https://ext.example/app/", "outpost.goauthentik.io/sign_out", None),
        ("https://[::1]:8443", "https://[0:0::1]:8443/p", Some("https://[::1]:8443/p")),
        (
            "https://bücher.example",
            "https://xn--bcher-kva.example/",
            Some("https://xn--bcher-kva.example/"),
        ),
    ] {
        let target = RedirectTarget::parse(rd, &provider_at(external)).ok();
        assert_eq!(target.as_ref().map(RedirectTarget::as_str), expected, "{external} {rd}");
    }
}

#[test]
fn a_domain_ends_at_a_dot() {
    let provider = domain_provider();
    for (rd, expected) in [
        ("https://example.com/p", Some("https://example.com/p")),
        ("https://a.example.com/", Some("https://a.example.com/")),
        ("https://a.b.EXAMPLE.com:8443/?q", Some("https://a.b.example.com:8443/?q")),
        ("http://a.example.com/", Some("https://a.example.com/")),
        ("https://a。example。com/", Some("https://a.example.com/")),
        ("https://evilexample.com/", None),
        ("https://example.com.evil.org/", None),
        ("https://example.com@evil.org/", None),
        ("https://evil.org@example.com/", None),
        ("https://example.com./", None),
        ("https://.example.com/", None),
        ("https://a..example.com/", None),
        ("https://a.example.co/", None),
        ("https://example.com:x@evil.org/", None),
        ("https://evil.org\\.example.com/", None),
        ("https://evil.org/.example.com", None),
        ("https://evil.org#.example.com", None),
        ("https://evil.org%00.example.com", None),
        ("ftp://a.example.com/", None),
        ("//a.example.com/", None),
        ("/p", None),
        ("", None),
    ] {
        let target = RedirectTarget::parse(rd, &provider).ok();
        assert_eq!(target.as_ref().map(RedirectTarget::as_str), expected, "{rd}");
    }
}

#[test]
fn a_protected_page_is_returned_to_with_its_query() {
    let root = "https://ext.example/";
    for (uri, expected) in [
        (&b"/"[..], root),
        (b"/p?a=b&c=%2F+", "https://ext.example/p?a=b&c=%2F+"),
        (b"/a%2fb/%C3%BC", "https://ext.example/a%2fb/%C3%BC"),
        (b"/\xe9 \"?\xe9", "https://ext.example/%E9%20%22?%E9"),
        (b"//evil.example/", "https://ext.example//evil.example/"),
        (b"/\\evil.example", "https://ext.example//evil.example"),
        (b"/@evil.example", "https://ext.example/@evil.example"),
        (b"/p\r\nX: y", "https://ext.example/p%0D%0AX:%20y"),
        (b"http://evil.example/", root),
        (b"https://ext.example/p", root),
        (b"*", root),
        (b"", root),
        (b"?q", "https://ext.example/?q"),
        (b"/outpost.goauthentik.io/sign_out", root),
    ] {
        let target = of_request(&provider(), b"ignored.example", uri);
        assert_eq!(target.as_str(), expected, "{}", uri.escape_ascii());
    }
}

#[test]
fn a_protected_page_of_a_domain_is_returned_to_on_its_own_host() {
    let root = "https://auth.example.com/";
    for (host, expected) in [
        (&b"app.example.com"[..], "https://app.example.com/p?q"),
        (b"APP.example.com:8443", "https://app.example.com:8443/p?q"),
        (b"example.com", "https://example.com/p?q"),
        (b"evilexample.com", root),
        (b"evil.org", root),
        (b"evil.org/.example.com", root),
        (b"evil.org?.example.com", root),
        (b"evil.org#.example.com", root),
        (b"user@app.example.com", root),
        (b"app.example.com:x", root),
        (b"app.example.com\r\n", root),
        (b"\xff.example.com", root),
        (b"[::1]", root),
        (b"", root),
    ] {
        let target = of_request(&domain_provider(), host, b"/p?q");
        assert_eq!(target.as_str(), expected, "{}", host.escape_ascii());
    }
}

#[test]
fn a_target_of_a_domain_keeps_its_scheme_unless_cookies_are_secure() {
    let over_http = Provider::new(Settings {
        external_host: "http://auth.example.com".into(),
        mode: Mode::ForwardDomain,
        cookie_domain: Some("example.com".into()),
        ..settings()
    })
    .unwrap();
    for (rd, http, https) in [
        ("http://a.example.com/", "http://a.example.com/", "https://a.example.com/"),
        ("https://a.example.com/", "https://a.example.com/", "https://a.example.com/"),
    ] {
        for (provider, expected) in [(&over_http, http), (&domain_provider(), https)] {
            assert_eq!(RedirectTarget::parse(rd, provider).unwrap().as_str(), expected);
        }
    }
}

#[test]
fn the_longest_origin_leaves_8_kb_for_path_and_query() {
    let label = "a".repeat(63);
    let name = format!("{label}.{label}.{label}.{}.example.com", "a".repeat(49));
    assert_eq!(name.len(), 253);
    let with = |length: usize| {
        let rd = format!("https://{name}:65535/{}", "p".repeat(length - 1));
        RedirectTarget::parse(&rd, &domain_provider()).map(drop)
    };
    assert_eq!(with(8 * 1024), Ok(()));
    assert_eq!(with(8 * 1024 + 1), Err(RedirectFlaw::TooLong));
}

#[test]
fn each_flaw_is_named_in_the_log() {
    let said = [
        RedirectFlaw::TooLong,
        RedirectFlaw::ControlCharacter,
        RedirectFlaw::NotAUrl,
        RedirectFlaw::NotWeb,
        RedirectFlaw::UserInfo,
        RedirectFlaw::ForeignHost,
        RedirectFlaw::OwnEndpoint,
    ]
    .map(|flaw| flaw.to_string());
    for (at, words) in said.iter().enumerate() {
        assert!(!words.is_empty() && !said[..at].contains(words), "{words}");
    }
}

#[test]
fn a_target_has_at_most_8_kb_and_an_origin_as_given_and_as_written() {
    let prefix = "https://ext.example/";
    let fits = format!("{prefix}{}", "a".repeat(MAX_TARGET - prefix.len()));
    assert_eq!(parse(&fits).as_deref(), Ok(fits.as_str()));
    assert_eq!(parse(&format!("{fits}a")), Err(RedirectFlaw::TooLong));
    assert_eq!(parse(&format!("/{}", "ü".repeat(MAX_TARGET / 4))), Err(RedirectFlaw::TooLong));
    for (uri, fits) in [
        (format!("/{}", "a".repeat(8 * 1024 - 1)), true),
        (format!("?{}", "a".repeat(8 * 1024 - 2)), true),
        (format!("/{}", "a".repeat(MAX_TARGET)), false),
        (format!("/{}", "ü".repeat(MAX_TARGET / 6 + 1)), false),
        (format!("/{}", "ü".repeat(1000)), true),
        (format!("/{}", "a".repeat(1 << 20)), false),
    ] {
        let target = RedirectTarget::of_request(&provider(), b"", uri.as_bytes());
        assert_eq!(target.is_ok(), fits, "{} bytes", uri.len());
        assert!(fits || target == Err(RedirectFlaw::TooLong));
    }
}

#[test]
fn what_was_accepted_once_is_accepted_unchanged_again() {
    // The target is checked again when it comes back in the login state.
    for (_, payload) in payloads() {
        for provider in [provider(), domain_provider()] {
            if let Ok(target) = RedirectTarget::parse(&payload, &provider) {
                assert_eq!(RedirectTarget::parse(target.as_str(), &provider), Ok(target));
            }
        }
    }
}

#[test]
fn no_payload_leaves_the_host_and_each_group_ends_as_its_heading_says() {
    let payloads = payloads();
    assert!(payloads.len() >= 300, "{}", payloads.len());
    for (group, payload) in payloads {
        let target = RedirectTarget::parse(&payload, &provider());
        match group {
            Group::Refused => assert!(target.is_err(), "{payload:?}: {target:?}"),
            Group::Safe => {
                assert!(target.is_ok(), "{payload:?}: {target:?}");
                assert_on_host(&target.unwrap(), "ext.example");
            }
        }
    }
}

#[test]
fn no_payload_leaves_the_host_as_part_of_something_else() {
    let (single, domain, port) =
        (provider(), domain_provider(), provider_at("https://ext.example:8443"));
    let mut accepted = 0;
    for (_, payload) in payloads() {
        for prefix in ["", "/", "//", "/p", "?", "#", "https:", "https://ext.example", "\\", " "] {
            let rd = format!("{prefix}{payload}");
            for (provider, host) in [(&single, "ext.example"), (&port, "ext.example:8443")] {
                if let Ok(target) = RedirectTarget::parse(&rd, provider) {
                    assert_on_host(&target, host);
                    accepted += 1;
                }
            }
            let asked_for = of_request(&single, b"", rd.as_bytes());
            assert_on_host(&asked_for, "ext.example");
            let rd = rd.replace("ext.example", "example.com");
            if let Ok(target) = RedirectTarget::parse(&rd, &domain) {
                let authority = naive_authority(target.as_str()).unwrap();
                let host = authority.split(':').next().unwrap();
                assert!(host == "example.com" || host.ends_with(".example.com"), "{host}");
            }
            let asked_for = of_request(&domain, rd.as_bytes(), b"/p");
            assert!(asked_for.as_str().ends_with("example.com/p") || is_root(&asked_for, &domain));
        }
    }
    assert!(accepted > 1000, "{accepted}");
}

/// The requested page, or the root.
fn of_request(provider: &Provider, host: &[u8], uri: &[u8]) -> RedirectTarget {
    let target = RedirectTarget::of_request(provider, host, uri);
    target.unwrap_or_else(|_| RedirectTarget::external_root(provider))
}

fn is_root(target: &RedirectTarget, provider: &Provider) -> bool {
    *target == RedirectTarget::external_root(provider)
}

/// Both readers must find the host: a browser's parser and a naive one.
fn assert_on_host(target: &RedirectTarget, host_and_port: &str) {
    let written = target.as_str();
    assert!(written.bytes().all(|byte| byte.is_ascii_graphic()), "{written}");
    assert_eq!(naive_authority(written), Some(host_and_port), "{written}");

    let url = Url::parse(written).unwrap();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    assert_eq!(format!("{}{port}", url.host_str().unwrap()), host_and_port, "{written}");
    assert_eq!(url.scheme(), "https", "{written}");
}

/// What is between the first `//` and anything that may end a host for any reader.
fn naive_authority(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    rest.split(['/', '\\', '?', '#', ';', '@', '%', '&']).next()
}

#[derive(Clone, Copy)]
enum Group {
    Refused,
    Safe,
}

fn payloads() -> Vec<(Group, String)> {
    let mut group = None;
    let mut payloads = Vec::new();
    for line in PAYLOADS.lines() {
        if line.starts_with("# refused: ") {
            group = Some(Group::Refused);
        } else if line.starts_with("# safe: ") {
            group = Some(Group::Safe);
        } else if !(line == "#" || line.starts_with("# ")) {
            payloads.push((group.expect("a heading"), with_bytes(line)));
        }
    }
    payloads
}

/// Replaces `{hh}` by the byte with that value; all are below 0x80.
fn with_bytes(line: &str) -> String {
    let mut parts = line.split('{');
    let mut payload = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (hex, rest) = part.split_once('}').unwrap();
        payload.push(char::from(u8::from_str_radix(hex, 16).unwrap()));
        payload.push_str(rest);
    }
    payload
}
