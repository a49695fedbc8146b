//! What every store does alike.

use std::time::{Duration, Instant};

use authentik_store::{Changes, End, Ended, Row, Store};

use super::now;

/// Opens a store under a name: the same one for the same name.
pub(crate) type Open<'o> = &'o dyn Fn(&str) -> Store;

pub(crate) fn all(open: Open) {
    a_session_comes_back_as_it_was_put(open);
    a_session_that_ended_does_not_come_back(open);
    all_of_somebody_end_at_one_provider_or_at_all(open);
    the_end_counts_whose_time_is_the_latest(open);
    others_hear_of_each_end_once_and_at_once(open);
    one_holds_a_lease_until_it_ends(open);
    what_expires_goes(open);
    whom_it_knows(open);
}

/// In milliseconds.
fn at(seconds: u64) -> u64 {
    seconds * 1000
}

/// Ends sessions at a time in seconds.
pub(crate) fn end(store: &mut Store, ended: Ended, seconds: u64) -> usize {
    store.end(&End { ended, at: at(seconds) }, seconds + 4000).unwrap()
}

fn ended(changes: &Changes) -> Vec<Ended> {
    changes.ends.iter().map(|end| end.ended).collect()
}

pub(crate) fn row(number: u8) -> Row {
    Row {
        key: [number; 32],
        provider: [7; 16],
        subject: [number % 10 + 1; 16],
        sid: [number % 20 + 1; 16],
        name: [number % 10 + 101; 16],
        opened: at(now()),
        expires: now() + 4000,
        record: (0..2000_u32).map(|at| (at % 256) as u8 ^ number).collect(),
    }
}

fn a_session_comes_back_as_it_was_put(open: Open) {
    let (mut one, mut other) = (open("back"), open("back"));
    let nobodys = Row { subject: [0; 16], sid: [0; 16], name: [0; 16], ..row(2) };
    assert!(one.put(&row(1), now()).unwrap() && one.put(&nobodys, now()).unwrap());
    assert_eq!(other.get(&[1; 32], now()).unwrap(), Some(row(1)));
    assert_eq!(other.get(&[2; 32], now()).unwrap(), Some(nobodys));
    assert_eq!(other.get(&[3; 32], now()).unwrap(), None);
    assert_eq!(other.get(&[1; 32], now() + 4000).unwrap(), None, "expired");
    let newer = Row { record: Vec::new(), expires: now() + 4001, ..row(1) };
    assert!(other.put(&newer, now()).unwrap());
    assert_eq!(one.get(&[1; 32], now()).unwrap(), Some(newer));
    assert!(!one.put(&row(4), now() + 4000).unwrap(), "expired before it came");
}

fn a_session_that_ended_does_not_come_back(open: Open) {
    let (mut one, mut other) = (open("ended"), open("ended"));
    one.put(&row(1), now()).unwrap();
    assert_eq!(end(&mut one, Ended::Session([1; 32]), now() + 1), 1);
    assert_eq!(end(&mut one, Ended::Session([1; 32]), now() + 1), 0, "said again");
    // Before it was ever written.
    assert_eq!(end(&mut one, Ended::Session([2; 32]), now() + 1), 0);
    for number in [1, 2] {
        assert_eq!(other.get(&[number; 32], now() + 2).unwrap(), None);
        assert!(!other.put(&row(number), now() + 2).unwrap(), "a late writer");
        assert_eq!(other.get(&[number; 32], now() + 2).unwrap(), None);
    }
}

fn all_of_somebody_end_at_one_provider_or_at_all(open: Open) {
    let mut store = open("all");
    let elsewhere = Row { key: [99; 32], provider: [8; 16], ..row(1) };
    for row in [row(1), row(11), row(2), row(3), elsewhere.clone()] {
        store.put(&row, now()).unwrap();
    }
    end(&mut store, Ended::Subject([2; 16], Some([7; 16])), now() + 1);
    for number in [1, 11] {
        assert_eq!(store.get(&[number; 32], now()).unwrap(), None);
    }
    assert_eq!(store.get(&[99; 32], now()).unwrap(), Some(elsewhere.clone()), "another provider");
    assert_eq!(store.get(&[2; 32], now()).unwrap(), Some(row(2)), "another user");
    // Opened before the end and written after it.
    let late = Row { key: [21; 32], ..row(1) };
    assert!(!store.put(&late, now() + 2).unwrap());
    let anew = Row { key: [31; 32], opened: at(now() + 2), ..row(1) };
    assert!(store.put(&anew, now() + 2).unwrap(), "who signs in again has a session");
    assert_eq!(store.get(&[31; 32], now() + 2).unwrap(), Some(anew.clone()));

    end(&mut store, Ended::Sid(row(2).sid, None), now() + 3);
    assert_eq!(store.get(&[2; 32], now()).unwrap(), None);
    assert_eq!(store.get(&[3; 32], now()).unwrap(), Some(row(3)));
    end(&mut store, Ended::Name(row(3).name), now() + 3);
    assert_eq!(store.get(&[3; 32], now()).unwrap(), None, "at all providers");
    // Two sessions without a subject have nothing in common.
    let nobodys = Row { key: [50; 32], subject: [0; 16], sid: [0; 16], name: [0; 16], ..row(1) };
    assert!(store.put(&nobodys, now()).unwrap());
    for nobody in [Ended::Subject([0; 16], None), Ended::Sid([0; 16], None), Ended::Name([0; 16])] {
        assert_eq!(end(&mut store, nobody, now()), 0);
    }
    assert_eq!(store.get(&[50; 32], now()).unwrap(), Some(nobodys));
}

