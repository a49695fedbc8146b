//! What a store keeps, and what it does not return.

use std::fs;
use std::path::PathBuf;

use super::*;

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

fn row(number: u8) -> Row {
    Row {
        key: [number; 32],
        provider: [7; 16],
        subject: [number % 10 + 1; 16],
        sid: [number % 20 + 1; 16],
        name: [number % 5 + 1; 16],
        opened: NOW,
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
    assert_eq!(store.end(&Ended::Session([1; 32]), NOW + 1, LATER).unwrap(), 1);
    // Before it was ever written.
    assert_eq!(store.end(&Ended::Session([2; 32]), NOW + 1, LATER).unwrap(), 0);
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
    assert_eq!(store.end(&Ended::Subject([2; 16], here), NOW + 1, LATER).unwrap(), 2);
    assert_eq!(store.get(&[99; 32], NOW).unwrap(), Some(elsewhere.clone()), "another provider");
    assert_eq!(store.get(&[2; 32], NOW).unwrap(), Some(row(2)), "another user");
    // Opened before the end and written after it.
    let late = Row { key: [21; 32], ..row(1) };
    assert!(!store.put(&late, NOW + 2).unwrap());
    assert!(store.put(&Row { provider: [8; 16], ..late.clone() }, NOW + 2).unwrap());
    let anew = Row { key: [31; 32], opened: NOW + 2, ..row(1) };
    assert!(store.put(&anew, NOW + 2).unwrap(), "who signs in again has a session");

    assert_eq!(store.end(&Ended::Sid(row(2).sid, None), NOW + 3, LATER).unwrap(), 1 + 1 - 1);
    assert_eq!(store.get(&[2; 32], NOW).unwrap(), None);
    // Two sessions without a subject have nothing in common.
    let nobodys = Row { key: [50; 32], subject: [0; 16], sid: [0; 16], name: [0; 16], ..row(1) };
    assert!(store.put(&nobodys, NOW).unwrap());
    assert_eq!(store.end(&Ended::Subject([0; 16], None), NOW, LATER).unwrap(), 0);
    assert_eq!(store.end(&Ended::Sid([0; 16], None), NOW, LATER).unwrap(), 0);
    assert_eq!(store.end(&Ended::Name([0; 16]), NOW, LATER).unwrap(), 0);
    assert_eq!(store.get(&[50; 32], NOW).unwrap(), Some(nobodys));
}

#[test]
fn all_of_a_user_name_end_with_all_providers() {
    let place = Place::new("name");
    let mut store = place.open();
    let elsewhere = Row { key: [99; 32], provider: [8; 16], ..row(1) };
    for row in [row(1), row(6), row(2), elsewhere] {
        store.put(&row, NOW).unwrap();
    }
    assert_eq!(store.end(&Ended::Name(row(1).name), NOW + 1, LATER).unwrap(), 3);
    for key in [1, 6, 99] {
        assert_eq!(store.get(&[key; 32], NOW + 1).unwrap(), None);
    }
    assert_eq!(store.get(&[2; 32], NOW + 1).unwrap(), Some(row(2)), "another user");
    assert!(!store.put(&row(11), NOW + 2).unwrap(), "opened before, written after");
    let again = Row { opened: NOW + 2, ..row(11) };
    assert!(store.put(&again, NOW + 2).unwrap(), "who signs in again has a session");
    let heard = store.changes_since(0).unwrap().ended;
    assert!(heard.contains(&Ended::Name(row(1).name)), "{heard:?}");
}

#[test]
fn another_process_hears_of_each_end_once() {
    let place = Place::new("hears");
    let (mut one, mut other) = (place.open(), place.open());
    let start = other.changes_since(0).unwrap();
    assert_eq!(start, Changes::default());
    one.put(&row(1), NOW).unwrap();
    one.put(&row(2), NOW).unwrap();
    let quiet = other.changes_since(start.mark).unwrap();
    assert_eq!(quiet.ended, [], "sessions that begin are no news");

    one.end(&Ended::Session([1; 32]), NOW, LATER).unwrap();
    one.end(&Ended::Sid(row(2).sid, Some([7; 16])), NOW, LATER).unwrap();

    let heard = other.changes_since(quiet.mark).unwrap();
    assert_eq!(heard.ended.first(), Some(&Ended::Session([1; 32])));
    assert!(heard.ended.contains(&Ended::Session([2; 32])));
    assert!(heard.ended.contains(&Ended::Sid(row(2).sid, Some([7; 16]))));
    assert_eq!(other.changes_since(heard.mark).unwrap().ended, []);
    // The mark of a file that no longer exists.
    assert_eq!(other.changes_since(heard.mark + 1000).unwrap().ended, heard.ended);
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
    assert_eq!(store.end(&Ended::Session([1; 32]), NOW, LATER).unwrap(), 1, "an end takes no room");
}

#[test]
fn a_file_that_may_only_be_read_is_an_error_for_writers_only() {
    let place = Place::new("read-only");
    let mut store = place.open();
    store.put(&row(1), NOW).unwrap();
    store.connection.pragma_update(None, "query_only", true).unwrap();
    assert!(matches!(store.put(&row(2), NOW), Err(Fault::Away(_))));
    assert!(matches!(store.end(&Ended::Session([1; 32]), NOW, LATER), Err(Fault::Away(_))));
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
