//! nginx's error log, and the lines in it that fail a test.

use std::fs;
use std::path::PathBuf;

/// The error log of one nginx.
#[derive(Debug)]
pub(crate) struct ErrorLog {
    files: Vec<PathBuf>,
    allowed: Vec<String>,
}

impl ErrorLog {
    /// The log file, and the output to stderr before nginx had opened it.
    pub(crate) fn new(files: Vec<PathBuf>) -> Self {
        Self { files, allowed: Vec::new() }
    }

    /// Accepts lines that contain `text` in this test.
    pub(crate) fn allow(&mut self, text: impl Into<String>) {
        self.allowed.push(text.into());
    }

    /// The log so far.
    pub(crate) fn text(&self) -> String {
        self.files
            .iter()
            .map(|file| String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned())
            .collect()
    }

    /// The lines that contain `text`.
    pub(crate) fn lines_with(&self, text: &str) -> Vec<String> {
        self.text().lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }

    /// The last lines, for failure messages.
    pub(crate) fn tail(&self) -> String {
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(60);
        lines.get(from..).unwrap_or_default().join("\n")
    }

    /// The lines that no test may cause, except those from `allow`.
    pub(crate) fn offences(&self) -> Vec<String> {
        self.text()
            .lines()
            .filter(|line| OFFENCES.iter().any(|offence| line.contains(offence)))
            .filter(|line| !self.allowed.iter().any(|allowed| line.contains(allowed.as_str())))
            .map(str::to_owned)
            .collect()
    }
}

/// Fragments of lines that indicate a defect in any test: nginx's alerts, Rust panics, and findings
/// of sanitizers and valgrind.
const OFFENCES: &[&str] = &[
    "[alert]",
    "[emerg]",
    "[crit]",
    "exited on signal",
    "exited with fatal code",
    "panicked",
    "open socket left",
    "Sanitizer",
    "runtime error:",
    "Invalid read of size",
    "Invalid write of size",
    "Conditional jump or move depends on uninitialised",
    "definitely lost: ",
];

#[cfg(test)]
mod tests {
    use super::super::temp::TempDir;
    use super::ErrorLog;

    #[test]
    fn a_line_that_no_run_may_have_is_found_unless_the_test_expects_it() {
        let directory = TempDir::new();
        let file = directory.write(
            "error.log",
            "[notice] 1#0: start\n\
             [alert] 1#0: worker process 7 exited on signal 9\n\
             [alert] 1#0: worker process 8 exited on signal 11\n\
             thread '<unnamed>' panicked at src/lib.rs:1\n",
        );
        let mut log = ErrorLog::new(vec![file, directory.path().join("absent.log")]);

        assert_eq!(log.offences().len(), 3);
        log.allow("worker process 7 exited on signal 9");
        assert_eq!(log.offences().len(), 2);
    }
}
