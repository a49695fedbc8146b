//! Kills the writer at a chosen write, in the worst ways a worker can be killed.

use std::cell::RefCell;

/// What a killed writer leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// All writes in order, but only the first half of the last one.
    Torn,
    /// Any of the writes since the change began: compilers and processors may reorder them.
    Unordered,
}

/// The panic payload, to distinguish it from real panics.
pub(super) struct Killed;

#[derive(Default)]
struct Plan {
    left: Option<(u32, Mode)>,
    log: Vec<(usize, Vec<u8>)>,
}

thread_local! {
    static PLAN: RefCell<Plan> = RefCell::default();
}

/// Called before each write.
pub(in super::super) fn before_write(at: usize, target: &mut [u8], data: &[u8]) {
    let die = PLAN.with_borrow_mut(|plan| match &mut plan.left {
        None => None,
        Some((0, mode)) => Some(*mode),
        Some((left, mode)) => {
            *left -= 1;
            if *mode == Mode::Unordered {
                plan.log.push((at, target.to_vec()));
            }
            None
        }
    });
    if let Some(mode) = die {
        if mode == Mode::Torn {
            let half = data.len() / 2;
            target[..half].copy_from_slice(&data[..half]);
        }
        std::panic::resume_unwind(Box::new(Killed));
    }
}

/// Called when `dirty` has been set: no earlier write can be missing any more.
pub(in super::super) fn change_begins() {
    PLAN.with_borrow_mut(|plan| plan.log.clear());
}

/// Runs `act` and kills it at write number `nth` (from 0). `None` if it did not get that far;
/// otherwise the writes since the last change began, with the bytes they replaced.
pub(super) fn at_write(nth: u32, mode: Mode, act: impl FnOnce()) -> Option<Vec<(usize, Vec<u8>)>> {
    PLAN.with_borrow_mut(|plan| *plan = Plan { left: Some((nth, mode)), log: Vec::new() });
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
    let plan = PLAN.take();
    match outcome {
        Ok(()) => None,
        Err(reason) if reason.is::<Killed>() => Some(plan.log),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
