//! Unauthenticated paths: which requests pass without a session.
//!
//! Patterns are unanchored and case-sensitive, in authentik's dialect (Go's RE2 syntax,
//! docs/protocol.md §8). A rule covers a request only if nginx and whatever reads the request after
//! it cannot disagree about the path: anything that proxies, frameworks and file systems are known
//! to read differently is not covered (S05, S09, S13 in docs/security.md). For administrators:
//! docs/unauthenticated-paths.md.

mod automaton;
mod dialect;
mod effort;
mod normal;
mod pattern;
mod readings;

use std::sync::Arc;

pub use effort::Effort;
pub use normal::normalize;
use pattern::Pattern;
pub use pattern::{Library, PatternError};
use readings::Readings;

/// Maximum number of patterns in a list.
const MAX_PATTERNS: usize = 256;

/// Maximum compilation time that a list leaves to its first visitor, in microseconds: about two
/// dozen typical patterns.
const MAX_PUT_OFF: u32 = 2048;

/// Validated unauthenticated-path patterns.
#[derive(Clone, Debug, Default)]
pub struct UnauthPaths {
    patterns: Vec<Arc<Pattern>>,
}

/// The parts of a request that are matched.
#[derive(Clone, Copy, Debug)]
pub struct PathFacts<'r> {
    /// nginx's `r->uri`: decoded, dot segments resolved, without query. Locations are chosen by it.
    pub normalized: &'r [u8],
    /// The path part of the request line as sent. Upstreams may receive this one.
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
        /// The host by which nginx chose the server, in lower case, with the port unless it is the
        /// scheme's default. Never another header: the pattern would see one site, nginx serve
        /// another.
        host: &'r [u8],
        /// The query as sent; empty after a bare `?`, `None` without one.
        query: Option<&'r [u8]>,
    },
}

impl PathFacts<'_> {
    /// The same request for patterns that see only the path, whatever the mode.
    #[must_use]
    pub fn path_only(self) -> Self {
        Self { subject: Subject::Path, ..self }
    }

    /// Whether every reader of the path takes it to be `directory` or below it. `directory` has no
    /// trailing slash.
    #[must_use]
    pub fn is_under(self, directory: &str) -> bool {
        let Some(readings) = Readings::of(&self.path_only()) else { return false };
        readings.all_match(|text| {
            let below = text.strip_prefix(directory);
            below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
        })
    }
}

impl UnauthPaths {
    /// The patterns as written.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(|pattern| pattern.text())
    }

    /// Compiles the patterns; an entry may have several lines with one pattern each.
    ///
    /// Blank lines are skipped: as a pattern, one would open the whole application, as it does in
    /// Go outposts. A trailing carriage return belongs to the line end and is dropped; spaces are
    /// part of the pattern.
    ///
    /// # Errors
    /// The first pattern that does not compile. None is ignored silently.
    pub fn compile(patterns: &[String]) -> Result<Self, PatternError> {
        let mut paths = Self::default();
        for line in patterns.iter().flat_map(|entry| lines(entry)) {
            paths.check_room(line)?;
            paths.patterns.push(Arc::new(Pattern::compile(line)?));
        }
        Ok(paths)
    }

    /// The patterns of `text`, one per line, that [`compile`](Self::compile) would accept, and what
    /// is wrong with the others. Most are compiled when first needed: an outpost has thousands of
    /// them. Those in the `library` are shared, so each is compiled once.
    #[must_use]
    pub fn usable(text: &str, library: &mut Library) -> (Self, Vec<PatternError>) {
        let (mut paths, mut flaws, mut put_off) = (Self::default(), Vec::new(), 0);
        for line in lines(text) {
            if let Err(full) = paths.check_room(line) {
                flaws.push(full);
                break;
            }
            match library.pattern(line) {
                Ok(pattern) => {
                    if put_off + pattern.cost() > MAX_PUT_OFF {
                        pattern.prepare();
                    }
                    put_off += pattern.cost();
                    paths.patterns.push(pattern);
                }
                Err(flaw) => flaws.push(flaw),
            }
        }
        (paths, flaws)
    }

    fn check_room(&self, line: &str) -> Result<(), PatternError> {
        if self.patterns.len() < MAX_PATTERNS {
            return Ok(());
        }
        Err(PatternError::new(line, format!("more than {MAX_PATTERNS} patterns")))
    }

    /// Whether there are no patterns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether a pattern opens everything, which is rarely intended: `/`, `.*`.
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
        let opens = |path: &[u8]| {
            self.cover(&PathFacts { normalized: path, raw: path, subject }, &Effort::default())
        };
        opens(b"/") && opens(b"/Qx7") && opens(b"/zk-0/_.W")
    }

    /// Whether one pattern matches every reading of the path, and the path cannot be read
    /// otherwise. False once the effort is exhausted.
    #[must_use]
    pub fn cover<'a>(&'a self, path: &PathFacts<'_>, effort: &Effort<'a>) -> bool {
        if self.is_empty() {
            return false;
        }
        let Some(readings) = Readings::of(path) else { return false };
        self.patterns.iter().any(|pattern| readings.all_match(|text| pattern.matches(text, effort)))
    }
}

/// The lines that are not blank.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    lines.filter(|line| !line.trim().is_empty())
}

#[cfg(test)]
mod tests;
