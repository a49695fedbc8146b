//! authentik reports the end of a session itself.

use std::thread;
use std::time::Duration;

use authentik_standin::{Endpoint, Fault, LogoutMethod, LogoutTry, Signing};

use super::{
    BACKCHANNEL, GUARDED, guarded, guarded_signed, only_session, sent, two_applications,
    with_logout_uri,
};
use crate::harness::{Connection, Curl, Site, TempDir, eventually, listen_http2};
use crate::outpost::{all_workers_say, connected, started};

/// Waits until authentik has sent this many logouts; returns the results.
fn told(site: &Site, times: usize) -> Vec<LogoutTry> {
    eventually("authentik has told the applications", || site.sso.logouts().len() >= times);
    site.sso.logouts()
}

fn statuses(tries: &[LogoutTry]) -> Vec<Option<u16>> {
    tries.iter().map(|one| one.status).collect()
}

#[test]
fn a_session_that_authentik_ends_is_over_in_all_workers_at_once() {
    for signing in [Signing::Hs256, Signing::Rs256, Signing::Es256] {
        let site = guarded_signed(signing).start();
        let alice = site.signed_in();
        let sid = only_session(&site);
        let bob = site.signed_in_as("bob");
        assert!(all_workers_say(&site, &alice.get("/"), 200));

        site.sso.end_session_of_id(&sid);

        let tries = told(&site, 1);
        assert_eq!(statuses(&tries), [Some(200)], "{signing:?}");
        assert_eq!(tries[0].methods, ["POST"]);
        site.app.forget();
        assert!(all_workers_say(&site, &alice.get("/"), 401), "{signing:?}");
        assert_eq!(site.app.hits(), 0);
        assert_eq!(bob.get("/").status(), 200, "another session stays");
        let line = "authentik ended a session (back-channel), ended here: 1, provider: \"wiki\"";
        assert_eq!(site.error_log().lines_with(line).len(), 1);
    }
}

#[test]
fn each_provider_of_a_session_is_told_for_itself() {
    let site = two_applications(LogoutMethod::Backchannel).start();
    let mut alice = site.signed_in();
    assert_eq!(alice.open("/blog/").status(), 200);
    let sid = only_session(&site);

    // authentik notifies the blog only because the session has an access token for it.
    assert_eq!(sent(&site, &site.sso.logout_token("wiki", &sid, |_, _| ())).status(), 200);
    assert_eq!(alice.get("/").status(), 401);
    assert_eq!(alice.get("/blog/").status(), 200, "a token is one provider's");

    site.sso.end_session_of_id(&sid);

    assert_eq!(statuses(&told(&site, 2)), [Some(200); 2], "one for each, the wiki's again");
    assert_eq!(alice.get("/blog/").status(), 401);
}

#[test]
fn a_session_that_is_over_already_is_no_error() {
    let site = guarded().start();
    let mut alice = site.signed_in();
    for _ in 0..2 {
        assert_eq!(alice.open("/outpost.goauthentik.io/start?rd=/").status(), 200);
    }
    let sid = only_session(&site);
    site.sso.end_session_of_id(&sid);
    let tries = told(&site, 3);
    assert_eq!(statuses(&tries), [Some(200); 3], "one for each access token");
    assert!(tries.iter().all(|one| one.sid == sid));
    assert_eq!(alice.get("/").status(), 401);
    let unknown = site.sso.logout_token("wiki", "nobodys", |_, _| ());
    let response = sent(&site, &unknown).send();
    assert_eq!((response.status(), response.text().as_str()), (200, ""));
    let caching = response.header("cache-control").unwrap_or_default();
    assert!(caching.contains("no-store"), "{caching}");
}

#[test]
fn a_token_without_a_session_ends_all_of_the_user_at_that_provider() {
    let site = two_applications(LogoutMethod::Backchannel).start();
    let mut desk = site.signed_in();
    assert_eq!(desk.open("/blog/").status(), 200);
    let phone = site.signed_in();
    let bob = site.signed_in_as("bob");
    let token = site.sso.logout_token("wiki", "", |_, claims| {
        claims.remove("sid");
    });

    assert_eq!(sent(&site, &token).status(), 200);

    assert_eq!([desk.get("/").status(), phone.get("/").status()], [401; 2]);
    assert_eq!([desk.get("/blog/").status(), bob.get("/").status()], [200; 2]);
}

