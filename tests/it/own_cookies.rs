//! The module's own cookies: found anywhere, accepted only if intact, hidden from applications.

use crate::harness::{Response, Site};
use crate::unasked::UNASKED;

#[test]
fn the_modules_own_cookies_are_hidden_from_the_application() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }
         location /seen/ { authentik_strip_cookie off; proxy_pass http://app; }",
    );
    let alice = site.signed_in();
    let ours = alice.cookie_header().expect("a session cookie");

    let send = |path: &str, cookies: &str| {
        assert_eq!(site.get(path).header("Cookie", cookies).status(), 200, "{cookies}");
        site.app.last().header("Cookie").map(str::to_owned)
    };
    for (sent, received) in [
        (ours.clone(), None),
        (format!("theme=dark; {ours}"), Some("theme=dark")),
        (format!("{ours}; theme=dark"), Some("theme=dark")),
        (format!("theme=dark; {ours}; lang=en"), Some("theme=dark; lang=en")),
        (format!("a=b;{ours};c=d"), Some("a=b; c=d")),
    ] {
        let got = send("/", &sent);
        let spaced = got.map(|cookies| cookies.replace("; ", ";"));
        assert_eq!(spaced, received.map(|cookies| cookies.replace("; ", ";")), "{sent}");
    }
    assert_eq!(send("/seen/", &ours), Some(ours));
}

#[test]
fn a_session_cookie_that_is_dead_is_deleted_where_somebody_waits_for_the_answer() {
    let site = Site::start(
        "authentik_provider wiki;
         authentik_unauth_paths ^/public/;
         location / { proxy_pass http://app; }
         location /401/ { authentik_unauthenticated 401; proxy_pass http://app; }
         location /pass/ { authentik_unauthenticated pass; proxy_pass http://app; }",
    );
    let dead = site.signed_in();
    let name = dead.session_cookies().remove(0).name;
    dead.clone().step("/outpost.goauthentik.io/sign_out");
    let deleted = |response: &Response| {
        let ours = format!("{name}=;");
        response.all("Set-Cookie").filter(|cookie| cookie.starts_with(&ours)).count()
    };

    for (method, path, status) in [
        ("GET", "/", 302),
        ("POST", "/", 401),
        ("GET", "/401/", 401),
        ("GET", "/outpost.goauthentik.io/sign_out", 302),
    ] {
        let answer = dead.get(path).method(method).navigation().send();
        assert_eq!((answer.status(), deleted(&answer)), (status, 1), "{method} {path}");
    }
    let answer = dead.get("/").send();
    assert_eq!((answer.status(), deleted(&answer)), (401, 1), "a program");
    let answer = answer.header("Set-Cookie").unwrap_or_default();
    let scope = "HttpOnly; SameSite=Lax; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
    assert_eq!(answer, format!("{name}=; {scope}"));

    for (who, method, headers) in UNASKED {
        let answer = dead.get("/").method(method).headers(headers).send();
        assert_eq!((answer.status(), deleted(&answer)), (401, 0), "{who}");
    }
    // These responses may be cached for others.
    for path in ["/public/x", "/pass/"] {
        let answer = dead.get(path).navigation().send();
        assert_eq!((answer.status(), answer.header("Set-Cookie")), (200, None), "{path}");
    }
    let stranger = site.get("/").header("Cookie", "theme=dark").send();
    assert_eq!((stranger.status(), stranger.header("Set-Cookie")), (401, None));
    let alive = site.signed_in().get("/").send();
    assert_eq!((alive.status(), alive.header("Set-Cookie")), (200, None));
}

#[test]
fn the_session_cookie_is_found_wherever_it_stands() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let alice = site.signed_in();
    let ours = alice.cookie_header().expect("a session cookie");
    let (name, _) = ours.split_once('=').expect("a pair");
    let many: String = (0..200).map(|i| format!("c{i}=v{i}; ")).collect();

    for cookies in [
        format!("{many}{ours}"),
        format!("x=\"quoted; value\"; {ours}"),
        format!("=nameless; ; ;; {ours};"),
        format!("x{name}=stale; {ours}"),
        format!("{name}=stale; {ours}"),
        format!("{ours}; {name}=stale"),
    ] {
        let response = site.get("/").header("Cookie", &cookies).send();
        assert_eq!(response.status(), 200, "{cookies}");
    }
    // Two Cookie lines, like those of HTTP/2 clients.
    assert_eq!(site.get("/").header("Cookie", "a=b").header("Cookie", &ours).status(), 200);
}

#[test]
fn a_malformed_session_cookie_is_no_session_and_no_error() {
    // CVE-2026-25748: an unreadable cookie skipped the check.
    let site = Site::start(
        "large_client_header_buffers 4 64k;
         authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let alice = site.signed_in();
    let cookie = alice.session_cookies().remove(0);
    let (name, value) = (cookie.name.as_str(), cookie.value.as_str());
    let cut = value.len() - 1;

    for wrong in [
        String::new(),
        value[..cut].to_owned(),
        format!("{value}A"),
        format!("{value}{value}"),
        value.chars().rev().collect(),
        value.to_uppercase(),
        "A".repeat(value.len()),
        "A".repeat(60_000),
        "\u{fffd}".repeat(20),
        "%00".to_owned(),
        "../../etc/passwd".to_owned(),
    ] {
        if wrong == value {
            continue;
        }
        let request = site.get("/").header("Cookie", format!("{name}={wrong}"));
        assert_eq!(request.status(), 401, "{wrong:.80}");
    }
    assert_eq!(
        site.get("/")
            .header("Cookie", [b"authentik_proxy_\xff=\xfe\x80".as_slice()].concat())
            .status(),
        401
    );
    assert_eq!(site.app.hits(), 0);
    assert_eq!(site.get("/").header("Cookie", format!("{name}={value}")).status(), 200);
}
