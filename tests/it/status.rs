//! `authentik_status`: the module's counters, for people and for programs.

use std::collections::HashSet;
use std::time::Duration;

use authentik_standin::{Endpoint, Fault};
use serde_json::Value;

use crate::harness::{Browser, Connection, Site, eventually};

/// A site with the status in all three formats, accessible to everybody.
const SERVER: &str = "authentik_provider wiki;
    location = /status { authentik_provider off; authentik_status; }
    location = /status.json { authentik_provider off; authentik_status format=json; }
    location = /metrics { authentik_provider off; authentik_status format=prometheus; }
    location = /closed { authentik_provider off; deny all; authentik_status; }
    location = /protected { authentik_status format=json; }
    location /public/ { authentik_unauth_paths ^/public/; proxy_pass http://app; }
    location /pass/ { authentik_unauthenticated pass; proxy_pass http://app; }
    location /admins/ { authentik_require group admins; proxy_pass http://app; }
    location / { proxy_pass http://app; }";

/// The status of a site as JSON.
pub(crate) fn status(site: &Site) -> Value {
    let response = site.get("/status.json").send();
    assert_eq!(response.status(), 200, "{response:?}");
    assert_eq!(response.header("Content-Type"), Some("application/json"));
    serde_json::from_str(&response.text()).expect("JSON")
}

/// The counters that have grown since `before`, and by how much, in the list's order.
fn grown(before: &Value, after: &Value) -> Vec<(String, u64)> {
    let figures = |value: &Value| -> Vec<(String, u64)> {
        let lists = ["requests", "reasons"].map(|list| value[list].as_object().expect("a list"));
        let figures = lists.into_iter().flatten();
        figures.map(|(name, count)| (name.clone(), count.as_u64().expect("a number"))).collect()
    };
    let both = figures(before).into_iter().zip(figures(after));
    both.map(|((name, before), (_, after))| (name, after - before)).filter(|f| f.1 > 0).collect()
}

/// A description, an action, and the counters that it increases.
type Step = (&'static str, fn(&Site, &Browser), &'static [(&'static str, u64)]);

const STEPS: &[Step] = &[
    ("a session", |_, alice| drop(alice.get("/page").send()), &[("known", 1)]),
    ("a script", |site, _| drop(site.get("/").send()), &[("refused", 1), ("no-session", 1)]),
    ("a page", |site, _| drop(site.navigate("/").send()), &[("sign_in", 1), ("no-session", 1)]),
    (
        "a forged session",
        |site, alice| {
            let name = &alice.session_cookies()[0].name;
            site.get("/").header("Cookie", format!("{name}={}", "A".repeat(43))).send();
        },
        &[("refused", 1), ("unknown-session", 1)],
    ),
    (
        "a sign-in",
        |site, _| drop(site.signed_in_as("bob")),
        &[("sign_in", 1), ("no-session", 1), ("endpoint", 1), ("signed_in", 1), ("known", 1)],
    ),
    ("an open path", |site, _| drop(site.get("/public/x").send()), &[("unauth_path", 1)]),
    ("an open location", |site, _| drop(site.get("/pass/x").send()), &[("pass", 1)]),
    (
        "a rule",
        |_, alice| drop(alice.get("/admins/x").send()),
        &[("refused", 1), ("not-permitted", 1)],
    ),
    (
        "a broken callback",
        |site, _| {
            site.navigate("/outpost.goauthentik.io/callback?code=a&state=b").send();
        },
        &[("endpoint", 1), ("failed", 1), ("state-malformed", 1)],
    ),
    (
        "an endpoint",
        |site, _| drop(site.get("/outpost.goauthentik.io/ping").send()),
        &[("endpoint", 1)],
    ),
    (
        "a sign-out",
        |_, alice| drop(alice.get("/outpost.goauthentik.io/sign_out").send()),
        &[("endpoint", 1), ("signed_out", 1)],
    ),
];

#[test]
fn every_decision_is_counted_once_and_by_its_reason() {
    let site = Site::start(SERVER);
    let alice = site.signed_in();
    for (what, step, expected) in STEPS {
        let before = status(&site);
        step(&site, &alice);
        let after = status(&site);
        let mut expected: Vec<(String, u64)> =
            expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let mut found = grown(&before, &after);
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn a_request_that_waits_for_authentik_is_counted_once() {
    let site = Site::start(SERVER);
    // authentik's endpoints are not known yet.
    assert_eq!(site.navigate("/").send().status(), 302);
    let told = status(&site);
    assert_eq!(told["requests"]["sign_in"], 1, "{told}");
    assert_eq!(told["reasons"]["no-session"], 1, "{told}");
}

#[test]
fn figures_are_of_all_workers_and_survive_a_reload_and_a_killed_worker() {
    let server = format!("add_header X-Worker $pid always; {SERVER}");
    let mut site = Site::builder().server(&server).workers(4).start();
    // On a busy machine, one worker may accept all that arrive together.
    let (mut workers, mut sent) = (HashSet::new(), 0);
    while workers.len() < 2 {
        assert!(sent < 4_000, "counted by more than one worker: {workers:?}");
        let answers = site.get("/").send_together(40);
        assert!(answers.iter().all(|answer| answer.status() == 401));
        workers.extend(answers.iter().filter_map(|one| one.header("X-Worker").map(str::to_owned)));
        sent += 40;
    }
    let refused = |site: &Site| status(site)["requests"]["refused"].as_u64();
    assert_eq!(refused(&site), Some(sent));
    site.reload();
    assert_eq!(refused(&site), Some(sent));
    let pid = site.worker_pids()[0];
    site.kill_worker(pid);
    assert_eq!(site.get("/").send().status(), 401);
    assert_eq!(refused(&site), Some(sent + 1));
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_reload_that_adds_an_outpost_keeps_the_figures() {
    let site = Site::start(SERVER);
    assert_eq!(site.get("/").send().status(), 401);
    let refused = |site: &Site| status(site)["requests"]["refused"].as_u64();
    assert_eq!(refused(&site), Some(1));
    let token = "t".repeat(60);
    let nowhere = format!("http {{ authentik_outpost http://127.0.0.1:9 {{ token {token}; }}");
    site.edit_configuration("http {", &nowhere);
    site.reload();
    let told = status(&site);
    assert!(!told["outpost"].is_null(), "{told}");
    assert_eq!(refused(&site), Some(1));
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn each_providers_sessions_are_counted() {
    let site = Site::builder().workers(1).server(SERVER).start();
    let _alice = site.signed_in();
    let bob = site.signed_in_as("bob");
    let sessions = || status(&site)["providers"][0]["sessions"].as_u64().expect("a number");
    eventually("both are counted", || sessions() == 2);
    assert_eq!(bob.get("/outpost.goauthentik.io/sign_out").navigation().send().status(), 302);
    assert_eq!(sessions(), 2, "counted once in a while");
    eventually("it is counted again", || sessions() == 1);
    let metrics = site.get("/metrics").send().text();
    let line = "authentik_provider_sessions{provider=\"wiki\",source=\"nginx.conf\"} 1";
    assert!(metrics.lines().any(|told| told == line), "{metrics}");
}

#[test]
fn each_providers_requests_are_counted() {
    let site = Site::builder().workers(2).server(SERVER).start();
    let alice = site.signed_in();
    let before = by_provider(&site, "wiki", "known");
    for _ in 0..3 {
        assert_eq!(alice.get("/").send().status(), 200);
    }
    assert_eq!(site.get("/").send().status(), 401);
    assert_eq!(by_provider(&site, "wiki", "known"), before + 3);
    assert_eq!(by_provider(&site, "wiki", "refused"), 1);
    assert_eq!(by_provider(&site, "wiki", "signed_in"), 1);
    site.reload();
    assert_eq!(by_provider(&site, "wiki", "refused"), 1, "a reload keeps it");
    assert_eq!(site.get("/").send().status(), 401);
    assert_eq!(by_provider(&site, "wiki", "refused"), 2);
    let metrics = site.get("/metrics").send().text();
    let line = "authentik_provider_requests_total\
                {provider=\"wiki\",source=\"nginx.conf\",status=\"refused\"} 2";
    assert!(metrics.lines().any(|told| told == line), "{metrics}");
}

fn by_provider(site: &Site, name: &str, word: &str) -> u64 {
    let status = status(site);
    let of = |list: &Value| {
        let found = list.as_array()?.iter().find(|provider| provider["name"] == name)?;
        found["requests"][word].as_u64()
    };
    of(&status["providers"]).unwrap_or_default()
}

#[test]
fn the_zone_and_the_written_providers_are_shown_and_nobody_is_named() {
    let site = Site::start(SERVER);
    let empty = status(&site);
    assert_eq!(empty["zone"]["fill_percent"], 0);
    assert!(empty["outpost"].is_null());
    let port = site.address().port();
    assert_eq!(
        empty["providers"],
        serde_json::json!([{
            "name": "wiki",
            "mode": "forward_single",
            "external_host": format!("http://wiki.test:{port}/"),
            "sessions": 0,
            "backchannel_logout":
                format!("http://wiki.test:{port}/outpost.goauthentik.io/backchannel_logout"),
            "frontchannel_logout":
                format!("http://wiki.test:{port}/outpost.goauthentik.io/frontchannel_logout"),
        }])
    );
    let alice = site.signed_in();
    let one = status(&site);
    let records = |status: &Value| status["zone"]["records"].as_u64().expect("a number");
    assert!(records(&one) > records(&empty));
    let sessions = |status: &Value| status["zone"]["sessions"].as_u64();
    assert_eq!((sessions(&empty), sessions(&one)), (Some(0), Some(1)));
    assert!(one["zone"]["used_bytes"].as_u64() > empty["zone"]["used_bytes"].as_u64());
    let version = std::env::var("AUTHENTIK_NGINX_VERSION").expect("set by ci/it.sh");
    assert_eq!(one["nginx_version"], version.as_str());

    let cookie = &alice.session_cookies()[0].value;
    for target in ["/status", "/status.json", "/metrics"] {
        let text = site.get(target).send().text();
        for secret in
            ["alice", cookie.as_str(), "wiki-client", authentik_standin::WIKI_CLIENT_SECRET]
        {
            assert!(!text.contains(secret), "{target} tells {secret}: {text}");
        }
    }
}

#[test]
fn the_status_is_for_get_and_head_and_for_whom_the_location_lets_in() {
    let site = Site::start(SERVER);
    for target in ["/status", "/status.json", "/metrics"] {
        let whole = site.get(target).send();
        assert_eq!(whole.status(), 200, "{target}");
        assert_eq!(whole.header("Cache-Control"), Some("no-store"), "{target}");
        let head = site.request("HEAD", target).send();
        assert_eq!((head.status(), head.text().as_str()), (200, ""), "{target}");
        assert_eq!(head.header("Content-Type"), whole.header("Content-Type"), "{target}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let refused = site.request(method, target).body("x=1").send();
            assert_eq!(refused.status(), 405, "{method} {target}");
            assert_eq!(refused.header("Allow"), Some("GET, HEAD"), "{method} {target}");
        }
        // An unread body does not affect the next request.
        let mut connection = Connection::open(site.address());
        for _ in 0..3 {
            assert_eq!(connection.request(&site.get(target).body("body")).status(), 200);
        }
    }
    assert_eq!(site.get("/closed").send().status(), 403);
    assert_eq!(site.get("/protected").send().status(), 401);
    assert_eq!(site.signed_in().get("/protected").status(), 200);
}

#[test]
fn a_server_without_protection_shows_the_status_too() {
    let bare = "location = /status.json { authentik_status format=json; }
        location / { authentik_status; }";
    let site = Site::builder().without_provider().server(bare).start();
    assert!(status(&site)["zone"].is_null());
    let page = site.get("/").send();
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(page.header("Content-Security-Policy").is_some());
    assert!(page.text().contains("Using the providers in nginx.conf"), "{}", page.text());
}

#[test]
fn how_long_a_sign_in_takes_is_told_and_how_much_of_it_authentik_does() {
    let site = Site::start(SERVER);
    let alice = site.signed_in_as("alice");
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_millis(300)));
    drop(site.signed_in_as("bob"));
    for _ in 0..3 {
        assert_eq!(alice.get("/page").send().status(), 200);
    }
    let told = status(&site);
    let of = |what: &str, figure: &str| told[what][figure].as_u64().expect("a number");
    for what in ["sign_in_duration", "sign_in_authentik"] {
        assert_eq!(of(what, "count"), 2, "known sessions are not measured: {told}");
        assert!(of(what, "sum_us") >= 290_000, "{told}");
        let below = told[what]["buckets"].as_array().expect("buckets").iter();
        let below = below.filter(|bucket| bucket["le_ms"].as_u64() <= Some(250));
        assert!(below.clone().count() > 5 && below.clone().all(|b| b["count"].as_u64() < Some(2)));
    }
}

#[test]
fn prometheus_can_read_every_line() {
    let site = Site::start(SERVER);
    drop(site.get("/").send());
    let response = site.get("/metrics").send();
    let kind = response.header("Content-Type");
    assert_eq!(kind, Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = response.text();
    check_exposition(&text);
    assert!(text.contains("\nauthentik_requests_total{status=\"refused\"} 1\n"), "{text}");
    assert!(text.contains("\nauthentik_reasons_total{reason=\"no-session\"} 1\n"), "{text}");
}

/// Text exposition format 0.0.4: each sample belongs to the `# TYPE` above it, a counter ends in
/// `_total`, and no series occurs twice.
pub(crate) fn check_exposition(text: &str) {
    let (mut family, mut helped, mut is_histogram) = (String::new(), String::new(), false);
    let mut series = HashSet::new();
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            helped = help.split_once(' ').expect("a text").0.to_owned();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a type");
            assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert_eq!(name, helped, "{line}");
            family = name.to_owned();
            is_histogram = kind == "histogram";
        } else {
            let (labelled, value) = line.rsplit_once(' ').expect("a value");
            assert!(value.parse::<f64>().is_ok_and(|value| value >= 0.0), "{line}");
            let (name, labels) = labelled.split_once('{').unwrap_or((labelled, "}"));
            let ends = ["_bucket", "_sum", "_count"].into_iter().filter(|_| is_histogram);
            let of_histogram = ends.filter_map(|end| name.strip_suffix(end)).next();
            assert_eq!(of_histogram.is_some(), is_histogram, "{line}");
            assert_eq!(of_histogram.unwrap_or(name), family, "{line}");
            let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(name.chars().all(is_name), "{line}");
            check_labels(labels.strip_suffix('}').expect("an end"));
            assert!(series.insert(labelled.to_owned()), "twice: {line}");
        }
    }
    assert!(!series.is_empty());
}

/// `name="value",…`, where `\` occurs only before `\`, `"` and `n`.
fn check_labels(mut labels: &str) {
    while !labels.is_empty() {
        let (name, rest) = labels.split_once("=\"").expect("a value");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        let mut chars = rest.char_indices();
        let end = loop {
            match chars.next().expect("an end") {
                (at, '"') => break at,
                (_, '\\') => assert!(matches!(chars.next(), Some((_, '\\' | '"' | 'n'))), "{rest}"),
                _ => {}
            }
        };
        labels = &rest[end + 1..];
        labels = labels.strip_prefix(',').unwrap_or(labels);
    }
}
