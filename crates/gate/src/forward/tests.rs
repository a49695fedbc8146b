use super::*;
use crate::decision::{Facts, Policy, Unauthenticated, Verdict, Visitor, decide};
use crate::paths::{Effort, UnauthPaths};
use crate::reason::Reason;
use crate::testing;

use FrontEnd::{Caddy, Envoy, Nginx, Traefik};

type Header = (&'static str, &'static str);

fn url_of(
    front_end: FrontEnd,
    target: &'static str,
    headers: &[Header],
) -> Result<ForwardUrl<'static>, ForwardFlaw> {
    let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let forwarded = Forwarded::gather(headers);
    let (host, target) = (&b"wiki.test:9"[..], target.as_bytes());
    ForwardUrl::of(&Asked { front_end, host, target, forwarded })
}

fn shown(url: &ForwardUrl<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), text(url.host()), text(url.target()))
}

#[test]
fn each_proxy_has_its_endpoint_and_no_spelling_reaches_another() {
    const A: &str = "/outpost.goauthentik.io/auth";
    for (path, raw, expected) in [
        ("/nginx", "/nginx", Some(Nginx)),
        ("/traefik", "/traefik", Some(Traefik)),
        ("/caddy", "/caddy", Some(Caddy)),
        ("/envoy", "/envoy", Some(Envoy)),
        ("/envoy/", "/envoy/", Some(Envoy)),
        ("/envoy/a b", "/envoy/a%20b", Some(Envoy)),
        ("/envoyx", "/envoyx", None),
        ("/Nginx", "/Nginx", None),
        ("/nginx/", "/nginx/", None),
        ("/nginx/x", "/nginx/x", None),
        ("/", "/", None),
        ("/apache", "/apache", None),
        // With Envoy, the client controls the end of the path.
        ("/nginx", "/envoy/../nginx", None),
        ("/nginx", "/envoy/%2e%2e/nginx", None),
        ("/nginx", "/%6eginx", None),
        ("/envoy/x", "/nginx/../envoy/x", None),
    ] {
        let (path, raw) = (format!("{A}{path}"), format!("{A}{raw}"));
        assert_eq!(FrontEnd::of(path.as_bytes(), raw.as_bytes()), expected, "{raw}");
    }
    assert_eq!(FrontEnd::of(b"/auth/nginx", b"/auth/nginx"), None);
    for (path, raw, climbs) in [
        ("/outpost.goauthentik.io/ping", "/envoy/../../ping", true),
        ("/", "/envoy/../../../", true),
        ("/outpost.goauthentik.io/auth/nginx", "/envoy/%2e%2e/nginx", true),
        ("/outpost.goauthentik.io/auth/envoy/b", "/envoy/a/../b", false),
        ("/outpost.goauthentik.io/auth/nginx", "/nginx", false),
    ] {
        assert_eq!(climbs_out(path.as_bytes(), format!("{A}{raw}").as_bytes()), climbs, "{raw}");
    }
}

#[test]
fn a_list_of_urls_or_paths_is_none() {
    const A: &str = "https://wiki.test/public/x";
    for list in [
        "https://wiki.test, https://open.test/a",
        "https://wiki.test/public/x, https://wiki.test/admin",
        "https://wiki.test/public/x,https://wiki.test/admin",
        "https://wiki.test/public/x?,HTTPS://wiki.test/admin",
        "https://wiki.test/public/x,, /admin",
        "https://wiki.test/public/x,\t/admin",
    ] {
        let flaw = url_of(Nginx, "/", &[("x-original-url", list)]).unwrap_err();
        assert_eq!(flaw, ForwardFlaw::Repeated("X-Original-URL"), "{list}");
        let uri = list.replacen("https://wiki.test", "/public", 1);
        let uri: &'static str = Box::leak(uri.into_boxed_str());
        for front_end in [Traefik, Caddy] {
            let headers = [
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "h"),
                ("x-forwarded-uri", uri),
            ];
            let flaw = url_of(front_end, "/", &headers).unwrap_err();
            assert_eq!(flaw, ForwardFlaw::Repeated("X-Forwarded-Uri"), "{uri}");
        }
    }
    for one in [A, "https://wiki.test/a,b", "https://wiki.test/?ids=1,2,3", "https://wiki.test/a,"]
    {
        assert!(url_of(Nginx, "/", &[("x-original-url", one)]).is_ok(), "{one}");
    }
    // Sent by a client of Envoy: not from a header, so no list.
    let sent = "/outpost.goauthentik.io/auth/envoy/a,/b";
    assert!(url_of(Envoy, sent, &[]).is_ok());
}

