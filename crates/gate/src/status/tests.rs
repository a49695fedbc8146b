use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use serde_json::{Value, json};

use super::*;
use crate::outpost::{Directory, Outpost, OutpostSettings, Snapshot, Unusable};
use crate::provider::{ProviderKey, Trust};
use crate::reason::Reason;
use crate::secret::Secret;
use crate::shared_words::{COUNTERS, SharedWords, WORDS, Word};
use crate::store::{Evicted, Fill};
use crate::time::UnixTime;

const NOW: u64 = 1_795_366_194;

fn words() -> Vec<AtomicU64> {
    (0..WORDS).map(|_| AtomicU64::new(0)).collect()
}

fn no_sessions() -> &'static HashMap<ProviderKey, u32> {
    static NONE: LazyLock<HashMap<ProviderKey, u32>> = LazyLock::new(HashMap::new);
    &NONE
}

fn source<'s>(words: Option<SharedWords<'s>>, directory: Option<&'s Directory>) -> Source<'s> {
    Source {
        now: UnixTime(NOW),
        module_version: "0.1.0",
        nginx_version: "1.28.0",
        words,
        fill: Some(Fill {
            records: 3,
            sessions: 2,
            blocks_used: 6,
            blocks_total: 24,
            evicted: Evicted { sessions: 4, credentials: 3, documents: 2, strangers: 1 },
        }),
        store: directory.is_some().then_some("file"),
        uptime: 1000,
        outpost: directory.is_some().then_some("https://sso.example.com/"),
        directory,
        written: Vec::new(),
        sessions: no_sessions(),
        coverage: None,
        is_alive: |pid| pid == 4711,
    }
}

fn directory(name: &str, skipped: &str) -> Directory {
    let outpost = Outpost {
        pk: "11111111-2222-4333-8444-555555555555".to_owned(),
        name: name.to_owned(),
        ..Outpost::default()
    };
    let unusable = vec![Unusable::new(skipped.to_owned(), "has no mode".to_owned())];
    let snapshot = Snapshot { outpost, unusable, ..Snapshot::default() };
    let token = Secret::new("t0ken");
    let settings = OutpostSettings::new("https://sso.example", None, token, Trust::System);
    Directory::build(snapshot, &settings.unwrap(), None)
}

/// A full report, with a name chosen by the administrator.
fn full(memory: &[AtomicU64], name: &str) -> Report {
    let words = SharedWords::new(memory).unwrap();
    let _ = words.instance([0xab; 16]);
    for (fact, value) in [
        (Word::ConnectedBy, 4711),
        (Word::ConnectedSince, NOW - 300),
        (Word::LastRefresh, NOW - 7),
        (Word::LastFailure, NOW - 7200),
        (Word::RefreshFailures, 2),
        (Word::Disconnects, 1),
        (Word::EndedByCore, 5),
        (Word::EndedIdle, 6),
        (Word::LongestPause, 1_234_567),
        (Word::LongestExchange, 42),
        (Word::StoreUnwrittenSince, NOW - 60),
        (Word::FollowedAt, 990),
        (Word::StoreSessions, 12),
        (Word::StoreBytes, 8192),
        (Word::StoreDropped, 1),
    ] {
        words.set(fact, value);
    }
    count(words.counters(0), Status::Known, None);
    count(words.counters(1), Status::Known, None);
    count_lookup(words.counters(1));
    (0..2).for_each(|worker| count_foreign_cookie(words.counters(worker)));
    (0..2).for_each(|worker| count_store_question(words.counters(worker)));
    set_store_backlog(words.counters(0), 9);
    set_store_backlog(words.counters(0), 3);
    set_store_backlog(words.counters(1), 4);
    words.set(Word::StoreEvicts, 1);
    count_renewal(words.counters(0), Counter::Renewal);
    (0..2).for_each(|worker| count_renewal(words.counters(worker), Counter::RefusedRenewal));
    count(words.counters(1), Status::Refused, Some(Reason::NotPermitted));
    record(words.counters(0), Duration::SignIn, 60_000);
    record(words.counters(1), Duration::Exchange, 7_000_000);
    record(words.counters(1), Duration::Store, 1000);
    let directory = directory(name, name);
    let mut report = Report::gather(&source(Some(words), Some(&directory)));
    let provider = || ProviderReport {
        name: name.to_owned(),
        mode: "proxy",
        external_host: "https://wiki.example.com/".to_owned(),
        sessions: 3,
        requests: Some(vec![Tally { word: "known", count: 2 }]),
        backchannel_logout: None,
        frontchannel_logout: None,
    };
    report.providers.push(provider());
    report.outpost.as_mut().unwrap().providers = Some(vec![provider()]);
    report
}

