//! What a store keeps, and what it does not return.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::row::Changes;

mod opening;

const NOW: u64 = 1_000;
const LATER: u64 = 5_000;

/// A temporary directory, removed when dropped.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let name = format!("authentik-store-{}-{name}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&directory);
        Self(directory)
    }

    fn file(&self) -> PathBuf {
        self.0.join("sessions")
    }

    fn open(&self) -> FileStore {
        let opened = FileStore::open(&self.file()).unwrap();
        assert_eq!(opened.aside, None);
        opened.store
    }

    fn setup_fault(&self) -> String {
        match FileStore::open(&self.file()) {
            Err(Fault::Setup(what)) => what,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("it was opened"),
        }
    }

    /// File names, sorted, without the parts that differ in each run.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// In milliseconds, as sessions are opened and ended.
fn end(ended: Ended, at: u64) -> End {
    End { ended, at: at * 1000 }
}

fn ended(changes: &Changes) -> Vec<Ended> {
    changes.ends.iter().map(|end| end.ended).collect()
}

fn row(number: u8) -> Row {
    Row {
        key: [number; 32],
        provider: [7; 16],
        subject: [number % 10 + 1; 16],
        sid: [number % 20 + 1; 16],
        name: [number % 5 + 1; 16],
        opened: NOW * 1000,
        expires: LATER,
        record: vec![number; 2000],
    }
}

#[test]
fn a_session_comes_back_as_it_was_put_after_a_restart_too() {
    let place = Place::new("back");
    let mut nobodys = row(2);
    (nobodys.subject, nobodys.sid, nobodys.name) = ([0; 16], [0; 16], [0; 16]);
    {
        let mut store = place.open();
        assert!(store.put(&row(1), NOW).unwrap() && store.put(&nobodys, NOW).unwrap());
        assert_eq!(store.get(&[1; 32], NOW).unwrap(), Some(row(1)));
    }
    let mut store = place.open();
    assert_eq!(store.get(&[1; 32], NOW).unwrap(), Some(row(1)));
    assert_eq!(store.get(&[2; 32], NOW).unwrap(), Some(nobodys));
    assert_eq!(store.get(&[3; 32], NOW).unwrap(), None);
    assert_eq!(store.get(&[1; 32], LATER).unwrap(), None, "expired");
    assert_eq!(store.stats().unwrap().sessions, 2);

    let newer = Row { record: vec![9; 10], expires: LATER + 1, ..row(1) };
    assert!(store.put(&newer, NOW).unwrap());
    assert_eq!(store.get(&[1; 32], NOW).unwrap(), Some(newer));
    assert!(!store.put(&row(4), LATER).unwrap(), "expired before it came");
}

#[test]
fn a_session_that_ended_does_not_come_back_whoever_writes_it_late() {
    let place = Place::new("ended");
    let mut store = place.open();
    store.put(&row(1), NOW).unwrap();
    assert_eq!(store.end(&end(Ended::Session([1; 32]), NOW + 1), LATER).unwrap(), 1);
    // Before it was ever written.
    assert_eq!(store.end(&end(Ended::Session([2; 32]), NOW + 1), LATER).unwrap(), 0);
    for number in [1, 2] {
        assert!(!store.put(&row(number), NOW + 2).unwrap());
        assert_eq!(store.get(&[number; 32], NOW + 2).unwrap(), None);
    }
    drop(store);
    let mut store = place.open();
    assert!(!store.put(&row(1), NOW + 3).unwrap(), "nor after a restart");
    let bytes = fs::read(place.file()).unwrap();
    assert!(!bytes.windows(100).any(|part| part == [1; 100]), "its record is overwritten");
}

