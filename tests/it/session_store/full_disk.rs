//! A disk without space: it costs that sessions outlive nginx, and nothing else.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{SERVER, is_known, is_stranger, of_store, sign_out};
use crate::harness::{Site, TempDir, eventually};

/// A small file system of its own. Mounting needs a privilege that some containers do not have.
struct Disk(TempDir);

impl Disk {
    fn mount() -> Option<Self> {
        let directory = TempDir::new();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(directory.path());
        mount.status().is_ok_and(|status| status.success()).then(|| Self(directory))
    }

    fn filler(&self) -> PathBuf {
        self.0.path().join("filler")
    }

    /// Takes all space that is left.
    fn fill(&self) {
        let file = fs::File::create(self.filler()).expect("a file");
        let mut written = 0;
        while std::os::unix::fs::FileExt::write_at(&file, &[1; 512], written).is_ok() {
            written += 512;
        }
    }

    fn clear(&self) {
        fs::remove_file(self.filler()).expect("the filler");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn without_space_sessions_go_on_and_end_and_are_written_when_there_is_some() {
    let Some(disk) = Disk::mount() else {
        eprintln!("no small file system can be mounted here: only root may");
        return;
    };
    let store = disk.0.path().join("store/sessions");
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
