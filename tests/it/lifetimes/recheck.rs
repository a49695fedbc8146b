//! Who browses goes through authentik again after `recheck`.

use std::fs;
use std::time::Instant;

use super::{SERVER, is_to_authentik, site, submit, wait_until};
use crate::harness::{Site, eventually};
use crate::outpost::{CONNECTED, connected, started};

#[test]
fn a_page_opened_after_recheck_is_shown_after_a_new_sign_in_without_a_question() {
    let site = site("recheck 4s;");
    let start = Instant::now();
    let mut alice = site.signed_in();
    let former = alice.session_cookies().remove(0);
    wait_until(start, 4);

    let first = alice.step("/page?x=1");
    assert!(is_to_authentik(&first), "{}", first.status());
    assert_eq!(site.app.hits(), 0);
    assert_eq!(site.error_log().lines_with("sent to sign in, reason: recheck-due").len(), 1);
    assert_eq!(alice.fetch("/").status(), 200, "until then, the session goes on");

    let trail = alice.follow("/page?x=1", first);
    assert_eq!(trail.status(), 200, "{:?}", trail.addresses());
    assert!(trail.address().as_str().ends_with("/page?x=1"));
    let hits = site.app.hits();
    let mut thief = site.browser();
    assert_ne!(alice.session_cookies().remove(0).value, former.value);
    thief.plant(former);
    assert_eq!(thief.fetch("/").status(), 401, "the former session has ended");
    assert_eq!(site.app.hits(), hits);
}

#[test]
fn who_does_not_open_a_page_is_not_sent_anywhere() {
    let site = site("recheck 4s;");
    let start = Instant::now();
    let mut alice = site.signed_in();
    wait_until(start, 4);

    assert_eq!(alice.fetch("/").status(), 200);
    assert_eq!(submit(&alice, "/").status(), 200);
    assert_eq!(alice.get("/").method("HEAD").send().status(), 200);
    assert_eq!(alice.get("/").header("Accept", "*/*").send().status(), 200);
    let frame = [("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")];
    assert_eq!(alice.step_with("/", &frame).status(), 200);
    // Where a stranger is not sent to sign in, nobody is.
    for address in ["/quiet/", "/guests/", "/public/"] {
        assert_eq!(alice.step(address).status(), 200, "{address}");
        assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"), "{address}");
    }
    assert!(is_to_authentik(&alice.step("/")), "it was due all the time");
}

#[test]
fn the_page_about_a_form_that_was_submitted_is_shown() {
    let server = format!(
        "location /static/ {{ root html; error_page 405 /sorry; }}
         {SERVER}"
    );
    let site = Site::builder()
        .provider("recheck 4s;")
        .file("html/static/form.txt", "x")
        .server(&server)
        .start();
    let start = Instant::now();
    let alice = site.signed_in();
    wait_until(start, 4);

    // nginx goes on to /sorry as if that had been opened with GET.
    let answer = submit(&alice, "/static/form.txt");
    assert_eq!(answer.status(), 405);
    assert_eq!(site.app.hits(), 1);
}

#[test]
fn of_many_tabs_one_goes_to_authentik_and_the_others_are_served_but_only_for_a_moment() {
    let site = site("recheck 4s;");
    let start = Instant::now();
    let alice = site.signed_in();
    wait_until(start, 4);

    let answers = alice.get("/").navigation().send_together(20);
    let redirected = answers.iter().filter(|answer| is_to_authentik(answer)).count();
    let served = answers.iter().filter(|answer| answer.status() == 200).count();
    assert_eq!((redirected, served), (1, 19));

    let start = Instant::now();
    wait_until(start, 5);
    let hits = site.app.hits();
    for answer in alice.get("/").navigation().send_together(5) {
        assert!(is_to_authentik(&answer), "{}", answer.status());
    }
    assert_eq!(site.app.hits(), hits);
}

#[test]
fn while_authentik_does_not_answer_the_session_goes_on() {
    let mut site = site("recheck 4s;");
    let start = Instant::now();
    let mut alice = site.signed_in();
    wait_until(start, 4);
    site.sso.down();
    site.expect_in_error_log("authentik does not answer");

    for _ in 0..3 {
        assert_eq!(alice.step("/").status(), 200);
    }
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
    let said = site.error_log().lines_with("authentik does not answer, provider: \"wiki\"");
    assert!(!said.is_empty());
    assert_eq!(site.error_log().lines_with("recheck put off").len(), 3);
}

#[test]
fn settings_in_doubt_send_nobody_to_sign_in() {
    let http = CONNECTED.replace("token_file", "recheck 4s; token_file");
    let mut site = started(connected().http(&http));
    site.expect_in_error_log("settings were not read");
    let start = Instant::now();
    let mut alice = site.signed_in();
    // A token that this authentik does not know.
    let token = site.path("outpost.token");
    fs::remove_file(&token).expect("the old token goes");
    fs::write(&token, "another-token").expect("a new token");
    site.reload();
    eventually("authentik refuses it", || {
        !site.error_log().lines_with("those of the previous token serve").is_empty()
    });
    wait_until(start, 4);

    assert_eq!(alice.step("/").status(), 200);
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
}

#[test]
fn a_browser_that_keeps_no_cookies_of_the_new_sign_in_is_stopped_not_sent_in_circles() {
    let mut site = site("recheck 4s;");
    site.expect_in_error_log("sign-in-loop");
    let start = Instant::now();
    let mut alice = site.signed_in();
    alice.refuse_cookies(|name| name.contains("authentik_proxy_"));
    wait_until(start, 4);

    let trail = alice.open("/");
    assert_eq!(trail.status(), 400, "{:?}", trail.addresses());
    assert!(trail.page().text().contains("sign-in-loop"));
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn rechecks_can_be_switched_off() {
    let site = site("recheck off;");
    let start = Instant::now();
    let mut alice = site.signed_in();
    wait_until(start, 4);
    assert_eq!(alice.step("/").status(), 200);
}