#[test]
fn all_of_a_user_or_of_a_sid_end_at_one_provider_or_at_all() {
    let place = Place::new("all");
    let mut store = place.open();
    let elsewhere = Row { key: [99; 32], provider: [8; 16], ..row(1) };
    for row in [row(1), row(11), row(2), elsewhere.clone()] {
        store.put(&row, NOW).unwrap();
    }
    let here = Some([7; 16]);
    assert_eq!(store.end(&end(Ended::Subject([2; 16], here), NOW + 1), LATER).unwrap(), 2);
    assert_eq!(store.get(&[99; 32], NOW).unwrap(), Some(elsewhere.clone()), "another provider");
    assert_eq!(store.get(&[2; 32], NOW).unwrap(), Some(row(2)), "another user");
    // Opened before the end and written after it.
    let late = Row { key: [21; 32], ..row(1) };
    assert!(!store.put(&late, NOW + 2).unwrap());
    assert!(store.put(&Row { provider: [8; 16], ..late.clone() }, NOW + 2).unwrap());
    let anew = Row { key: [31; 32], opened: (NOW + 2) * 1000, ..row(1) };
    assert!(store.put(&anew, NOW + 2).unwrap(), "who signs in again has a session");

    assert_eq!(store.end(&end(Ended::Sid(row(2).sid, None), NOW + 3), LATER).unwrap(), 1 + 1 - 1);
    assert_eq!(store.get(&[2; 32], NOW).unwrap(), None);
    // Two sessions without a subject have nothing in common.
    let nobodys = Row { key: [50; 32], subject: [0; 16], sid: [0; 16], name: [0; 16], ..row(1) };
    assert!(store.put(&nobodys, NOW).unwrap());
    assert_eq!(store.end(&end(Ended::Subject([0; 16], None), NOW), LATER).unwrap(), 0);
    assert_eq!(store.end(&end(Ended::Sid([0; 16], None), NOW), LATER).unwrap(), 0);
    assert_eq!(store.end(&end(Ended::Name([0; 16]), NOW), LATER).unwrap(), 0);
    assert_eq!(store.get(&[50; 32], NOW).unwrap(), Some(nobodys));
}

#[test]
fn an_end_that_the_store_is_told_late_spares_who_signed_in_again() {
    let place = Place::new("late");
    let mut store = place.open();
    let again = Row { key: [9; 32], opened: NOW * 1000 + 501, ..row(1) };
    for row in [row(1), again.clone()] {
        assert!(store.put(&row, NOW).unwrap());
    }
    let late = End { ended: Ended::Subject(row(1).subject, None), at: NOW * 1000 + 500 };
    assert_eq!(store.end(&late, LATER).unwrap(), 1);
    assert_eq!(store.get(&[1; 32], NOW).unwrap(), None);
    assert_eq!(store.get(&[9; 32], NOW).unwrap(), Some(again));
}

#[test]
fn what_a_stranger_names_is_known_or_not() {
    let place = Place::new("knows");
    let mut store = place.open();
    store.put(&row(1), NOW).unwrap();
    let Row { subject, sid, name, provider, key, .. } = row(1);
    for known in [
        Ended::Session(key),
        Ended::Subject(subject, None),
        Ended::Sid(sid, Some(provider)),
        Ended::Name(name),
    ] {
        assert!(store.knows(&known).unwrap(), "{known:?}");
    }
    for unknown in [
        Ended::Session([0; 32]),
        Ended::Subject([99; 16], None),
        Ended::Sid(sid, Some([8; 16])),
        Ended::Name([0; 16]),
    ] {
        assert!(!store.knows(&unknown).unwrap(), "{unknown:?}");
    }
    store.end(&end(Ended::Session(key), NOW), LATER).unwrap();
    assert!(!store.knows(&Ended::Sid(sid, None)).unwrap(), "it has ended");
}

#[test]
fn all_of_a_user_name_end_with_all_providers() {
    let place = Place::new("name");
    let mut store = place.open();
    let mark = store.changes([0, 0], Duration::ZERO).unwrap().mark;
    let elsewhere = Row { key: [99; 32], provider: [8; 16], ..row(1) };
    for row in [row(1), row(6), row(2), elsewhere] {
        store.put(&row, NOW).unwrap();
    }
    assert_eq!(store.end(&end(Ended::Name(row(1).name), NOW + 1), LATER).unwrap(), 3);
    for key in [1, 6, 99] {
        assert_eq!(store.get(&[key; 32], NOW + 1).unwrap(), None);
    }
    assert_eq!(store.get(&[2; 32], NOW + 1).unwrap(), Some(row(2)), "another user");
    assert!(!store.put(&row(11), NOW + 2).unwrap(), "opened before, written after");
    let again = Row { opened: (NOW + 2) * 1000, ..row(11) };
    assert!(store.put(&again, NOW + 2).unwrap(), "who signs in again has a session");
    let heard = store.changes(mark, Duration::ZERO).unwrap().ends;
    assert!(heard.contains(&end(Ended::Name(row(1).name), NOW + 1)), "{heard:?}");
}

