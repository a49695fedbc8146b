//! People whom a redirect would not help: after submitting a form, or in a frame.

use url::Url;

use crate::harness::{Response, Site};

const PROTECTED: &str = "authentik_provider wiki; location / { proxy_pass http://app; }";

#[test]
fn a_form_that_is_sent_without_a_session_is_answered_in_words_with_a_way_on() {
    let site = Site::start(PROTECTED);
    let form = format!("{}/edit?page=1", site.url());
    for (who, headers) in [
        ("Chrome", &[HTML, NAVIGATE, DOCUMENT, BY_HAND][..]),
        ("a service worker", &[HTML, NAVIGATE, ("Sec-Fetch-Dest", "empty")]),
        ("an old browser, or plain http", &[HTML]),
        ("a form in a frame", &[HTML, NAVIGATE, IFRAME, BY_HAND]),
    ] {
        let request = site.request("POST", "/save").headers(headers).header("Referer", &form);
        let refused = request.body("text=much+work").send();

        assert_eq!(refused.status(), 401, "{who}");
        assert_page(&refused);
        let text = refused.text();
        assert!(text.contains("What you sent was not received"), "{who}: {text}");
        assert!(text.contains("target=\"_blank\""), "{who}: what was entered stays in this tab");
        assert_eq!(refused.header("Set-Cookie"), None, "{who}");
        assert_eq!(site.app.hits(), 0, "{who}");

        // The link leads to the sign-in, which ends at the form.
        let trail = site.browser().open(&link(&refused));
        assert_eq!(trail.status(), 200);
        assert_eq!(trail.address().as_str(), form);
        site.app.forget();
    }
}

#[test]
fn the_way_on_from_a_form_of_another_site_leads_to_this_one() {
    let site = Site::start(PROTECTED);
    for referer in ["https://evil.test/form", "//evil.test", "/outpost.goauthentik.io/sign_out"] {
        let request = site.request("POST", "/save").navigation().header("Referer", referer);
        let trail = site.browser().open(&link(&request.body("a=b").send()));
        assert_eq!(trail.address().as_str(), format!("{}/", site.url()), "{referer}");
    }
}

#[test]
fn a_program_that_sends_something_gets_json() {
    let site = Site::start(PROTECTED);
    for (method, headers) in [
        ("POST", &[("Accept", "*/*")][..]),
        ("POST", &[]),
        ("POST", &[HTML, ("X-Requested-With", "XMLHttpRequest")]),
        ("POST", &[HTML, ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty")]),
        ("PUT", &[HTML]),
    ] {
        let refused = site.request(method, "/save").headers(headers).body("a=b").send();
        assert_eq!(refused.status(), 401, "{method} {headers:?}");
        let kind = refused.header("Content-Type").unwrap_or_default();
        assert!(kind.starts_with("application/json"), "{method} {headers:?}: {kind}");
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_frame_shows_the_way_to_a_tab_of_its_own_if_a_session_could_be_had_there() {
    let site = Site::start(PROTECTED);
    for (of, framed) in [("same-origin", true), ("same-site", true), ("cross-site", false)] {
        let frame = [HTML, NAVIGATE, IFRAME, ("Sec-Fetch-Site", of)];
        let page = site.get("/page").headers(&frame).send();

        assert_eq!(page.status(), 401, "{of}");
        assert_page(&page);
        assert_eq!(page.header("X-Frame-Options").is_none(), framed, "{of}");
        let policy = page.header("Content-Security-Policy").unwrap_or_default();
        assert_eq!(!policy.contains("frame-ancestors 'none'"), framed, "{of}: {policy}");
        assert!(policy.contains("default-src 'none'"), "{of}: {policy}");
        assert!(page.text().contains("target=\"_blank\""), "{of}");
        let trail = site.browser().open(&link(&page));
        assert_eq!(trail.address().as_str(), format!("{}/page", site.url()));
    }
    assert_eq!(site.app.hits(), 3);
}

#[test]
fn a_sign_in_that_is_begun_in_a_frame_by_hand_ends_there() {
    let site = Site::start(PROTECTED);
    let mut browser = site.browser();
    browser.become_user("alice");
    let begun = browser.step_with("/page", &[HTML, NAVIGATE, IFRAME, BY_HAND]);
    assert_eq!(begun.status(), 302);
    let authorized = browser.step(begun.location());
    let callback = authorized.location();

    // In another browser, the frame gains nothing and starts nothing.
    let other = site.browser().step_with(callback, &[HTML, NAVIGATE, IFRAME]);
    assert_eq!(other.status(), 400);
    assert_page(&other);
    assert_eq!((other.header("Set-Cookie"), other.header("Location")), (None, None));

    // authentik's pages continue by script, not by a click.
    let back = browser.step_with(callback, &[HTML, NAVIGATE, IFRAME]);
    assert_eq!(back.status(), 302);
    assert_eq!(browser.get("/page").status(), 200);
}

fn assert_page(response: &Response) {
    let kind = response.header("Content-Type").unwrap_or_default();
    assert!(kind.starts_with("text/html"), "{response:#?}");
    let caching = response.header("Cache-Control").unwrap_or_default();
    assert!(caching.contains("no-store"), "{caching}");
}

/// The first link of a page.
fn link(page: &Response) -> String {
    let text = page.text();
    let link = text.split("href=\"").nth(1).and_then(|rest| rest.split('"').next());
    let link = link.unwrap_or_else(|| panic!("no link in {text}")).replace("&amp;", "&");
    let base = Url::parse("http://relative.test/").expect("a URL");
    let absolute = base.join(&link).expect("a link");
    assert!(absolute.path().ends_with("/start"), "{link}");
    link
}

const HTML: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const NAVIGATE: (&str, &str) = ("Sec-Fetch-Mode", "navigate");
const DOCUMENT: (&str, &str) = ("Sec-Fetch-Dest", "document");
const IFRAME: (&str, &str) = ("Sec-Fetch-Dest", "iframe");
const BY_HAND: (&str, &str) = ("Sec-Fetch-User", "?1");