#[test]
fn nginx_says_one_absolute_url() {
    const MALFORMED: Result<&str, ForwardFlaw> = Err(ForwardFlaw::Malformed("X-Original-URL"));
    for (said, expected) in [
        ("https://wiki.test/a?b=c", Ok("https://wiki.test/a?b=c")),
        ("HTTP://WIKI.test.:8080/a", Ok("http://wiki.test:8080/a")),
        ("https://wiki.test", Ok("https://wiki.test/")),
        ("https://[::1]:8443/a", Ok("https://[::1]:8443/a")),
        ("https://wiki.test/%C3%BC//a;b", Ok("https://wiki.test/%C3%BC//a;b")),
        // Upstream's first generation accepted relative ones.
        ("/a", MALFORMED),
        ("//wiki.test/a", MALFORMED),
        ("", MALFORMED),
        ("https:/wiki.test/a", MALFORMED),
        ("https:///a", MALFORMED),
        ("ftp://wiki.test/a", MALFORMED),
        (" https://wiki.test/a", MALFORMED),
        // One reader takes it for the host, another for something else.
        ("https://open.test@wiki.test/a", MALFORMED),
        ("https://wiki.test\\@open.test/a", MALFORMED),
        ("https://wiki.test#open.test/a", MALFORMED),
        ("https://wiki.test?open.test/a", MALFORMED),
        ("https://wiki.test:/a", MALFORMED),
        ("https://wiki.test:99999/a", MALFORMED),
        ("https://wiki.test:1:2/a", MALFORMED),
        ("https://wiki..test/a", MALFORMED),
        ("https://[::1/a", MALFORMED),
        ("https://[]/a", MALFORMED),
        ("https://w\u{fc}ki.test/a", MALFORMED),
        // nginx itself would have answered 400.
        ("https://wiki.test/../a", MALFORMED),
        ("https://wiki.test/%zz", MALFORMED),
        ("https://wiki.test/a\u{1}", MALFORMED),
    ] {
        let found = url_of(Nginx, "", &[("x-original-url", said)]);
        let found = found.as_ref().map(shown).map_err(|flaw| *flaw);
        assert_eq!(found.as_deref().map_err(|flaw| *flaw), expected, "{said}");
    }
}

#[test]
fn only_the_headers_of_the_proxy_that_asks_are_read_and_none_of_them_twice() {
    const URL: Header = ("x-original-url", "https://wiki.test/a");
    const PROTO: Header = ("x-forwarded-proto", "https");
    const HOST: Header = ("x-forwarded-host", "wiki.test");
    const URI: Header = ("x-forwarded-uri", "/b?c");
    let missing = ForwardFlaw::Missing;
    let malformed = ForwardFlaw::Malformed;
    for (front_end, headers, expected) in [
        (Nginx, &[URL, PROTO, HOST, URI][..], Ok("https://wiki.test/a")),
        (Nginx, &[PROTO, HOST, URI], Err(missing("X-Original-URL"))),
        (Nginx, &[("x-original-uri", "/a")], Err(missing("X-Original-URL"))),
        (Nginx, &[URL, ("x-original-uri", "/x")], Ok("https://wiki.test/a")),
        (Nginx, &[URL, URL], Err(ForwardFlaw::Repeated("X-Original-URL"))),
        (Traefik, &[URL, PROTO, HOST, URI], Ok("https://wiki.test/b?c")),
        (Caddy, &[PROTO, HOST, URI], Ok("https://wiki.test/b?c")),
        (Traefik, &[("x-forwarded-proto", "wss"), HOST, URI], Ok("https://wiki.test/b?c")),
        (Traefik, &[URL], Err(missing("X-Forwarded-Proto"))),
        (Traefik, &[PROTO, URI], Err(missing("X-Forwarded-Host"))),
        (Caddy, &[PROTO, HOST], Err(missing("X-Forwarded-Uri"))),
        (Caddy, &[PROTO, HOST, URI, URI], Err(ForwardFlaw::Repeated("X-Forwarded-Uri"))),
        (Traefik, &[("x-forwarded-proto", "https, http"), HOST, URI], {
            Err(malformed("X-Forwarded-Proto"))
        }),
        (Traefik, &[PROTO, ("x-forwarded-host", "a.test, b.test"), URI], {
            Err(malformed("X-Forwarded-Host"))
        }),
        (Traefik, &[PROTO, ("x-forwarded-host", ""), URI], Err(malformed("X-Forwarded-Host"))),
        (Traefik, &[PROTO, HOST, ("x-forwarded-uri", "b")], Err(malformed("X-Forwarded-Uri"))),
        (Traefik, &[PROTO, HOST, ("x-forwarded-uri", "")], Err(malformed("X-Forwarded-Uri"))),
        (Traefik, &[PROTO, HOST, ("x-forwarded-uri", "https://open.test/")], {
            Err(malformed("X-Forwarded-Uri"))
        }),
    ] {
        let found = url_of(front_end, "", headers);
        let found = found.as_ref().map(shown).map_err(|flaw| *flaw);
        assert_eq!(found.as_deref().map_err(|flaw| *flaw), expected, "{front_end:?} {headers:?}");
    }
}

