//! Each worker remembers the sessions in use. If one ends, it ends in all workers at once.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Browser, Connection, Request, Site};
use crate::outpost::all_workers_say;
use crate::status::status;

const SERVER: &str = "authentik_provider wiki;
    add_header X-Worker $pid always;
    location = /status.json { authentik_provider off; authentik_status format=json; }
    location / { proxy_pass http://app; }
    location /other/ { proxy_pass http://app; }";

fn site(workers: usize) -> Site {
    // Otherwise nginx closes a connection after 1,000 requests.
    let http = "keepalive_requests 1000000;";
    Site::builder().workers(workers).http(http).server(SERVER).start()
}

/// Number of session lookups in the zone.
fn lookups(site: &Site) -> u64 {
    status(site)["zone"]["lookups"].as_u64().expect("a number")
}

#[test]
fn a_cookie_that_nobody_made_is_not_looked_up() {
    const INVENTED: usize = 2_000;
    let site = site(1);
    let alice = site.signed_in();
    let genuine = alice.session_cookies().remove(0);
    let foreign = || status(&site)["zone"]["foreign_cookies"].as_u64().expect("a number");
    let mut connection = Connection::open(site.address());
    assert_eq!(connection.request(&alice.get("/")).status(), 200);
    let (looked_up, hits) = (lookups(&site), site.app.hits());

    for number in 0..INVENTED {
        // One half from a genuine id, the other made up.
        let value = match number % 2 {
            0 => format!("{}{number:023}", &genuine.value[..20]),
            _ => format!("{number:020}{}", &genuine.value[20..]),
        };
        let cookie = format!("{}={value}", genuine.name);
        let answer = connection.request(&site.get("/").header("Cookie", cookie));
        assert_eq!(answer.status(), 401);
    }

    assert_eq!(site.app.hits(), hits);
    assert_eq!((lookups(&site), foreign()), (looked_up, INVENTED as u64));
    assert_eq!(connection.request(&alice.get("/")).status(), 200);
}

#[test]
fn a_session_in_use_is_looked_up_once_in_five_seconds() {
    let site = site(1);
    let alice = site.signed_in();
    let bob = site.signed_in_as("bob");
    let before = lookups(&site);
    let started = Instant::now();

    let mut connection = Connection::open(site.address());
    let mut sent = 0;
    while started.elapsed() < Duration::from_secs(7) {
        for (browser, name) in [(&alice, "alice"), (&bob, "bob")] {
            let answer = connection.request(&browser.get("/other/"));
            assert_eq!(answer.status(), 200);
            assert_eq!(site.app.last().header("X-authentik-username"), Some(name));
        }
        sent += 2;
    }

    let asked = lookups(&site) - before;
    assert!(sent > 100, "{sent}");
    // One by each worker every five seconds; a busy machine may take longer than seven in all.
    let due = 2 * (started.elapsed().as_secs() / 5 + 1);
    assert!((2..=due).contains(&asked), "{asked} of {sent} requests have asked");
}

#[test]
fn a_sign_out_counts_at_once_in_workers_that_remember_the_session() {
    let site = site(4);
    for _ in 0..5 {
        let mut desk = site.signed_in();
        let phone = site.signed_in();
        let bob = site.signed_in_as("bob");
        for browser in [&desk, &phone, &bob] {
            assert!(all_workers_say(&site, &browser.get("/"), 200), "all of them remember it");
        }
        let copied = desk.clone();

        desk.step("/outpost.goauthentik.io/sign_out");

        for dead in [&copied, &phone] {
            assert!(all_workers_say(&site, &dead.get("/"), 401));
        }
        assert!(all_workers_say(&site, &bob.get("/"), 200));
    }
}

#[test]
fn a_new_sign_in_ends_the_former_session_in_all_workers() {
    let site = site(2);
    let mut alice = site.signed_in();
    let former = alice.clone();
    assert!(all_workers_say(&site, &former.get("/"), 200));

    assert_eq!(alice.open("/outpost.goauthentik.io/start?rd=/").status(), 200);

    assert!(all_workers_say(&site, &former.get("/"), 401));
    assert!(all_workers_say(&site, &alice.get("/"), 200));
}

#[test]
fn a_session_that_gave_way_in_a_full_zone_is_gone_in_all_workers() {
    let site = Site::builder()
        .workers(2)
        .http("authentik_shared_zone zone=small:512k;")
        .server(SERVER)
        .start();
    let alice = site.signed_in();
    assert!(all_workers_say(&site, &alice.get("/"), 200));

    // Tokens of 36 kB: fifteen do not fit.
    for _ in 0..15 {
        site.signed_in_as("biggy");
    }

    assert!(all_workers_say(&site, &alice.get("/"), 401));
}

#[test]
fn a_reload_begins_with_what_the_new_configuration_says() {
    let site = site(2);
    let alice = site.signed_in();
    assert!(all_workers_say(&site, &alice.get("/"), 200));

    site.edit_configuration(
        "location / {",
        "location / { authentik_require group nobody-is-in-this;",
    );
    site.reload();

    assert!(all_workers_say(&site, &alice.get("/"), 403));
    assert_eq!(alice.get("/other/").status(), 200, "the session is still there");
}

/// The status of the response, if there is one: a killed worker takes its connections with it.
fn read(
    connection: &mut Option<Connection>,
    address: SocketAddr,
    request: &Request,
) -> Option<u16> {
    let mut open = connection.take().or_else(|| Connection::try_open(address).ok())?;
    let answer = open.try_request(request).ok()?;
    *connection = Some(open);
    Some(answer.status())
}

/// Signs out, repeatedly until there is a response: a worker may be killed in between.
fn sign_out(browser: &mut Browser) {
    while browser.clone().try_step("/outpost.goauthentik.io/sign_out").is_err() {}
}

#[test]
fn nobody_is_let_in_after_a_sign_out_was_answered_whichever_workers_are_killed() {
    const USERS: [&str; 3] = ["alice", "bob", "carol"];
    let mut site = site(4);
    let done = AtomicBool::new(false);
    let admitted = AtomicUsize::new(0);
    let refused = AtomicUsize::new(0);
    let (address, template) = (site.address(), site.browser());

    thread::scope(|scope| {
        for user in USERS {
            let (done, admitted, refused, template) = (&done, &admitted, &refused, &template);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let mut browser = template.clone();
                    browser.become_user(user);
                    if signs_in(&mut browser) {
                        story(&mut browser, address, admitted, refused);
                    }
                }
            });
        }
        for _ in 0..20 {
            thread::sleep(Duration::from_millis(250));
            let victim = site.worker_pids()[0];
            site.kill_worker(victim);
        }
        done.store(true, Ordering::Relaxed);
    });

    let (admitted, refused) = (admitted.into_inner(), refused.into_inner());
    assert!(admitted > 200 && refused > 200, "{admitted} admitted, {refused} refused");
}