fn the_end_counts_whose_time_is_the_latest(open: Open) {
    let mut store = open("latest");
    let whose = Ended::Subject(row(1).subject, None);
    end(&mut store, whose, now() + 100);
    end(&mut store, whose, now() + 10);
    let between = Row { opened: at(now() + 50), ..row(1) };
    assert!(!store.put(&between, now() + 101).unwrap());
}

fn others_hear_of_each_end_once_and_at_once(open: Open) {
    const WAIT: Duration = Duration::from_secs(20);
    let (mut one, mut other) = (open("hears"), open("hears"));
    one.put(&row(1), now()).unwrap();
    let start = other.changes([0, 0], Duration::ZERO).unwrap();
    assert_eq!((start.missed, &start.ends[..]), (true, &[][..]), "whatever was before");
    one.put(&row(2), now()).unwrap();
    let quiet = other.changes(start.mark, Duration::from_millis(5)).unwrap();
    assert_eq!((quiet.missed, quiet.ends), (false, vec![]), "sessions that begin are no news");

    let mark = quiet.mark;
    let heard = std::thread::spawn(move || (other.changes(mark, WAIT).unwrap(), other));
    std::thread::sleep(Duration::from_millis(50));
    let begun = Instant::now();
    end(&mut one, Ended::Session([1; 32]), now());
    let (heard, mut other) = heard.join().unwrap();
    assert!(begun.elapsed() < Duration::from_millis(200), "{:?}", begun.elapsed());
    assert_eq!((heard.missed, ended(&heard)), (false, vec![Ended::Session([1; 32])]));

    let ends = [
        Ended::Session([9; 32]),
        Ended::Subject(row(3).subject, Some([7; 16])),
        Ended::Subject(row(4).subject, None),
        Ended::Sid(row(5).sid, Some([8; 16])),
        Ended::Sid(row(6).sid, None),
        Ended::Name(row(7).name),
    ];
    for ended in &ends {
        end(&mut one, *ended, now());
    }
    let (mut mark, mut all) = (heard.mark, Vec::new());
    while all.len() < ends.len() {
        let heard = other.changes(mark, WAIT).unwrap();
        assert!(!heard.missed);
        mark = heard.mark;
        all.extend(ended(&heard));
    }
    assert_eq!(all, ends);
    let silence = other.changes(mark, Duration::from_millis(5)).unwrap();
    assert_eq!((silence.missed, silence.ends, silence.mark), (false, vec![], mark));
    // Marks of another store.
    for strange in [[mark[0], mark[1] + 1], [mark[0] + 1, mark[1]], [1, 1]] {
        let lost = other.changes(strange, WAIT).unwrap();
        assert_eq!((lost.missed, lost.ends, lost.mark), (true, vec![], mark), "{strange:?}");
    }
}

fn one_holds_a_lease_until_it_ends(open: Open) {
    let (mut one, mut other) = (open("lease"), open("lease"));
    assert!(one.lease(&[1; 32], 5, now(), 30).unwrap());
    assert!(!other.lease(&[1; 32], u64::MAX, now(), 30).unwrap());
    assert!(other.lease(&[2; 32], 6, now(), 30).unwrap(), "of something else");
    other.release(&[1; 32], u64::MAX).unwrap();
    assert!(!other.lease(&[1; 32], u64::MAX, now(), 30).unwrap(), "not its own to give back");
    assert!(one.lease(&[1; 32], 5, now(), 1).unwrap(), "its own is extended, or shortened");
    std::thread::sleep(Duration::from_millis(1050));
    assert!(other.lease(&[1; 32], u64::MAX, now() + 1, 30).unwrap(), "its holder died");
    one.release(&[1; 32], 5).unwrap();
    assert!(!one.lease(&[1; 32], 5, now() + 1, 30).unwrap(), "it was another's by then");
    other.release(&[1; 32], u64::MAX).unwrap();
    assert!(one.lease(&[1; 32], 5, now() + 1, 30).unwrap());
}

fn what_expires_goes(open: Open) {
    let mut store = open("expires");
    store.put(&Row { expires: now() + 1, ..row(1) }, now()).unwrap();
    store.put(&row(2), now()).unwrap();
    std::thread::sleep(Duration::from_millis(1050));
    store.expire(now() + 1, 100).unwrap();
    assert_eq!(store.get(&[1; 32], now()).unwrap(), None);
    assert_eq!(store.get(&[2; 32], now()).unwrap(), Some(row(2)));
}

fn whom_it_knows(open: Open) {
    let mut store = open("knows");
    store.put(&row(1), now()).unwrap();
    let provider = Some(row(1).provider);
    for (known, unknown) in [
        (Ended::Session([1; 32]), Ended::Session([2; 32])),
        (Ended::Subject(row(1).subject, provider), Ended::Subject(row(2).subject, provider)),
        (Ended::Sid(row(1).sid, provider), Ended::Sid(row(2).sid, provider)),
        (Ended::Sid(row(1).sid, None), Ended::Sid([0; 16], None)),
        (Ended::Name(row(1).name), Ended::Name(row(2).name)),
    ] {
        assert!(store.knows(&known).unwrap(), "{known:?}");
        assert!(!store.knows(&unknown).unwrap(), "{unknown:?}");
    }
    end(&mut store, Ended::Session([1; 32]), now());
    assert!(!store.knows(&Ended::Session([1; 32])).unwrap());
}
