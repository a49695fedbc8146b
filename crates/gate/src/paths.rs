//! Unauthenticated paths: which requests pass without a session.
//!
//! Patterns are searched for, not anchored, case-sensitive, in authentik's dialect (Go's RE2 syntax,
//! authentik-outpost.md §4.8). A rule covers a request only if nginx and whatever reads the request
//! after it cannot disagree about the path: everything that proxies, frameworks and file systems are
//! known to read differently is not covered (S05, S09, S13 of the threat list).

mod dialect;

use std::borrow::Cow;
use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

/// Longest pattern, in bytes.
const MAX_PATTERN: usize = 4096;

/// Most memory that one compiled pattern may take, in bytes.
const MAX_COMPILED: usize = 1024 * 1024;

/// Compiled unauthenticated-path patterns.
#[derive(Clone, Debug, Default)]
pub struct UnauthPaths {
    patterns: Vec<Regex>,
}

/// The path of a request in its two forms. No query in either.
#[derive(Clone, Copy, Debug)]
pub struct PathFacts<'r> {
    /// nginx's `r->uri`: decoded, dot segments resolved. Locations are chosen by it.
    pub normalized: &'r [u8],
    /// The path part of the request line as it was sent. Upstreams may be given this one.
    pub raw: &'r [u8],
}

/// A pattern that does not compile. `Display` is one line, for `nginx -t`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    pattern: String,
    cause: String,
}

impl UnauthPaths {
    /// Compiles the patterns; an entry of several lines holds one in each.
    ///
    /// A blank line is skipped: as a pattern it would open the whole application, which Go outposts
    /// do. A carriage return at the end belongs to the line end and is dropped; spaces belong to the
    /// pattern and stay.
    ///
    /// # Errors
    /// The first pattern that does not compile. None is left out silently.
    pub fn compile(patterns: &[String]) -> Result<Self, PatternError> {
        let lines = patterns.iter().flat_map(|entry| entry.split('\n'));
        let lines = lines.map(|line| line.strip_suffix('\r').unwrap_or(line));
        let patterns = lines.filter(|line| !line.trim().is_empty()).map(compile_one);
        Ok(Self { patterns: patterns.collect::<Result<_, _>>()? })
    }

    /// Whether there is no pattern at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether a pattern opens everything, which is hardly ever meant: `/`, `.*`.
    #[must_use]
    pub fn open_everything(&self) -> bool {
        let opens = |path: &[u8]| self.cover(&PathFacts { normalized: path, raw: path });
        opens(b"/") && opens(b"/Qx7") && opens(b"/zk-0/_.W")
    }

    /// Whether one pattern matches every form of the path, and the path reads the same everywhere.
    #[must_use]
    pub fn cover(&self, path: &PathFacts<'_>) -> bool {
        if self.is_empty() {
            return false;
        }
        let PathFacts { normalized, raw } = *path;
        if !reads_the_same_everywhere(normalized, normalized) {
            return false;
        }
        if raw == normalized {
            return self.patterns.iter().any(|pattern| pattern.is_match(normalized));
        }
        let Some(needed) = decoded(raw, Escapes::Needed) else { return false };
        let Some(all) = decoded(raw, Escapes::All) else { return false };
        reads_the_same_everywhere(&all, raw)
            && self.patterns.iter().any(|pattern| {
                let sent = pattern.is_match(raw) || pattern.is_match(&needed);
                sent && pattern.is_match(normalized)
            })
    }
}

fn compile_one(line: &str) -> Result<Regex, PatternError> {
    let failed = |cause: String| PatternError { pattern: line.to_owned(), cause };
    if line.len() > MAX_PATTERN {
        return Err(failed(format!("longer than {MAX_PATTERN} bytes")));
    }
    let translated = dialect::translate(line).map_err(|cause| failed(cause.to_owned()))?;
    RegexBuilder::new(&translated)
        .size_limit(MAX_COMPILED)
        .dfa_size_limit(MAX_COMPILED)
        .build()
        .map_err(|error| failed(cause_of(&error)))
}

/// The library draws the pattern with a caret over several lines; the last one says what is wrong.
fn cause_of(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).trim_end_matches('.').to_owned()
}

/// Which escapes are undone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    /// All of them.
    All,
    /// Those of bytes that cannot stand in a path as they are. Nobody needs to escape a letter: a
    /// pattern must match that as sent, since not every upstream takes `%61` for `a`.
    Needed,
}

/// The path with its escapes undone once; `None` if one is malformed.
fn decoded(path: &[u8], escapes: Escapes) -> Option<Cow<'_, [u8]>> {
    if !path.contains(&b'%') {
        return Some(Cow::Borrowed(path));
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            decoded.push(first);
            continue;
        }
        let (digits, after) = after.split_first_chunk::<2>()?;
        let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
        let byte = u8::try_from(high? * 16 + low?).ok()?;
        let plain = byte.is_ascii_graphic() && byte != b'%';
        if escapes == Escapes::Needed && plain {
            decoded.push(b'%');
            continue;
        }
        decoded.push(byte);
        rest = after;
    }
    Some(Cow::Owned(decoded))
}

/// Whether no reader takes this path for another one. `sent` is the same path before decoding.
fn reads_the_same_everywhere(decoded: &[u8], sent: &[u8]) -> bool {
    let slashes = |path: &[u8]| path.iter().filter(|byte| **byte == b'/').count();
    // `;` begins a parameter in Java servers; `?` and `#` end the path; `\` is a slash on Windows; `%`
    // that is left may be decoded once more; NUL and line ends cut strings short.
    let odd =
        |byte: &u8| matches!(byte, b';' | b'?' | b'#' | b'\\' | b'%') || byte.is_ascii_control();
    let dots = |segment: &[u8]| segment == b"." || segment == b"..";
    decoded.starts_with(b"/")
        && !decoded.iter().any(odd)
        && !decoded.split(|byte| *byte == b'/').any(dots)
        && slashes(decoded) == slashes(sent)
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        let pattern: String = self.pattern.chars().map(printable).take(256).collect();
        write!(f, "\"{pattern}\" does not compile: {}", self.cause)
    }
}

impl std::error::Error for PatternError {}

#[cfg(test)]
mod tests;
