//! Several processes use one file, and are killed at any time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a surprise fails the test"
)]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use authentik_store::{End, Ended, FileStore, Row};

const NOW: u64 = 1_000;
const LATER: u64 = 5_000;

fn end(ended: Ended, at: u64) -> End {
    End { ended, at: at * 1000 }
}

fn row(number: u64) -> Row {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&number.to_le_bytes());
    let record = number.to_le_bytes().repeat(250);
    let whose = [u8::try_from(number % 250).unwrap() + 1; 16];
    let (provider, opened, expires) = ([7; 16], NOW * 1000, LATER);
    Row { key, provider, subject: whose, sid: whose, name: whose, opened, expires, record }
}

fn place(name: &str) -> PathBuf {
    let directory = env::temp_dir().join(format!("authentik-store-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    directory.join("sessions")
}

fn clean(path: &Path) {
    let _ = fs::remove_dir_all(path.parent().unwrap());
}

/// Starts this test binary as a writing process: see [`writes_when_it_is_told_to`].
fn writer(path: &Path, from: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "writes_when_it_is_told_to", "--nocapture"])
        .env("STORE_WRITER", path)
        .env("STORE_FROM", from.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Stores sessions, ends every third of them, and reports both, until it is killed.
#[test]
fn writes_when_it_is_told_to() {
    let Some(path) = env::var_os("STORE_WRITER") else { return };
    let from: u64 = env::var("STORE_FROM").unwrap().parse().unwrap();
    let mut store = FileStore::open(Path::new(&path)).unwrap().store;
    for number in from.. {
        let row = row(number);
        assert!(store.put(&row, NOW).unwrap());
        println!("put {number}");
        if number % 3 == 0 {
            assert_eq!(store.end(&end(Ended::Session(row.key), NOW), LATER).unwrap(), 1);
            println!("ended {number}");
        }
    }
}

#[test]
fn a_killed_writer_loses_no_end_and_spoils_no_session() {
    const ROUNDS: u64 = 30;
    let path = place("killed");
    let mut ended = Vec::new();
    let mut put = Vec::new();
    for round in 0..ROUNDS {
        let mut child = writer(&path, 1 + round * 10_000);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // In the middle of its work, at a different point in each round.
        let enough = 5 + round * 7 % 60;
        let mut said = 0;
        let mut hear = |line: String| {
            let number = |line: &str| line.parse::<u64>().unwrap();
            if let Some(text) = line.strip_prefix("put ") {
                put.push(number(text));
            } else if let Some(text) = line.strip_prefix("ended ") {
                ended.push(number(text));
            }
        };
        while said < enough {
            let Some(Ok(line)) = lines.next() else { break };
            said += u64::from(line.starts_with("put ") || line.starts_with("ended "));
            hear(line);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // The last line may be truncated.
        let rest: Vec<String> = lines.map_while(Result::ok).collect();
        rest.into_iter().filter(|line| line.len() > 8).for_each(&mut hear);
    }

    let opened = FileStore::open(&path).unwrap();
    assert_eq!(opened.aside, None, "the file is whole");
    let mut store = opened.store;
    assert!(put.len() > 500 && ended.len() > 100, "{} {}", put.len(), ended.len());
    for number in &put {
        let row = row(*number);
        let found = store.get(&row.key, NOW).unwrap();
        if ended.contains(number) {
            assert_eq!(found, None, "{number} has ended");
        } else if number % 3 != 0 {
            assert_eq!(found, Some(row), "{number} was put");
        }
    }
    clean(&path);
}

#[test]
fn two_processes_write_one_file_and_hear_of_each_other() {
    let path = place("two");
    let mut store = FileStore::open(&path).unwrap().store;
    let mut child = writer(&path, 1);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mark = store.changes([0, 0], Duration::ZERO).unwrap().mark;
    let (mut mark, mut heard, mut own) = (mark, Vec::new(), 1_000_000);
    while heard.len() < 20 {
        let line = lines.next().unwrap().unwrap();
        own += 1;
        // The other one never pauses: on a busy machine, a turn may not come within the patience.
        let is_put = (0..10).find_map(|_| store.put(&row(own), NOW).ok());
        assert_eq!(is_put, Some(true));
        let changes = store.changes(mark, Duration::ZERO).unwrap();
        mark = changes.mark;
        heard.extend(changes.ends);
        if let Some(number) = line.strip_prefix("ended ") {
            let key = row(number.parse().unwrap()).key;
            assert!(
                heard.iter().any(|end: &End| end.ended == Ended::Session(key)),
                "{number} was heard of"
            );
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(store.get(&row(own).key, NOW).unwrap(), Some(row(own)));
    clean(&path);
}
