//! Nobody knows what ended meanwhile: all that is in memory is forgotten, and read again.

use rusqlite::Connection;

use super::redis_server::{RedisServer, SECRET};
use super::{SERVER, file, is_known, is_stranger, questions, site};
use crate::harness::{Browser, Site, eventually};

/// Ends the first session in the store, and has every follower miss it.
fn assert_forgets(site: &Site, first: &Browser, second: &Browser, end_unheard: impl FnOnce()) {
    is_known(site, first);
    is_known(site, second);
    let before = questions(site);
    end_unheard();
    eventually("it is out", || first.get("/page").status() == 401);
    is_stranger(site, first);
    is_known(site, second);
    assert!(questions(site) > before + 1, "the other was read again");
}

#[test]
fn after_a_gap_in_a_file_all_is_read_again() {
    let site = site();
    let [first, second] = [(); 2].map(|()| site.signed_in());
    let database = Connection::open(file(&site)).expect("the file");
    assert_forgets(&site, &first, &second, || {
        // As if it were another file.
        let sql =
            "BEGIN IMMEDIATE; DELETE FROM sessions WHERE rowid = (SELECT min(rowid) FROM sessions);
            UPDATE changes SET file = file + 1; COMMIT";
        database.execute_batch(sql).expect("changed");
    });
}

#[test]
fn after_a_gap_in_redis_all_is_read_again() {
    let redis = RedisServer::start();
    let site = Site::builder()
        .http(&redis.directive(""))
        .server(SERVER)
        .secret_file(SECRET, &"0123456789abcdef".repeat(4))
        .start();
    let first = site.signed_in();
    let mut keys = Vec::new();
    eventually("it is stored", || {
        keys = redis.list("KEYS authentik:s:*");
        keys.len() == 1
    });
    let second = site.signed_in();
    assert_forgets(&site, &first, &second, || {
        redis.command(&format!("DEL {} authentik:ends", keys[0]));
    });
}
