//! Hides the module's cookies from the application.

use std::io::Write as _;

use super::pieces;
use crate::provider::HOST_PREFIX;

/// Name prefixes of our cookies, for all providers: sessions, login states, the trail.
const OWN_PREFIXES: [&[u8]; 3] = [b"authentik_proxy_", b"authentik_login_", b"authentik_signin_"];

/// The rest of a `Cookie` header without the module's own cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stripped {
    /// None of our cookies was found; nothing was written.
    Unchanged,
    /// The first bytes of the buffer, this many, are the new header.
    Changed(usize),
    /// Nothing is left: remove the header.
    Empty,
}

/// Writes the `Cookie` header without the module's cookies into `out`.
///
/// Each of them is removed with one separator; all other bytes stay as they are, except that
/// leading white space is dropped if the first cookie was ours. `out` must be as long as `header`:
/// if it is shorter, the result is `Empty`, since losing the application's cookies is better than
/// exposing ours.
#[must_use]
pub fn without_own(header: &[u8], out: &mut [u8]) -> Stripped {
    let mut pieces = pieces(header);
    // Everything before the first of ours stays as it is.
    let mut end = 0;
    loop {
        let Some(piece) = pieces.next() else { return Stripped::Unchanged };
        if is_own(piece) {
            break;
        }
        end += piece.len() + 1;
    }
    let Some(mut room) = out.get_mut(..header.len()) else { return Stripped::Empty };

    let before = header.get(..end.saturating_sub(1)).unwrap_or_default();
    let blanks = before.iter().take_while(|byte| **byte == b';' || byte.is_ascii_whitespace());
    let before = before.get(blanks.count()..).unwrap_or_default();
    let (mut length, mut blank) = (before.len(), before.is_empty());
    if room.write_all(before).is_err() {
        return Stripped::Empty;
    }
    for piece in pieces.filter(|piece| !is_own(piece)) {
        let first = length == 0;
        let (separator, piece): (&[u8], _) =
            if first { (b"", piece.trim_ascii_start()) } else { (b";", piece) };
        // Always fits: each piece is written with at most the separator it came with.
        if room.write_all(separator).and_then(|()| room.write_all(piece)).is_err() {
            return Stripped::Empty;
        }
        blank &= piece.trim_ascii().is_empty();
        length += separator.len() + piece.len();
    }
    if blank { Stripped::Empty } else { Stripped::Changed(length) }
}