#[test]
fn another_process_hears_of_each_end_once() {
    let place = Place::new("hears");
    let (mut one, mut other) = (place.open(), place.open());
    let start = other.changes([0, 0], Duration::ZERO).unwrap();
    assert_eq!((start.missed, &start.ends[..]), (true, &[][..]), "whatever was before");
    one.put(&row(1), NOW).unwrap();
    one.put(&row(2), NOW).unwrap();
    let quiet = other.changes(start.mark, Duration::ZERO).unwrap();
    assert_eq!((quiet.missed, quiet.ends), (false, vec![]), "sessions that begin are no news");

    one.end(&end(Ended::Session([1; 32]), NOW), LATER).unwrap();
    one.end(&end(Ended::Sid(row(2).sid, Some([7; 16])), NOW), LATER).unwrap();

    let heard = other.changes(quiet.mark, Duration::ZERO).unwrap();
    assert!(!heard.missed);
    assert_eq!(ended(&heard).first(), Some(&Ended::Session([1; 32])));
    assert!(ended(&heard).contains(&Ended::Session([2; 32])));
    assert!(heard.ends.contains(&end(Ended::Sid(row(2).sid, Some([7; 16])), NOW)));
    let nothing = Changes { ends: Vec::new(), mark: heard.mark, missed: false };
    assert_eq!(other.changes(heard.mark, Duration::ZERO).unwrap(), nothing);
    // Marks of a file that no longer exists, and of this one before it was restored from a backup.
    let [file, reached] = heard.mark;
    for mark in [[file + 1, reached], [file, reached + 1]] {
        let lost = other.changes(mark, Duration::ZERO).unwrap();
        assert_eq!((lost.missed, lost.mark), (true, heard.mark));
    }
    let elsewhere = Place::new("hears-elsewhere");
    let other = elsewhere.open().changes([0, 0], Duration::ZERO).unwrap();
    assert_ne!(other.mark[0], file, "each file has its own number");
}

#[test]
fn who_waits_for_news_hears_of_it_soon() {
    let place = Place::new("waits");
    let (mut one, mut other) = (place.open(), place.open());
    one.put(&row(1), NOW).unwrap();
    let mark = other.changes([0, 0], Duration::ZERO).unwrap().mark;
    let heard = std::thread::spawn(move || other.changes(mark, Duration::from_secs(20)).unwrap());
    std::thread::sleep(Duration::from_millis(30));
    let begun = std::time::Instant::now();
    one.end(&end(Ended::Session([1; 32]), NOW), LATER).unwrap();
    assert_eq!(ended(&heard.join().unwrap()), [Ended::Session([1; 32])]);
    assert!(begun.elapsed() < Duration::from_secs(10), "not at the end of the wait");
}

#[test]
fn too_much_news_is_not_told_one_by_one() {
    let place = Place::new("too-much");
    let mut store = place.open();
    let mark = store.changes([0, 0], Duration::ZERO).unwrap().mark;
    let batch = store.change().unwrap();
    for number in 0..4097_u64 {
        let change = next_change(&batch).unwrap();
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        let row = "INSERT INTO sessions VALUES (?1, NULL, NULL, NULL, NULL, 0, ?2, ?3, NULL)";
        batch.execute(row, params![key, signed(LATER), change]).unwrap();
    }
    batch.commit().unwrap();
    let all = store.changes(mark, Duration::ZERO).unwrap();
    assert_eq!((all.missed, all.ends.len(), all.mark[1]), (true, 0, mark[1] + 4097));
    let most = store.changes([mark[0], mark[1] + 1], Duration::ZERO).unwrap();
    assert_eq!((most.missed, most.ends.len()), (false, 4096));
}

