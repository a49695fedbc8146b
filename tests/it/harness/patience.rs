//! Waiting for other processes.

use std::time::{Duration, Instant};

/// How long a test waits for something to become true; generous, since the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until something becomes true; returns how long it took.
pub(crate) fn eventually(what: &str, is_so: impl FnMut() -> bool) -> Duration {
    within(PATIENCE, what, is_so)
}

/// Waits until something becomes true within this time; returns how long it took.
pub(crate) fn within(patience: Duration, what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    loop {
        if is_so() {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < patience, "not within {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Measures up to three times until the time is below `bound`: a busy machine is late now and then,
/// slow code is late each time.
pub(crate) fn at_best(bound: Duration, what: &str, mut measure: impl FnMut() -> Duration) {
    let mut measured = Vec::new();
    for _ in 0..3 {
        measured.push(measure());
        if measured.iter().any(|took| *took < bound) {
            return;
        }
    }
    panic!("not within {bound:?}: {what}: {measured:?}");
}
