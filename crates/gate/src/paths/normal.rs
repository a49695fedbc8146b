//! The path that nginx would serve, for a request that another proxy received.

use super::readings::{Escapes, decoded};

/// nginx's `r->uri` for a raw path (`ngx_http_parse_complex_uri`): decoded once, slashes merged,
/// dot segments resolved. `None` where nginx answers 400: a broken escape, a path above the root.
#[must_use]
pub fn normalize(raw: &[u8]) -> Option<Vec<u8>> {
    if !raw.starts_with(b"/") {
        return None;
    }
    let decoded = decoded(raw, Escapes::All)?;
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut ends_in_directory = true;
    for segment in decoded.split(|byte| *byte == b'/') {
        ends_in_directory = matches!(segment, b"" | b"." | b"..");
        match segment {
            b"" | b"." => {}
            b".." => {
                kept.pop()?;
            }
            name => kept.push(name),
        }
    }
    let mut path = Vec::with_capacity(decoded.len());
    for segment in &kept {
        path.push(b'/');
        path.extend_from_slice(segment);
    }
    if ends_in_directory {
        path.push(b'/');
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_normalised_as_nginx_does() {
        for (raw, expected) in [
            ("/", Some("/")),
            ("/a/b", Some("/a/b")),
            ("/a/b/", Some("/a/b/")),
            ("//a///b", Some("/a/b")),
            ("/a/./b/.", Some("/a/b/")),
            ("/a/../b", Some("/b")),
            ("/a/b/..", Some("/a/")),
            ("/a/%2e%2e/b", Some("/b")),
            ("/a%2f..%2fb", Some("/b")),
            ("/%61%20b", Some("/a b")),
            ("/a%252fb", Some("/a%2fb")),
            ("/a...", Some("/a...")),
            ("/..", None),
            ("/a/../../b", None),
            ("/a%zz", None),
            ("/a%2", None),
            ("a", None),
            ("", None),
        ] {
            let found = normalize(raw.as_bytes());
            let found = found.map(|path| String::from_utf8(path).unwrap());
            assert_eq!(found.as_deref(), expected, "{raw}");
        }
    }
}
