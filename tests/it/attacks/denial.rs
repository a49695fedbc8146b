//! Crashing or blocking the server, or making it work for an attacker.

use std::thread;
use std::time::{Duration, Instant};

use authentik_standin::{Endpoint, Fault, Signing};

use super::{CLOSED, assert_untouched};
use crate::harness::{Connection, SITE_NAME, Site, at_best, eventually};

#[test]
fn s15_a_cookie_header_of_any_size_costs_a_bounded_answer() {
    // CVE-2024-24814: the number of chunks was read from a cookie.
    let site = Site::start(&format!(
        "client_header_buffer_size 256k; large_client_header_buffers 8 256k; {CLOSED}"
    ));
    let alice = site.signed_in();
    let ours = alice.session_cookies().remove(0);
    let name = &ours.name;
    let many = |piece: &dyn Fn(u32) -> String| (0..1_000).map(piece).collect::<Vec<_>>().join("; ");
    for (what, cookies) in [
        ("one of 64 kB", format!("{name}={}", "A".repeat(64 * 1024))),
        ("a thousand others", many(&|i| format!("c{i}=v{i}"))),
        ("a thousand sessions", many(&|i| format!("{name}={i:042}A"))),
        ("a thousand sign-ins", many(&|i| format!("authentik_login_{i:08x}=1.{i:043}"))),
        ("a thousand trails", many(&|i| format!("authentik_signin_trail_{i:08x}=3.9999999999"))),
        ("chunks", many(&|i| format!("{name}_{i}=x; {name}_chunks=4294967295"))),
        ("a count", format!("{name}=4294967295; {name}_0=x; {name}_count=99999999999999999999")),
        ("semicolons", ";".repeat(64 * 1024)),
        ("equals signs", "=".repeat(64 * 1024)),
        ("quotes", format!("{name}=\"{}", "\"".repeat(60_000))),
    ] {
        for request in [site.get("/"), site.navigate("/page")] {
            let request = request.header("Cookie", &cookies);
            at_best(Duration::from_secs(2), what, || {
                let started = Instant::now();
                let response = request.send();
                assert!(matches!(response.status(), 401 | 302), "{what}: {}", response.status());
                let head: usize = response.all("set-cookie").map(str::len).sum();
                assert!(head < 4_096, "{what}: {head} bytes of Set-Cookie");
                started.elapsed()
            });
        }
        let with_ours = format!("{name}={}; {cookies}", ours.value);
        assert_eq!(site.get("/").header("Cookie", with_ours).status(), 200, "{what}");
        site.app.forget();
    }
    // The fourth cookie is checked, the fifth is not: no header causes unlimited lookups in the
    // zone.
    let behind = |count: u32| {
        let others: String = (0..count).map(|i| format!("{name}={i:042}A; ")).collect();
        site.get("/").header("Cookie", format!("{others}{name}={}", ours.value)).status()
    };
    assert_eq!((behind(3), behind(4)), (200, 401));
}

#[test]
fn s16_odd_cookies_and_empty_bodies_crash_nothing() {
    // CVE-2023-28625, CVE-2025-3891: a NULL pointer caused by an odd cookie, or an empty POST.
    let site = Site::start(CLOSED);
    let workers = site.worker_pids();
    let ours = site.signed_in().session_cookies().remove(0).name;
    let cookies = [
        String::new(),
        "=".to_owned(),
        "=;=;=".to_owned(),
        ";".to_owned(),
        ours.clone(),
        format!("{ours}="),
        format!("{ours}=\""),
        format!(" = {ours} = "),
        "authentik_proxy_=".to_owned(),
        "authentik_login_=;authentik_login_00000000;authentik_login_00000000=.".to_owned(),
        "authentik_signin_trail_".to_owned(),
        "authentik_signin_trail_=.; authentik_signin_trail_00000000=".to_owned(),
        "\u{7f}=\u{7f}".to_owned(),
    ];
    for path in ENDPOINTS.iter().chain(&["/page"]) {
        for cookie in &cookies {
            let request = site.request("POST", path).header("Cookie", cookie);
            assert!(request.status() < 500, "{path}: {cookie:?}");
        }
        for (what, head, body) in [
            ("neither length nor type", "", ""),
            ("an empty body", "Content-Length: 0\r\n", ""),
            ("a body without a type", "Content-Length: 3\r\n", "a=b"),
            ("an empty type", "Content-Type:\r\nContent-Length: 3\r\n", "a=b"),
            ("no chunk", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            ("a multipart without parts", "Content-Type: multipart/form-data\r\n", ""),
        ] {
            for method in ["POST", "PUT", "HEAD", "DELETE", "TRACE", "X"] {
                let mut connection = Connection::open(site.address());
                connection.send(format!(
                    "{method} {path} HTTP/1.1\r\nHost: {SITE_NAME}\r\nConnection: close\r\n{head}\r\n{body}"
                ));
                let answer = connection.read_to_end();
                let status = answer.get(9..12).and_then(|code| code.parse().ok()).unwrap_or(0);
                assert!((200..500).contains(&status), "{what}: {method} {path}: {answer}");
            }
        }
    }
    site.app.forget();
    assert_eq!(site.get("/page").status(), 401);
    assert_untouched(&site, "after all that");
    assert_eq!(site.worker_pids(), workers, "no worker was replaced");
}

#[test]
fn s42_unknown_keys_make_nobody_fetch_and_nobody_wait() {
    // mod_auth_openidc, August 2026: each token with an unknown key id caused a synchronous fetch
    // of the keys.
    let site = Site::builder()
        .workers(4)
        .settings(|settings, _| settings.providers[0].signing = Signing::Rs256)
        .server(CLOSED)
        .start();
    let alice = site.signed_in();
    let keys = "/application/o/wiki/jwks/";
    let before = site.sso.count(keys);
    site.sso.fault(Endpoint::Token, Fault::UnknownKid);
    site.sso.fault(Endpoint::Jwks, Fault::Slow(Duration::from_secs(4)));

    thread::scope(|scope| {
        let sign_in = || {
            let trail = site.browser().open("/page");
            assert!((400..600).contains(&trail.status()), "{}", trail.status());
        };
        let waiting: Vec<_> = (0..24).map(|_| scope.spawn(sign_in)).collect();
        eventually("the keys are asked for", || site.sso.count(keys) > before);
        for answer in alice.get("/").send_together(20) {
            assert_eq!(answer.status(), 200);
        }
        let still = waiting.iter().filter(|one| !one.is_finished()).count();
        assert!(still > 0, "nobody else waits");
    });

    assert!(site.sso.count(keys) <= before + 1, "fetched {} times", site.sso.count(keys) - before);
    site.app.forget();
    assert_eq!(site.browser().open("/page").status(), 502);
    assert_untouched(&site, "tokens of unknown keys");
}

const ENDPOINTS: &[&str] = &[
    "/outpost.goauthentik.io/start",
    "/outpost.goauthentik.io/callback",
    "/outpost.goauthentik.io/sign_out",
    "/outpost.goauthentik.io/ping",
    "/any?X-authentik-auth-callback=true",
    "/any?X-authentik-logout=true",
];
