//! Cookies of an https provider: no other host can set them, and `cookie_samesite` says whether
//! they are sent with requests from other sites. TLS ends in front of nginx here.

use authentik_standin::{WIKI_CLIENT_ID, redirect_uris};

use crate::harness::{Browser, SITE_NAME, Site, parameter};

/// A site that visitors access over https.
fn site(lines: &str) -> Site {
    Site::builder()
        .settings(|settings, ports| {
            let https = format!("https://{SITE_NAME}:{}", ports.main);
            settings.providers[0].redirect_uris = redirect_uris(&https);
        })
        .http(&format!(
            "authentik_provider secure {{
                 issuer %%SSO%%/application/o/wiki/;
                 client_id {WIKI_CLIENT_ID};
                 client_secret_file %%PREFIX%%/wiki.secret;
                 external_host https://{SITE_NAME}:%%PORT%%;
                 {lines}
             }}"
        ))
        .server(
            "authentik_provider secure;
             location / { proxy_pass http://app; }",
        )
        .start()
}

fn browser(site: &Site) -> Browser {
    Browser::new(&format!("https://{SITE_NAME}:{}", site.address().port()))
}

fn signed_in(site: &Site) -> Browser {
    let mut browser = browser(site);
    let trail = browser.open("/");
    assert_eq!(trail.status(), 200, "{trail:#?}");
    site.app.forget();
    browser
}

#[test]
fn all_cookies_of_an_https_host_are_named_so_that_no_other_host_can_set_them() {
    let site = site("");
    let mut browser = browser(&site);
    let trail = browser.open_until("/page", |url| url.path().ends_with("/callback"));
    let begun: Vec<String> = browser.cookies().into_iter().map(|cookie| cookie.name).collect();
    assert!(begun.len() == 1 && begun[0].starts_with("__Host-authentik_login_"), "{begun:?}");

    assert_eq!(browser.step(trail.page().location()).status(), 302);
    assert_eq!(browser.get("/page").header("Cookie", "theme=dark").status(), 200);

    let cookies = browser.cookies();
    let mut names: Vec<&str> = cookies.iter().map(|cookie| cookie.name.as_str()).collect();
    names.sort_unstable();
    assert!(
        matches!(names[..], [session, trail]
            if session.starts_with("__Host-authentik_proxy_")
                && trail.starts_with("__Host-authentik_signin_trail_")),
        "{names:?}"
    );
    assert!(cookies.iter().all(|cookie| cookie.secure && cookie.host_only && cookie.path == "/"));
    let seen = site.app.last();
    assert!(seen.all("Cookie").iter().all(|value| !value.contains("authentik")), "{seen:?}");
}