/// Only checks the prefix: this runs for every request. Readers that know more spaces than the two
/// of RFC 9110 trim any control character.
fn is_own(piece: &[u8]) -> bool {
    let blanks = piece.iter().take_while(|byte| byte.is_ascii_control() || **byte == b' ');
    let name = piece.get(blanks.count()..).unwrap_or_default();
    let name = name.strip_prefix(HOST_PREFIX.as_bytes()).unwrap_or(name);
    OWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(header: &[u8]) -> (Stripped, Vec<u8>) {
        let mut out = vec![b'#'; header.len()];
        let stripped = without_own(header, &mut out);
        let length = if let Stripped::Changed(length) = stripped { length } else { 0 };
        out.truncate(length);
        (stripped, out)
    }

    #[test]
    fn own_cookies_go_and_all_others_stay_byte_for_byte() {
        const P: &str = "authentik_proxy_b44ea687=v";
        const L: &str = "authentik_login_00ff00ff=s.b";
        const T: &str = "authentik_signin_trail_b44ea687=1.s";
        for (header, left) in [
            (format!("{P}; a=1"), "a=1"),
            (format!("a=1; {P}"), "a=1"),
            (format!("a=1; {P}; b=2"), "a=1; b=2"),
            (format!("a=1;{P};b=2"), "a=1;b=2"),
            (format!("a=1; {P}; {L}; {T}; b=2"), "a=1; b=2"),
            (format!("{P}; {P}; b=2; {P}; c"), "b=2; c"),
            (format!("a=1;; {P} ;; b=2"), "a=1;;; b=2"),
            (format!("a=\"x y\"; {P}; b=,,"), "a=\"x y\"; b=,,"),
            (format!("  a = 1 ;\t{P}"), "a = 1 "),
            ("a=1; authentik_proxy_  =; b".into(), "a=1; b"),
            ("authentik_proxy_d5fe8251; b".into(), "b"),
            ("a=1; authentik_proxy_x=\"v\"".into(), "a=1"),
            (format!("a={P}; {P}"), "a=authentik_proxy_b44ea687=v"),
            (format!("a=1; __Host-{P}; __Host-{L};__Host-{T}; {P}; b=2"), "a=1; b=2"),
            (format!("__Host-session=1; __Host-{P}"), "__Host-session=1"),
            (format!("__Host-__Host-{P}; {P}"), "__Host-__Host-authentik_proxy_b44ea687=v"),
        ] {
            let (stripped, out) = strip(header.as_bytes());
            assert_eq!(String::from_utf8(out).unwrap(), left, "{header}");
            assert_eq!(stripped, Stripped::Changed(left.len()), "{header}");
        }
    }

    #[test]
    fn a_header_without_own_cookies_is_left_alone() {
        for header in [
            "",
            ";",
            "__Host-",
            "__Host-a=1",
            "a=1; b=2",
            "xauthentik_proxy_a=1",
            "a=authentik_proxy_b; =c",
        ] {
            assert_eq!(strip(header.as_bytes()).0, Stripped::Unchanged, "{header}");
        }
    }

    #[test]
    fn a_header_of_own_cookies_only_becomes_empty() {
        for header in ["authentik_proxy_a=1", " ;authentik_login_a=1; authentik_signin_b=2; ; "] {
            assert_eq!(strip(header.as_bytes()).0, Stripped::Empty, "{header}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_survive() {
        let (_, out) = strip(b"\xff=\xfe\x00; authentik_proxy_a=\xff; b=\x80");
        assert_eq!(out, b"\xff=\xfe\x00; b=\x80");
    }

    #[test]
    fn a_short_buffer_shows_nothing() {
        let header = b"a=1; authentik_proxy_a=1";
        assert_eq!(without_own(header, &mut [0; 10]), Stripped::Empty);
    }

    #[test]
    fn each_piece_goes_or_stays_wherever_it_stands() {
        const PIECES: [&str; 6] =
            ["", " ", "a=1", " b", "authentik_proxy_a=1", " __Host-authentik_login_b=2"];
        for number in 0..PIECES.len().pow(4) {
            let chosen = [1, 6, 36, 216].map(|by| PIECES[number / by % 6]);
            let header = chosen.join(";");
            let is_own = |piece: &&&str| piece.contains("authentik");
            let kept: Vec<&str> = chosen.iter().filter(|piece| !is_own(piece)).copied().collect();
            // Empty pieces at the start are removed too.
            let left = kept.join(";");
            let left = left.trim_start_matches([';', ' ']);
            let expected = match chosen.iter().any(|piece| is_own(&piece)) {
                false => Stripped::Unchanged,
                true if left.trim_matches([';', ' ']).is_empty() => Stripped::Empty,
                true => Stripped::Changed(left.len()),
            };
            let (stripped, out) = strip(header.as_bytes());
            assert_eq!(stripped, expected, "{header:?}");
            if let Stripped::Changed(_) = stripped {
                assert_eq!(String::from_utf8(out).unwrap(), left, "{header:?}");
            }
        }
    }

    /// Found by the target `cookie_header`: Unicode's white space begins with U+000B, which ASCII's
    /// does not contain.
    #[test]
    fn a_control_character_before_its_name_hides_no_cookie_of_ours() {
        for before in ["\u{b}", "\u{c}", " \u{b}\t", "\u{1}", "\u{1f}", "\u{7f}"] {
            let header = format!("a=b;{before}authentik_proxy_1=x; c=d");
            let mut out = vec![0; header.len()];
            let Stripped::Changed(length) = without_own(header.as_bytes(), &mut out) else {
                panic!("{before:?}: left")
            };
            assert_eq!(&out[..length], b"a=b; c=d");
        }
    }
}
