//! The ways in which a path can be interpreted.
//!
//! nginx selects a `location` by the normalised path and may pass on the path as sent; an upstream
//! may decode, merge slashes or resolve dots again. A path that any of them is known to take for
//! another one has no readings, and no pattern covers it. For the others, every reading must match.

use std::borrow::Cow;

use super::{PathFacts, Subject};
use crate::text::{is_blank, is_control, percent_encode};

/// Maximum length of the matched text, in bytes: it limits the search time. By default nginx
/// accepts request lines of this length (`large_client_header_buffers`).
const MAX_TEXT: usize = 8 * 1024;

/// The texts to match for a request.
pub(super) struct Readings<'r> {
    /// All must match: the normalised path, and the same with its slashes merged.
    served: Vec<Cow<'r, str>>,
    /// One must match: the path as sent, and the same with its unavoidable escapes decoded.
    sent: Vec<Cow<'r, str>>,
}

impl<'r> Readings<'r> {
    /// `None` if some reader may take the path for another one.
    pub(super) fn of(path: &PathFacts<'r>) -> Option<Self> {
        let PathFacts { normalized, raw, subject } = *path;
        let all = decoded(raw, Escapes::All)?;
        if !reads_the_same_everywhere(normalized, normalized)
            || !reads_the_same_everywhere(&all, raw)
            || raw.len().max(normalized.len()) > MAX_TEXT
        {
            return None;
        }
        let mut served = vec![Cow::Borrowed(normalized)];
        if normalized.windows(2).any(|pair| pair == b"//") {
            served.push(Cow::Owned(merged(normalized))); // `merge_slashes off` here, not upstream
        }
        match subject {
            Subject::Path => {
                let mut sent = vec![Cow::Borrowed(raw)];
                if raw.contains(&b'%') {
                    sent.push(decoded(raw, Escapes::Needed)?);
                }
                Some(Self {
                    served: served.into_iter().map(text).collect(),
                    sent: sent.into_iter().map(text).collect(),
                })
            }
            Subject::Url { scheme, host, query } => {
                let url = |path: &[u8]| url(scheme, host, path, query);
                let served = served.iter().map(|path| url(&encoded(path)));
                Some(Self { served: served.collect::<Option<_>>()?, sent: vec![url(raw)?] })
            }
        }
    }

    /// Whether a pattern matches all required texts.
    pub(super) fn all_match(&self, matches: impl Fn(&str) -> bool) -> bool {
        self.sent.iter().any(|text| matches(text)) && self.served.iter().all(|text| matches(text))
    }
}

/// Whether no reader takes this path for another one. `sent` is the same path before decoding.
fn reads_the_same_everywhere(decoded: &[u8], sent: &[u8]) -> bool {
    let slashes = |path: &[u8]| path.iter().filter(|byte| **byte == b'/').count();
    // `;` starts a parameter in Java servers; `?` and `#` end the path; `\` is a slash on Windows;
    // a remaining `%` may be decoded again; NUL and line ends terminate strings.
    let odd =
        |byte: &u8| matches!(byte, b';' | b'?' | b'#' | b'\\' | b'%') || byte.is_ascii_control();
    decoded.starts_with(b"/")
        // In `//public/x`, a URL parser takes `public` for the host.
        && !decoded.starts_with(b"//")
        && !decoded.iter().any(odd)
        && !decoded.split(|byte| *byte == b'/').any(means_directory)
        && slashes(decoded) == slashes(sent)
        && !overlong(decoded)
        && !decoded.utf8_chunks().any(|part| {
            part.valid().contains(|c: char| is_control(c) || compatible_with_delimiter(c))
        })
}

/// `.` and `..`, and what Windows reduces to them: it strips trailing dots and spaces from names. A
/// framework that trims names strips every Unicode space.
fn means_directory(segment: &[u8]) -> bool {
    segment.contains(&b'.')
        && segment.utf8_chunks().all(|part| {
            part.invalid().is_empty() && part.valid().chars().all(|c| c == '.' || is_blank(c))
        })
}

