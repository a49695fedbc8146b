//! Two hosts with one Redis, restarted one after the other.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::redis_server::{RedisServer, SECRET};
use super::{SERVER, is_known};
use crate::harness::Site;

#[test]
fn a_rolling_restart_of_both_hosts_under_load_loses_no_request() {
    let redis = RedisServer::start();
    let mut site = Site::builder()
        .http(&redis.directive(""))
        .server(SERVER)
        .secret_file(SECRET, &"0123456789abcdef".repeat(4))
        .start();
    let mut sister = site.sister();
    let visitors: Vec<_> = (0..8).map(|_| site.signed_in()).collect();
    let hosts = [site.address(), sister.address()];
    let (done, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let mut loads = Vec::new();
        for number in 0..3_usize {
            let (done, answered, visitors) = (&done, &answered, &visitors);
            loads.push(scope.spawn(move || {
                let mut turn = number;
                while !done.load(Ordering::Relaxed) {
                    turn += 1;
                    let page = visitors[turn % visitors.len()].get("/page").navigation();
                    // Like a load balancer: if one host does not accept or answer, the other does.
                    let mut tries = (turn..turn + 40).map(|host| hosts[host % 2]);
                    let answer = tries.find_map(|host| page.clone().to(host).try_send().ok());
                    let status = answer.map(|answer| answer.status());
                    assert_eq!(status, Some(200), "neither sent to sign in nor refused");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        // Even if it panics, so that the threads end.
        let restarts = std::panic::AssertUnwindSafe(|| {
            for _ in 0..2 {
                let before = answered.load(Ordering::Relaxed);
                site.restart();
                sister.restart();
                crate::harness::eventually("the load goes on", || {
                    answered.load(Ordering::Relaxed) > before + 50
                        || loads.iter().any(thread::ScopedJoinHandle::is_finished)
                });
            }
        });
        let outcome = std::panic::catch_unwind(restarts);
        done.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
    visitors.iter().for_each(|visitor| is_known(&site, visitor));
    assert_eq!(site.sso.sessions().len(), visitors.len(), "nobody signed in again");
}
