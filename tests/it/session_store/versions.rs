//! Hosts with different versions of the module share a store, for example during an upgrade.

use rusqlite::{Connection, OpenFlags, params};

use super::{builder, file, is_known, is_stranger};
use crate::harness::{Site, eventually};

fn database(site: &Site) -> Connection {
    eventually("the file is there", || file(site).exists());
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    Connection::open_with_flags(file(site), flags).expect("the file of sessions")
}

fn records(site: &Site) -> Vec<Vec<u8>> {
    let database = database(site);
    let query = "SELECT record FROM sessions WHERE record IS NOT NULL";
    let Ok(mut query) = database.prepare(query) else { return Vec::new() };
    let rows = query.query_map([], |row| row.get(0)).expect("records");
    rows.map(|record| record.expect("a record")).collect()
}

#[test]
fn a_session_of_a_newer_module_is_none_here_and_stays_as_it_is() {
    let mut site = builder().workers(1).start();
    let alice = site.signed_in();
    eventually("she is in the file", || records(&site).len() == 1);
    let mut newer = records(&site).remove(0);
    newer[4] += 1;
    let update = "UPDATE sessions SET record = ?1";
    assert_eq!(database(&site).execute(update, params![newer]), Ok(1));
    site.restart();

    for _ in 0..3 {
        is_stranger(&site, &alice);
    }
    let said = site.error_log().lines_with("another version of this module");
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].contains("[error]"), "{said:#?}");
    assert_eq!(records(&site), [newer.clone()], "the hosts that know it still do");

    // The host is upgraded.
    newer[4] -= 1;
    assert_eq!(database(&site).execute(update, params![newer]), Ok(1));
    site.restart();
    is_known(&site, &alice);
}
