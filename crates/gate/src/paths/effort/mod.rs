//! What patterns may cost a request.

use std::cell::Cell;

/// Most steps of all patterns for one request. A byte of the path that a pattern looks at is one; on a
/// way that is not known yet each state at work is four (`automaton.rs`). About twenty milliseconds.
pub(super) const MAX_STEPS: u64 = 8_000_000;

/// What is left for the patterns of one request, of all lists and all readings of its path.
#[derive(Debug)]
pub struct Effort<'a> {
    left: Cell<u64>,
    /// The pattern that took most, and how much.
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

    /// The costliest pattern, if all of them together took more than a request may cost. What was not
    /// found by then counts as not open.
    #[must_use]
    pub fn gave_up_at(&self) -> Option<&'a str> {
        self.gave_up.get().then_some(self.costliest.get().1)
    }

    /// Takes so many steps; `None` if there are not so many left.
    pub(super) fn spend(&self, steps: u64) -> Option<()> {
        let left = self.left.get().checked_sub(steps);
        // What was refused is not left for a smaller one: the next pattern would be judged and this
        // one not.
        self.left.set(left.unwrap_or(0));
        self.gave_up.set(self.gave_up.get() || left.is_none());
        left.map(drop)
    }

    /// Notes what a pattern took.
    pub(super) fn of_pattern<T>(&self, line: &'a str, search: impl FnOnce() -> T) -> T {
        let before = self.left.get();
        let found = search();
        let took = before - self.left.get();
        if took > self.costliest.get().0 {
            self.costliest.set((took, line));
        }
        found
    }

    /// What is left.
    #[cfg(test)]
    fn left(&self) -> u64 {
        self.left.get()
    }
}

#[cfg(test)]
mod tests;
