//! Unauthenticated paths: which requests pass without a session.
//!
//! Patterns are searched for, not anchored, case-sensitive, in authentik's dialect (Go's RE2 syntax,
//! authentik-outpost.md §4.8). A rule covers a request only if nginx and whatever reads the request
//! after it cannot disagree about the path: everything that proxies, frameworks and file systems are
//! known to read differently is not covered (S05, S09, S13 of the threat list). For administrators:
//! docs/unauthenticated-paths.md.

mod dialect;
mod normal;
mod readings;

use std::fmt;

pub use normal::normalize;
use readings::Readings;
use regex::{Regex, RegexBuilder};

/// Most patterns in one list.
const MAX_PATTERNS: usize = 256;

/// Longest pattern, in bytes.
const MAX_PATTERN: usize = 4096;

/// Most memory that one compiled pattern may take, in bytes. It bounds the time as well: a search
/// takes at most a step per byte of the path and state of the pattern, 0.1 s for the worst of both.
const MAX_COMPILED: usize = 1024 * 1024;

/// Compiled unauthenticated-path patterns.
#[derive(Clone, Debug, Default)]
pub struct UnauthPaths {
    patterns: Vec<Regex>,
}

/// What of a request is matched.
#[derive(Clone, Copy, Debug)]
pub struct PathFacts<'r> {
    /// nginx's `r->uri`: decoded, dot segments resolved. Locations are chosen by it. No query.
    pub normalized: &'r [u8],
    /// The path part of the request line as it was sent. Upstreams may be given this one.
    pub raw: &'r [u8],
    /// How much of the URL patterns see.
    pub subject: Subject<'r>,
}

/// How much of the URL patterns see.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'r> {
    /// The path, percent-decoded (modes `forward_single` and `proxy`).
    Path,
    /// `scheme://host[:port]/path[?query]`, percent-encoded (mode `forward_domain`).
    Url {
        /// `http` or `https`.
        scheme: &'r str,
        /// The host by which nginx chose the server, in lower case, with the port if it is not the
        /// scheme's own. Never a header beside it: the pattern would see one site, nginx serve another.
        host: &'r [u8],
        /// The query as sent, empty behind a bare `?`, `None` without one.
        query: Option<&'r [u8]>,
    },
}

impl PathFacts<'_> {
    /// The same request for patterns that see the path alone, whatever the mode.
    #[must_use]
    pub fn path_only(self) -> Self {
        Self { subject: Subject::Path, ..self }
    }

    /// Whether every reader of the path finds it to be `directory` or below it. `directory` has no
    /// final slash.
    #[must_use]
    pub fn is_under(self, directory: &str) -> bool {
        let Some(readings) = Readings::of(&self.path_only()) else { return false };
        readings.all_match(|text| {
            let below = text.strip_prefix(directory);
            below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
        })
    }
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
        let mut patterns = Vec::new();
        for line in lines.filter(|line| !line.trim().is_empty()) {
            if patterns.len() == MAX_PATTERNS {
                return Err(PatternError::new(line, format!("more than {MAX_PATTERNS} patterns")));
            }
            patterns.push(compile_one(line)?);
        }
        Ok(Self { patterns })
    }

    /// Whether there is no pattern at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether a pattern opens everything, which is hardly ever meant: `/`, `.*`.
    #[must_use]
    pub fn open_everything(&self) -> bool {
        self.open_all_paths(Subject::Path)
    }

    /// The same for patterns that see the whole URL, on hosts of this domain: `/`, `^https://`.
    #[must_use]
    pub fn open_every_host(&self, scheme: &str, domain: &str) -> bool {
        ["qx7", "zk-0"].iter().all(|name| {
            let host = format!("{name}.{domain}");
            self.open_all_paths(Subject::Url { scheme, host: host.as_bytes(), query: None })
        })
    }

    fn open_all_paths(&self, subject: Subject<'_>) -> bool {
        let opens = |path: &[u8]| self.cover(&PathFacts { normalized: path, raw: path, subject });
        opens(b"/") && opens(b"/Qx7") && opens(b"/zk-0/_.W")
    }

    /// Whether one pattern matches every reading of the path, and nobody can read it otherwise.
    #[must_use]
    pub fn cover(&self, path: &PathFacts<'_>) -> bool {
        if self.is_empty() {
            return false;
        }
        let Some(readings) = Readings::of(path) else { return false };
        self.patterns.iter().any(|pattern| readings.all_match(|text| pattern.is_match(text)))
    }
}

fn compile_one(line: &str) -> Result<Regex, PatternError> {
    if line.len() > MAX_PATTERN {
        return Err(PatternError::new(line, format!("longer than {MAX_PATTERN} bytes")));
    }
    if line.contains(char::REPLACEMENT_CHARACTER) {
        // What a file that is no UTF-8 has become. Whoever means the character writes `\x{FFFD}`.
        return Err(PatternError::new(line, "invalid UTF-8".to_owned()));
    }
    let translated = dialect::translate(line).map_err(|cause| PatternError::new(line, cause))?;
    RegexBuilder::new(&translated)
        .size_limit(MAX_COMPILED)
        .dfa_size_limit(MAX_COMPILED)
        .build()
        .map_err(|error| PatternError::new(line, cause_of(&error)))
}

fn cause_of(error: &regex::Error) -> String {
    if let regex::Error::CompiledTooBig(limit) = error {
        return format!("takes more than {limit} bytes compiled");
    }
    // The library draws the pattern with a caret over several lines; the last one says what is wrong.
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).trim_end_matches('.').to_owned()
}

impl PatternError {
    fn new(pattern: &str, cause: String) -> Self {
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