#[test]
fn every_counter_has_a_slot_of_its_own() {
    let statuses = Status::ALL.map(Counter::Status);
    let reasons = Reason::ALL.map(Counter::Reason);
    let others = [
        Counter::Lookup,
        Counter::ForeignCookie,
        Counter::Renewal,
        Counter::RefusedRenewal,
        Counter::FailedRenewal,
        Counter::StoreQuestion,
        Counter::StoreBacklog,
    ];
    let all = statuses.iter().chain(&reasons).chain(&others);
    let slots: HashSet<usize> = all.map(|c| c.slot()).collect();
    assert_eq!(slots.len(), statuses.len() + reasons.len() + others.len());
    assert!(slots.iter().all(|slot| *slot < COUNTERS));
    let words: HashSet<&str> = Status::ALL.map(Status::word).into();
    assert_eq!(words.len(), Status::ALL.len());
}

#[test]
fn a_decision_is_counted_once_by_status_and_reason() {
    let memory = words();
    let words = SharedWords::new(&memory).unwrap();
    count(words.counters(3), Status::SignIn, Some(Reason::NoSession));
    count(words.counters(4), Status::SignIn, Some(Reason::NoSession));
    let report = Report::gather(&source(Some(words), None));
    let told = |tallies: &[Tally]| -> Vec<(&str, u64)> {
        let counted = tallies.iter().filter(|tally| tally.count > 0);
        counted.map(|tally| (tally.word, tally.count)).collect()
    };
    assert_eq!(told(&report.requests), [("sign_in", 2)]);
    assert_eq!(told(&report.reasons), [("no-session", 2)]);
    count(&[], Status::Known, None);
}

#[test]
fn a_connection_whose_worker_was_killed_is_closed() {
    let memory = words();
    let words = SharedWords::new(&memory).unwrap();
    let known = directory("outpost", "skipped");
    for (pid, connected) in [(0, false), (4711, true), (4712, false), (u64::MAX, false)] {
        words.set(Word::ConnectedBy, pid);
        let outpost = Report::gather(&source(Some(words), Some(&known))).outpost.unwrap();
        assert_eq!(outpost.connected, connected, "{pid}");
        assert_eq!(outpost.pid.is_some(), connected, "{pid}");
    }
}

