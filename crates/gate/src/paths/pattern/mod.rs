//! A pattern: checked when it is read, compiled when first needed.
//!
//! Compiling takes a tenth of a millisecond and six kilobytes; reading costs next to nothing. For
//! the thousands of patterns of an outpost, compiling is deferred if reading alone proves that it
//! will succeed and limits how long it takes.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::automaton::{Automaton, MAX_COMPILED};
use super::dialect::{self, Translated};
use super::effort::Effort;

/// Longest pattern, in bytes.
pub(super) const MAX_PATTERN: usize = 4096;

/// Base cost of compiling any pattern, in microseconds; each character adds one to four.
const BASE_COST: u32 = 64;

/// A pattern that Go accepts and that can be compiled within our limits.
#[derive(Debug)]
pub(super) struct Pattern {
    line: Box<str>,
    /// Minimum length of a match, in bytes.
    shortest: u32,
    cost: u32,
    /// An inner `None` means that compiling failed after all; the pattern matches nothing.
    compiled: OnceLock<Option<Automaton>>,
}

impl Pattern {
    /// Checks a pattern by compiling it.
    pub(super) fn compile(line: &str) -> Result<Self, PatternError> {
        let translated = read(line)?;
        let compiled = build(&translated).map_err(|error| PatternError::new(line, error))?;
        Ok(Self::new(line, &translated, OnceLock::from(Some(compiled))))
    }

    /// Checks a pattern, and compiles it only if that is needed for the check.
    fn check(line: &str) -> Result<Self, PatternError> {
        let translated = read(line)?;
        if is_modest(line, &translated) {
            return Ok(Self::new(line, &translated, OnceLock::new()));
        }
        Self::compile(line)
    }

    fn new(line: &str, translated: &Translated, compiled: OnceLock<Option<Automaton>>) -> Self {
        let Translated { shortest, unrolled, .. } = *translated;
        Self { line: line.into(), shortest, cost: unrolled.saturating_add(BASE_COST), compiled }
    }

    /// As written.
    pub(super) fn text(&self) -> &str {
        &self.line
    }

    /// Whether it matches. False once the effort is exhausted.
    pub(super) fn matches<'a>(&'a self, text: &str, effort: &Effort<'a>) -> bool {
        // This also saves compiling just to find out whether a pattern opens everything.
        if !self.may_match(text.len()) {
            return false;
        }
        let Some(automaton) = self.prepare() else { return false };
        effort.of_pattern(&self.line, || automaton.finds(text, effort))
    }

    fn may_match(&self, length: usize) -> bool {
        u32::try_from(length).map_or(true, |length| length >= self.shortest)
    }

    /// Compiles it unless already done. Concurrent threads wait for the one that compiles.
    pub(super) fn prepare(&self) -> Option<&Automaton> {
        let compile = || build(&read(&self.line).ok()?).ok();
        self.compiled.get_or_init(compile).as_ref()
    }

    /// Cost of the first use, in microseconds (approximate).
    pub(super) fn cost(&self) -> u32 {
        if self.compiled.get().is_none() { self.cost } else { 0 }
    }
}

/// Patterns by their text, shared by providers with equal ones.
#[derive(Debug, Default)]
pub struct Library(HashMap<Box<str>, Arc<Pattern>>);

impl Library {
    /// Adds the existing patterns of a provider.
    pub fn adopt(&mut self, paths: &super::UnauthPaths) {
        for pattern in &paths.patterns {
            self.0.entry(pattern.line.clone()).or_insert_with(|| Arc::clone(pattern));
        }
    }

    pub(super) fn pattern(&mut self, line: &str) -> Result<Arc<Pattern>, PatternError> {
        if let Some(known) = self.0.get(line) {
            return Ok(Arc::clone(known));
        }
        let pattern = Arc::new(Pattern::check(line)?);
        self.0.insert(line.into(), Arc::clone(&pattern));
        Ok(pattern)
    }
}

/// Whether a pattern is sure to compile quickly: the size of the automaton follows from the length
/// of the pattern with its repetitions expanded, since no part of it has more character ranges than
/// bytes. The tests compile the worst cases.
fn is_modest(line: &str, translated: &Translated) -> bool {
    const MAX_UNROLLED: u32 = 512;
    /// regex-syntax allows a nesting depth of 250.
    const MAX_GROUPS: usize = 32;
    // Characters by number and Unicode classes may mean hundreds of ranges.
    let is_wide = |pair: &[u8]| matches!(pair, [b'\\', b'p' | b'P' | b'x' | b'0'..=b'7']);
    line.is_ascii()
        && translated.unrolled <= MAX_UNROLLED
        && line.matches('(').count() <= MAX_GROUPS
        && !line.as_bytes().windows(2).any(is_wide)
}

fn read(line: &str) -> Result<Translated, PatternError> {
    if line.len() > MAX_PATTERN {
        return Err(PatternError::new(line, format!("longer than {MAX_PATTERN} bytes")));
    }
    if line.contains(char::REPLACEMENT_CHARACTER) {
        // Invalid UTF-8 in a file has become this. To match the character, write `\x{FFFD}`.
        return Err(PatternError::new(line, "invalid UTF-8".to_owned()));
    }
    dialect::translate(line).map_err(|cause| PatternError::new(line, cause))
}

fn build(translated: &Translated) -> Result<Automaton, String> {
    Automaton::build(&translated.text, MAX_COMPILED)
}

/// A pattern that does not compile. `Display` is one line, for `nginx -t`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    pattern: String,
    cause: String,
}

impl PatternError {
    pub(super) fn new(pattern: &str, cause: String) -> Self {
        Self { pattern: pattern.to_owned(), cause }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 256;
        let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        let pattern: String = self.pattern.chars().map(printable).take(LONGEST).collect();
        let cause: String = self.cause.chars().map(printable).take(LONGEST).collect();
        write!(f, "\"{pattern}\" does not compile: {cause}")
    }
}

impl std::error::Error for PatternError {}

#[cfg(test)]
mod tests;
