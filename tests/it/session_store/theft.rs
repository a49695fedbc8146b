//! What somebody has who has the file of sessions: nothing. What is not as it was written is no
//! session.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{hkdf, hmac};
use rusqlite::{Connection, OpenFlags, params};

use super::{builder, file, is_known, is_stranger, questions, site};
use crate::harness::{Browser, Site, eventually};
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

type Spoil = (&'static str, fn(&mut Vec<u8>));

const SPOILS: &[Spoil] = &[
    ("a later version", |record| record[4] += 1),
    ("an earlier version", |record| record[4] = 0),
    ("openers that nobody knows", |record| record[5] = 7),
    ("for nginx itself", |record| record[5] = 2),
    ("of nobody we know", |record| record[0] ^= 1),
    ("another provider", |record| record[16] ^= 1),
    ("another expiry", |record| record[8] ^= 0x10),
    ("another user name", |record| record[32] ^= 1),
    ("a byte in the middle", |record| {
        let middle = record.len() / 2;
        record[middle] ^= 1;
    }),
    ("cut off", |record| record.truncate(record.len() / 2)),
    ("cut off by a byte", |record| record.truncate(record.len() - 1)),
    ("a byte longer", |record| record.push(0)),
    ("empty", Vec::clear),
    ("something else", |record| *record = b"{\"user\": \"alice\"}".to_vec()),
    ("zeros", |record| record.fill(0)),
];

/// Signs in; also returns the key of the session, which joins those known.
fn stored(site: &Site, known: &mut HashSet<Vec<u8>>) -> (Browser, Vec<u8>) {
    let browser = site.signed_in();
    let mut key = None;
    // The visitor waits for that, but not for long.
    eventually("the session is in the file", || {
        key = keys(site).difference(known).next().cloned();
        key.is_some()
    });
    let key = key.expect("the key");
    known.insert(key.clone());
    (browser, key)
}

fn record(database: &Connection, key: &[u8]) -> Vec<u8> {
    let query = "SELECT record FROM sessions WHERE key = ?1";
    database.query_row(query, [key], |row| row.get(0)).expect("a record")
}

fn set_record(database: &Connection, key: &[u8], record: &[u8]) {
    let update = "UPDATE sessions SET record = ?2 WHERE key = ?1";
    assert_eq!(database.execute(update, params![key, record]), Ok(1));
}

#[test]
fn what_is_not_as_it_was_written_is_no_session() {
    let mut site = builder().start();
    let mut known = HashSet::new();
    let (control, of_control) = stored(&site, &mut known);
    let (swapped, of_swapped) = stored(&site, &mut known);
    let spoilt: Vec<_> = SPOILS
        .iter()
        .map(|(what, spoil)| {
            let (browser, key) = stored(&site, &mut known);
            let database = database(&site);
            let mut record = record(&database, &key);
            spoil(&mut record);
            set_record(&database, &key, &record);
            (what, browser)
        })
        .collect();
    let database = database(&site);
    // The record of another session, of the same user even.
    set_record(&database, &of_swapped, &record(&database, &of_control));
    drop(database);

    site.restart();

    is_known(&site, &control);
    is_stranger(&site, &swapped);
    for (what, browser) in &spoilt {
        let hits = site.app.hits();
        assert_eq!(browser.get("/page").status(), 401, "{what}");
        assert_eq!(site.app.hits(), hits, "{what}");
    }
}

#[test]
fn a_session_moved_to_another_key_is_none() {
    let mut site = builder().start();
    let mut known = HashSet::new();
    let (alice, of_alice) = stored(&site, &mut known);
    let (other, of_other) = stored(&site, &mut known);
    let database = database(&site);
    database.execute("DELETE FROM sessions WHERE key = ?1", [&of_other]).unwrap();
    let moved = "UPDATE sessions SET key = ?2 WHERE key = ?1";
    assert_eq!(database.execute(moved, params![of_alice, of_other]), Ok(1));
    drop(database);
    site.restart();
    is_stranger(&site, &other);
    is_stranger(&site, &alice);
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