#[test]
fn json_says_everything_under_stable_keys() {
    let memory = words();
    let response = answer(&full(&memory, "a \"b\"\n<c>"), Format::Json, false);
    assert_eq!(response.content_type, Some("application/json"));
    let mut told: Value = serde_json::from_str(&response.body).unwrap();
    let requests = told["requests"].take();
    assert_eq!(requests.as_object().unwrap().len(), Status::ALL.len());
    assert_eq!((&requests["known"], &requests["refused"]), (&json!(2), &json!(1)));
    let reasons = told["reasons"].take();
    assert_eq!(reasons.as_object().unwrap().len(), Reason::ALL.len());
    assert_eq!((&reasons["not-permitted"], &reasons["no-session"]), (&json!(1), &json!(0)));
    let histograms = [
        told["sign_in_duration"].take(),
        told["sign_in_authentik"].take(),
        told["store"]["duration"].take(),
    ];
    for (histogram, sum) in histograms.iter().zip([60_000, 7_000_000, 1000]) {
        assert_eq!((&histogram["count"], &histogram["sum_us"]), (&json!(1), &json!(sum)));
    }
    assert_eq!(histograms[0]["buckets"][4], json!({ "le_ms": 50, "count": 0 }));
    assert_eq!(histograms[0]["buckets"][5], json!({ "le_ms": 100, "count": 1 }));
    let provider = json!({
        "name": "a \"b\"\n<c>", "mode": "proxy", "external_host": "https://wiki.example.com/",
        "sessions": 3, "requests": { "known": 2 },
    });
    let expected = json!({
        "time": NOW,
        "module_version": "0.1.0",
        "nginx_version": "1.28.0",
        "outpost": {
            "url": "https://sso.example.com/",
            "name": "a \"b\"\n<c>",
            "pk": "11111111-2222-4333-8444-555555555555",
            "instance": "abababab-abab-4bab-abab-abababababab",
            "connected": true,
            "pid": 4711,
            "since": NOW - 300,
            "disconnects": 1,
            "last_refresh": NOW - 7,
            "last_failure": NOW - 7200,
            "refresh_failures": 2,
            "sessions_ended": 5,
            "providers": [provider],
            "skipped": [{ "name": "a \"b\"\n<c>", "why": "has no mode" }],
        },
        "providers": [provider],
        "sessions_ended": 5,
        "sessions_ended_idle": 6,
        "renewals": { "renewed": 1, "refused": 2, "failed": 0 },
        "sign_in_duration": null,
        "sign_in_authentik": null,
        "zone": {
            "sessions": 2,
            "records": 3,
            "used_bytes": 3072,
            "size_bytes": 12288,
            "fill_percent": 25,
            "lookups": 1,
            "foreign_cookies": 2,
            "evicted": 10,
            "evicted_by_kind": { "sessions": 4, "credentials": 3, "documents": 2, "strangers": 1 },
        },
        "store": {
            "kind": "file",
            "unread_since": null,
            "unwritten_since": NOW - 60,
            "behind_seconds": 10,
            "sessions": 12,
            "bytes": 8192,
            "questions": 2,
            "duration": null,
            "evicts": true,
            "backlog": 7,
            "dropped": 1,
        },
        "requests": null,
        "reasons": null,
        "event_loop": { "longest_pause_us": 1_234_567, "longest_exchange_us": 42 },
    });
    assert_eq!(told, expected);
}

