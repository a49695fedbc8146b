//! authentik does not answer when a session is to be renewed.

use super::{ACCESS, TOKEN, alice, site, wait_until};
use crate::harness::eventually;

#[test]
fn a_session_waits_for_an_authentik_that_is_away() {
    let site = site();
    let (mut alice, start) = alice(&site);
    site.sso.down();
    assert_eq!(alice.fetch("/").status(), 200, "the access token is valid");

    wait_until(start, ACCESS);
    let hits = site.app.hits();
    for _ in 0..3 {
        let response = alice.fetch("/");
        assert_eq!(response.status(), 503);
        assert!(response.header("retry-after").is_some(), "{response:?}");
        assert!(response.text().contains("core-unreachable"), "{}", response.text());
        let page = alice.step("/page");
        assert_eq!(page.status(), 503, "{page:?}");
    }
    assert_eq!(site.app.hits(), hits);
    assert_eq!(alice.session_cookies().len(), 1, "the cookie stays");

    site.sso.up();
    eventually("the session is there", || alice.fetch("/").status() == 200);
    assert_eq!(site.sso.count("/application/o/authorize/"), 0);
    assert_eq!(site.sso.refresh_tokens(), 1);
}

#[test]
fn a_flood_of_requests_asks_an_absent_authentik_a_few_times_only() {
    use authentik_standin::{Endpoint, Fault};

    let site = site();
    let mut alice = super::alice_later(&site);
    site.sso.fault(Endpoint::Token, Fault::Status(500));
    for _ in 0..200 {
        assert_eq!(alice.fetch("/").status(), 503);
    }
    assert!(site.sso.count(TOKEN) <= 4, "{}", site.sso.count(TOKEN));
    assert_eq!(site.error_log().lines_with("[error]").len(), 200 + 1, "one about the renewal");
    site.sso.clear_faults();
    eventually("the session is there", || alice.fetch("/").status() == 200);
}