#[test]
fn envoy_sends_the_request_itself_behind_a_prefix() {
    const E: &str = "/outpost.goauthentik.io/auth/envoy";
    for (rest, proto, expected) in [
        ("/a/b?c=d", None, Some("https://wiki.test:9/a/b?c=d")),
        ("/a", Some("http"), Some("http://wiki.test:9/a")),
        ("", None, Some("https://wiki.test:9/")),
        ("?x", None, Some("https://wiki.test:9/?x")),
        ("//a", None, Some("https://wiki.test:9//a")),
        ("/a", Some("gopher"), None),
        ("/../a", None, None),
        ("/%zz", None, None),
    ] {
        let target: &'static str = Box::leak(format!("{E}{rest}").into_boxed_str());
        let headers: Vec<Header> = proto.map(|p| ("x-forwarded-proto", p)).into_iter().collect();
        let found = url_of(Envoy, target, &headers);
        assert_eq!(found.as_ref().map(shown).ok().as_deref(), expected, "{rest}");
    }
    assert!(url_of(Envoy, "/outpost.goauthentik.io/auth/nginx", &[]).is_err());
}

#[test]
fn a_url_beyond_the_limit_is_none() {
    for (spare, accepted) in [(0, true), (1, false)] {
        let uri = format!("/{}", "x".repeat(32 * 1024 - 1 + spare));
        let uri: &'static str = Box::leak(uri.into_boxed_str());
        let headers =
            [("x-forwarded-proto", "https"), ("x-forwarded-host", "a"), ("x-forwarded-uri", uri)];
        assert_eq!(url_of(Traefik, "", &headers).is_ok(), accepted);
    }
}

/// Whether nginx's question about this URL is answered yes for a stranger.
fn open(provider: &Provider, paths: &UnauthPaths, url: &'static str, host: &str) -> bool {
    let url = url_of(Nginx, "", &[("x-original-url", url)]).unwrap();
    let request =
        ForwardRequest::new(&url, provider, Nginx, host.as_bytes(), &SenderHints::default());
    let policy = Policy {
        provider_paths: paths,
        location_paths: None,
        require: None,
        unauthenticated: Unauthenticated::Refuse,
        intercept_header_auth: false,
        open_directory: Some(OPEN_DIRECTORY),
        refusal_begins_sign_in: true,
    };
    let effort = &Effort::default();
    let visitor = Visitor::Stranger(Reason::NoSession);
    let facts = Facts { request: &request, visitor, effort };
    matches!(decide(&policy, facts), Verdict::Admit(_))
}

