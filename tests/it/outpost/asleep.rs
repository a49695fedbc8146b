//! Each worker's thread for the outpost sleeps until something happens.

use std::time::Duration;

use super::{all_workers_say, connected, started};
use crate::harness::{Site, context_switches, eventually, has_thread, within};

/// It wakes once a second; at 100 ms it would be forty times.
const AWAKE: u64 = 20;

#[test]
fn nothing_wakes_the_threads_of_the_outpost_but_a_look_each_second() {
    let site = started(connected().workers(3));
    eventually("a connection is open", || site.sso.connections().len() == 1);
    std::thread::sleep(Duration::from_secs(2));
    let woken = |site: &Site| -> Vec<u64> {
        let of = |pid: u32| context_switches(pid, "authentik-watch");
        site.worker_pids().into_iter().map(of).collect()
    };

    let before = woken(&site);
    std::thread::sleep(Duration::from_secs(4));
    let after = woken(&site);

    assert_eq!(before.len(), 3);
    for (before, after) in before.iter().zip(&after) {
        assert!(after - before < AWAKE, "{before} {after}");
    }
    // The one with the connection: a hello every ten seconds, and its answer.
    let listening = |site: &Site| -> u64 {
        let pids = site.worker_pids().into_iter();
        let listeners = pids.filter(|pid| has_thread(*pid, "authentik-ws"));
        listeners.map(|pid| context_switches(pid, "authentik-ws")).sum()
    };
    let before = listening(&site);
    std::thread::sleep(Duration::from_secs(4));
    let woken = listening(&site) - before;
    assert!(woken < 8, "{woken}");
    // Nevertheless, a change reaches all of them.
    site.sso.update_provider("wiki", |wiki| wiki.proxy.skip_path_regex = "^/public/".to_owned());
    let page = site.get("/public/page");
    within(Duration::from_secs(3), "live", || all_workers_say(&site, &page, 200));
}
