//! Go's regular expressions, rewritten for the `regex` crate.
//!
//! authentik's outpost compiles patterns with Go's `regexp` (package `regexp/syntax`, flags
//! `Perl`). The crate's syntax is similar, but details decide who gets in. So the pattern is parsed
//! as Go's parser does, and rewritten using only forms that mean the same to both: literals as
//! themselves or by number, classes spelled out, flags in one order. What Go rejects is rejected
//! with Go's message; what the crate cannot express is rejected too. Nothing is passed through
//! unparsed.
//!
//! Groups do not capture: the only question is whether a pattern matches.

mod class;
mod escape;
mod group;
mod property;
mod repetition;

use std::fmt::Write;
use std::str::Chars;

use escape::Escaped;
use repetition::{Counted, counted};

/// What is wrong with a pattern, in Go's words if Go has any.
pub(super) type Flaw = String;

/// A parsed pattern.
pub(super) struct Translated {
    /// The pattern in the crate's syntax.
    pub(super) text: String,
    /// Minimum length of a match, in characters.
    pub(super) shortest: u32,
    /// Approximate length with counted repetitions expanded, in characters.
    pub(super) unrolled: u32,
}

/// Rewrites a pattern.
///
/// # Errors
/// Patterns that Go would not compile, and the few that mean something else here.
pub(super) fn translate(pattern: &str) -> Result<Translated, Flaw> {
    let mut translation = Translation {
        pattern,
        from: pattern.chars(),
        to: String::with_capacity(pattern.len() * 2),
        outer: Vec::new(),
        level: Level::default(),
        repetition: None,
    };
    while let Some(c) = translation.from.next() {
        translation.item(c)?;
    }
    let Translation { to: text, outer, level, .. } = translation;
    if !outer.is_empty() {
        return Err("missing closing )".into());
    }
    let Operand { shortest, unrolled, .. } = level.close();
    Ok(Translated { text, shortest, unrolled })
}

struct Translation<'p> {
    pattern: &'p str,
    from: Chars<'p>,
    to: String,
    /// The groups enclosing the current one.
    outer: Vec<Level>,
    level: Level,
    /// Start of the last repetition read, if it was the last item.
    repetition: Option<usize>,
}

/// A group being read.
#[derive(Default)]
struct Level {
    /// What a repetition would apply to.
    operand: Option<Operand>,
    /// The largest weight among the operands before that one.
    weight: u32,
    /// Minimum length of the current branch, up to that operand.
    branch: u32,
    /// Minimum length of the branches before it.
    shortest: Option<u32>,
    /// Expanded length of all branches, up to that operand.
    unrolled: u32,
}

/// A part of a pattern.
#[derive(Clone, Copy)]
struct Operand {
    /// The product of the counted repetitions inside it.
    weight: u32,
    /// Minimum length of its matches, in characters.
    shortest: u32,
    /// Its length with repetitions expanded.
    unrolled: u32,
}

impl Operand {
    const CHARACTER: Self = Self { weight: 1, shortest: 1, unrolled: 1 };
    const EDGE: Self = Self { weight: 1, shortest: 0, unrolled: 1 };

    /// A character class, written in this many characters.
    fn class(written: usize) -> Self {
        Self { unrolled: u32::try_from(written).unwrap_or(u32::MAX), ..Self::CHARACTER }
    }
}

impl Level {
    fn push(&mut self, operand: Option<Operand>) {
        if let Some(Operand { weight, shortest, unrolled }) = self.operand {
            self.weight = self.weight.max(weight);
            self.branch = self.branch.saturating_add(shortest);
            self.unrolled = self.unrolled.saturating_add(unrolled);
        }
        self.operand = operand;
    }

    /// At a `|`.
    fn end_branch(&mut self) {
        self.push(None);
        let branch = std::mem::take(&mut self.branch);
        self.shortest = Some(self.shortest.map_or(branch, |other| other.min(branch)));
        self.unrolled = self.unrolled.saturating_add(1);
    }

