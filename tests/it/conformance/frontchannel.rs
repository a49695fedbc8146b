//! Plan `oidcc-client-front-channel-logout-rp-basic`, and the module for a logout that begins at the
//! OpenID provider.

use authentik_standin::LogoutMethod;

use super::relying_party;
use crate::harness::Site;
use crate::logout::{only_session, with_logout_uri};

fn told() -> Site {
    relying_party(|settings, ports| {
        with_logout_uri(settings, ports.main, LogoutMethod::Frontchannel);
    })
    .start()
}

/// The status of our URL in a frame of the provider's page: another site's, so without cookies.
fn framed(site: &Site, sid: &str) -> u16 {
    let iss = site.sso.issuer("wiki");
    let iss: String = url::form_urlencoded::byte_serialize(iss.as_bytes()).collect();
    let target = format!("/outpost.goauthentik.io/frontchannel_logout?iss={iss}&sid={sid}");
    let answer = site.get(&target).header("Sec-Fetch-Dest", "iframe").send();
    let caching = answer.header("cache-control").unwrap_or_default();
    assert!(caching.contains("no-store"), "{caching}");
    answer.status()
}

#[test]
fn oidcc_client_test_rp_frontchannel_rpinitlogout() {
    let site = told();
    let mut alice = site.signed_in();
    let copied = alice.clone();
    let sid = only_session(&site);
    let leaving = alice.step("/outpost.goauthentik.io/sign_out");
    assert!(leaving.location().contains("/application/o/wiki/end-session/"));
    assert_eq!(framed(&site, &sid), 200, "the session is over already");
    site.app.forget();
    assert_eq!((copied.get("/").status(), site.app.hits()), (401, 0));
}

#[test]
fn oidcc_client_test_rp_frontchannel_opinitlogout() {
    let site = told();
    let alice = site.signed_in();
    let sid = only_session(&site);
    assert_eq!(framed(&site, "of-nobody"), 200);
    assert_eq!(alice.get("/").status(), 200);
    assert_eq!(framed(&site, &sid), 200);
    site.app.forget();
    assert_eq!((alice.get("/").status(), site.app.hits()), (401, 0));
}
