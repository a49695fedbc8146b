//! The shared zone: bounded, kept across reloads, and its behaviour when full.

use std::thread;
use std::time::Duration;

use crate::harness::{Connection, Site};
use crate::status::status;

#[test]
fn in_a_full_zone_the_session_that_was_not_used_longest_gives_way() {
    let site = Site::builder()
        .http("authentik_shared_zone zone=small:512k;")
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }",
        )
        .start();
    let idle = site.signed_in();
    let busy = site.signed_in_as("bob");

    // Tokens of 36 kB: seven fit into the zone, fifteen do not.
    let mut newest = site.signed_in_as("biggy");
    for _ in 0..2 {
        thread::sleep(USE_IS_NOTED_EVERY);
        assert_eq!(busy.get("/").status(), 200, "a session in use stays");
        for _ in 0..7 {
            newest = site.signed_in_as("biggy");
        }
    }

    assert_eq!(busy.get("/").status(), 200, "a session in use stays");
    assert_eq!(idle.get("/").status(), 401);
    assert_eq!(newest.get("/").status(), 200);
    assert_eq!(site.app.last().header("X-authentik-username"), Some("biggy"));
    let warnings = site.error_log().lines_with("[error]");
    let of_zone = warnings.iter().filter(|line| line.contains("full")).count();
    assert!((1..=2).contains(&of_zone), "said, but not again and again: {warnings:#?}");
    assert!(warnings.iter().any(|line| line.contains("authentik_shared_zone")), "{warnings:#?}");
}

#[test]
fn strangers_leave_nothing_in_the_zone() {
    let site = Site::builder()
        .http("authentik_shared_zone zone=small:512k;")
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }",
        )
        .start();
    let alice = site.signed_in();

    for i in 0..2_000 {
        let forged = format!("{}={i:043}", alice.session_cookies()[0].name);
        assert_eq!(site.navigate("/page").header("Cookie", forged).status(), 302);
    }

    assert_eq!(alice.get("/").status(), 200, "nobody pushed the session out");
    assert_eq!(site.error_log().lines_with("[warn]"), [""; 0]);
}

#[test]
fn thousands_of_wrong_credentials_cost_nobody_a_session() {
    let site = Site::builder()
        .http("authentik_shared_zone zone=small:1m;")
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }
             location = /status.json { authentik_provider off; authentik_status format=json; }",
        )
        .start();
    let sessions: Vec<_> = (0..150).map(|_| site.signed_in()).collect();
    site.app.forget();

    thread::scope(|scope| {
        for thread in 0..4 {
            let site = &site;
            scope.spawn(move || {
                for round in 0..4 {
                    let mut connection = Connection::open(site.address());
                    for number in 0..250 {
                        let wrong = format!("Bearer {thread}-{round}-{number}");
                        let request = site.get("/").header("Authorization", wrong);
                        let status = connection.request(&request).status();
                        assert!(matches!(status, 401 | 503), "{status}");
                    }
                }
            });
        }
    });

    assert_eq!(site.app.hits(), 0);
    let zone = &status(&site)["zone"];
    assert_eq!(zone["sessions"], 150, "{zone}");
    assert_eq!(zone["evicted_by_kind"]["sessions"], 0, "{zone}");
    let strangers = zone["evicted_by_kind"]["strangers"].as_u64();
    assert!(strangers > Some(1_000), "they were as many as their share does not hold: {zone}");
    assert_eq!(zone["evicted"].as_u64(), strangers, "{zone}");
    // A 32nd of the zone for strangers, and a few documents from authentik.
    assert!(zone["records"].as_u64() < Some(150 + 62 + 8), "{zone}");
    assert_eq!(sessions.iter().filter(|one| one.get("/").status() == 200).count(), 150);
}

#[test]
fn a_reload_with_another_size_starts_with_an_empty_zone() {
    let site = Site::builder()
        .http("authentik_shared_zone zone=sso:1m;")
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }",
        )
        .start();
    let mut alice = site.signed_in();

    site.edit_configuration("zone=sso:1m", "zone=sso:2m");
    site.reload();

    assert_eq!(alice.get("/").status(), 401);
    assert_eq!(alice.open("/").status(), 200);
}

#[test]
fn a_reload_that_changes_the_providers_keeps_the_sessions_of_those_that_stay() {
    let site = Site::builder()
        .settings(|settings, ports| {
            let url = format!("http://wiki.test:{}", ports.main);
            settings.providers.push(authentik_standin::ProviderSettings::new("blog", &url));
        })
        .http("# providers are added here")
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }
             location /blog/ { proxy_pass http://app; }",
        )
        .start();
    let mut alice = site.signed_in();

    let blog = format!(
        "authentik_provider blog {{
             issuer {}/application/o/blog/;
             client_id blog-client-id; client_secret blog-client-secret;
             external_host {};
         }}",
        site.sso.url(),
        site.url()
    );
    site.edit_configuration("# providers are added here", &blog);
    site.edit_configuration("location /blog/ {", "location /blog/ { authentik_provider blog;");
    site.reload();

    assert_eq!(alice.get("/").status(), 200);
    assert_eq!(alice.get("/blog/").status(), 401);
    assert_eq!(alice.open("/blog/").status(), 200);
    assert_eq!(site.app.last().header("X-authentik-meta-provider"), Some("blog"));
}

#[test]
fn a_reload_with_a_mistake_keeps_everything_as_it_was() {
    let mut site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let alice = site.signed_in();
    let workers = site.worker_pids();

    site.edit_configuration("authentik_provider wiki;", "authentik_provider wikki;");
    let line = site.reload_in_vain();

    assert!(line.contains("no provider \"wikki\""), "{line}");
    assert_eq!(site.worker_pids(), workers);
    assert_eq!(alice.get("/").status(), 200);
    assert_eq!(site.get("/").status(), 401);
}

/// The order of use is accurate to a few seconds, so that a busy session causes no writes.
const USE_IS_NOTED_EVERY: Duration = Duration::from_millis(6_100);
