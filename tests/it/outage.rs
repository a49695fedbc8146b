//! authentik is down, slow, or talks nonsense; visitors do not wait.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use authentik_standin::{Endpoint, Fault, ProviderSettings, Settings, Signing, Standin};

use crate::error_pages::assert_error_page;
use crate::harness::{Browser, Connection, Response, Site, eventually};

const TOKEN: &str = "/application/o/token/";

#[test]
fn while_authentik_is_down_known_sessions_work_and_sign_ins_get_503() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let alice = site.signed_in();
    let (_, callback) = ready_to_come_back(&site);
    let (mut other, other_callback) = ready_to_come_back(&site);
    drop(callback);
    site.sso.down();

    for _ in 0..20 {
        assert_eq!(alice.get("/").status(), 200);
    }
    let hits = site.app.hits();
    assert_unavailable(&other.step(&other_callback));
    assert_eq!(site.app.hits(), hits);

    site.sso.up();
    assert_eq!(site.browser().open("/").status(), 200, "all is well as soon as it is back");
}

#[test]
fn nginx_starts_and_answers_while_authentik_has_never_been_seen() {
    let site = Site::builder()
        .provider("")
        .server(
            "authentik_provider wiki;
             authentik_unauth_paths ^/public/;
             location / { proxy_pass http://app; }",
        )
        .start();
    site.sso.down();

    assert_eq!(site.get("/public/").status(), 200);
    assert_eq!(site.get("/").status(), 401);
    assert_unavailable(&site.browser().step("/page")); // without discovery nobody knows where to
    site.sso.up();
    // A failure is remembered for seconds, not minutes.
    eventually("it is asked again", || site.browser().step("/page").status() == 302);
    assert_eq!(site.browser().open("/page").status(), 200);
}

#[test]
fn what_never_answers_ends_in_503_and_delays_nobody_else() {
    // One worker: a second one would serve what the first does not accept.
    let site = Site::builder()
        .workers(1)
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }",
        )
        .start();
    let alice = site.signed_in();
    let (mut waiting, callback) = ready_to_come_back(&site);
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_secs(60)));

    let started = Instant::now();
    thread::scope(|scope| {
        let asked = site.sso.count(TOKEN);
        let waits = scope.spawn(|| waiting.step(&callback));
        eventually("authentik is asked", || site.sso.count(TOKEN) > asked);
        slowest_request(&alice, 50);
        assert!(!waits.is_finished(), "fifty requests were served while one waited");
        assert_unavailable(&waits.join().expect("the visitor"));
    });
    assert!(started.elapsed() < Duration::from_secs(35), "{:?}", started.elapsed());
}

#[test]
fn two_hundred_sign_ins_wait_for_a_slow_authentik_and_all_succeed() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let alice = site.signed_in();
    let ready: Vec<(Browser, String)> = (0..200).map(|_| ready_to_come_back(&site)).collect();
    // The kernel may give nearly all of them to one worker, which asks about 20 at once and for at
    // most ten seconds.
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_millis(700)));

    let started = Instant::now();
    let (statuses, slowest) = thread::scope(|scope| {
        let all: Vec<_> = ready
            .into_iter()
            .map(|(mut browser, callback)| scope.spawn(move || browser.step(&callback).status()))
            .collect();
        // If requests wait for authentik, they are slow each time; a busy machine is not.
        let slowest = (0..4).map(|_| slowest_request(&alice, 50)).min().unwrap_or_default();
        let statuses: Vec<u16> = all.into_iter().map(|one| one.join().expect("one")).collect();
        (statuses, slowest)
    });

    let took = started.elapsed();
    let succeeded = statuses.iter().filter(|&&status| status == 302).count();
    let at_once = site.sso.concurrency_peak(TOKEN);
    eprintln!(
        "200 sign-ins, authentik takes 0.7 s: {took:?}, {at_once} at once; \
         slowest request of a known visitor meanwhile: {slowest:?}"
    );
    assert_eq!(succeeded, 200, "{statuses:?}");
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
}

#[test]
fn visitors_who_leave_during_the_exchange_leave_nothing_behind() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let alice = site.signed_in();
    let workers = site.worker_pids();
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_millis(50)));
    let open_before = open_files(&workers);

    for round in 0..60_u64 {
        let (browser, callback) = ready_to_come_back(&site);
        let mut connection = Connection::open(site.address());
        connection.send(browser.get(&callback).navigation().to_bytes());
        thread::sleep(Duration::from_millis(round % 8 * 10));
        drop(connection); // before, while and after the answer comes
    }

    site.sso.clear_faults();
    assert_eq!(site.browser().open("/").status(), 200);
    assert_eq!(alice.get("/").status(), 200);
    assert_eq!(site.worker_pids(), workers, "no worker died");
    eventually("all files but a few are closed", || open_files(&workers) <= open_before + 4);
}

