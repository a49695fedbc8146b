//! The browser reports, in a frame, that its session at authentik has ended.

use authentik_standin::LogoutMethod;

use super::{GUARDED, only_session, two_applications, with_logout_uri};
use crate::harness::{Request, Response, Site};
use crate::outpost::all_workers_say;

const FRONTCHANNEL: &str = "/outpost.goauthentik.io/frontchannel_logout";

/// A frame in one of authentik's pages: a different site, so without our cookies.
fn framed(site: &Site, target: &str) -> Request {
    site.get(target).headers(&[
        ("Accept", "text/html,application/xhtml+xml"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "iframe"),
    ])
}

fn target(iss: &str, sid: &str) -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(iss.as_bytes()).collect();
    format!("{FRONTCHANNEL}?iss={encoded}&sid={sid}")
}

fn assert_framable_by_authentik(site: &Site, response: &Response) {
    let policy = response.header("content-security-policy").unwrap_or_default();
    let origin = site.sso.url();
    assert_eq!(policy, format!("default-src 'none'; frame-ancestors {origin}"));
    assert_eq!(response.header("x-frame-options"), None);
    assert_eq!(response.all("set-cookie").count(), 0);
    let caching = response.header("cache-control").unwrap_or_default();
    assert!(caching.contains("no-store"), "{caching}");
}

#[test]
fn a_logout_at_authentik_ends_the_sessions_of_its_applications_by_frames() {
    let site = two_applications(LogoutMethod::Frontchannel).start();
    let mut alice = site.signed_in();
    assert_eq!(alice.open("/blog/").status(), 200);
    let bob = site.signed_in_as("bob");

    let page = alice.open(&format!("{}/if/flow/default-invalidation-flow/", site.sso.url()));

    let html = page.page().text();
    let frames: Vec<String> = html
        .split("<iframe src=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(|url| url.replace("&amp;", "&"))
        .collect();
    assert_eq!(frames.len(), 2, "{html}");
    assert_eq!([alice.get("/").status(), alice.get("/blog/").status()], [200; 2]);
    for frame in frames {
        let target = frame.split_once(FRONTCHANNEL).expect("our URL").1;
        let response = framed(&site, &format!("{FRONTCHANNEL}{target}")).send();
        assert_eq!(response.status(), 200);
        assert_framable_by_authentik(&site, &response);
    }
    assert_eq!([alice.get("/").status(), alice.get("/blog/").status()], [401; 2]);
    assert_eq!(bob.get("/").status(), 200);
    assert_eq!(site.error_log().lines_with("(front-channel), ended here: 1").len(), 2);
}

#[test]
fn it_ends_the_sessions_of_that_issuer_in_all_workers_and_nobody_elses() {
    let site = Site::builder()
        .workers(4)
        .server(GUARDED)
        .settings(|settings, ports| {
            with_logout_uri(settings, ports.main, LogoutMethod::Frontchannel);
        })
        .start();
    let alice = site.signed_in();
    let sid = only_session(&site);
    let (wiki, blog) = (site.sso.issuer("wiki"), site.sso.issuer("blog"));
    for (target, status) in [
        (target(&wiki, "unknown"), 200),
        (target(&wiki, &sid[1..]), 200),
        (target(&wiki, &format!("{sid}0")), 200),
        (target(&blog, &sid), 400),
        (target("", &sid), 400),
        (target(&wiki, ""), 400),
        (format!("{}&sid={sid}", target(&wiki, &sid)), 400),
        (FRONTCHANNEL.to_owned(), 400),
        (format!("{FRONTCHANNEL}?sid={sid}"), 400),
    ] {
        let response = framed(&site, &target).send();
        assert_eq!(response.status(), status, "{target}");
        if status == 200 {
            assert_framable_by_authentik(&site, &response);
        }
        assert!(response.header("location").is_none());
        assert_eq!(response.all("set-cookie").count(), 0);
    }
    for method in ["POST", "HEAD", "PUT", "OPTIONS"] {
        let response = site.request(method, &target(&wiki, &sid)).body("").send();
        assert_eq!((response.status(), response.header("allow")), (405, Some("GET")), "{method}");
    }
    assert_eq!(alice.get("/").status(), 200);
    site.app.forget();

    assert_eq!(framed(&site, &target(&wiki, &sid)).status(), 200);

    assert!(all_workers_say(&site, &alice.get("/"), 401));
    assert_eq!(site.app.hits(), 0);
    let lines = site.error_log().lines_with("(front-channel)");
    assert_eq!(lines.len(), 1, "who ends nothing writes no such line");
    assert!(!site.error_log().text().contains(&sid), "a sid is nobody's business");
}

#[test]
fn a_flood_of_it_costs_nobody_a_session() {
    let site = Site::start(GUARDED);
    let alice = site.signed_in();
    let wiki = site.sso.issuer("wiki");
    let asked = site.sso.requests().len();
    for number in 0..300 {
        assert_eq!(framed(&site, &target(&wiki, &format!("{number:064x}"))).status(), 200);
    }
    assert_eq!(site.sso.requests().len(), asked, "authentik is not asked");
    assert_eq!(alice.get("/").status(), 200);
}
