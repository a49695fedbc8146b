//! A disk without space: it costs that sessions outlive nginx, and nothing else.

use super::{SERVER, is_known, is_stranger, of_store, sign_out};
use crate::harness::{Disk, Site, eventually};

#[test]
fn without_space_sessions_go_on_and_end_and_are_written_when_there_is_some() {
    let Some(disk) = Disk::mount("1m") else {
        eprintln!("no small file system can be mounted here: only root may");
        return;
    };
    let store = disk.path().join("store/sessions");
    let mut site = Site::builder()
        .http(&format!("authentik_session_store file {};", store.display()))
        .server(SERVER)
        .start();
    site.expect_in_error_log("the store of sessions cannot be written");
    let known = site.signed_in();
    let mut leaving = site.signed_in_as("zoe");
    let gone = leaving.clone();
    eventually("they are in the file", || of_store(&site, "backlog") == 0);

    disk.fill();
    is_known(&site, &known);
    let mut full = Vec::new();
    // There may be some room in the file and its journal.
    eventually("the file takes no more", || {
        full.push(site.signed_in_as("bob"));
        of_store(&site, "backlog") != 0
    });
    let said = site.error_log().lines_with("the store of sessions cannot be written");
    assert!(said.iter().all(|line| line.contains("check the disk")), "{said:#?}");
    for bob in &full {
        assert_eq!(bob.get("/page").status(), 200, "known without the store");
    }
    sign_out(&mut leaving);
    is_stranger(&site, &gone);
    let invented = format!("{}={:0>43}", gone.session_cookies()[0].name, 1);
    let hits = site.app.hits();
    assert_eq!(site.get("/page").header("Cookie", invented).status(), 401);
    assert_eq!(site.app.hits(), hits);

    disk.clear();
    eventually("they are written", || of_store(&site, "backlog") == 0);
    eventually("it is over", || of_store(&site, "unwritten_since") == serde_json::Value::Null);
    // The sign-out is told again after a few seconds.
    let database = rusqlite::Connection::open(&store).expect("the file");
    let ended = || {
        let query = "SELECT count(*) FROM sessions WHERE record IS NULL";
        database.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap_or(0)
    };
    eventually("and what ended", || ended() == 1);
    site.restart();
    is_known(&site, &known);
    for bob in &full {
        assert_eq!(bob.get("/page").status(), 200);
    }
    is_stranger(&site, &gone);
}