#[test]
fn visitors_who_leave_while_the_endpoints_are_asked_for_leave_nothing_behind() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    site.sso.fault(Endpoint::Discovery, Fault::Slow(Duration::from_millis(700)));
    let workers = site.worker_pids();

    for round in 0..40_u64 {
        let mut connection = Connection::open(site.address());
        connection.send(site.navigate("/page").to_bytes());
        thread::sleep(Duration::from_millis(round % 5 * 10));
        drop(connection);
    }

    assert_eq!(site.browser().open("/page").status(), 200);
    assert_eq!(site.worker_pids(), workers, "no worker died");
}

#[test]
fn a_slow_provider_does_not_hold_up_another() {
    let slow = Standin::start(Settings { providers: Vec::new(), ..Settings::default() });
    let site = Site::builder()
        .workers(1)
        .http(&format!(
            "authentik_provider slow {{
                 issuer {}/application/o/slow/;
                 client_id slow-client-id;
                 client_secret slow-client-secret;
                 external_host http://wiki.test:%%PORT%%;
             }}",
            slow.url()
        ))
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }
             location /slow/ { authentik_provider slow; proxy_pass http://app; }",
        )
        .start();
    slow.change(|settings| settings.providers.push(ProviderSettings::new("slow", &site.url())));
    let ready: Vec<(Browser, String)> =
        (0..60).map(|_| ready_to_come_back_to(&site, "/slow/")).collect();
    slow.fault(Endpoint::Token, Fault::Slow(Duration::from_secs(3)));
    let address: SocketAddr = site.address();

    let mut waiting = Vec::new();
    for (browser, callback) in &ready {
        let mut connection = Connection::open(address);
        connection.send(browser.get(callback).navigation().to_bytes());
        waiting.push(connection);
    }
    eventually("the slow one is asked", || slow.count(TOKEN) > 0);
    for _ in 0..5 {
        assert_eq!(site.browser().open("/page").status(), 200);
    }
    // No more at a time than threads per provider: the last question is asked after six seconds.
    let asked = slow.count(TOKEN);
    assert!(asked < waiting.len(), "none waited until the queue of the other provider was empty");
}

#[test]
fn a_document_that_does_not_fit_into_the_zone_ends_the_sign_in_at_once() {
    // The maximum length of a response, which together with the fetch time exceeds a record.
    const PADDING: usize = 256 * 1024 - 20;
    let mut site = Site::builder()
        .settings(|settings, _| settings.providers[0].signing = Signing::Rs256)
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }",
        )
        .start();
    let (mut browser, callback) = ready_to_come_back(&site);
    site.sso.fault(Endpoint::Jwks, Fault::HugeBody(PADDING));
    site.expect_in_error_log("reason: zone-full");

    let started = Instant::now();
    let response = browser.step(&callback);

    assert_eq!(response.status(), 503, "{response:?}");
    assert!(response.text().contains("zone-full"), "{}", response.text());
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(site.sso.count("/application/o/wiki/jwks/"), 1, "not asked again and again");
    assert_eq!(site.app.hits(), 0);
    let said = site.error_log().lines_with("fetching the keys failed");
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].contains("does not fit into the zone"), "{said:#?}");
}

/// A browser just redirected back by authentik, and the target.
fn ready_to_come_back(site: &Site) -> (Browser, String) {
    ready_to_come_back_to(site, "/page")
}

fn ready_to_come_back_to(site: &Site, page: &str) -> (Browser, String) {
    let mut browser = site.browser();
    let callback = browser.open_until_callback(page);
    (browser, callback)
}

fn slowest_request(browser: &Browser, requests: usize) -> Duration {
    let time = |_| {
        let started = Instant::now();
        assert_eq!(browser.get("/").status(), 200);
        started.elapsed()
    };
    (0..requests).map(time).max().unwrap_or_default()
}

fn open_files(pids: &[u32]) -> usize {
    let count = |pid| std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    pids.iter().map(count).sum()
}

fn assert_unavailable(response: &Response) {
    assert_eq!(response.status(), 503, "{response:#?}");
    assert_error_page(response);
    let seconds = response.header("retry-after").and_then(|value| value.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| (1..=300).contains(&seconds)), "{response:#?}");
    assert!(!response.all("set-cookie").any(|line| line.contains("authentik_proxy_")));
}