#[test]
fn what_could_not_be_judged_is_sent_again_with_a_new_token() {
    let site = guarded()
        .settings(|settings, ports| {
            settings.providers[0].signing = Signing::Rs256;
            settings.logout_retries = vec![Duration::from_millis(300); 50];
            with_logout_uri(settings, ports.main, LogoutMethod::Backchannel);
        })
        .start();
    let alice = site.signed_in();
    let sid = only_session(&site);
    // Keys that the module does not know and cannot fetch.
    site.sso.rotate_keys();
    site.sso.fault(Endpoint::Jwks, Fault::Status(503));
    site.sso.end_session_of_id(&sid);
    let tries = told(&site, 2);
    assert!(tries.iter().all(|one| matches!(one.status, Some(400 | 503))), "{tries:?}");
    assert_ne!(tries[0].token, tries[1].token);
    assert_eq!(alice.get("/").status(), 200);

    site.sso.clear_faults();

    eventually("it was taken", || site.sso.logouts().last().unwrap().status == Some(200));
    assert_eq!(alice.get("/").status(), 401);
}

#[test]
fn keys_that_have_changed_are_fetched_again_once() {
    let site = guarded()
        .settings(|settings, ports| {
            settings.providers[0].signing = Signing::Es256;
            with_logout_uri(settings, ports.main, LogoutMethod::Backchannel);
        })
        .start();
    let alice = site.signed_in();
    site.sso.rotate_keys();
    let fetched = site.sso.count("/application/o/wiki/jwks/");

    site.sso.end_sessions();

    assert_eq!(statuses(&told(&site, 1)), [Some(200)]);
    assert_eq!(alice.get("/").status(), 401);
    let forged = site.sso.logout_token("wiki", "s", |header, _| {
        header.insert("kid".to_owned(), "made-up".into());
    });
    for _ in 0..20 {
        assert_eq!(sent(&site, &forged).status(), 400);
    }
    assert_eq!(site.sso.count("/application/o/wiki/jwks/"), fetched + 1, "strangers cost nothing");
}

#[test]
fn a_domains_and_a_proxys_sessions_end_too() {
    let domain = crate::domain_level::site();
    let at = |host: &str, target: &str| {
        format!("http://{host}.example.test:{}{target}", domain.address().port())
    };
    let mut browser = domain.browser();
    assert_eq!(browser.open(&at("wiki", "/")).status(), 200);
    let host = format!("auth.example.test:{}", domain.address().port());
    let token = domain.sso.logout_token("domain", &only_session(&domain), |_, _| ());
    assert_eq!(sent(&domain, &token).host(&host).status(), 200);
    assert_eq!(browser.get(&at("wiki", "/")).status(), 401);

    let proxy = Site::builder()
        .provider("mode proxy; internal_host http://%%APP%%/;")
        .server(
            "authentik_provider wiki;
             location / { proxy_pass $authentik_upstream$request_uri; }",
        )
        .start();
    let alice = proxy.signed_in();
    let token = proxy.sso.logout_token("wiki", &only_session(&proxy), |_, _| ());
    assert_eq!(sent(&proxy, &token).status(), 200);
    assert_eq!(alice.get("/").status(), 401);
}

#[test]
fn an_outposts_provider_may_be_told_so_too() {
    // A proxy provider only sends logouts once it has a logout_uri (docs/protocol.md §10.2).
    let site = started(connected().settings(|settings, ports| {
        with_logout_uri(settings, ports.main, LogoutMethod::Backchannel);
        settings.push_delay = Duration::from_millis(50);
    }));
    let alice = site.signed_in();
    site.sso.end_sessions();
    assert_eq!(statuses(&told(&site, 1)), [Some(200)]);
    assert_eq!(alice.get("/").status(), 401);
    // An unknown host gets the same response as at any other endpoint.
    let token = site.sso.logout_token("wiki", "s", |_, _| ());
    let elsewhere = sent(&site, &token).host("elsewhere.test").send();
    assert_eq!(elsewhere.status(), 400);
}

#[test]
fn a_form_that_comes_in_pieces_keeps_nobody_waiting() {
    let site = guarded().workers(1).start();
    let alice = site.signed_in();
    let form = sent(&site, &site.sso.logout_token("wiki", &only_session(&site), |_, _| ()));
    let bytes = form.header("Connection", "close").to_bytes();
    for cuts in [vec![bytes.len() - 700, bytes.len() - 1], vec![bytes.len() - 300]] {
        let mut slow = Connection::open(site.address());
        let mut from = 0;
        for cut in cuts {
            slow.send(&bytes[from..cut]);
            thread::sleep(Duration::from_millis(100));
            assert_eq!(site.get("/").status(), 401, "the only worker is free");
            from = cut;
        }
        slow.send(&bytes[from..]);
        // The second time it is a replay, which was also read.
        assert!(matches!(slow.response().status(), 200 | 400));
    }
    assert_eq!(alice.get("/").status(), 401);
    // A client that disconnects in the middle leaves nothing behind.
    let mut gone = Connection::open(site.address());
    gone.send(&bytes[..bytes.len() - 10]);
    drop(gone);
    assert_eq!(site.get("/").status(), 401);
}