#[test]
fn prometheus_gets_upstreams_names_and_our_own() {
    let memory = words();
    let response = answer(&full(&memory, "a \"b\"\nc\\d"), Format::Prometheus, false);
    assert_eq!(response.content_type, Some("text/plain; version=0.0.4; charset=utf-8"));
    let labels = "{outpost_name=\"a \\\"b\\\"\\nc\\\\d\",outpost_type=\"proxy\",\
                  uuid=\"abababab-abab-4bab-abab-abababababab\",version=\"0.1.0\",build=\"\"}";
    let lines: Vec<&str> = response.body.lines().collect();
    for line in [
        &format!("authentik_outpost_info{labels} 1"),
        &format!("authentik_outpost_connection{labels} 1"),
        &format!("authentik_outpost_last_update{labels} {}", NOW - 7),
        "authentik_outpost_refresh_failures_total 2",
        "authentik_outpost_providers 1",
        "authentik_outpost_skipped 1",
        "authentik_module_info{version=\"0.1.0\",nginx_version=\"1.28.0\"} 1",
        "authentik_written_providers 1",
        "# TYPE authentik_requests_total counter",
        "authentik_requests_total{status=\"known\"} 2",
        "authentik_requests_total{status=\"failed\"} 0",
        "authentik_reasons_total{reason=\"not-permitted\"} 1",
        "authentik_zone_sessions 2",
        "authentik_zone_records 3",
        "authentik_zone_used_bytes 3072",
        "authentik_zone_size_bytes 12288",
        "authentik_zone_lookups_total 1",
        "authentik_zone_foreign_cookies_total 2",
        "authentik_zone_evicted_total{kind=\"sessions\"} 4",
        "authentik_zone_evicted_total{kind=\"strangers\"} 1",
        "authentik_sessions_ended_total 5",
        "authentik_sessions_ended_idle_total 6",
        "authentik_renewals_total{outcome=\"renewed\"} 1",
        "authentik_renewals_total{outcome=\"refused\"} 2",
        "authentik_renewals_total{outcome=\"failed\"} 0",
        "# TYPE authentik_sign_in_duration_seconds histogram",
        "authentik_sign_in_duration_seconds_bucket{le=\"0.05\"} 0",
        "authentik_sign_in_duration_seconds_bucket{le=\"0.1\"} 1",
        "authentik_sign_in_duration_seconds_bucket{le=\"2.5\"} 1",
        "authentik_sign_in_duration_seconds_bucket{le=\"+Inf\"} 1",
        "authentik_sign_in_duration_seconds_sum 0.060000",
        "authentik_sign_in_duration_seconds_count 1",
        "authentik_sign_in_authentik_seconds_bucket{le=\"5\"} 0",
        "authentik_sign_in_authentik_seconds_bucket{le=\"+Inf\"} 1",
        "authentik_store_duration_seconds_bucket{le=\"0.001\"} 1",
        "authentik_provider_sessions{provider=\"a \\\"b\\\"\\nc\\\\d\",source=\"outpost\"} 3",
        "authentik_provider_sessions{provider=\"a \\\"b\\\"\\nc\\\\d\",source=\"nginx.conf\"} 3",
        "# TYPE authentik_provider_requests_total counter",
        "authentik_provider_requests_total{provider=\"a \\\"b\\\"\\nc\\\\d\",source=\"outpost\",status=\"known\"} 2",
        "authentik_event_loop_longest_pause_seconds 1.234567",
        "authentik_event_loop_longest_exchange_seconds 0.000042",
    ] {
        assert!(lines.contains(&line), "{line}\n{}", response.body);
    }
    let names: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "each is declared once");
}

#[test]
fn the_policy_allows_the_style_and_nothing_else() {
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, html::STYLE.as_bytes()));
    assert_eq!(
        html::CONTENT_SECURITY_POLICY,
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'"
        )
    );
    let memory = words();
    let page = answer(&full(&memory, "outpost"), Format::Html, false).body;
    assert_eq!(page.matches(&format!("<style>{}</style>", html::STYLE)).count(), 1);
    for outside in ["<script", "<img", "<link", " style=", "url(", "@import", "<form", "href="] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(!html::STYLE.contains('<') && html::STYLE.is_ascii());
}

#[test]
fn the_page_tells_what_the_report_says() {
    let memory = words();
    let page = answer(&full(&memory, "office"), Format::Html, false);
    assert!(page.headers.iter().any(|(name, _)| *name == "Content-Security-Policy"));
    for part in [
        "<h1>office</h1>",
        "<p class=\"state good\">Connected to authentik</p>",
        "2026-11-22 16:49:54 UTC",
        "<b>Open</b><small>for 5 minutes</small>",
        "<td>worker 4711</td>",
        "<td>once</td>",
        "2 hours ago, 2 times in all",
        "<th scope=\"row\">office</th><td>has no mode</td>",
        "<td><code>https://wiki.example.com/</code></td>",
        "<code>not-permitted</code><small>You are signed in",
        "value=\"25\"",
        "<td>1234.567 ms</td>",
        "<td>3 kB of 12 kB used</td>",
    ] {
        assert!(page.body.contains(part), "{part}\n{}", page.body);
    }
    assert!(!page.body.contains("no-session"), "what never happened is left out");
}

#[test]
fn each_state_of_the_connection_has_its_sentence() {
    let memory = words();
    let mut report = full(&memory, "office");
    let says = |report: &Report, sentence: &str| {
        let page = answer(report, Format::Html, false).body;
        assert!(page.contains(sentence), "{sentence}\n{page}");
    };
    report.outpost.as_mut().unwrap().connected = false;
    says(&report, "state bad\">Not connected to authentik");
    report.outpost.as_mut().unwrap().providers = None;
    says(&report, "state bad\">authentik has not been reached yet");
    report.outpost = None;
    says(&report, "state \">Using the providers in nginx.conf");
}

