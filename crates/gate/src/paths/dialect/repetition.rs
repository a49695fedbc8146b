//! Repetitions.

use std::str::Chars;

use super::{Flaw, Translation, eat, quote};

/// Go's limit for a repetition, and for the product of nested ones.
const MAX_REPEAT: u32 = 1000;

/// `{n}`, `{n,}` or `{n,m}`.
pub(super) struct Counted {
    pub(super) min: u32,
    pub(super) max: Option<u32>,
}

/// What follows a `{`, if it makes a repetition; else the `{` is a character.
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
        min: u32,
        max: Option<u32>,
    ) -> Result<(), Flaw> {
        let bad = min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT || max < min);
        if bad {
            return Err(quote("invalid repeat count", self.since(begin)));
        }
        let written = match max {
            Some(max) => format!("{{{min},{max}}}"),
            None => format!("{{{min},}}"),
        };
        self.repeat(begin, stacked_on, max.unwrap_or(min), &written)
    }

    pub(super) fn repeat(
        &mut self,
        begin: usize,
        stacked_on: Option<usize>,
        times: u32,
        written: &str,
    ) -> Result<(), Flaw> {
        let lazy = eat(&mut self.from, "?");
        if let Some(first) = stacked_on {
            return Err(quote("invalid nested repetition operator", self.since(first)));
        }
        let Some(operand) = self.level.operand else {
            return Err(quote("missing argument to repetition operator", self.since(begin)));
        };
        let weight = operand.saturating_mul(times.max(1));
        if times > 1 && weight > MAX_REPEAT {
            return Err(quote("invalid repeat count", self.since(begin)));
        }
        self.to.push_str(written);
        if lazy {
            self.to.push('?');
        }
        // What is repeated no times weighs nothing in Go's count either.
        self.level.operand = Some(if written == "{0,0}" { 1 } else { weight });
        self.repetition = Some(begin);
        Ok(())
    }
}