#[test]
fn only_a_short_form_is_read_and_never_answered_by_a_redirect() {
    let site = Site::start(GUARDED);
    let alice = site.signed_in();
    let token = site.sso.logout_token("wiki", &only_session(&site), |_, _| ());
    let good = sent(&site, &token);
    let bare = site.request("POST", BACKCHANNEL);
    let form = "application/x-www-form-urlencoded";
    let query = format!("{BACKCHANNEL}?logout_token={token}");
    for (request, status) in [
        (good.clone().method("GET"), 405),
        (good.clone().method("HEAD"), 405),
        (good.clone().method("PUT"), 405),
        (good.clone().method("OPTIONS"), 405),
        (site.navigate(&query), 405),
        (bare.clone(), 411),
        (bare.clone().header("Content-Type", form).body(""), 400),
        (bare.clone().body(format!("logout_token={token}")), 400),
        (
            bare.clone().header("Content-Type", "text/plain").body(format!("logout_token={token}")),
            400,
        ),
        (
            bare.clone()
                .header("Content-Type", form)
                .body(format!("logout_token={token}&logout_token=x")),
            400,
        ),
        (bare.clone().header("Content-Type", form).body(format!("token={token}")), 400),
        (bare.clone().header("Content-Type", form).target(&query).body("x=y"), 400),
        (bare.clone().header("Content-Type", form).body(vec![b'x'; 16 * 1024 + 1]), 413),
        (good.clone().navigation().body("logout_token=x"), 400),
    ] {
        let response = request.send();
        assert_eq!(response.status(), status, "{request:?}");
        assert!(response.header("location").is_none());
        let caching = response.header("cache-control").unwrap_or_default();
        assert!(caching.contains("no-store"), "{response:?}");
        if status == 405 {
            assert_eq!(response.header("allow"), Some("POST"));
        }
    }
    // Without a length: HTTP/1.1 chunks.
    let mut chunked = Connection::open(site.address());
    let body = format!("logout_token={token}");
    chunked.send(format!(
        "POST {BACKCHANNEL} HTTP/1.1\r\nHost: wiki.test\r\nContent-Type: {form}\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    ));
    assert_eq!(chunked.response().status(), 411);
    assert_eq!(alice.get("/").status(), 200, "nothing of that has ended it");
    assert_eq!(good.header("Content-Type", form).status(), 200);
    assert_eq!(alice.get("/").status(), 401);
}

#[test]
fn a_form_that_nginx_puts_on_the_disk_is_refused_with_the_cure() {
    let site = Site::builder().server(&format!("client_body_buffer_size 16; {GUARDED}")).start();
    let alice = site.signed_in();
    let token = site.sso.logout_token("wiki", &only_session(&site), |_, _| ());
    let bytes = sent(&site, &token).header("Connection", "close").to_bytes();
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").expect("a head") + 4;
    let mut connection = Connection::open(site.address());
    connection.send(&bytes[..head]);
    thread::sleep(Duration::from_millis(100));
    connection.send(&bytes[head..]);
    assert_eq!(connection.response().status(), 413);
    assert_eq!(alice.get("/").status(), 200);
    assert_eq!(site.error_log().lines_with("client_body_buffer_size").len(), 1);
}

#[test]
fn a_form_by_http2_is_read_as_well() {
    let status = "location = /local {
        authentik_provider off; allow 127.0.0.1; deny all;
        authentik_status format=json end_sessions=on;
    }";
    let site = Site::builder().server(&format!("{} {GUARDED} {status}", listen_http2(""))).start();
    let directory = TempDir::new();
    let send = |target: &str, arguments: &[&str]| {
        let curl = Curl::new("wiki.test", site.other_address(), &directory);
        let url = format!("http://wiki.test:{}{target}", site.other_address().port());
        curl.with(&["--http2-prior-knowledge"]).with(arguments).run(&url)
    };
    let alice = site.signed_in();
    let token = site.sso.logout_token("wiki", &only_session(&site), |_, _| ());

    let answer = send(BACKCHANNEL, &["-d", &format!("logout_token={token}")]);

    assert!(answer.starts_with("HTTP/2 200"), "{answer}");
    assert_eq!(alice.get("/").status(), 401);
    let alice = site.signed_in();
    let json = ["-H", "Content-Type: application/json", "-H", "X-Requested-With: curl"];
    let wish = ["-d", "{\"username\":\"alice\"}"];
    let answer = send("/local", &[&json[..], &wish[..]].concat());
    assert!(answer.starts_with("HTTP/2 200") && answer.ends_with("{\"ended\":1}\n"), "{answer}");
    assert_eq!(alice.get("/").status(), 401);
}