#[test]
fn one_process_holds_a_lease_until_it_ends() {
    let place = Place::new("lease");
    let (mut one, mut other) = (place.open(), place.open());
    assert!(one.lease(&[1; 32], 5, NOW, 10).unwrap());
    assert!(!other.lease(&[1; 32], u64::MAX, NOW + 9, 10).unwrap());
    assert!(other.lease(&[2; 32], 6, NOW, 10).unwrap(), "of something else");
    assert!(one.lease(&[1; 32], 5, NOW + 9, 10).unwrap(), "its own is extended");
    assert!(!other.lease(&[1; 32], u64::MAX, NOW + 18, 10).unwrap());
    assert!(other.lease(&[1; 32], u64::MAX, NOW + 19, 10).unwrap(), "its holder died");
    one.release(&[1; 32], 5).unwrap();
    assert!(!one.lease(&[1; 32], 5, NOW + 20, 10).unwrap(), "it was another's by then");
    other.release(&[1; 32], u64::MAX).unwrap();
    assert!(one.lease(&[1; 32], 5, NOW + 20, 10).unwrap());
    one.expire(NOW + 30, 10).unwrap();
    let left: i64 =
        one.connection.query_row("SELECT count(*) FROM leases", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[test]
fn what_expired_goes_and_the_file_shrinks() {
    let place = Place::new("shrinks");
    let mut store = place.open();
    for number in 0..=255 {
        let expires = if number < 200 { NOW + 10 } else { LATER };
        store.put(&Row { expires, record: vec![1; 8000], ..row(number) }, NOW).unwrap();
    }
    let before = store.stats().unwrap();
    let mut removed = 0;
    while let count @ 1.. = store.expire(NOW + 10, 64).unwrap() {
        assert!(count <= 64);
        removed += count;
    }
    let after = store.stats().unwrap();
    assert_eq!((removed, after.sessions), (200, 56));
    assert!(after.bytes * 3 < before.bytes, "{} of {}", after.bytes, before.bytes);
    assert!(store.get(&[255; 32], NOW + 10).unwrap().is_some());
}

#[test]
fn a_full_disk_is_an_error_and_what_was_there_stays() {
    let place = Place::new("full");
    let mut store = place.open();
    store.put(&row(1), NOW).unwrap();
    let pages = store.stats().unwrap().bytes / 4096;
    store.connection.pragma_update(None, "max_page_count", pages as i64).unwrap();
    let large = Row { record: vec![2; 100_000], ..row(2) };
    assert!(matches!(store.put(&large, NOW), Err(Fault::Away(_))));
    assert_eq!(store.get(&[1; 32], NOW).unwrap(), Some(row(1)));
    assert_eq!(
        store.end(&end(Ended::Session([1; 32]), NOW), LATER).unwrap(),
        1,
        "an end takes no room"
    );
}

#[test]
fn a_file_that_may_only_be_read_is_an_error_for_writers_only() {
    let place = Place::new("read-only");
    let mut store = place.open();
    store.put(&row(1), NOW).unwrap();
    store.connection.pragma_update(None, "query_only", true).unwrap();
    assert!(matches!(store.put(&row(2), NOW), Err(Fault::Away(_))));
    assert!(matches!(store.end(&end(Ended::Session([1; 32]), NOW), LATER), Err(Fault::Away(_))));
    assert_eq!(store.get(&[1; 32], NOW).unwrap(), Some(row(1)));
}

#[test]
fn a_writer_that_never_ends_is_not_waited_for_for_ever() {
    let place = Place::new("busy");
    let (mut one, mut other) = (place.open(), place.open());
    one.put(&row(1), NOW).unwrap();
    let _writing = one.change().unwrap();
    assert!(matches!(other.put(&row(2), NOW), Err(Fault::Away(_))));
    assert_eq!(other.get(&[1; 32], NOW).unwrap(), Some(row(1)), "who reads does not wait");
}

#[test]
fn a_row_that_is_not_as_it_was_written_is_no_session() {
    let place = Place::new("row");
    let mut store = place.open();
    for spoil in [
        "UPDATE sessions SET subject = x'0102'",
        "UPDATE sessions SET provider = x''",
        "UPDATE sessions SET name = x'616b'",
        "UPDATE sessions SET expires = -1",
        "UPDATE sessions SET opened = -1",
        "UPDATE sessions SET key = x'01'",
    ] {
        store.connection.execute_batch("DELETE FROM sessions").unwrap();
        store.put(&row(1), NOW).unwrap();
        store.connection.pragma_update(None, "ignore_check_constraints", true).unwrap();
        store.connection.execute_batch(spoil).unwrap();
        store.connection.pragma_update(None, "ignore_check_constraints", false).unwrap();
        assert_eq!(store.get(&[1; 32], NOW).unwrap(), None, "{spoil}");
    }
}
