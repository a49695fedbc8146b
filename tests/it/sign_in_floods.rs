//! How the threads and the queue for sign-ins are shared, and by whom.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use authentik_standin::{Endpoint, Fault, WIKI_CLIENT_ID, WIKI_CLIENT_SECRET};
use gate::destination::Destination;
use gate::login::{Entropy, Start};
use gate::provider::{Provider, Settings};
use gate::secret::Secret;
use gate::time::UnixTime;

use crate::harness::{Connection, Site, at_best, eventually, parameter};
use crate::reasons::{assert_reason, ready_to_come_back};

const SERVER: &str = "authentik_provider wiki; location / { proxy_pass http://app; }
    set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;";

/// The share of one address: sign-ins that wait, and some that run.
const SHARE: u16 = 256 + 20;

const TOKEN: &str = "/application/o/token/";

fn site() -> Site {
    Site::builder().workers(1).events("worker_connections 6000;").server(SERVER).start()
}

/// The callback of a separate sign-in: an attacker can start as many as they like.
fn callback(site: &Site, number: u16, address: &str) -> crate::harness::Request {
    let (state, cookie) = sign_in_begun(site, 1, number);
    let path = "/outpost.goauthentik.io/callback?X-authentik-auth-callback=true";
    let request = site.navigate(&format!("{path}&code=made-up&state={state}"));
    request.header("Cookie", cookie).header("X-Real-IP", address)
}

fn flood(site: &Site, numbers: std::ops::Range<u16>, address: &str) -> Vec<Connection> {
    let send = |number| {
        let mut connection = Connection::open(site.address());
        connection.send(callback(site, number, address).to_bytes());
        connection
    };
    numbers.map(send).collect()
}

#[test]
fn when_too_many_sign_ins_wait_the_next_is_refused_as_overloaded() {
    let site = site();
    let alice = site.signed_in();
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_secs(8)));

    let waiting = flood(&site, 0..SHARE, "192.0.2.66");
    let mut number = SHARE;
    let refused = loop {
        // Until the earlier ones have arrived, this one waits as well.
        let mut next = Connection::open(site.address());
        next.send(callback(&site, number, "192.0.2.66").to_bytes());
        number += 1;
        if !site.error_log().lines_with("reason: overloaded").is_empty() {
            break callback(&site, number, "192.0.2.66").send();
        }
        assert!(number < SHARE + 500, "nobody is refused");
    };

    assert_reason(&site, &refused, "overloaded");
    assert!(refused.header("Retry-After").is_some());
    at_best(Duration::from_secs(1), "known visitors notice nothing", || {
        let started = Instant::now();
        assert_eq!(alice.get("/").status(), 200);
        started.elapsed()
    });
    drop(waiting);
    site.sso.clear_faults();
}

#[test]
fn one_address_that_floods_the_sign_in_does_not_keep_another_out() {
    let site = site();
    let (mut bob, bobs_callback) = ready_to_come_back(&site);
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_secs(3)));

    let stranger = flood(&site, 0..2_000, "192.0.2.66");
    eventually("the stranger is refused", || {
        site.error_log().lines_with("reason: overloaded").len() >= 1_000
    });
    let started = Instant::now();
    let page = bob.step(&bobs_callback);

    assert_eq!(page.status(), 302, "{}", page.text());
    let took = started.elapsed();
    assert!(took < Duration::from_secs(6), "one answer of authentik, not the queue: {took:?}");
    assert!(site.sso.concurrency_peak(TOKEN) <= 21, "{}", site.sso.concurrency_peak(TOKEN));
    drop(stranger);
    site.sso.clear_faults();
}

#[test]
fn many_addresses_that_fill_the_queue_give_way_to_one_that_asks_for_little() {
    let site = site();
    let (mut bob, bobs_callback) = ready_to_come_back(&site);
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_secs(3)));

    let strangers: Vec<Connection> = (0..6)
        .flat_map(|who| {
            let address = format!("192.0.2.{}", 66 + who);
            flood(&site, who * 220..(who + 1) * 220, &address)
        })
        .collect();
    eventually("the queue is full", || {
        !site.error_log().lines_with("reason: overloaded").is_empty()
    });
    let page = bob.step(&bobs_callback);

    assert_eq!(page.status(), 302, "{}", page.text());
    drop(strangers);
    site.sso.clear_faults();
}

#[test]
fn a_callback_that_is_sent_again_takes_the_place_of_the_one_before() {
    let site = site();
    for leaves in [false, true] {
        site.sso.forget_requests();
        let (mut browser, callback) = ready_to_come_back(&site);
        site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_secs(1)));
        let request = browser.get(&callback).navigation().to_bytes();
        let mut former: Vec<Connection> = (0..50)
            .map(|_| {
                let mut connection = Connection::open(site.address());
                connection.send(&request);
                connection
            })
            .collect();
        eventually("authentik is asked", || site.sso.count(TOKEN) == 1);
        if leaves {
            former.clear();
        }

        let page = browser.step(&callback);

        assert_eq!(page.status(), 302, "{}", page.text());
        assert_eq!(site.sso.count(TOKEN), 1, "a code is exchanged once");
        for connection in &mut former {
            let answer = connection.response();
            assert_reason(&site, &answer, "superseded");
            assert_eq!(answer.status(), 400);
        }
        assert!(site.error_log().lines_with("[error]").is_empty(), "it is nobody's fault");
        site.sso.clear_faults();
        assert_eq!(browser.get("/").status(), 200, "the session is the browser's");
    }
}

#[test]
fn a_replay_with_another_code_is_refused_while_the_first_is_asked_about() {
    let site = site();
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_secs(2)));
    let (browser, callback) = ready_to_come_back(&site);
    let code = parameter(&callback, "code").expect("a code");
    let mut first = Connection::open(site.address());
    first.send(browser.get(&callback).navigation().to_bytes());
    eventually("authentik is asked", || site.sso.count(TOKEN) == 1);

    let other = browser.get(&callback.replace(&code, "another")).navigation().send();

    assert_reason(&site, &other, "superseded");
    assert_eq!(site.sso.count(TOKEN), 1);
    assert_eq!(first.response().status(), 302, "the first is served");
    site.sso.clear_faults();
}

/// State and cookie of a sign-in that began `age` seconds ago, unique per `number`.
pub(crate) fn sign_in_begun(site: &Site, age: u64, number: u16) -> (String, String) {
    let settings = Settings {
        name: "wiki".into(),
        issuer: format!("{}/application/o/wiki/", site.sso.url()),
        client_id: WIKI_CLIENT_ID.into(),
        client_secret: Some(Secret::new(WIKI_CLIENT_SECRET)),
        external_host: site.url(),
        ..Settings::default()
    };
    let provider = Provider::new(settings).expect("the site's provider");
    let target = Destination::root(&provider);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let random = number.to_be_bytes().repeat(24);
    let entropy = Entropy::new(random.first_chunk().expect("48 bytes")).expect("48 bytes");
    let start = Start::new(&provider, &target, entropy, UnixTime(now - age), 0, &[], None);
    let start = start.expect("a sign-in");
    let url = start.authorize_url("http://sso.test/").expect("a URL");
    let state = parameter(&url, "state").expect("a state");
    let cookie = start.set_cookies.first().and_then(|cookie| cookie.split(';').next());
    (state, cookie.expect("a cookie").to_owned())
}
