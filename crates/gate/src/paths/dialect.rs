//! Go's regular expressions, written for the `regex` crate.
//!
//! authentik's outpost compiles patterns with Go's `regexp` (package `regexp/syntax`, flags `Perl`).
//! The crate's syntax is close to it, and a detail decides who gets in. So the pattern is read as Go's
//! parser reads it and written anew in the few forms that mean the same to both: literals as
//! themselves or by number, classes spelled out, flags in one order. What Go refuses is refused in
//! Go's words, what cannot be said to the crate as well. Nothing is passed through unread.
//!
//! Groups capture nothing here: only whether a pattern matches is ever asked.

mod class;
mod escape;
mod group;
mod property;
mod repetition;

use std::fmt::Write;
use std::str::Chars;

use escape::Escaped;
use repetition::{Counted, counted};

/// What is wrong with a pattern, in Go's words where Go has some.
pub(super) type Flaw = String;

/// Rewrites a pattern.
///
/// # Errors
/// What Go would not compile, and the little that means something else here.
pub(super) fn translate(pattern: &str) -> Result<String, Flaw> {
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
    if translation.outer.is_empty() { Ok(translation.to) } else { Err("missing closing )".into()) }
}

struct Translation<'p> {
    pattern: &'p str,
    from: Chars<'p>,
    to: String,
    /// The groups around the one being read.
    outer: Vec<Level>,
    level: Level,
    /// Where the repetition begins that was read last, if it was the last item.
    repetition: Option<usize>,
}

/// One group while it is read. Each operand has a weight: the product of the counted repetitions
/// inside it.
#[derive(Default)]
struct Level {
    /// What a repetition would apply to.
    operand: Option<u32>,
    /// The weightiest operand before that one.
    weight: u32,
}

impl Level {
    fn push(&mut self, operand: Option<u32>) {
        self.weight = self.heaviest();
        self.operand = operand;
    }

    fn heaviest(&self) -> u32 {
        self.weight.max(self.operand.unwrap_or(1))
    }
}

impl<'p> Translation<'p> {
    fn item(&mut self, c: char) -> Result<(), Flaw> {
        let begin = self.position() - c.len_utf8();
        let stacked_on = self.repetition.take();
        match c {
            '*' | '+' | '?' => self.repeat(begin, stacked_on, 1, &c.to_string())?,
            '{' => match counted(&mut self.from) {
                Some(Counted { min, max }) => self.repeat_counted(begin, stacked_on, min, max)?,
                None => self.literal(c),
            },
            '\\' => self.escape()?,
            '[' => {
                class::translate(&mut self.from, &mut self.to)?;
                self.level.push(Some(1));
            }
            '(' => self.open()?,
            ')' => self.close()?,
            '|' => {
                self.to.push(c);
                self.level.push(None);
            }
            '^' | '$' | '.' => self.operand(&c.to_string()),
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

    fn operand(&mut self, written: &str) {
        self.to.push_str(written);
        self.level.push(Some(1));
    }

    fn literal(&mut self, c: char) {
        literal(c, &mut self.to);
        self.level.push(Some(1));
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
                    Escaped::Set(set) => self.operand(&set),
                }
                return Ok(());
            }
        };
        self.from.next();
        self.operand(edge);
        Ok(())
    }

    /// `\Q…\E`; without `\E` up to the end.
    fn quoted(&mut self) {
        let rest = self.from.as_str();
        let (text, after) = rest.split_once(r"\E").unwrap_or((rest, ""));
        text.chars().for_each(|c| self.literal(c));
        self.from = after.chars();
    }
}

/// Skips `text` if it is next.
fn eat(from: &mut Chars<'_>, text: &str) -> bool {
    match from.as_str().strip_prefix(text) {
        Some(rest) => {
            *from = rest.chars();
            true
        }
        None => false,
    }
}

/// A character that stands for itself, in a class or out of it.
fn literal(c: char, to: &mut String) {
    if c.is_ascii() && !c.is_ascii_alphanumeric() {
        // By number: then no punctuation needs to be known for what it means to whom.
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
