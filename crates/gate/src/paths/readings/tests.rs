use super::super::{Effort, PathFacts, Subject, UnauthPaths};

fn covers(patterns: &[&str], raw: &[u8], normalized: &[u8]) -> bool {
    let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
    let facts = PathFacts { normalized, raw, subject: Subject::Path };
    UnauthPaths::compile(&patterns).unwrap().cover(&facts, &Effort::default())
}

/// Raw path, normalised path, covered.
type Row = (&'static str, &'static str, bool);

/// docs/protocol.md §8; S05, S06, S09, S10, S13 in docs/security.md. The same list, for
/// administrators: docs/unauthenticated-paths.md.
const TABLE: &[(&str, &[Row])] = &[
    (
        "what honest clients send",
        &[
            ("/", "/", true),
            ("/public/", "/public/", true),
            ("/public/a+b,c=d:e@f!g~h", "/public/a+b,c=d:e@f!g~h", true),
            ("/public/a%20b", "/public/a b", true),
            ("/public/%C3%BC", "/public/ü", true),
            ("/public/ü", "/public/ü", true),
            ("/public/.well-known/a..b/c.", "/public/.well-known/a..b/c.", true),
            ("/public/..a/b..", "/public/..a/b..", true),
        ],
    ),
    (
        "escaped letters: not every upstream decodes them, so the pattern must match them as sent",
        &[
            ("/public/%61bc", "/public/abc", true),
            ("/public/%2Da", "/public/-a", true),
            ("/%70ublic/a", "/public/a", false),
            ("/p%75blic/a", "/public/a", false),
        ],
    ),
    (
        "letter case: upstreams that ignore it see a path that nothing here covers",
        &[("/PUBLIC/a", "/PUBLIC/a", false)],
    ),
    (
        "dot segments in the raw path: nginx resolves them, the upstream may get them",
        &[
            ("/public/../admin", "/admin", false),
            ("/public/../public/a", "/public/a", false),
            ("/admin/../public/a", "/public/a", false),
            ("/public/./a", "/public/a", false),
            ("/public/.", "/public/", false),
            ("/public/..", "/", false),
            ("/public/%2e%2e/admin", "/admin", false),
            ("/public/%2E./admin", "/admin", false),
            ("/public/.%2e/admin", "/admin", false),
            ("/admin/%2e%2e/public/a", "/public/a", false),
            ("/public/%2e/a", "/public/a", false),
        ],
    ),
    (
        "the same with the spaces of Unicode, which frameworks trim too, and characters not seen",
        &[
            ("/public/..%C2%A0/admin", "/public/..\u{a0}/admin", false),
            ("/public/..%E3%80%80/admin", "/public/..\u{3000}/admin", false),
            ("/public/%E2%80%8B../admin", "/public/\u{200b}../admin", false),
            ("/public/..%C2%85/admin", "/public/..\u{85}/admin", false),
            ("/public/a%C2%85/b", "/public/a\u{85}/b", false),
            ("/public/a%C2%9B/b", "/public/a\u{9b}/b", false),
            ("/public/a%E2%80%8Bb", "/public/a\u{200b}b", false),
            ("/public/a%E2%80%AEb", "/public/a\u{202e}b", false),
            ("/public/a%C2%A0b", "/public/a\u{a0}b", true),
            ("/public/%E3%80%80", "/public/\u{3000}", true),
        ],
    ),
    (
        "names of dots and spaces: Windows drops them at the end, `.. ` is the parent there",
        &[
            ("/public/.../admin", "/public/.../admin", false),
            ("/public/..%20/admin", "/public/.. /admin", false),
            ("/public/.%20./admin", "/public/. ./admin", false),
            ("/public/..%20", "/public/.. ", false),
        ],
    ),
    (
        "escaped slashes: some upstreams decode them, some do not",
        &[
            ("/public/..%2fadmin", "/admin", false),
            ("/public/..%2fadmin", "/public/../admin", false),
            ("/public%2fa", "/public/a", false),
            ("/public/%2fa", "/public/a", false),
            ("/public/a%2Fb", "/public/a/b", false),
        ],
    ),
    (
        "backslashes: slashes on Windows and in WHATWG URLs",
        &[
            ("/public/..\\admin", "/public/..\\admin", false),
            ("/public/..%5cadmin", "/public/..\\admin", false),
            ("/public/%5Ca", "/public/\\a", false),
        ],
    ),
    (
        "semicolons: path parameters in Java servers, which cut them out before they resolve dots",
        &[
            ("/public/;/../admin", "/admin", false),
            ("/public/..;/admin", "/public/..;/admin", false),
            ("/public/..%3b/admin", "/public/..;/admin", false),
            ("/public/a;jsessionid=1", "/public/a;jsessionid=1", false),
        ],
    ),
    (
        "empty segments: merged by nginx, not by all upstreams; in front, a host to URL parsers",
        &[
            ("/public//a", "/public/a", true),
            ("/public//a", "/public//a", true), // merge_slashes off
            ("/public///", "/public///", true),
            ("//public/", "/public/", false),
            ("//public/", "//public/", false),
            ("/x//public/", "/public/", false),
        ],
    ),
    (
        "double encoding: whoever decodes once more reads another path",
        &[
            ("/public/%252e%252e/admin", "/public/%2e%2e/admin", false),
            ("/public/%252fadmin", "/public/%2fadmin", false),
            ("/public/%25", "/public/%", false),
            ("/%2570ublic/", "/%70ublic/", false),
        ],
    ),
    (
        "escapes that are none",
        &[
            ("/public/%", "/public/%", false),
            ("/public/%e", "/public/a", false),
            ("/public/%zz", "/public/%zz", false),
            ("/public/%u002e", "/public/a", false),
            ("/public/%+1", "/public/a", false),
        ],
    ),
    (
        "NUL, line ends and other control characters: strings end there, logs and headers split",
        &[
            ("/public/%00", "/public/\0", false),
            ("/public/%00/../admin", "/admin", false),
            ("/public/a%0d%0a", "/public/a\r\n", false),
            ("/public/%09", "/public/\t", false),
            ("/public/%7f", "/public/\x7f", false),
        ],
    ),
    (
        "`#` and `?`: they end the path for who decodes first and parses then",
        &[
            ("/private#/public/", "/private", false),
            ("/public/#/../private", "/public/", false),
            ("/public/%23", "/public/#", false),
            ("/public/%3fx", "/public/?x", false),
            ("/private%3f/public/", "/private?/public/", false),
        ],
    ),
    (
        "targets that are no path: absolute-form is cut by nginx before, or is not covered",
        &[
            ("http://h/public/a", "/public/a", false),
            ("//h/public/a", "/public/a", false),
            ("*", "*", false),
            ("", "", false),
            ("public/", "public/", false),
        ],
    ),
    (
        "characters that turn into delimiters when an application normalises text (NFKC)",
        &[
            (
                "/public/\u{FF0E}\u{FF0E}\u{FF0F}admin",
                "/public/\u{FF0E}\u{FF0E}\u{FF0F}admin",
                false,
            ),
            ("/public/%E2%80%A5/admin", "/public/\u{2025}/admin", false),
            ("/public/\u{FF3C}", "/public/\u{FF3C}", false),
            ("/public/\u{37E}a", "/public/\u{37E}a", false),
            ("/public/中文。", "/public/中文。", true),
        ],
    ),
    (
        "rewritten inside nginx: the upstream may get either",
        &[("/private", "/public/a", false), ("/public/a", "/private", false)],
    ),
];

