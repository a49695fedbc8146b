//! A sign-out here continues at authentik, and returns if authentik supports that.

use authentik_standin::LogoutMethod;

use super::two_applications;
use crate::harness::{Builder, Site, parameter};

const SIGN_OUT: &str = "/outpost.goauthentik.io/sign_out";
const CLOSED: &str = "authentik_provider wiki; location / { proxy_pass http://app; }";

/// An authentik that returns to registered URLs (2026.5 and later), and ends its own session.
fn newer() -> Builder {
    Site::builder().server(CLOSED).settings(|settings, ports| {
        settings.returns_after_logout = true;
        let provider = &mut settings.providers[0];
        provider.ends_session = true;
        provider.post_logout_redirect_uris = vec![
            format!("http://wiki.test:{}/bye?a=1", ports.main),
            "https://home.example.com/".to_owned(),
        ];
    })
}

#[test]
fn a_sign_out_comes_back_to_rd() {
    let site = newer()
        .server(&format!("{CLOSED} location = /bye {{ authentik_provider off; return 200 bye; }}"))
        .start();
    let mut alice = site.signed_in();
    let trail = alice.open(&format!("{SIGN_OUT}?rd=/bye%3Fa%3D1"));
    let there = trail.addresses();
    let sent = there[1];
    assert!(parameter(sent, "id_token_hint").is_some_and(|hint| hint.matches('.').count() == 2));
    assert_eq!(
        parameter(sent, "post_logout_redirect_uri"),
        Some(format!("{}/bye?a=1", site.url()))
    );
    let state = parameter(sent, "state").expect("a state");
    assert_eq!(state.len(), 22, "{state}");
    assert_eq!(trail.status(), 200);
    assert_eq!(trail.page().text(), "bye");
    assert_eq!(trail.address().as_str(), format!("{}/bye?a=1&state={state}", site.url()));
    assert_eq!(site.sso.session_ids(), Vec::<String>::new());
    assert_eq!(alice.get("/").status(), 401);
}

#[test]
fn a_provider_may_have_a_way_back_of_its_own() {
    let site = newer().provider("post_logout_redirect_uri https://home.example.com/;").start();
    for (query, way) in [
        ("", "https://home.example.com/".to_owned()),
        ("?rd=https://evil.example/", "https://home.example.com/".to_owned()),
        ("?rd=/x&rd=/y", "https://home.example.com/".to_owned()),
        ("?rd=/x", format!("{}/x", site.url())),
    ] {
        let mut alice = site.signed_in();
        let response = alice.step(&format!("{SIGN_OUT}{query}"));
        let sent = parameter(response.location(), "post_logout_redirect_uri");
        assert_eq!(sent, Some(way), "{query}");
    }
}

#[test]
fn no_sign_out_leads_to_a_foreign_host() {
    let site = Site::start(CLOSED);
    for rd in ["https://evil.example/", "//evil.example/", "/%5Cevil.example", "javascript:1"] {
        let mut alice = site.signed_in();
        let response = alice.step(&format!("{SIGN_OUT}?rd={rd}"));
        assert_eq!(response.status(), 302);
        assert_eq!(parameter(response.location(), "post_logout_redirect_uri"), None, "{rd}");
        assert_eq!(parameter(response.location(), "state"), None, "{rd}");
        let end = format!("{}/application/o/wiki/end-session/?id_token_hint=", site.sso.url());
        assert!(response.location().starts_with(&end), "{}", response.location());
    }
}

#[test]
fn authentik_2026_2_ignores_it_and_shows_its_page() {
    let site = Site::start(CLOSED);
    let mut alice = site.signed_in();
    let trail = alice.open(&format!("{SIGN_OUT}?rd=/bye"));
    assert_eq!(trail.status(), 200);
    assert_eq!(trail.address().path(), "/if/flow/default-provider-invalidation-flow/");
    assert_eq!(site.sso.session_ids().len(), 1, "nothing ends at authentik");
    assert_eq!(alice.get("/").status(), 401);
}

#[test]
fn an_invalidation_flow_that_ends_the_session_tells_the_other_applications() {
    let site = two_applications(LogoutMethod::Backchannel).start();
    site.sso.change(|settings| settings.providers[0].ends_session = true);
    let mut alice = site.signed_in();
    assert_eq!(alice.open("/blog/").status(), 200);
    alice.open(SIGN_OUT);
    crate::harness::eventually("both are told", || site.sso.logouts().len() == 2);
    let statuses: Vec<_> = site.sso.logouts().iter().map(|one| one.status).collect();
    assert_eq!(statuses, [Some(200); 2]);
    assert_eq!([alice.get("/").status(), alice.get("/blog/").status()], [401; 2]);
}
