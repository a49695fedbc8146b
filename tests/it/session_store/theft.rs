//! What somebody has who has the file of sessions: nothing. What is not as it was written is no
//! session.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{hkdf, hmac};
use rusqlite::{Connection, OpenFlags};

use super::{file, is_known, is_stranger, questions, site};
use crate::harness::{Site, eventually};
use crate::leftovers::secrets;

fn database(site: &Site) -> Connection {
    // Not created: it would be root's.
    eventually("the file is there", || file(site).exists());
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    Connection::open_with_flags(file(site), flags).expect("the file of sessions")
}

/// The keys of all sessions. None as long as nginx has not made the tables.
fn keys(site: &Site) -> HashSet<Vec<u8>> {
    let database = database(site);
    let rows = database.prepare("SELECT key FROM sessions WHERE record IS NOT NULL");
    let Ok(mut rows) = rows else { return HashSet::new() };
    let keys = rows.query_map([], |row| row.get(0)).expect("a query");
    keys.map(|key| key.expect("a key")).collect()
}

fn await_one(site: &Site) {
    eventually("the session is in the file", || keys(site).len() == 1);
}

/// Everything in the file and its journal.
fn bytes(site: &Site) -> Vec<u8> {
    let beside = |suffix: &str| format!("{}{suffix}", file(site).display());
    ["", "-wal", "-shm"].iter().flat_map(|suffix| fs::read(beside(suffix)).unwrap()).collect()
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|found| found == part)
}

/// All values in the row of the only session.
fn values(site: &Site) -> Vec<Vec<u8>> {
    let columns = "key, provider, subject, sid, name, record";
    let query = format!("SELECT {columns} FROM sessions WHERE record IS NOT NULL");
    let read = |row: &rusqlite::Row<'_>| (0..6).map(|at| row.get(at)).collect();
    database(site).query_row(&query, [], read).expect("one session")
}

/// The key of the proofs in session ids, as nginx derives it from the secret (RFC 5869).
fn key_of_proofs(secret: &[u8]) -> hmac::Key {
    struct Length;
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            96
        }
    }
    let key = hkdf::Salt::new(hkdf::HKDF_SHA256, b"authentik session store").extract(secret);
    let mut keyring = [0; 96];
    key.expand(&[b"keyring"], Length).unwrap().fill(&mut keyring).unwrap();
    hmac::Key::new(hmac::HMAC_SHA256, &keyring[64..])
}

#[test]
fn who_has_the_file_reads_nothing_in_it() {
    let site = site();
    let alice = site.signed_in();
    is_known(&site, &alice);
    let cookie = alice.session_cookies().remove(0).value;
    let mut secrets = secrets(&site, &cookie);
    assert!(secrets.len() > 50, "{}", secrets.len());
    await_one(&site);
    let secret = site.file("store/sessions.secret");
    secrets.push(("secret".to_owned(), secret.trim().as_bytes().to_vec()));

    let bytes = bytes(&site);
    for value in values(&site) {
        assert!(holds(&bytes, &value[..16]), "the session is in these bytes");
        for (what, secret) in &secrets {
            assert!(!holds(&value, secret), "{what}");
        }
    }
    for (what, secret) in &secrets {
        assert!(!holds(&bytes, secret), "{what}");
    }
    is_known(&site, &alice);
}

#[test]
fn nobody_signs_in_with_what_is_in_the_file_and_its_secret() {
    let site = site();
    let alice = site.signed_in();
    is_known(&site, &alice);
    await_one(&site);
    let name = alice.session_cookies().remove(0).name;
    let proofs = key_of_proofs(site.file("store/sessions.secret").trim().as_bytes());
    let mut cookies = Vec::new();
    for value in values(&site) {
        let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
        cookies.push(format!("{hex:a<43.43}"));
        for from in (0..value.len().min(200)).step_by(8) {
            let part = &value[from..value.len().min(from + 32)];
            let text = URL_SAFE_NO_PAD.encode(part);
            cookies.push(format!("{text:A<43.43}"));
            // Whoever has the secret too can prove any id.
            if let Some(random) = part.get(..20) {
                let proof = hmac::sign(&proofs, random);
                let id = [random, &proof.as_ref()[..12]].concat();
                cookies.push(URL_SAFE_NO_PAD.encode(id));
            }
        }
    }
    assert!(cookies.len() > 50, "{}", cookies.len());
    let (hits, asked) = (site.app.hits(), questions(&site));
    for cookie in &cookies {
        assert_eq!(cookie.len(), 43);
        let header = format!("{name}={cookie}");
        assert_eq!(site.get("/page").header("Cookie", header).status(), 401, "{cookie}");
    }
    assert_eq!(site.app.hits(), hits, "the application was reached");
    assert!(questions(&site) > asked + 20, "these ids were proven");
    is_known(&site, &alice);
}

/// Puts another file in the place of the store's.
fn replace(path: &Path, content: &[u8]) {
    let other = path.with_extension("other");
    fs::write(&other, content).expect("a file");
    let owner = fs::metadata(path).expect("the file");
    chown(&other, Some(owner.uid()), Some(owner.gid())).expect("its owner");
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", path.display()));
    }
    fs::rename(other, path).expect("renamed");
}

#[test]
fn a_file_that_is_none_of_sessions_is_moved_aside_and_nginx_goes_on() {
    for (what, content) in [
        ("text", b"these are not the sessions you are looking for\n".repeat(100)),
        ("zeros", vec![0; 8192]),
        ("a header only", b"SQLite format 3\0".to_vec()),
    ] {
        let mut site = site();
        site.expect_in_error_log("the file of sessions was unusable");
        let before = site.signed_in();
        replace(&file(&site), &content);
        site.restart();
        is_stranger(&site, &before);
        let alice = site.signed_in();
        is_known(&site, &alice);
        await_one(&site);
        site.restart();
        is_known(&site, &alice);
        let names = fs::read_dir(site.path("store")).expect("the directory");
        let aside = names
            .map(|entry| entry.expect("an entry").path())
            .find(|path| path.display().to_string().contains(".aside-"));
        let aside = aside.unwrap_or_else(|| panic!("{what}: nothing was moved aside"));
        assert_eq!(fs::read(aside).expect("the former file"), content, "{what}");
        assert_eq!(site.error_log().lines_with("[alert]").len(), 1, "{what}");
    }
}
