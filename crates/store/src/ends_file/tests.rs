//! What the file keeps, whatever happens to it.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::thread;
use std::time::Duration;

use super::*;
use crate::row::{End, Ended};

/// A directory of one test, removed when dropped.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let name = format!("authentik-ends-{}-{name}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::DirBuilder::new().mode(0o700).create(&directory).expect("a directory");
        Self(directory)
    }

    fn file(&self) -> EndsFile {
        EndsFile::new(self.0.join("sessions.ends"))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pending(number: u8, at: u64) -> PendingEnd {
    let ended = Ended::Session([number; 32]);
    PendingEnd { end: End { ended, at }, until: 1_000, taken: 0 }
}

/// When those in the file ended.
fn times(file: &EndsFile) -> Vec<u64> {
    let ends = file.read(1_000).expect("read");
    let mut times: Vec<u64> = ends.iter().map(|pending| pending.end.at).collect();
    times.sort_unstable();
    times
}

#[test]
fn what_was_kept_is_read_until_it_is_discarded() {
    let directory = Dir::new("kept");
    let file = directory.file();
    assert!(times(&file).is_empty(), "no file");
    file.keep(&[pending(1, 10), PendingEnd { taken: 7, ..pending(2, 20) }], 0).expect("kept");
    assert_eq!(file.read(0).expect("read"), [pending(1, 10), pending(2, 20)], "to be told");
    file.discard(&[pending(1, 10), pending(3, 30)]).expect("discarded");
    assert_eq!(times(&file), [20]);
    assert_eq!(file.path().metadata().expect("a file").permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_later_end_of_the_same_counts() {
    let directory = Dir::new("later");
    let file = directory.file();
    file.keep(&[pending(1, 20), pending(1, 30)], 0).expect("kept");
    file.keep(&[pending(1, 10)], 0).expect("kept");
    assert_eq!(times(&file), [30]);
    file.discard(&[pending(1, 20)]).expect("discarded");
    assert_eq!(times(&file), [30], "the store knows of the earlier one only");
}

#[test]
fn slots_of_the_discarded_and_of_the_expired_are_used_again() {
    let directory = Dir::new("slots");
    let file = directory.file();
    file.prepare().expect("prepared");
    let size = || file.path().metadata().expect("a file").len();
    let prepared = size();
    let expired = |number| PendingEnd { until: 900, ..pending(number, 1) };
    file.keep(&(0..=255).map(expired).collect::<Vec<_>>(), 0).expect("kept");
    assert!(times(&file).is_empty(), "at 1000, they are over");
    for number in 0..8 {
        let some: Vec<_> = (0..64).map(|low| pending(number * 8 + low, 5)).collect();
        file.keep(&some, 901).expect("kept");
        file.discard(&some).expect("discarded");
    }
    let all = |at: u64| (0..=255).map(move |number| pending(number, at)).collect::<Vec<_>>();
    file.keep(&all(6), 901).expect("kept");
    assert_eq!((size(), times(&file)), (prepared, vec![6; 256]));
    file.discard(&all(6)).expect("discarded");
    let twice = |number| PendingEnd { until: 902, ..pending(number, 7) };
    file.keep(&(0..=255).map(twice).collect::<Vec<_>>(), 901).expect("kept");
    file.keep(&all(8), 903).expect("kept");
    assert_eq!((size(), times(&file)), (prepared, vec![8; 256]));
}

#[test]
fn the_file_grows_and_is_bounded() {
    let directory = Dir::new("grows");
    let file = directory.file();
    let many = |count: usize| -> Vec<PendingEnd> {
        let key = |number: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_le_bytes());
            key
        };
        let ended = |number| End { ended: Ended::Session(key(number)), at: number as u64 };
        (0..count).map(|number| PendingEnd { end: ended(number), ..pending(0, 0) }).collect()
    };
    file.keep(&many(PREPARED + 1), 0).expect("kept");
    assert_eq!(file.read(0).expect("read").len(), PREPARED + 1);
    let full = file.keep(&many(SLOTS + 1), 0).expect_err("full");
    assert!(full.to_string().contains("65536"), "{full}");
    assert_eq!(file.read(0).expect("read").len(), SLOTS, "the others are kept");
}

#[test]
fn what_is_half_written_is_nothing() {
    let directory = Dir::new("torn");
    let file = directory.file();
    file.keep(&[pending(1, 10), pending(2, 20)], 0).expect("kept");
    let whole = fs::read(file.path()).expect("read");
    for at in [0, 1, 40, 80, 89] {
        let mut torn = whole.clone();
        torn[SLOT + at] ^= 1;
        fs::write(file.path(), torn).expect("written");
        assert_eq!(times(&file), [20], "byte {at}");
    }
    for length in 0..SLOT {
        fs::write(file.path(), &whole[..length]).expect("written");
        assert!(times(&file).is_empty(), "{length} bytes");
    }
    file.keep(&[pending(3, 30)], 0).expect("a file that was only begun is written anew");
    assert_eq!(times(&file), [30]);
}

#[test]
fn another_file_is_not_touched() {
    let directory = Dir::new("other");
    let file = directory.file();
    for content in ["a secret of 32 characters, or more".to_owned(), "x".repeat(4096)] {
        fs::write(file.path(), &content).expect("written");
        for fault in [
            file.claim(None).expect_err("claimed"),
            file.prepare().expect_err("prepared"),
            file.keep(&[pending(1, 10)], 0).expect_err("kept"),
            file.discard(&[pending(1, 10)]).expect_err("discarded"),
            file.read(0).expect_err("read"),
        ] {
            assert!(fault.to_string().contains("choose another name"), "{fault}");
        }
        assert_eq!(fs::read_to_string(file.path()).expect("read"), content);
    }
}

#[test]
fn nothing_is_lost_between_several_that_write() {
    let directory = Dir::new("several");
    let file = directory.file();
    thread::scope(|scope| {
        for writer in 0..4_u8 {
            let file = &file;
            scope.spawn(move || {
                for number in 0..20 {
                    let one = pending(writer * 20 + number, u64::from(number));
                    file.keep(&[one], 0).expect("kept");
                    if number < 10 {
                        file.discard(&[one]).expect("discarded");
                    }
                }
            });
        }
    });
    let times = times(&file);
    assert_eq!((times.len(), times.first()), (40, Some(&10)));
}

#[test]
fn who_looks_sees_that_it_was_written() {
    let directory = Dir::new("stamp");
    let file = directory.file();
    assert_eq!(file.stamp(), Stamp::default());
    file.prepare().expect("prepared");
    let stamp = file.stamp();
    assert_ne!(stamp, Stamp::default());
    assert_eq!(file.stamp(), stamp);
    // The kernel's clock for files ticks every few milliseconds.
    thread::sleep(Duration::from_millis(20));
    file.keep(&[pending(1, 10)], 0).expect("kept");
    assert_ne!(file.stamp(), stamp);
}
