//! Repetitions.

use std::str::Chars;

use super::{Flaw, Operand, Translation, eat, quote};

/// Go's limit for a repetition, and for the product of nested ones.
const MAX_REPEAT: u32 = 1000;

/// `{n}`, `{n,}` or `{n,m}`.
#[derive(Clone, Copy)]
pub(super) struct Counted {
    pub(super) min: u32,
    pub(super) max: Option<u32>,
}

impl Counted {
    /// `*`, and `?` for counting purposes.
    pub(super) const UNCOUNTED: Self = Self { min: 0, max: None };
}

/// What follows a `{` if it forms a repetition; otherwise the `{` is a literal.
pub(super) fn counted(from: &mut Chars<'_>) -> Option<Counted> {
    let mut ahead = from.clone();
    let min = number(&mut ahead)?;
    let max = match (eat(&mut ahead, ","), ahead.as_str().starts_with('}')) {
        (false, _) => Some(min),
        (true, true) => None,
        (true, false) => Some(number(&mut ahead)?),
    };
    if !eat(&mut ahead, "}") {
        return None;
    }
    *from = ahead;
    Some(Counted { min, max })
}

/// Decimal digits without a leading zero.
fn number(from: &mut Chars<'_>) -> Option<u32> {
    let rest = from.as_str();
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (digits, after) = rest.split_at_checked(digits)?;
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    *from = after.chars();
    Some(digits.parse().unwrap_or(u32::MAX))
}

impl Translation<'_> {
    pub(super) fn repeat_counted(
        &mut self,
        begin: usize,
        stacked_on: Option<usize>,
        counted: Counted,
    ) -> Result<(), Flaw> {
        let Counted { min, max } = counted;
        let bad = min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT || max < min);
        if bad {
            return Err(quote("invalid repeat count", self.since(begin)));
        }
        let written = match max {
            Some(max) => format!("{{{min},{max}}}"),
            None => format!("{{{min},}}"),
        };
        self.repeat(begin, stacked_on, counted, &written)
    }

    pub(super) fn repeat(
        &mut self,
        begin: usize,
        stacked_on: Option<usize>,
        counted: Counted,
        written: &str,
    ) -> Result<(), Flaw> {
        let lazy = eat(&mut self.from, "?");
        if let Some(first) = stacked_on {
            return Err(quote("invalid nested repetition operator", self.since(first)));
        }
        let Some(operand) = self.level.operand else {
            return Err(quote("missing argument to repetition operator", self.since(begin)));
        };
        let times = counted.max.unwrap_or(counted.min);
        let weight = operand.weight.saturating_mul(times.max(1));
        if times > 1 && weight > MAX_REPEAT {
            return Err(quote("invalid repeat count", self.since(begin)));
        }
        self.to.push_str(written);
        if lazy {
            self.to.push('?');
        }
        // In Go, too, what is repeated zero times has no weight.
        let weight = if written == "{0,0}" { 1 } else { weight };
        let shortest = operand.shortest.saturating_mul(counted.min);
        // `{n,}` takes one more.
        let copies = times.max(1).saturating_add(1);
        let unrolled = operand.unrolled.saturating_mul(copies);
        self.level.operand = Some(Operand { weight, shortest, unrolled });
        self.repetition = Some(begin);
        Ok(())
    }
}