/// Whether everything succeeded: a killed worker may abort a sign-in.
fn signs_in(browser: &mut Browser) -> bool {
    let Ok(first) = browser.try_step("/") else { return false };
    let Ok(there) = browser.try_step(first.location()) else { return false };
    let back = browser.try_step(there.location());
    back.is_ok_and(|back| back.status() == 302) && !browser.session_cookies().is_empty()
}

/// One session from its first request to its last, used by readers all the time.
fn story(
    browser: &mut Browser,
    address: SocketAddr,
    admitted: &AtomicUsize,
    refused: &AtomicUsize,
) {
    let (request, is_over) = (browser.get("/"), AtomicBool::new(false));
    let is_signed_out = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut connection = None;
                while !is_over.load(Ordering::SeqCst) {
                    // Read before the request is sent.
                    let is_late = is_signed_out.load(Ordering::SeqCst);
                    let Some(status) = read(&mut connection, address, &request) else { continue };
                    if status == 200 {
                        assert!(!is_late, "let in after the sign-out was answered");
                        admitted.fetch_add(1, Ordering::Relaxed);
                    } else if is_late {
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        thread::sleep(Duration::from_millis(150));
        sign_out(browser);
        is_signed_out.store(true, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(150));
        is_over.store(true, Ordering::SeqCst);
    });
}