#[test]
fn a_sibling_host_can_neither_hide_a_session_nor_replace_it() {
    let site = site("");
    let attacker = signed_in(&site).session_cookies().remove(0);
    let plain = attacker.name.trim_start_matches("__Host-");
    let toss = |browser: &mut Browser, name: &str, value: &str, path: &str| {
        let line = format!("{name}={value}; Domain=test; Path={path}; Secure");
        browser.take_cookie_of("evil.test", &line);
    };

    // Four bogus cookies, which are sent before the real one.
    let mut victim = signed_in(&site);
    for path in ["/a", "/a/b", "/a/b/c", "/a/b/c/d"] {
        toss(&mut victim, &attacker.name, &"A".repeat(43), path);
        toss(&mut victim, plain, &"A".repeat(43), path);
    }
    assert_eq!(victim.get("/a/b/c/d").status(), 200);

    // The attacker's session, for a victim without one.
    let mut victim = browser(&site);
    toss(&mut victim, &attacker.name, &attacker.value, "/");
    toss(&mut victim, plain, &attacker.value, "/");
    assert_eq!(victim.cookies().len(), 1, "the browser takes one of them");
    site.app.forget();
    assert_eq!(victim.get("/").status(), 401);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_sibling_host_can_neither_end_a_sign_in_nor_have_it_end_as_somebody_else() {
    let site = site("");
    // A sibling claims that the victim has failed to sign in three times.
    let mut victim = signed_in(&site);
    let trail = victim.cookies().into_iter().find(|c| c.name.contains("trail")).expect("a trail");
    let plain = trail.name.trim_start_matches("__Host-");
    victim = browser(&site);
    let (_, until) = trail.value.split_once('.').expect("a time");
    victim.take_cookie_of("evil.test", &format!("{plain}=3.{until}; Domain=test; Path=/; Secure"));
    assert_eq!(victim.step("/").status(), 302, "no page that says stop");

    // The attacker's callback, with the attacker's cookie for that sign-in.
    let mut attacker = browser(&site);
    attacker.become_user("bob");
    let callback = attacker.open_until_callback("/");
    let login = attacker.state_cookies().remove(0);
    let plain = login.name.trim_start_matches("__Host-");
    let mut victim = browser(&site);
    let line = format!("{plain}={}; Domain=test; Path=/; Secure", login.value);
    victim.take_cookie_of("evil.test", &line);
    assert_eq!(victim.cookies().len(), 1);
    let answer = victim.step(&callback);
    assert_eq!(answer.status(), 302);
    assert!(parameter(answer.location(), "code_challenge").is_some(), "a sign-in of its own");
    assert_eq!(victim.session_cookies(), []);
    assert_eq!(site.sso.count("/application/o/token/"), 1, "of the first sign-in here");
}

#[test]
fn cookies_for_all_sites_serve_frames_and_forms_of_another_site() {
    let site = site("cookie_samesite none;");
    let mut browser = signed_in(&site);
    for cookie in browser.cookies() {
        assert_eq!(cookie.same_site.as_deref(), Some("None"), "{cookie:?}");
    }
    let framed = [NAVIGATE, IFRAME, CROSS_SITE];
    assert_eq!(browser.get("/page").headers(&framed).status(), 200);
    let form = [HTML, NAVIGATE, DOCUMENT, CROSS_SITE];
    assert_eq!(browser.get("/save").method("POST").headers(&form).body("a=b").status(), 200);

    let page = site.get("/page").headers(&framed).send();
    assert_eq!(page.status(), 401);
    assert_eq!(page.header("X-Frame-Options"), None, "shown in that frame");
    let policy = page.header("Content-Security-Policy").unwrap_or_default();
    assert!(!policy.contains("frame-ancestors"), "{policy}");
    let forged = browser.step_with("/outpost.goauthentik.io/sign_out", &framed);
    assert_eq!((forged.status(), forged.header("Set-Cookie")), (403, None));
    assert_eq!(browser.get("/").status(), 200);
}

#[test]
fn a_session_that_goes_with_no_request_of_another_site_begins_on_a_page_of_this_one() {
    let site = site("cookie_samesite strict;");
    let mut browser = browser(&site);
    let callback = browser.open_until_callback("/page?x=1&y=2");
    let login = browser.state_cookies().remove(0);
    assert_eq!(login.same_site.as_deref(), Some("Lax"), "authentik sends the browser back");

    let page = browser.step(&callback);
    assert_eq!(page.status(), 200);
    let target = format!("https://{SITE_NAME}:{}/page?x=1&amp;y=2", site.address().port());
    let refresh = format!("http-equiv=\"refresh\" content=\"0;url={target}\"");
    assert!(page.text().contains(&refresh), "{}", page.text());
    let session = browser.session_cookies().remove(0);
    assert_eq!(session.same_site.as_deref(), Some("Strict"));
    assert_eq!(browser.get("/page?x=1&y=2").status(), 200);
}

#[test]
fn a_new_sign_in_ends_a_session_whose_cookie_does_not_come_back_from_authentik() {
    let site = site("cookie_samesite strict;");
    let mut alice = signed_in(&site);
    let former = alice.clone();
    let callback = alice.open_until_callback("/outpost.goauthentik.io/start");
    assert_eq!(former.get("/").status(), 200, "until then");
    // As a browser does: of the cookies, only those of the sign-in are sent from another site.
    let mut back = browser(&site);
    alice.state_cookies().into_iter().for_each(|cookie| back.plant(cookie));
    assert_eq!(back.step(&callback).status(), 200);
    assert_eq!(back.get("/").status(), 200);
    let hits = site.app.hits();
    assert_eq!(former.get("/").status(), 401);
    assert_eq!(site.app.hits(), hits, "the application was reached");
}

const HTML: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const NAVIGATE: (&str, &str) = ("Sec-Fetch-Mode", "navigate");
const DOCUMENT: (&str, &str) = ("Sec-Fetch-Dest", "document");
const IFRAME: (&str, &str) = ("Sec-Fetch-Dest", "iframe");
const CROSS_SITE: (&str, &str) = ("Sec-Fetch-Site", "cross-site");
