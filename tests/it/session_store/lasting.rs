//! What a session survives.

use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Site, eventually};

use super::{builder, is_known, is_stranger, of_store, questions, site};

const TOKEN: &str = "/application/o/token/";

fn asked_authentik(site: &Site) -> usize {
    site.sso.count(TOKEN)
}

#[test]
fn a_session_survives_a_restart_without_a_question_to_authentik() {
    let mut site = site();
    let alice = site.signed_in();
    let asked = asked_authentik(&site);
    for _ in 0..2 {
        site.restart();
        is_known(&site, &alice);
    }
    assert_eq!(asked_authentik(&site), asked);
    assert_eq!(of_store(&site, "kind"), "file");
    assert_eq!(of_store(&site, "unread_since"), serde_json::Value::Null);
}

#[test]
fn a_session_survives_that_everything_is_killed() {
    let mut site = site();
    let alice = site.signed_in();
    site.expect_in_error_log("exited on signal 9");
    for _ in 0..3 {
        site.kill_all_and_start();
        is_known(&site, &alice);
    }
}

#[test]
fn a_session_survives_reloads() {
    let site = site();
    let alice = site.signed_in();
    for _ in 0..3 {
        site.reload();
        is_known(&site, &alice);
    }
    let questions = questions(&site);
    is_known(&site, &alice);
    assert_eq!(questions, super::questions(&site), "who is known costs no question");
    assert!(of_store(&site, "duration")["count"].as_u64() > Some(0), "the sign-in was written");
}

#[test]
fn a_session_is_known_to_the_other_nginx_at_once() {
    let site = site();
    let sister = site.sister();
    for _ in 0..3 {
        let alice = site.signed_in();
        let response = alice.get("/page").navigation().to(sister.address()).send();
        assert_eq!(response.status(), 200);
        assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
    }
}

#[test]
fn invented_cookies_cost_no_question() {
    let site = site();
    let alice = site.signed_in();
    let name = alice.session_cookies()[0].name.clone();
    let before = questions(&site);
    for number in 0..1000 {
        let cookie = format!("{name}={number:043}");
        let response = site.navigate("/page").header("Cookie", cookie).send();
        assert_eq!(response.status(), 302);
    }
    assert_eq!(questions(&site), before);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_session_that_is_gone_costs_one_question_a_while() {
    let site = builder().workers(1).start();
    let alice = site.signed_in();
    let gone = alice.clone();
    let mut alice = alice;
    assert_eq!(alice.step("/outpost.goauthentik.io/sign_out").status(), 302);
    let before = questions(&site);
    for _ in 0..20 {
        is_stranger(&site, &gone);
    }
    assert!(questions(&site) <= before + 1, "{} questions", questions(&site) - before);
}

#[test]
fn a_crowd_after_a_restart_asks_once_a_worker() {
    let mut site = builder().workers(2).start();
    let alice = site.signed_in();
    site.restart();
    site.app.forget();
    let responses = alice.get("/page").send_together(40);
    assert!(responses.iter().all(|response| response.status() == 200));
    let count = questions(&site);
    assert!((1..=2).contains(&count), "{count} questions");
    assert!(
        site.app.received().iter().all(|got| got.header("X-authentik-username") == Some("alice"))
    );
}

#[test]
fn a_full_zone_gets_its_sessions_back_from_the_store() {
    let store = "authentik_shared_zone zone=small:512k;
        authentik_session_store file %%PREFIX%%/store/sessions;";
    let mut site = builder().http(store).start();
    site.expect_in_error_log("the zone is");
    let browsers: Vec<_> = (0..320).map(|_| site.signed_in()).collect();
    let evicted = || {
        let status = crate::status::status(&site);
        status["zone"]["evicted_by_kind"]["sessions"].as_u64().expect("a number")
    };
    eventually("sessions are evicted", || evicted() > 0);
    for alice in &browsers {
        is_known(&site, alice);
    }
}

#[test]
fn a_session_that_may_no_longer_last_so_long_is_no_session_at_once() {
    let mut site = builder().provider("cookie_samesite lax;").start();
    let alice = site.signed_in();
    site.edit_configuration("cookie_samesite lax;", "session_lifetime 2s;");
    thread::sleep(Duration::from_secs(3));
    site.restart();
    let begun = Instant::now();
    is_stranger(&site, &alice);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}
