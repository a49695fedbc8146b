//! Plan `oidcc-client-rp-initiated-logout-rp-basic`.

use crate::harness::{Browser, Site, parameter};

use super::{CLOSED, relying_party};

const SIGN_OUT: &str = "/outpost.goauthentik.io/sign_out";

/// An OpenID provider that returns to `/bye`, which is open to everybody.
fn returning() -> Site {
    relying_party(|settings, ports| {
        settings.returns_after_logout = true;
        let provider = &mut settings.providers[0];
        provider.ends_session = true;
        let bye = format!("http://wiki.test:{}/bye", ports.main);
        provider.post_logout_redirect_uris = vec![bye];
    })
    .server(&format!("{CLOSED} location = /bye {{ authentik_provider off; return 200 bye; }}"))
    .start()
}

/// Signs out and returns the request for the end-session endpoint.
fn signed_out(site: &Site, browser: &mut Browser) -> String {
    let location = browser.step(&format!("{SIGN_OUT}?rd=/bye")).location().to_owned();
    let endpoint = format!("{}/application/o/wiki/end-session/?", site.sso.url());
    assert!(location.starts_with(&endpoint), "{location}");
    location
}

#[test]
fn oidcc_client_test_rp_init_logout() {
    let site = returning();
    let mut alice = site.signed_in();
    let copied = alice.clone();
    let asked = signed_out(&site, &mut alice);
    let bye = format!("{}/bye", site.url());
    assert_eq!(parameter(&asked, "post_logout_redirect_uri"), Some(bye.clone()));
    assert!(parameter(&asked, "id_token_hint").is_some_and(|hint| hint.matches('.').count() == 2));
    let state = parameter(&asked, "state").expect("a state");
    let trail = alice.open(&asked);
    assert_eq!(trail.address().as_str(), format!("{bye}?state={state}"));
    assert_eq!((trail.status(), trail.page().text().as_str()), (200, "bye"));
    site.app.forget();
    assert_eq!((copied.get("/").status(), site.app.hits()), (401, 0));
}

#[test]
fn oidcc_client_test_rp_init_logout_other_state() {
    returns_with("?state=another");
}

#[test]
fn oidcc_client_test_rp_init_logout_no_state() {
    returns_with("");
}

/// The session has ended before the browser leaves, so what it comes back with is of no importance.
fn returns_with(query: &str) {
    let site = returning();
    let mut alice = site.signed_in();
    let copied = alice.clone();
    let asked = signed_out(&site, &mut alice);
    assert!(parameter(&asked, "state").is_some(), "{asked}");
    site.app.forget();
    let trail = alice.open(&format!("/bye{query}"));
    assert_eq!((trail.status(), trail.page().text().as_str()), (200, "bye"));
    assert_eq!((copied.get("/").status(), site.app.hits()), (401, 0));
}
