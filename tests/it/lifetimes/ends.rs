//! The end of a session, and of its cookie.

use std::time::Instant;

use super::{SERVER, is_to_authentik, site, wait_until};
use crate::harness::Site;

#[test]
fn a_session_ends_after_session_lifetime_however_long_its_token_lasts() {
    let site = site("session_lifetime 4s; recheck off;");
    let start = Instant::now();
    let mut alice = site.signed_in();
    assert_eq!(alice.fetch("/").status(), 200);

    wait_until(start, 4);
    let hits = site.app.hits();
    assert_eq!(alice.fetch("/").status(), 401);
    assert!(is_to_authentik(&alice.step("/")));
    assert_eq!(site.app.hits(), hits);
}

#[test]
fn the_cookie_ends_with_the_session() {
    for (lines, max_age) in [
        ("session_lifetime 90s; recheck off;", 90),
        ("session_lifetime 1h 30m;", 3600), // the access token ends sooner
        ("session_lifetime 30m; recheck 1m;", 1800),
    ] {
        let site = site(&lines.replace("1h 30m", "90m"));
        let mut alice = site.browser();
        let callback = alice.open_until_callback("/");
        let arrival = alice.step(&callback);
        let cookie = arrival.all("set-cookie").find(|line| line.contains("authentik_proxy_"));
        let cookie = cookie.expect("a session cookie");
        let age: u64 = cookie.split("Max-Age=").nth(1).and_then(|age| age.parse().ok()).unwrap();
        assert!((max_age - 2..=max_age).contains(&age), "{lines} {cookie}");
    }
}

#[test]
fn a_shorter_lifetime_counts_for_sessions_that_are_there() {
    let site = Site::builder().provider("session_lifetime 1h; recheck off;").server(SERVER).start();
    let start = Instant::now();
    let mut alice = site.signed_in();
    wait_until(start, 1);
    assert_eq!(alice.fetch("/").status(), 200);

    site.edit_configuration("session_lifetime 1h;", "session_lifetime 1s;");
    site.reload();
    let hits = site.app.hits();
    assert_eq!(alice.fetch("/").status(), 401);
    assert_eq!(site.app.hits(), hits);
}