    fn close(mut self) -> Operand {
        self.end_branch();
        let Self { weight, shortest, unrolled, .. } = self;
        Operand { weight: weight.max(1), shortest: shortest.unwrap_or(0), unrolled }
    }
}

impl<'p> Translation<'p> {
    fn item(&mut self, c: char) -> Result<(), Flaw> {
        let begin = self.position() - c.len_utf8();
        let stacked_on = self.repetition.take();
        match c {
            '*' | '?' => self.repeat(begin, stacked_on, Counted::UNCOUNTED, &c.to_string())?,
            '+' => self.repeat(begin, stacked_on, Counted { min: 1, max: None }, "+")?,
            '{' => match counted(&mut self.from) {
                Some(counted) => self.repeat_counted(begin, stacked_on, counted)?,
                None => self.literal(c),
            },
            '\\' => self.escape()?,
            '[' => {
                class::translate(&mut self.from, &mut self.to)?;
                self.level.push(Some(Operand::class(self.since(begin).len())));
            }
            '(' => self.open()?,
            ')' => self.close()?,
            '|' => {
                self.to.push(c);
                self.level.end_branch();
            }
            '^' | '$' => self.operand(&c.to_string(), Operand::EDGE),
            '.' => self.operand(".", Operand::class(r"[^\n]".len())),
            _ => self.literal(c),
        }
        Ok(())
    }

    fn position(&self) -> usize {
        self.pattern.len() - self.from.as_str().len()
    }

    fn since(&self, begin: usize) -> &'p str {
        self.pattern.get(begin..self.position()).unwrap_or_default()
    }

    fn operand(&mut self, written: &str, operand: Operand) {
        self.to.push_str(written);
        self.level.push(Some(operand));
    }

    fn literal(&mut self, c: char) {
        literal(c, &mut self.to);
        self.level.push(Some(Operand::CHARACTER));
    }

    fn escape(&mut self) -> Result<(), Flaw> {
        let edge = match self.from.as_str().chars().next() {
            Some('A') => r"\A",
            Some('z') => r"\z",
            Some('b') => r"(?-u:\b)",
            Some('B') => r"(?-u:\B)",
            Some('Q') => {
                self.from.next();
                self.quoted();
                return Ok(());
            }
            _ => {
                match escape::read(&mut self.from)? {
                    Escaped::Char(c) => self.literal(c),
                    Escaped::Set(set) => self.operand(&set, Operand::class(set.len())),
                }
                return Ok(());
            }
        };
        self.from.next();
        self.operand(edge, Operand::EDGE);
        Ok(())
    }

    /// `\Q…\E`; without `\E`, up to the end.
    fn quoted(&mut self) {
        let rest = self.from.as_str();
        let (text, after) = rest.split_once(r"\E").unwrap_or((rest, ""));
        text.chars().for_each(|c| self.literal(c));
        self.from = after.chars();
    }
}

/// Skips `text` if it comes next.
fn eat(from: &mut Chars<'_>, text: &str) -> bool {
    match from.as_str().strip_prefix(text) {
        Some(rest) => {
            *from = rest.chars();
            true
        }
        None => false,
    }
}

/// A literal character, inside or outside a class.
fn literal(c: char, to: &mut String) {
    if c.is_ascii() && !c.is_ascii_alphanumeric() {
        // By number, so it does not matter which punctuation is special to whom.
        let _ = write!(to, r"\x{:02X}", u32::from(c)); // lint: a String takes everything
    } else {
        to.push(c);
    }
}

fn quote(what: &str, part: &str) -> Flaw {
    const LONGEST: usize = 40;
    let mut chars = part.chars();
    let shown: String = chars.by_ref().take(LONGEST).collect();
    format!("{what}: `{shown}{}`", if chars.next().is_some() { "…" } else { "" })
}

#[cfg(test)]
mod tests;