/// Whether a lenient decoder finds ASCII in invalid UTF-8: it reads `%c0%ae` as `.`.
fn overlong(path: &[u8]) -> bool {
    // RFC 3629 §3: C0 and C1 never occur; the others not before so small a byte.
    path.iter().any(|byte| matches!(byte, 0xC0 | 0xC1))
        || path.windows(2).any(|pair| {
            matches!(
                pair,
                [0xE0, 0x80..=0x9F]
                    | [0xF0, 0x80..=0x8F]
                    | [0xF8, 0x80..=0x87]
                    | [0xFC, 0x80..=0x83]
            )
        })
}

/// Characters whose compatibility form (Unicode NFKC, or Windows' best fit in an ANSI code page)
/// contains `/`, `\`, `;`, `?`, `#`, `%`, or is nothing but dots.
fn compatible_with_delimiter(c: char) -> bool {
    matches!(c,
        '\u{37E}'
        | '\u{2024}'..='\u{2026}'
        | '\u{2047}'..='\u{2049}'
        | '\u{2100}' | '\u{2101}' | '\u{2105}' | '\u{2106}'
        | '\u{FE14}' | '\u{FE16}' | '\u{FE19}' | '\u{FE30}'
        | '\u{FE52}' | '\u{FE54}' | '\u{FE56}' | '\u{FE5F}' | '\u{FE68}' | '\u{FE6A}'
        | '\u{FF03}' | '\u{FF05}' | '\u{FF0E}' | '\u{FF0F}' | '\u{FF1B}' | '\u{FF1F}' | '\u{FF3C}')
}

/// Which escapes to decode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    /// All of them.
    All,
    /// Those of bytes that cannot appear in a path unescaped. Nobody needs to escape a letter; such
    /// a path must match as sent, since not every upstream takes `%61` for `a`.
    Needed,
}

/// The path, decoded once; `None` if an escape is malformed.
pub(super) fn decoded(path: &[u8], escapes: Escapes) -> Option<Cow<'_, [u8]>> {
    if !path.contains(&b'%') {
        return Some(Cow::Borrowed(path));
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            decoded.push(first);
            continue;
        }
        let (digits, after) = after.split_first_chunk::<2>()?;
        let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
        let byte = u8::try_from(high? * 16 + low?).ok()?;
        let plain = byte.is_ascii_graphic() && byte != b'%';
        if escapes == Escapes::Needed && plain {
            decoded.push(b'%');
            continue;
        }
        decoded.push(byte);
        rest = after;
    }
    Some(Cow::Owned(decoded))
}

/// The path as in a URL: escapes `%` and WHATWG's path percent-encode set.
fn encoded(path: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(path.len());
    for &byte in path {
        let plain = byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'?' | b'^' | b'`' | b'{' | b'}' | b'%');
        if plain {
            encoded.push(byte);
        } else {
            percent_encode(&mut encoded, &[byte]);
        }
    }
    encoded
}

fn merged(path: &[u8]) -> Vec<u8> {
    let mut merged = path.to_vec();
    merged.dedup_by(|next, before| *next == b'/' && *before == b'/');
    merged
}

/// `None` if host or scheme could not have come from nginx, or the whole is too long.
fn url<'r>(scheme: &str, host: &[u8], path: &[u8], query: Option<&[u8]>) -> Option<Cow<'r, str>> {
    let in_host = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b':' | b'[' | b']');
    let scheme_known = matches!(scheme, "http" | "https");
    if !scheme_known || host.is_empty() || !host.iter().all(in_host) {
        return None;
    }
    let mut url = [scheme.as_bytes(), b"://", host, path].concat();
    if let Some(query) = query {
        url.push(b'?');
        url.extend_from_slice(query);
    }
    (url.len() <= MAX_TEXT).then(|| text(Cow::Owned(url)))
}

/// The bytes as Go's `regexp` reads them: each invalid byte is U+FFFD (`unicode/utf8.DecodeRune`:
/// "(RuneError, 1) for the invalid").
pub(super) fn text(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    let lossy = |bytes: &[u8]| {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
        }
        text
    };
    match bytes {
        Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(lossy(bytes)),
        },
        Cow::Owned(bytes) => {
            Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|error| lossy(error.as_bytes())))
        }
    }
}

#[cfg(test)]
mod tests;
