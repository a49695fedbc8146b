//! Patterns of unauthenticated paths, and the paths that they are compared with.

use authentik_gate::paths::{Effort, Library, PathFacts, Subject, UnauthPaths, normalize};

use crate::fixtures::{first_line, lossy};
use crate::oracle::{Bytes, Node};

/// A path (first line) and a list of patterns: those of an outpost, compiled when needed, and those
/// of nginx, compiled at once, are refused alike and open the same; what readers may take for
/// another path is never open.
pub(crate) fn path_rules(data: &[u8]) {
    let (raw, list) = first_line(data);
    let list = lossy(list);
    let eager = UnauthPaths::compile(std::slice::from_ref(&list));
    let mut library = Library::default();
    let (lazy, flaws) = UnauthPaths::usable(&list, &mut library);
    assert_eq!(eager.as_ref().err(), flaws.first(), "refused by one of them only");
    for flaw in &flaws {
        assert!(!flaw.to_string().contains(char::is_control), "a line of the log that is two");
    }
    assert!(lazy.texts().count() + flaws.len() <= 257);

    let path = normalize(raw);
    if let Some(path) = &path {
        assert!(path.starts_with(b"/"));
        assert!(!path.split(|byte| *byte == b'/').any(|part| matches!(part, b"." | b"..")));
        assert!(!path.windows(2).any(|pair| pair == b"//"));
    }
    let path = path.unwrap_or_else(|| raw.to_vec());
    let url = Subject::Url { scheme: "https", host: b"wiki.example.com", query: Some(b"x=1") };
    for subject in [Subject::Path, url] {
        let facts = PathFacts { normalized: &path, raw, subject };
        let is_open = opens(&lazy, &facts);
        if let Ok(eager) = &eager {
            assert_eq!(is_open, opens(eager, &facts), "the two differ");
        }
        // Each pattern alone opens what the list opens, and no more; shared patterns are the same.
        let alone =
            list.split('\n').any(|line| opens(&UnauthPaths::usable(line, &mut library).0, &facts));
        assert!(alone || !is_open);
        let two_ways = |byte: &u8| matches!(byte, b';' | b'\\' | b'#' | b'?' | 0..0x20 | 0x7f);
        assert!(!is_open || !raw.iter().chain(&path).any(two_ways), "a path with two readings");
        assert!(!is_open || !lossy(raw).to_ascii_lowercase().contains("%2f"));
        for open in ["/public", "/outpost.goauthentik.io"] {
            if facts.is_under(open) {
                assert!(path.starts_with(open.as_bytes()), "not under {open}");
            }
        }
    }
}

/// Within the effort of a request.
fn opens(rules: &UnauthPaths, facts: &PathFacts<'_>) -> bool {
    rules.cover(facts, &Effort::default())
}

/// A pattern and a path made of the input: the verdict is that of a matcher too simple to be wrong.
pub(crate) fn path_verdict(data: &[u8]) {
    let mut bytes = Bytes(data);
    let node = Node::of(&mut bytes, 4);
    let path = bytes.path();
    let pattern = node.to_string();
    let rules = UnauthPaths::compile(std::slice::from_ref(&pattern)).expect("a plain pattern");
    let facts =
        PathFacts { normalized: path.as_bytes(), raw: path.as_bytes(), subject: Subject::Path };
    let effort = Effort::default();
    let is_open = rules.cover(&facts, &effort);
    if pattern.trim().is_empty() {
        assert!(!is_open, "a blank line is no pattern");
    } else if effort.gave_up_at().is_none() {
        assert_eq!(is_open, node.is_found(path.as_bytes()), "{pattern} {path}");
    }
    assert!(!is_open || node.is_found(path.as_bytes()), "{pattern} {path}");
}

/// The row of `tests/data/go_regex` for an input of [`path_rules`], with our verdict; `None` if the
/// path has more readings than one, or the pattern is beyond our limits only.
#[must_use]
pub fn go_row(data: &[u8]) -> Option<String> {
    let (path, pattern) = first_line(data);
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-_~".contains(byte);
    let is_plain = path.starts_with(b"/") && path.iter().all(plain);
    let pattern = std::str::from_utf8(pattern).ok()?;
    if !is_plain
        || path.windows(2).any(|pair| pair == b"//")
        || pattern.contains(['\n', '\r', char::REPLACEMENT_CHARACTER])
        || pattern.trim().is_empty()
    {
        return None;
    }
    let verdict = match UnauthPaths::compile(&[pattern.to_owned()]) {
        Err(flaw) if flaw.to_string().contains("limit") => return None,
        Err(_) => "refused",
        Ok(rules) => {
            let facts = PathFacts { normalized: path, raw: path, subject: Subject::Path };
            if opens(&rules, &facts) { "yes" } else { "no" }
        }
    };
    let cell = |bytes: &[u8]| -> String {
        let written = |byte: &u8| match byte {
            b'%' => "%25".to_owned(),
            b' '..=b'~' => char::from(*byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        bytes.iter().map(written).collect()
    };
    Some(format!("{}\t{}\t{verdict}", cell(pattern.as_bytes()), cell(path)))
}
