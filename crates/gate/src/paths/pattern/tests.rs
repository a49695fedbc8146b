use super::super::{PathFacts, Subject, UnauthPaths};
use super::*;

/// Each repeats the most expensive of what [`is_modest`] accepts.
fn worst() -> Vec<String> {
    let units = [
        ".",
        "[^a]",
        "[^ -~]",
        r"\W",
        r"\W\S",
        "(?:.?)?",
        "(?i:k)",
        "[[:^alpha:]]",
        ".*",
        ".+?",
        "(.|[^a]|)",
        ".{8}",
        "(?s).",
        "a|",
        "(?i)[^k]",
        "[^!#%')+-/]",
    ];
    let modest = |line: &str| read(line).is_ok_and(|translated| is_modest(line, &translated));
    let grown = |unit: &str| {
        let lines = (1..).map(|times| unit.repeat(times)).take_while(|line| modest(line));
        lines.last().expect("one at least")
    };
    let repeated =
        ["(.{8}){9}", "([^a]{9}){9}", ".{99}", r"^(\W?){15}$", "(?i)([^k]{7}){9}", "(){250}"];
    repeated.iter().for_each(|line| assert!(modest(line), "{line}"));
    units.iter().map(|unit| grown(unit)).chain(repeated.map(str::to_owned)).collect()
}

#[test]
fn what_is_put_off_compiles_within_a_quarter_of_the_limit() {
    // At most a millisecond in an optimised build.
    for line in worst() {
        assert!(Pattern::check(&line).unwrap().cost() > 0, "{line}");
        let translated = read(&line).unwrap();
        assert!(Automaton::build(&translated.text, MAX_COMPILED / 4).is_ok(), "{line}");
    }
}

#[test]
fn what_reading_does_not_prove_to_be_small_is_compiled_at_once() {
    for (line, is_put_off) in [
        ("^/public/", true),
        (r"^/(api|static)/v[0-9]+/.*\.(css|js)(\?.*)?$", true),
        ("^/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", true),
        (r"^/\pL", false),
        (r"^/[\x{100}-\x{FFFF}]", false),
        ("^/ü", false),
        ("(.{30}){30}", false),
        ("(){1000}", false),
        ("(|a){600}", false),
        (&"a".repeat(600), false),
        (&format!("[{}]{{9}}", "ace".repeat(20)), false),
    ] {
        assert_eq!(Pattern::check(line).unwrap().cost() > 0, is_put_off, "{line}");
        assert_eq!(Pattern::compile(line).unwrap().cost(), 0, "{line}");
    }
    for line in ["(", r"\pL{300}", "(.{100}){10}[^a]{1000}.{1000}", "a(?=b)", &"(".repeat(300)] {
        let (now, later) = (Pattern::compile(line).unwrap_err(), Pattern::check(line).unwrap_err());
        assert_eq!(now, later);
    }
}

#[test]
fn no_match_is_shorter_than_reading_says() {
    for (line, shortest) in [
        ("", 0),
        ("^/$", 1),
        ("^/public/", 8),
        ("a|bc", 1),
        ("|bc", 0),
        ("bc|", 0),
        ("(ab|c)d", 2),
        ("(ab|c)*d", 1),
        ("(ab|cde)+d", 3),
        ("(ab){3}c?", 6),
        ("a{2,}b{0,9}", 2),
        ("(a{2}){3,4}", 6),
        ("(?i)ab", 2),
        ("a(?i)|b", 1),
        (r"\Qa.b\E\b\z", 3),
        (r"[ab]\d.", 3),
        ("((a{1000})|b){0}", 0),
    ] {
        assert_eq!(read(line).unwrap().shortest, shortest, "{line}");
    }
}

#[test]
fn patterns_of_the_same_text_are_one() {
    let mut library = Library::default();
    let (one, _) = UnauthPaths::usable("^/a/\r\n(\n\n^/b/", &mut library);
    let (other, flaws) = UnauthPaths::usable("^/b/\n(", &mut library);
    assert_eq!((one.patterns.len(), other.patterns.len(), flaws.len()), (2, 1, 1));
    assert!(Arc::ptr_eq(&one.patterns[1], &other.patterns[0]));

    let mut next = Library::default();
    next.adopt(&one);
    let (later, _) = UnauthPaths::usable("^/b/", &mut next);
    assert!(Arc::ptr_eq(&later.patterns[0], &other.patterns[0]));
}

#[test]
fn the_first_question_compiles_and_only_what_may_match() {
    let (paths, _) = UnauthPaths::usable("^/public/", &mut Library::default());
    let asked = |path: &[u8]| {
        let facts = PathFacts { normalized: path, raw: path, subject: Subject::Path };
        let covers = paths.cover(&facts, &Effort::default());
        (covers, paths.patterns[0].cost() == 0)
    };
    assert!(!paths.open_everything());
    assert_eq!(asked(b"/"), (false, false));
    assert_eq!(asked(b"/private/x"), (false, true));
    assert_eq!(asked(b"/public/x"), (true, true));
}

#[test]
fn a_long_list_leaves_a_bounded_number_for_the_first_visitor() {
    let text: String = (0..300).map(|n| format!("^/{n}$\n")).collect();
    let (paths, flaws) = UnauthPaths::usable(&text, &mut Library::default());
    let put_off = paths.patterns.iter().filter(|pattern| pattern.cost() > 0).count();
    assert_eq!((paths.patterns.len(), put_off, flaws.len()), (256, 29, 1));
    assert!(flaws[0].to_string().ends_with("more than 256 patterns"));
}
