//! A thousand providers.

use std::time::Duration;

use authentik_standin::ProviderSettings;

use super::{AUTO, all_workers_say, connected, started};
use crate::harness::{Site, at_best, eventually, within};

/// Memory that eight changes may add to a worker, in KiB: the allocator keeps some.
const GROWTH: u64 = 24 << 10;

/// Maximum delay of an event loop by a change.
const STALL: Duration = Duration::from_millis(5);

/// Memory of a worker for a thousand providers, in KiB.
const ROOM: u64 = 8 << 10;

fn thousand() -> Site {
    let server = format!(
        "server_name _; {AUTO}
         location = /status {{ authentik_provider off; authentik_status format=json; }}"
    );
    started(connected().server(&server).settings(|settings, ports| {
        let host = |slug: &str| format!("http://{slug}.test:{}", ports.main);
        let mut many = ProviderSettings::many(1_000, host);
        for provider in &mut many {
            let slug = &provider.slug;
            provider.proxy.skip_path_regex =
                format!("^/{slug}/public/\n^/api/[a-z]+/{slug}$\n^/favicon\\.ico$");
        }
        settings.providers.extend(many);
    }))
}

/// The smallest and largest memory of workers started with available settings: one that only
/// serves, and the one that has the connection and has fetched all settings again.
fn of_fresh_workers(site: &Site) -> [u64; 2] {
    site.reload();
    let request = site.get("/");
    eventually("all new workers have them", || all_workers_say(site, &request, 401));
    let memory = site.private_memory();
    [memory.iter().min(), memory.iter().max()].map(|kib| *kib.expect("a worker"))
}

#[test]
fn a_thousand_providers_take_little_memory_of_a_worker() {
    let (few, many) = (started(connected()), thousand());
    let ([few, few_held], [many, many_held]) = (of_fresh_workers(&few), of_fresh_workers(&many));
    assert!(many < few + ROOM, "{few} KiB without them, {many} KiB with them");
    assert!(
        many_held < few_held + 2 * ROOM,
        "{few_held} KiB without them, {many_held} KiB with them"
    );
}

#[test]
fn a_change_among_a_thousand_providers_is_live_within_seconds_and_leaves_no_memory_behind() {
    // If preempted, replacing the settings takes longer: hence several attempts.
    at_best(STALL, "the longest that an event loop was held up", || {
        Duration::from_micros(longest_exchange_of_many_changes())
    });
}

/// In microseconds.
fn longest_exchange_of_many_changes() -> u64 {
    let site = thousand();
    let port = site.address().port();
    let at = |host: &str| site.get("/open/page").host(&format!("{host}.test:{port}"));
    for host in ["app-0001", "app-0500", "app-1000"] {
        assert!(all_workers_say(&site, &at(host), 401), "{host}");
    }
    let changed = at("app-0500");
    let mut before = None;
    for round in 0..12 {
        let (pattern, status) = if round % 2 == 0 { ("^/open/", 200) } else { ("", 401) };
        site.sso.update_provider("app-0500", |app| app.proxy.skip_path_regex = pattern.to_owned());
        // Ten pages are read from a server that is not optimized for speed.
        within(Duration::from_secs(8), "the change is live", || {
            all_workers_say(&site, &changed, status)
        });
        if round == 3 {
            before = Some(site.private_memory());
        }
    }
    for (before, after) in before.expect("measured").into_iter().zip(site.private_memory()) {
        assert!(after < before + GROWTH, "a worker grew from {before} to {after} KiB");
    }
    let status = site.get("/status").send().text();
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(at("app-0999").send().status(), 401, "the others are as they were");
    status["event_loop"]["longest_exchange_us"].as_u64().expect("a number")
}