#[test]
fn an_open_path_is_one_that_nobody_can_read_differently() {
    let provider = testing::provider();
    let paths = UnauthPaths::compile(&["^/public/".to_owned()]).unwrap();
    for (url, expected) in [
        ("https://ext.example/public/a", true),
        ("https://ext.example/public/a%20b?x=1", true),
        ("https://ext.example/public", false),
        ("https://ext.example/private?/public/", false),
        ("https://ext.example/private#/public/", false),
        ("https://ext.example/public/../private", false),
        ("https://ext.example/public/%2e%2e/private", false),
        ("https://ext.example/public/..%2fprivate", false),
        ("https://ext.example/public/..;/private", false),
        ("https://ext.example/public/..%5cprivate", false),
        ("https://ext.example/public/%252e%252e/private", false),
        ("https://ext.example/private/../public/", false),
        ("https://ext.example//public/a", false),
        ("https://ext.example/%70ublic/a", false),
        // The endpoints, with a path boundary, which upstream's first generation lacked.
        ("https://ext.example/outpost.goauthentik.io", true),
        ("https://ext.example/outpost.goauthentik.io/start?rd=/", true),
        ("https://ext.example/outpost.goauthentik.ioXYZ", false),
        ("https://ext.example/outpost.goauthentik.io/../private", false),
        ("https://ext.example/outpost.goauthentik.io/%2e%2e/private", false),
        ("https://ext.example/outpost.goauthentik.io/..;/private", false),
        ("https://ext.example/x/../outpost.goauthentik.io/start", false),
        ("https://ext.example/x/outpost.goauthentik.io/start", false),
    ] {
        assert_eq!(open(&provider, &paths, url, "ext.example"), expected, "{url}");
    }
}

#[test]
fn a_domains_patterns_see_the_whole_url_if_its_host_is_certain() {
    let provider = testing::domain_provider(); // example.com
    let paths = UnauthPaths::compile(&["^https://open\\.example\\.com/".to_owned()]).unwrap();
    for (url, host, expected) in [
        ("https://open.example.com/a", "open.example.com", true),
        ("https://OPEN.example.com:443/a", "open.example.com", true),
        ("https://open.example.com/a", "outpost.internal", true),
        // The absolute form at the other proxy: the site served is not the one reported.
        ("https://open.example.com/a", "wiki.example.com", false),
        ("http://open.example.com/a", "open.example.com", false),
        ("https://open.example.com:8443/a", "open.example.com", false),
        ("https://wiki.example.com/?https://open.example.com/", "wiki.example.com", false),
        ("https://open.example.com.evil.test/a", "open.example.com.evil.test", false),
    ] {
        assert_eq!(open(&provider, &paths, url, host), expected, "{url} {host}");
    }
}

#[test]
fn what_a_proxy_can_do_with_an_answer_is_known() {
    for (front_end, name, redirects, tells_signatures) in [
        (Nginx, "nginx", false, false),
        (Traefik, "Traefik", true, true),
        (Caddy, "Caddy", true, true),
        (Envoy, "Envoy", true, false),
    ] {
        assert_eq!(front_end.name(), name);
        assert_eq!(front_end.redirects(), redirects, "{name}");
        assert_eq!(front_end.tells_signatures(), tells_signatures, "{name}");
    }
}

#[test]
fn a_proxys_visitor_is_refused_as_a_program_or_not_there_at_all() {
    let hints = |headers: &'static [(&[u8], &[u8])]| {
        SenderHints::gather(b"GET", headers.iter().copied()).behind_proxy()
    };
    let page = hints(&[(b"sec-fetch-mode", b"navigate"), (b"sec-fetch-dest", b"document")]);
    let frame = hints(&[(b"sec-fetch-mode", b"navigate"), (b"sec-fetch-dest", b"iframe")]);
    let form = hints(&[
        (b"sec-fetch-mode", b"navigate"),
        (b"sec-fetch-dest", b"document"),
        (b"origin", b"https://ext.example"),
    ]);
    let nobody = hints(&[(b"sec-fetch-mode", b"navigate"), (b"sec-purpose", b"prefetch")]);
    let provider = testing::provider();
    let url = url_of(
        Traefik,
        "",
        &[
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "ext.example"),
            ("x-forwarded-uri", "/page"),
        ],
    )
    .unwrap();
    for (hints, sender, is_navigation) in [
        (page, Sender::Program, true),
        (frame, Sender::Program, false),
        (form, Sender::Program, false),
        (SenderHints::default(), Sender::Program, false),
        (nobody, Sender::Nobody, false),
    ] {
        let asked = ForwardRequest::new(&url, &provider, Traefik, b"ext.example", &hints);
        assert_eq!((asked.sender(), asked.is_navigation()), (sender, is_navigation));
    }
}
