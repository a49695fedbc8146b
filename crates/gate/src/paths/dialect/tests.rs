use std::sync::Arc;

use super::super::effort::Effort;
use super::super::pattern::{Library, Pattern};
use super::super::readings::text;

/// One row of tests/data/go_regex, decoded.
struct Row {
    line: &'static str,
    pattern: Vec<u8>,
    path: Vec<u8>,
    verdict: &'static str,
}

fn rows(table: &'static str) -> Vec<Row> {
    let lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with("# "));
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [pattern, path, verdict] = cells[..] else { panic!("{line}") };
        Row { line, pattern: bytes(pattern), path: bytes(path), verdict }
    };
    lines.map(row).collect()
}

fn bytes(cell: &str) -> Vec<u8> {
    let mut parts = cell.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].bytes());
    }
    bytes
}

/// As an outpost does: compiled when it is asked.
fn compile(pattern: &str) -> Result<Arc<Pattern>, String> {
    let at_once = Pattern::compile(pattern).map(drop).map_err(|error| error.to_string());
    let checked = Library::default().pattern(pattern).map_err(|error| error.to_string());
    assert_eq!(checked.as_ref().map(drop), at_once.as_ref().copied(), "{pattern}");
    checked
}

fn is_found(pattern: &Pattern, text: &str) -> bool {
    pattern.matches(text, &Effort::default())
}

fn verdict(row: &Row) -> &'static str {
    let pattern = std::str::from_utf8(&row.pattern).unwrap();
    match compile(pattern) {
        Err(_) => "refused",
        Ok(pattern) if is_found(&pattern, &text((&row.path[..]).into())) => "yes",
        Ok(_) => "no",
    }
}

/// The rows were checked against Go 1.27.3: tests/data/go_regex/README.md.
#[test]
fn what_go_documents_means_the_same_here() {
    let rows = rows(include_str!("../../../../../tests/data/go_regex/documented.txt"));
    assert!(rows.len() >= 320, "{}", rows.len());
    for row in rows {
        assert_eq!(verdict(&row), row.verdict, "{}", row.line);
    }
}

/// The rows were written by Go 1.27.3 itself.
#[test]
fn what_go_says_of_made_up_patterns_is_said_here() {
    let rows = rows(include_str!("../../../../../tests/data/go_regex/generated.txt"));
    assert!(rows.len() >= 700, "{}", rows.len());
    for row in rows {
        assert_eq!(verdict(&row), row.verdict, "{}", row.line);
    }
}

/// Go repeats what stands before the flags.
#[test]
fn a_repetition_behind_flags_is_refused() {
    for pattern in ["a(?i)*", "a(?i){2}", "^/(?s)+x", "a*(?i)*"] {
        assert!(compile(pattern).unwrap_err().contains("missing argument"), "{pattern}");
    }
}

#[test]
fn a_refused_pattern_says_why() {
    for (pattern, cause) in [
        // Go's words.
        ("*", "missing argument to repetition operator: `*`"),
        ("a|+?b", "missing argument to repetition operator: `+?`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a{2}{3}?", "invalid nested repetition operator: `{2}{3}?`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{3,2}", "invalid repeat count: `{3,2}`"),
        ("(a{100}){11}", "invalid repeat count: `{11}`"),
        ("(a", "missing closing )"),
        ("a)", "unexpected )"),
        ("[a", "missing closing ]: `[a`"),
        ("[]", "missing closing ]: `[]`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        (r"[a-\d]", r"invalid character class range: `a-\d`"),
        ("[[:word:][:foo:]]", "invalid character class range: `[:foo:]`"),
        (r"\p{Greek", r"invalid character class range: `\p{Greek`"),
        (r"a\", "trailing backslash at end of expression"),
        (r"(a)\1", r"invalid escape sequence: `\1`"),
        (r"\C", r"invalid escape sequence: `\C`"),
        (r"a\Z", r"invalid escape sequence: `\Z`"),
        (r"\u0041", r"invalid escape sequence: `\u`"),
        (r"\x{110000}", r"invalid escape sequence: `\x{110000}`"),
        (r"[\b]", r"invalid escape sequence: `\b`"),
        ("(?P<a-b>c)", "invalid named capture: `(?P<a-b>`"),
        ("(?P<n", "invalid named capture: `(?P<`"),
        ("(?x)a b", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?>a)", "invalid or unsupported Perl syntax: `(?>`"),
        // Ours: look-around has a name, and what the crate cannot say or means differently.
        ("a(?=b)", "look-around is not in Go's syntax: `(?=`"),
        ("(?!a)b", "look-around is not in Go's syntax: `(?!`"),
        ("(?<!a)b", "look-around is not in Go's syntax: `(?<"),
        ("^/\u{FFFD}", "invalid UTF-8"),
        (r"\x{D800}", r"invalid escape sequence: `\x{D800}`"),
        (r"\p{Grek}", r"unknown or unstable Unicode class: `\p{Grek}`"),
        (r"[^\PC]", r"unknown or unstable Unicode class: `\PC`"),
        (r"\p{LC}", r"unknown or unstable Unicode class: `\p{LC}`"),
        ("(a)(?i)*", "missing argument to repetition operator: `*`"),
        (r"\pL{300}", "takes more than 1048576 bytes compiled"),
    ] {
        let error = compile(pattern).unwrap_err();
        let (_, said) = error.split_once("\" does not compile: ").unwrap();
        assert!(said.starts_with(cause), "{pattern}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

/// 170 scripts and 37 categories: the crate must have them all.
#[test]
fn every_unicode_class_that_is_listed_compiles() {
    for name in super::property::names() {
        for pattern in [format!(r"\p{{{name}}}"), format!(r"[^\P{{{}}}]", name.to_lowercase())] {
            assert!(compile(&pattern).is_ok(), "{pattern}");
        }
    }
    assert!(super::property::names().count() >= 240);
}

#[test]
fn a_deep_or_long_pattern_is_refused_and_not_a_crash() {
    for pattern in ["(".repeat(2000) + &")".repeat(2000), "[".repeat(4096), "(?:".repeat(1365)] {
        assert!(compile(&pattern).is_err());
    }
}
