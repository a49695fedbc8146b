use super::*;

fn rules(patterns: &[&str]) -> UnauthPaths {
    let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
    UnauthPaths::compile(&patterns).unwrap()
}

fn covers(rules: &UnauthPaths, raw: &str, normalized: &str) -> bool {
    rules.cover(&PathFacts { normalized: normalized.as_bytes(), raw: raw.as_bytes() })
}

#[test]
fn a_list_that_opens_everything_is_known_as_such() {
    for (pattern, everything) in
        [("/", true), ("^/", true), (".*", true), ("", false), ("^/$", false), ("^/[a-z]", false)]
    {
        assert_eq!(rules(&[pattern]).open_everything(), everything, "{pattern}");
    }
}

#[test]
fn a_pattern_is_searched_for_and_case_sensitive() {
    for (pattern, path, covered) in [
        ("/skip.*", "/private/skip", true),
        ("^/skip", "/private/skip", false),
        ("^/healthz$", "/healthz", true),
        ("^/healthz$", "/healthz/", false),
        ("^/healthz$", "/HEALTHZ", false),
        ("(?i)^/healthz$", "/HEALTHZ", true),
        (r"^/static/.*\.(css|js)$", "/static/a/b.css", true),
        (r"^/static/.*\.(css|js)$", "/static/a/b.cssx", false),
        ("^/ü", "/über", true),
        ("", "/", false),
    ] {
        assert_eq!(covers(&rules(&[pattern]), path, path), covered, "{pattern} {path}");
    }
}

#[test]
fn blank_lines_are_skipped_and_line_ends_are_no_part_of_a_pattern() {
    for blank in ["", " ", "\t", "\r", "\n\n", "\r\n \r\n"] {
        let rules = rules(&[blank]);
        assert!(rules.is_empty(), "{blank:?}");
        assert!(!covers(&rules, "/", "/"), "{blank:?}");
    }
    let rules = rules(&["^/a$\r", "^/b$\r\n\r\n^/c$\n", "^/d $"]);
    for (path, covered) in
        [("/a", true), ("/b", true), ("/c", true), ("/d", false), ("/d ", true), ("/", false)]
    {
        assert_eq!(covers(&rules, path, path), covered, "{path}");
    }
}

#[test]
fn a_rule_covers_no_path_that_anybody_may_read_otherwise() {
    let rules = rules(&["^/public/", "^/$"]);
    for (raw, normalized, covered) in [
        // What honest clients send.
        ("/public/", "/public/", true),
        ("/public/a%20b", "/public/a b", true),
        ("/public/%C3%BC", "/public/ü", true),
        ("/public/%61bc", "/public/abc", true),
        ("/public/a+b,c=d:e@f!g~h", "/public/a+b,c=d:e@f!g~h", true),
        ("/public//a", "/public/a", true),
        ("/public/..a/b..", "/public/..a/b..", true),
        ("/", "/", true),
        // authentik-outpost.md §4.8 and S05, S06, S09, S10 of the threat list.
        ("/public/../admin", "/admin", false),
        ("/public/../public/a", "/public/a", false),
        ("/admin/../public/a", "/public/a", false),
        ("/public/./a", "/public/a", false),
        ("/public/.", "/public/", false),
        ("/public/%2e%2e/admin", "/admin", false),
        ("/public/%2E./admin", "/admin", false),
        ("/admin/%2e%2e/public/a", "/public/a", false),
        ("/public/..%2fadmin", "/admin", false),
        ("/public/..%2fadmin", "/public/../admin", false),
        ("/public%2fa", "/public/a", false),
        ("/public/%2fa", "/public/a", false),
        ("/public/a%2Fb", "/public/a/b", false),
        ("/public/..%5cadmin", "/public/..\\admin", false),
        ("/public/..\\admin", "/public/..\\admin", false),
        ("/public/%5ca", "/public/\\a", false),
        ("//public/", "/public/", false),
        ("/x//public/", "/public/", false),
        ("/public/;/../admin", "/admin", false),
        ("/public/..;/admin", "/public/..;/admin", false),
        ("/public/..%3b/admin", "/public/..;/admin", false),
        ("/public/a;jsessionid=1", "/public/a;jsessionid=1", false),
        ("/private#/public/", "/private", false),
        ("/public/#/../private", "/public/", false),
        ("/public/%23", "/public/#", false),
        ("/public/%3fx", "/public/?x", false),
        ("/public/%00", "/public/\0", false),
        ("/public/a%0d%0a", "/public/a\r\n", false),
        ("/public/%7f", "/public/\x7f", false),
        ("/public/%252e%252e/admin", "/public/%2e%2e/admin", false),
        ("/public/%25", "/public/%", false),
        ("/public/%", "/public/%", false),
        ("/public/%zz", "/public/%zz", false),
        ("/public/%e", "/public/a", false),
        ("/public/%u002e", "/public/a", false),
        ("/%70ublic/a", "/public/a", false),
        ("/PUBLIC/a", "/PUBLIC/a", false),
        ("/private", "/public/a", false),
        ("/public/a", "/private", false),
        ("http://h/public/a", "/public/a", false),
        ("*", "*", false),
        ("", "", false),
        ("public/", "public/", false),
    ] {
        assert_eq!(covers(&rules, raw, normalized), covered, "{raw} {normalized}");
    }
}

#[test]
fn a_pattern_may_name_what_browsers_escape() {
    let rules = rules(&["^/public/über uns$", "^/a%20b$"]);
    assert!(covers(&rules, "/public/%C3%BCber%20uns", "/public/über uns"));
    assert!(!covers(&rules, "/%70ublic/%C3%BCber%20uns", "/public/über uns"));
    assert!(!covers(&rules, "/a%20b", "/a b"));
}

#[test]
fn one_rule_for_each_form_of_the_path_is_not_enough() {
    let rules = rules(&["^//a", "^/a"]);
    assert!(!covers(&rules, "//a", "/a"));
    assert!(covers(&self::rules(&["/a"]), "//a", "/a"));
}

#[test]
fn bytes_that_are_no_text_are_matched_by_what_does_not_look_at_them() {
    let cover = |pattern: &str, path: &[u8]| {
        rules(&[pattern]).cover(&PathFacts { normalized: path, raw: path })
    };
    assert!(cover("^/public/", b"/public/\xff\xfe"));
    assert!(!cover("^/public/.$", b"/public/\xff"));
}

#[test]
fn a_pattern_that_does_not_compile_is_named_with_its_cause_in_one_line() {
    for (pattern, message) in [
        ("^/(public", "\"^/(public\" does not compile: unclosed group"),
        ("^/[a", "\"^/[a\" does not compile: unclosed character class"),
        ("*", "\"*\" does not compile: repetition operator missing expression"),
        ("(?<!a)b", "\"(?<!a)b\" does not compile: "),
        ("a{1000}{1000}{1000}", "\"a{1000}{1000}{1000}\" does not compile: Compiled regex exceeds"),
        ("\u{1b}(", "\"\u{fffd}(\" does not compile: unclosed group"),
        ("a\\", "\"a\\\" does not compile: incomplete escape sequence"),
    ] {
        let patterns = ["^/fine$".to_owned(), pattern.to_owned()];
        let error = UnauthPaths::compile(&patterns).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let long = UnauthPaths::compile(&["a".repeat(MAX_PATTERN + 1)]).unwrap_err().to_string();
    assert!(long.ends_with("aaa\" does not compile: longer than 4096 bytes"), "{long}");
}