#[test]
fn no_name_can_become_markup() {
    let memory = words();
    let evil = "</title><script>alert('1')</script>\" onmouseover=`x` &amp;\u{0}\r\n";
    let page = answer(&full(&memory, evil), Format::Html, false).body;
    let memory = words();
    let harmless = answer(&full(&memory, "harmless"), Format::Html, false).body;
    for mark in ['<', '>', '"', '\'', '`'] {
        let count = |html: &str| html.matches(mark).count();
        assert_eq!(count(&page), count(&harmless), "{mark}");
    }
    assert!(!page.contains('\u{0}') && !page.contains('\r'));
}

#[test]
fn nothing_is_invented_where_nothing_is_known() {
    let empty = Source { fill: None, ..source(None, None) };
    let report = Report::gather(&empty);
    assert!(report.outpost.is_none() && report.zone.is_none() && report.providers.is_empty());
    for format in Format::ALL {
        assert_eq!(answer(&report, format, false).status, 200, "{}", format.word());
    }
    let text = answer(&report, Format::Prometheus, false).body;
    assert!(!text.contains("authentik_outpost_") && !text.contains("authentik_zone_"), "{text}");
}

#[test]
fn a_written_providers_logout_uris_are_shown() {
    let memory = words();
    let words = SharedWords::new(&memory).unwrap();
    let below = crate::testing::provider_at("https://ext.example/app/");
    let written = crate::testing::provider();
    let sessions = HashMap::from([(written.key, 7)]);
    let written_here = vec![&written, &below];
    let known = Source { written: written_here, sessions: &sessions, ..source(Some(words), None) };
    let report = Report::gather(&known);
    let told: Value = serde_json::from_str(&answer(&report, Format::Json, false).body).unwrap();
    let page = answer(&report, Format::Html, false).body;
    assert_eq!(told["providers"][0]["sessions"], 7);
    for (at, path) in [(0, "/outpost"), (1, "/app/outpost")] {
        for (key, end) in
            [("backchannel_logout", "backchannel"), ("frontchannel_logout", "frontchannel")]
        {
            let url = format!("https://ext.example{path}.goauthentik.io/{end}_logout");
            assert_eq!(told["providers"][at][key], json!(url));
            assert!(page.contains(&url), "{url}");
        }
    }
}

#[test]
fn the_form_is_on_the_page_where_sessions_can_be_ended() {
    let report = Report::gather(&source(None, None));
    let page = |may_end| answer(&report, Format::Html, may_end);
    let says = |response: &Response, word: &str| {
        response.headers.iter().any(|(_, value)| value.contains(word))
    };
    let (with, without) = (page(true), page(false));
    assert!(with.body.contains("<form method=\"post\">") && !without.body.contains("<form"));
    assert!(says(&with, "form-action 'self'") && says(&without, "form-action 'none'"));
    // With "no-referrer" browsers send "Origin: null".
    assert!(says(&with, "same-origin") && says(&without, "no-referrer"));
    assert!(!answer(&report, Format::Json, true).body.contains("<form"));
    let style = |policy: &str| policy.split("; ").nth(1).map(str::to_owned);
    assert_eq!(
        style(super::html::CONTENT_SECURITY_POLICY),
        style(super::html::CONTENT_SECURITY_POLICY_WITH_FORM)
    );
}

#[test]
fn what_nobody_counts_is_not_zero() {
    let memory = words();
    let words = SharedWords::new(&memory).unwrap();
    words.set(Word::StoreSessions, 0);
    for (kind, counted) in [("file", Some(0)), ("redis", None)] {
        let source = Source { store: Some(kind), ..source(Some(words), None) };
        let store = Report::gather(&source).store.unwrap();
        assert_eq!((store.sessions, store.bytes), (counted, counted), "{kind}");
    }
}
