use super::pattern::MAX_PATTERN;
use super::*;

fn rules(patterns: &[&str]) -> UnauthPaths {
    let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
    UnauthPaths::compile(&patterns).unwrap()
}

fn facts<'r>(raw: &'r [u8], normalized: &'r [u8]) -> PathFacts<'r> {
    PathFacts { normalized, raw, subject: Subject::Path }
}

fn is_covered(rules: &UnauthPaths, path: &PathFacts<'_>) -> bool {
    rules.cover(path, &Effort::default())
}

fn covers(rules: &UnauthPaths, raw: &str, normalized: &str) -> bool {
    is_covered(rules, &facts(raw.as_bytes(), normalized.as_bytes()))
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
fn a_list_that_opens_every_host_of_a_domain_is_known_as_such() {
    for (pattern, every) in [
        ("/", true),
        ("^https://", true),
        (r"^https://[^/]*\.example\.com/", true),
        ("^http://", false),
        ("^/", false),
        (r"^https://wiki\.example\.com/", false),
        ("^https://[^/]*/$", false),
        ("^https://[a-z0-9.]*/", false),
    ] {
        assert_eq!(rules(&[pattern]).open_every_host("https", "example.com"), every, "{pattern}");
    }
}

#[test]
fn a_path_is_under_a_directory_if_every_reader_says_so() {
    for (raw, normalized, is_under) in [
        ("/own", "/own", true),
        ("/own/", "/own/", true),
        ("/own/page", "/own/page", true),
        ("/owner", "/owner", false),
        ("/Own/page", "/Own/page", false),
        ("/", "/", false),
        ("/a/own/page", "/a/own/page", false),
        ("/a", "/own/a", false),
        ("/own/../a", "/a", false),
        ("/own%2f..%2fa", "/own/../a", false),
    ] {
        let path = facts(raw.as_bytes(), normalized.as_bytes());
        assert_eq!(path.is_under("/own"), is_under, "{raw} {normalized}");
    }
    let url = Subject::Url { scheme: "https", host: b"example.com", query: None };
    let path = PathFacts { subject: url, ..facts(b"/own/page", b"/own/page") };
    assert!(path.is_under("/own"), "whatever patterns see");
}

#[test]
fn patterns_are_told_as_written() {
    let rules = rules(&["^/a", "  ", "^/b\r\n^/c"]);
    assert_eq!(rules.texts().collect::<Vec<_>>(), ["^/a", "^/b", "^/c"]);
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
fn a_pattern_may_name_what_browsers_escape() {
    let rules = rules(&["^/public/über uns$", "^/a%20b$"]);
    assert!(covers(&rules, "/public/%C3%BCber%20uns", "/public/über uns"));
    assert!(!covers(&rules, "/%70ublic/%C3%BCber%20uns", "/public/über uns"));
    assert!(!covers(&rules, "/a%20b", "/a b"));
}

#[test]
fn one_rule_for_each_form_of_the_path_is_not_enough() {
    let rules = rules(&["^/x//a", "^/x/a"]);
    assert!(!covers(&rules, "/x//a", "/x/a"));
    assert!(covers(&self::rules(&["/a"]), "/x//a", "/x/a"));
}

#[test]
fn bytes_that_are_no_text_are_matched_as_go_does() {
    for (pattern, path, covered) in [
        ("^/public/", &b"/public/\xff\xfe"[..], true),
        ("^/public/.$", b"/public/\xff", true),
        ("^/public/..$", b"/public/\xff", false),
        ("^/public/[a-z]$", b"/public/\xfc", false),
    ] {
        assert_eq!(
            is_covered(&rules(&[pattern]), &facts(path, path)),
            covered,
            "{pattern} {path:?}"
        );
    }
}

#[test]
fn patterns_and_texts_are_bounded() {
    let many: Vec<String> = (0..=MAX_PATTERNS).map(|n| format!("^/{n}$")).collect();
    let error = UnauthPaths::compile(&many).unwrap_err().to_string();
    assert_eq!(error, "\"^/256$\" does not compile: more than 256 patterns");
    assert!(UnauthPaths::compile(&many[1..]).is_ok());

    let long = UnauthPaths::compile(&["a".repeat(MAX_PATTERN + 1)]).unwrap_err().to_string();
    assert!(long.ends_with("aaa\" does not compile: longer than 4096 bytes"), "{long}");
    assert!(UnauthPaths::compile(&["a".repeat(MAX_PATTERN)]).is_ok());

    assert!(UnauthPaths::compile(&["^/.{1,255}/[^/]{1,255}$".to_owned()]).is_ok());

    let path = format!("/{}", "a".repeat(8 * 1024));
    let (longest, longer) = (&path[..8 * 1024], &path[..]);
    assert!(covers(&rules(&["^/a"]), longest, longest));
    for (raw, normalized) in [(longer, longer), (longer, longest), (longest, longer)] {
        assert!(!covers(&rules(&["^/a"]), raw, normalized));
    }
}

#[test]
fn control_characters_of_a_pattern_do_not_reach_the_terminal() {
    for (pattern, message) in [
        ("\u{1b}(", "\"\u{fffd}(\" does not compile: missing closing )"),
        ("[\u{1b}", "\"[\u{fffd}\" does not compile: missing closing ]: `[\u{fffd}`"),
    ] {
        let patterns = ["^/fine$".to_owned(), pattern.to_owned()];
        assert_eq!(UnauthPaths::compile(&patterns).unwrap_err().to_string(), message);
    }
}

/// `forward_domain`: authentik's documentation, "Unauthenticated Paths": the whole URL.
#[test]
fn in_a_domain_the_whole_url_is_matched() {
    let public = r"^https://wiki\.example\.com/public/";
    for (pattern, host, path, query, covered) in [
        (public, "wiki.example.com", "/public/a", None, true),
        (public, "wiki.example.com", "/public/a", Some("x=1"), true),
        (public, "wiki.example.com", "/private", Some("/public/"), false),
        (public, "wiki.example.com", "/public/../private", None, false),
        (public, "other.example.com", "/public/a", None, false),
        (public, "wiki.example.com.evil.example", "/public/a", None, false),
        (public, "wiki.example.com:8443", "/public/a", None, false),
        (r"^https://wiki\.example\.com:8443/$", "wiki.example.com:8443", "/", None, true),
        (r"^https://[^/?]*/healthz$", "any.example.com", "/healthz", None, true),
        (r"^https://[^/?]*/healthz$", "any.example.com", "/healthz", Some(""), false),
        (r"^https://[^/?]*/healthz(\?.*)?$", "any.example.com", "/healthz", Some(""), true),
        (r"^https://[^/?]*/healthz\?deep$", "any.example.com", "/healthz", Some("deep"), true),
        ("^http://", "wiki.example.com", "/", None, false),
        ("^/public/", "wiki.example.com", "/public/a", None, false),
        // authentik's documentation warns of this: an unanchored pattern also matches in the query.
        (".*health.*", "wiki.example.com", "/private", Some("x=health"), true),
        // Hosts that nginx would have rejected or normalised.
        (".*", "", "/public/", None, false),
        (".*", "Wiki.example.com", "/public/", None, false),
        (".*", "wiki.example.com/public/", "/private", None, false),
        (".*", "user@wiki.example.com", "/private", None, false),
        (".*", "[::1]:8443", "/", None, true),
    ] {
        let subject = Subject::Url {
            scheme: "https",
            host: host.as_bytes(),
            query: query.map(str::as_bytes),
        };
        let path = PathFacts { subject, ..facts(path.as_bytes(), path.as_bytes()) };
        assert_eq!(is_covered(&rules(&[pattern]), &path), covered, "{pattern} {host} {path:?}");
    }
}

#[test]
fn a_url_is_matched_in_its_escaped_form_and_in_both_readings() {
    for (pattern, raw, normalized, covered) in [
        ("^https://h/a%20b$", "/a%20b", "/a b", true),
        ("^https://h/a b$", "/a%20b", "/a b", false),
        ("^https://h/%C3%BC$", "/%C3%BC", "/ü", true),
        ("^https://h/%C3%BC$", "/%c3%bc", "/ü", false),
        ("(?i)^https://h/%C3%BC$", "/%c3%bc", "/ü", true),
        ("^https://h/public/", "/public//a", "/public/a", true),
        ("^https://h/public/a", "/public//a", "/public/a", false),
        ("^https://h/public/", "/%70ublic/a", "/public/a", false),
        ("^https://h/public/", "/public/%2e%2e/a", "/a", false),
        ("^https://h/public/", "/rewritten", "/public/a", false),
        ("^https://h/a", "/a|b'(c)", "/a|b'(c)", true),
    ] {
        let subject = Subject::Url { scheme: "https", host: b"h", query: None };
        let path = PathFacts { subject, ..facts(raw.as_bytes(), normalized.as_bytes()) };
        assert_eq!(is_covered(&rules(&[pattern]), &path), covered, "{pattern} {raw}");
        assert!(!is_covered(&rules(&["^/"]), &path));
        assert_eq!(is_covered(&rules(&["^/."]), &path.path_only()), !raw.contains("%2e"), "{raw}");
    }
    let gopher = Subject::Url { scheme: "gopher", host: b"h", query: None };
    assert!(!is_covered(&rules(&[".*"]), &PathFacts { subject: gopher, ..facts(b"/", b"/") }));
}
