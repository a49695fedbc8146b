//! The state of a sign-in: bound to its browser, one per tab, good for one use.

use crate::error_pages::assert_error_page;
use crate::harness::{Cookie, Site, parameter};

#[test]
fn each_of_many_tabs_returns_to_its_own_page() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    let tabs: Vec<(String, String)> = (0..5)
        .map(|i| {
            let page = format!("/tab/{i}?n={i}");
            (page.clone(), browser.step(&page).location().to_owned())
        })
        .collect();

    // The person signs in with whichever tab they see first.
    for i in [3, 0, 4, 2, 1] {
        let (page, authorize) = &tabs[i];
        let trail = browser.open(authorize);
        assert_eq!(trail.status(), 200, "{page}: {trail:#?}");
        assert_eq!(trail.address().as_str(), format!("{}{page}", site.url()));
    }
    assert_eq!(browser.state_cookies(), [], "nothing is left of finished sign-ins");
    assert_eq!(browser.session_cookies().len(), 1);
}

#[test]
fn unfinished_sign_ins_cannot_pile_up_in_the_browser() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    for i in 0..60 {
        let response = browser.step(&format!("/a/rather/long/path/{i}?{}", "x".repeat(200)));
        assert_eq!(response.status(), 302, "tab {i}");
    }

    let cookies = browser.cookie_header().unwrap_or_default();
    assert!(browser.state_cookies().len() <= 20, "{}", browser.state_cookies().len());
    // nginx rejects header lines beyond 8 kB by default; others, beyond 4 kB.
    assert!(cookies.len() < 4_096, "{} bytes of cookies", cookies.len());
    assert_eq!(browser.open("/last").status(), 200, "the newest tab is not the victim");
}

#[test]
fn a_callback_of_one_browser_is_refused_in_another() {
    // CVE-2024-10318: without a state, an attacker signs in a victim as the attacker.
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut attacker = site.browser();
    let callback = attacker.open_until_callback("/page");

    // A genuine state without its cookie starts a separate sign-in for this browser.
    let mut fresh = site.browser();
    let response = fresh.step(&callback);
    assert_eq!(response.status(), 302);
    assert_ne!(parameter(response.location(), "state"), parameter(&callback, "state"));

    let mut busy = site.browser();
    busy.step("/page"); // has a sign-in of its own under way
    assert_eq!(busy.step(&callback).status(), 302);

    // Somebody who can set cookies from a neighbouring host plants one with that name; its value is
    // well-formed, but belongs to a sign-in of this browser's own.
    let mut tricked = busy.clone();
    let own = busy.state_cookies().remove(0).value;
    for cookie in attacker.state_cookies() {
        tricked.plant(Cookie { value: own.clone(), ..cookie });
    }
    let response = tricked.step(&callback);
    assert_eq!(response.status(), 400);
    assert_error_page(&response);

    for victim in [&fresh, &busy, &tricked] {
        assert_eq!(victim.session_cookies(), []);
    }
    assert_eq!(site.sso.count("/application/o/token/"), 0, "the code was not even tried");
    assert_eq!(site.app.hits(), 0);
    assert_eq!(attacker.step(&callback).status(), 302, "it was a good one");
}

#[test]
fn a_callback_works_once() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    let callback = browser.open_until_callback("/page");

    assert_eq!(browser.step(&callback).status(), 302);
    let before = browser.session_cookies();
    let again = browser.step(&callback);

    assert_eq!(again.status(), 302, "a new sign-in: {again:?}");
    assert_ne!(parameter(again.location(), "state"), parameter(&callback, "state"));
    assert_eq!(site.sso.count("/application/o/token/"), 1);
    assert_eq!(browser.session_cookies(), before, "the session that was opened stays");
}

#[test]
fn every_bit_of_the_state_counts() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    let callback = browser.open_until_callback("/page");
    let state = parameter(&callback, "state").expect("a state");

    for at in [0, 1, state.len() / 2, state.len() - 1] {
        let mut changed: Vec<char> = state.chars().collect();
        changed[at] = if changed[at] == 'A' { 'B' } else { 'A' };
        let changed: String = changed.into_iter().collect();
        let response = browser.clone().step(&callback.replace(&state, &changed));
        // The last character may contain unused bits; even then it must be canonical.
        assert_eq!(response.status(), 400, "character {at}");
        assert_error_page(&response);
    }
    assert_eq!(site.sso.count("/application/o/token/"), 0);
}
