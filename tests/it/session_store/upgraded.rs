//! A new binary takes over, and perhaps gives way again: SIGUSR2, SIGWINCH, SIGQUIT, SIGHUP.

use std::time::Duration;

use super::redis_server::{RedisServer, SECRET};
use super::{SERVER, builder, is_known, is_stranger, sign_out};
use crate::harness::{Site, within};

/// Within this time, an end is effective in another nginx.
const HEARD: Duration = Duration::from_secs(5);

#[test]
fn an_upgrade_of_the_binary_and_the_way_back_lose_no_session_and_no_sign_out() {
    there_and_back(builder().daemon().start());
}

#[test]
fn an_upgrade_and_the_way_back_lose_nothing_with_redis() {
    let redis = RedisServer::start();
    let builder = Site::builder().http(&redis.directive("")).server(SERVER);
    let builder = builder.secret_file(SECRET, &"0123456789abcdef".repeat(4));
    there_and_back(builder.daemon().start());
}

fn there_and_back(mut site: Site) {
    let alice = site.signed_in();
    let [mut meanwhile, mut later] = ["bob", "carol"].map(|user| site.signed_in_as(user));
    let [gone_meanwhile, gone_later] = [meanwhile.clone(), later.clone()];

    let former = site.nginx().start_another();
    // Both accept connections.
    (0..20).for_each(|_| is_known(&site, &alice));
    sign_out(&mut meanwhile);
    within(HEARD, "signed out in both", || {
        (0..10).all(|_| gone_meanwhile.get("/page").status() == 401)
    });
    site.nginx().retire_workers(former);
    is_known(&site, &alice);
    sign_out(&mut later);
    is_stranger(&site, &gone_later);

    site.nginx().go_back(former);
    is_known(&site, &alice);
    for gone in [&gone_meanwhile, &gone_later] {
        // The memory of the former still had the session that ended meanwhile.
        within(HEARD, "signed out after the way back", || {
            (0..10).all(|_| gone.get("/page").status() == 401)
        });
        is_stranger(&site, gone);
    }

    let former = site.nginx().start_another();
    site.nginx().retire_workers(former);
    site.nginx().let_go(former);
    is_known(&site, &alice);
    is_stranger(&site, &gone_later);
}
