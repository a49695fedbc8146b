//! What `authentik_status` reports about an outpost.

use std::time::Duration;

use authentik_standin::{Endpoint, Fault, ProviderSettings};
use serde_json::Value;

use super::{connected, started};
use crate::harness::{Builder, Site, eventually};
use crate::status::{check_exposition, status};

fn with_status() -> Builder {
    connected().server(
        "authentik_provider auto;
         add_header X-Worker $pid always;
         location = /status { authentik_provider off; authentik_status; }
         location = /status.json { authentik_provider off; authentik_status format=json; }
         location = /metrics { authentik_provider off; authentik_status format=prometheus; }
         location / { proxy_pass http://app; }",
    )
}

fn outpost(site: &Site) -> Value {
    status(site)["outpost"].take()
}

#[test]
fn the_connection_is_shown_with_who_holds_it_and_since_when() {
    let mut site = started(with_status());
    site.sso.await_connections(1, Duration::from_secs(10));
    eventually("it is shown", || outpost(&site)["connected"] == true);
    let open = outpost(&site);
    let holder = open["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("a pid");
    assert!(site.worker_pids().contains(&holder), "{open}");
    assert_eq!(open["name"], "stand-in outpost");
    assert_eq!(open["instance"].as_str(), site.sso.connections()[0].instance_uuid.as_deref());
    assert_eq!(open["providers"][0]["name"], "wiki-proxy", "{open}");
    assert!(open["since"].as_u64().is_some() && open["last_refresh"].as_u64().is_some(), "{open}");
    let metrics = site.get("/metrics").send().text();
    check_exposition(&metrics);
    let is = |text: &str, name: &str, value: &str| {
        let mut lines = text.lines();
        lines.any(|line| line.starts_with(&format!("{name}{{")) && line.ends_with(value))
    };
    assert!(is(&metrics, "authentik_outpost_connection", " 1"), "{metrics}");
    assert!(metrics.contains("outpost_name=\"stand-in outpost\",outpost_type=\"proxy\""));

    // A killed worker cannot record that its connection is gone.
    site.kill_worker(holder);
    assert_ne!(outpost(&site)["pid"], holder);
    eventually("another worker has it", || outpost(&site)["connected"] == true);

    site.sso.down();
    eventually("it is gone", || outpost(&site)["connected"] == false);
    let page = site.get("/status").send().text();
    assert!(page.contains("Not connected to authentik"), "{page}");
    let metrics = site.get("/metrics").send().text();
    assert!(is(&metrics, "authentik_outpost_connection", " 0"), "{metrics}");
    assert!(outpost(&site)["disconnects"].as_u64() > Some(0));

    site.sso.up();
    eventually("it is back", || outpost(&site)["connected"] == true);
}

#[test]
fn a_failed_refresh_is_counted_and_a_later_one_shown() {
    let site = started(with_status());
    site.sso.await_connections(1, Duration::from_secs(10));
    let before = outpost(&site);
    assert_eq!(before["refresh_failures"], 0, "{before}");
    assert!(before["last_failure"].is_null(), "{before}");
    site.sso.fault(Endpoint::Providers, Fault::Status(500));
    site.sso.push_update();
    eventually("it is counted", || outpost(&site)["refresh_failures"].as_u64() > Some(0));
    let after = outpost(&site);
    assert!(after["last_failure"].as_u64() >= before["last_refresh"].as_u64(), "{after}");
    assert_eq!(after["providers"], before["providers"], "what is known stays");
}

#[test]
fn what_is_skipped_is_named_with_its_cause_and_cannot_become_markup() {
    let evil = "<script>alert(1)</script>";
    let site = started(with_status().settings(move |settings, _| {
        let mut bad = ProviderSettings::new("bad", "https://bad.test");
        bad.proxy.name = evil.to_owned();
        bad.proxy.external_host = "not a url".to_owned();
        settings.providers.push(bad);
        let mut odd = ProviderSettings::new("odd", "https://odd.test");
        odd.proxy.name = "<script>odd".to_owned();
        settings.providers.push(odd);
    }));
    let told = outpost(&site);
    let skipped = told["skipped"].as_array().expect("a list");
    assert!(skipped.iter().any(|skipped| skipped["name"] == evil), "{told}");
    assert!(skipped.iter().all(|skipped| skipped["why"].as_str().is_some_and(|w| !w.is_empty())));
    let served = told["providers"].as_array().expect("a list");
    let names: Vec<_> = served.iter().filter_map(|provider| provider["name"].as_str()).collect();
    assert!(names.contains(&"<script>odd") && names.contains(&"wiki-proxy"), "{told}");
    assert!(!names.contains(&evil), "{told}");

    let page = site.get("/status").send();
    let text = page.text();
    assert!(!text.contains("<script"), "{text}");
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{text}");
    assert!(text.contains("&lt;script&gt;odd"), "{text}");
    let policy = page.header("Content-Security-Policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
}

#[test]
fn nothing_known_is_said_so() {
    let wrong = "authentik_outpost %%SSO%% { token wrong; }";
    let site = with_status().http(wrong).start();
    eventually("the failure is shown", || outpost(&site)["refresh_failures"].as_u64() > Some(0));
    let told = outpost(&site);
    assert!(told["providers"].is_null() && told["last_refresh"].is_null(), "{told}");
    assert_eq!((&told["name"], &told["connected"]), (&"".into(), &false.into()));
    let page = site.get("/status").send().text();
    assert!(page.contains("authentik has not been reached yet"), "{page}");
    assert_eq!(site.get("/").send().status(), 503);
    let json = site.get("/status.json").send().text();
    assert!(!json.contains("wrong"), "no token: {json}");
}
