//! Who talks to authentik.

use std::sync::Arc;

use authentik_gate::outpost::{Candidate, LOST_AFTER, Tenure};
use loom::sync::atomic::AtomicU64;
use loom::thread;

use crate::explore;

const FORMER: Candidate = Candidate { epoch: 1, pid: 9 };
const A: Candidate = Candidate { epoch: 1, pid: 10 };
const B: Candidate = Candidate { epoch: 1, pid: 11 };
const C: Candidate = Candidate { epoch: 1, pid: 12 };
const NEWER: Candidate = Candidate { epoch: 2, pid: 13 };

const START: u64 = 1_000;
const LATER: u64 = START + LOST_AFTER;

#[derive(Clone)]
struct Words(Arc<[AtomicU64; 2]>);

impl Words {
    /// Held by nobody.
    fn new() -> Self {
        Self(Arc::new([AtomicU64::new(0), AtomicU64::new(0)]))
    }

    fn tenure(&self) -> Tenure<'_> {
        let [holder, beat] = &*self.0;
        Tenure::new(holder, beat)
    }

    /// Everybody lives.
    fn claim(&self, me: Candidate, now: u64) -> bool {
        self.tenure().claim(me, now, |_| Some(0))
    }

    fn spawn(&self, me: Candidate, now: u64) -> thread::JoinHandle<bool> {
        let words = self.clone();
        thread::spawn(move || words.claim(me, now))
    }
}

#[test]
fn of_those_who_claim_it_at_once_one_gets_it() {
    explore("tenure: three claim what nobody holds", None, || {
        let words = Words::new();
        let others = [words.spawn(B, START), words.spawn(C, START + 1)];
        let mine = words.claim(A, START + 2);
        let got = [mine, others.map(|other| other.join().unwrap()).iter().any(|got| *got)];
        let holder = words.tenure().holder();
        assert!(holder.is_some() && got.contains(&true));
        assert_eq!(holder == Some(A), mine);
        for candidate in [A, B, C] {
            assert_eq!(words.claim(candidate, START + 3), holder == Some(candidate));
        }
    });
}

#[test]
fn of_those_who_take_it_from_a_silent_holder_one_gets_it() {
    explore("tenure: two take it from one who is silent", None, || {
        let words = Words::new();
        assert!(words.claim(FORMER, START));
        let other = words.spawn(B, LATER);
        let mine = words.claim(A, LATER);
        assert_ne!(mine, other.join().unwrap(), "one of us");
        assert_eq!(words.tenure().holder() == Some(A), mine);
    });
}

#[test]
fn a_holder_that_wakes_up_and_its_successor_agree_in_the_end() {
    explore("tenure: a holder renews it while another takes it", None, || {
        let words = Words::new();
        assert!(words.claim(A, START));
        let other = words.spawn(B, LATER);
        let renewed = words.claim(A, LATER);
        let taken = other.join().unwrap();
        assert!(renewed || taken, "never nobody");
        let holder = words.tenure().holder();
        assert_eq!(holder == Some(B), taken);
        assert_eq!(words.claim(A, LATER + 1), holder == Some(A), "A knows from now on");
    });
}

#[test]
fn a_newer_configuration_keeps_it() {
    explore("tenure: a newer configuration and two older ones", None, || {
        let words = Words::new();
        let others = [words.spawn(B, START), words.spawn(NEWER, START)];
        words.claim(A, START);
        let [_, newer] = others.map(|other| other.join().unwrap());
        assert!(!newer || words.tenure().holder() == Some(NEWER), "nobody takes it away");
        assert!(words.claim(NEWER, START));
        assert!(!words.claim(A, LATER) && words.tenure().holder() == Some(NEWER));
    });
}

#[test]
fn who_resigns_takes_it_from_nobody_else() {
    explore("tenure: one resigns while another takes it", None, || {
        let words = Words::new();
        assert!(words.claim(A, START));
        let other = words.spawn(B, LATER);
        words.tenure().resign(A);
        let taken = other.join().unwrap();
        assert_eq!(words.tenure().holder(), taken.then_some(B));
    });
}
