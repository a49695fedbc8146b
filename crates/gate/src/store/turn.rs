//! One use of the zone at a time.

#[cfg(debug_assertions)]
use std::cell::Cell;

/// Held by whoever has locked the zone. The lock waits until its owner releases it, and would wait
/// forever for this very thread: with debug assertions (as in the module that the integration tests
/// load), a second turn within the first panics instead, and says where.
#[derive(Debug)]
pub struct Turn(());

#[cfg(debug_assertions)]
thread_local! {
    static TAKEN: Cell<bool> = const { Cell::new(false) };
}

impl Turn {
    /// Must be called before the lock is taken.
    #[must_use]
    pub fn begin() -> Self {
        #[cfg(debug_assertions)]
        assert!(!TAKEN.replace(true), "the zone is used within a use of the zone");
        Self(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        #[cfg(debug_assertions)]
        TAKEN.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn a_turn_within_a_turn_is_a_panic_and_the_next_one_is_not() {
        for _ in 0..2 {
            let nested = catch_unwind(|| {
                let _first = Turn::begin();
                let _second = Turn::begin();
            });
            assert!(nested.is_err());
            drop(Turn::begin());
            drop(Turn::begin());
        }
        let elsewhere = std::thread::spawn(|| drop(Turn::begin()));
        let _here = Turn::begin();
        assert!(elsewhere.join().is_ok(), "the lock itself makes other threads wait");
    }
}
