//! The cost limit of patterns per request.

use std::cell::Cell;

/// Maximum number of steps of all patterns for one request. A byte that a pattern examines costs
/// one; on a new transition, each active state costs four (`automaton.rs`). About twenty
/// milliseconds.
pub(super) const MAX_STEPS: u64 = 8_000_000;

/// The remaining budget of a request, for all lists and all readings of its path.
#[derive(Debug)]
pub struct Effort<'a> {
    left: Cell<u64>,
    /// The costliest pattern and its cost.
    costliest: Cell<(u64, &'a str)>,
    gave_up: Cell<bool>,
}

impl Default for Effort<'_> {
    fn default() -> Self {
        Self::of(MAX_STEPS)
    }
}

impl<'a> Effort<'a> {
    fn of(steps: u64) -> Self {
        Self { left: Cell::new(steps), costliest: Cell::new((0, "")), gave_up: Cell::default() }
    }

    /// The costliest pattern, if the limit was exceeded. Whatever was not found by then counts as
    /// not open.
    #[must_use]
    pub fn gave_up_at(&self) -> Option<&'a str> {
        self.gave_up.get().then_some(self.costliest.get().1)
    }

    /// Spends steps; `None` if too few are left.
    pub(super) fn spend(&self, steps: u64) -> Option<()> {
        let left = self.left.get().checked_sub(steps);
        // A refused cost leaves nothing for a smaller one: otherwise the next pattern would be
        // judged and this one not.
        self.left.set(left.unwrap_or(0));
        self.gave_up.set(self.gave_up.get() || left.is_none());
        left.map(drop)
    }

    /// Records the cost of a pattern.
    pub(super) fn of_pattern<T>(&self, line: &'a str, search: impl FnOnce() -> T) -> T {
        let before = self.left.get();
        let found = search();
        let took = before - self.left.get();
        if took > self.costliest.get().0 {
            self.costliest.set((took, line));
        }
        found
    }

    /// The remaining steps.
    #[cfg(test)]
    fn left(&self) -> u64 {
        self.left.get()
    }
}

#[cfg(test)]
mod tests;