#[test]
fn a_rule_covers_no_path_that_anybody_may_read_otherwise() {
    for (why, rows) in TABLE {
        for (raw, normalized, covered) in *rows {
            let covers = covers(&["^/public/", "^/$"], raw.as_bytes(), normalized.as_bytes());
            assert_eq!(covers, *covered, "{why}: {raw} {normalized}");
        }
    }
}

#[test]
fn a_search_finds_no_public_part_behind_a_private_one_in_another_reading() {
    for (raw, normalized) in [
        ("//public/admin", "//public/admin"), // new URL("//public/admin", base) is /admin
        ("/admin/..%2fpublic/", "/public/"),
        ("/admin%00/public/", "/admin\0/public/"),
        ("/admin%3b/public/", "/admin;/public/"),
        ("/admin%23/public/", "/admin#/public/"),
    ] {
        assert!(!covers(&["/public/"], raw.as_bytes(), normalized.as_bytes()), "{raw}");
    }
}

#[test]
fn slashes_that_an_upstream_merges_hide_no_private_path() {
    // `merge_slashes off`: nginx and the pattern see a path that the upstream does not.
    let pattern = "^/files/[^p]";
    assert!(covers(&[pattern], b"/files/open", b"/files/open"));
    assert!(!covers(&[pattern], b"/files//private", b"/files//private"));
    assert!(!covers(&[pattern], b"/files//private", b"/files/private"));
}

#[test]
fn overlong_utf8_is_not_covered_and_other_bytes_are_matched_as_such() {
    for (tail, covered) in [
        (&b"\xC0\xAE\xC0\xAE/admin"[..], false), // `..`
        (b"..\xC0\xAFadmin", false),
        (b"..\xC1\x9Cadmin", false),
        (b"\xC0.", false),
        (b"..\xE0\x80\xAFadmin", false),
        (b"..\xF0\x80\x80\xAFadmin", false),
        (b"..\xF8\x80\x80\x80\xAFadmin", false),
        (b"..\xFC\x80\x80\x80\x80\xAFadmin", false),
        (b"\xFF\xEF\xBC\x8F", false), // a fullwidth slash behind a byte that is no text
        (b"\xE0\xA4\x84", true),
        (b"\xF0\x9F\x98\x80", true),
        (b"\xFC", true), // a Latin-1 ü
    ] {
        let path = [b"/public/", tail].concat();
        assert_eq!(covers(&["^/public/"], &path, &path), covered, "{path:x?}");
        let mut sent = b"/public/".to_vec();
        tail.iter().for_each(|byte| match byte {
            0x80.. => sent.extend(format!("%{byte:02x}").bytes()),
            plain => sent.push(*plain),
        });
        assert_eq!(covers(&["^/public/"], &sent, &path), covered, "{path:x?}, escaped");
    }
}
