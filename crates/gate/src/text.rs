//! Text from outside: made safe for log lines, and deceptive characters.

/// Sanitises text for a log: printable ASCII, at most `max` characters; the rest becomes `?` or
/// `…`.
pub(crate) fn loggable(text: &str, max: usize) -> String {
    let plain = |c: char| if c == ' ' || c.is_ascii_graphic() && c != '"' { c } else { '?' };
    let mut kept: String = text.chars().take(max).map(plain).collect();
    if text.chars().nth(max).is_some() {
        kept.push('…');
    }
    kept
}

/// Appends without bytes that could end a header or confuse its reader: 0x00-0x1f, 0x7f.
pub(crate) fn push_clean(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.extend(text.iter().filter(|byte| !byte.is_ascii_control()));
}

/// Appends each byte as `%` and two hex digits (RFC 3986 section 2.1).
pub(crate) fn percent_encode(to: &mut Vec<u8>, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or_default();
        to.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
    }
}

/// Whether a character affects others instead of being displayed: the control characters of ASCII
/// and Latin-1 (U+0080 to U+009F), invisible Unicode characters and those that change the direction
/// of the line (general category Cf, line and paragraph separators). The two joiners are exempt:
/// words in Persian and Hindi, and emoji, contain them.
pub(crate) fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
            | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// Whether a character is displayed as a space or not at all, and is not noticed at the end of a
/// name.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || is_control(c)
        || matches!(
            c,
            '\u{34F}'
                | '\u{115F}'
                | '\u{1160}'
                | '\u{17B4}'
                | '\u{17B5}'
                | '\u{200C}'
                | '\u{200D}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{FFA0}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_blank_and_what_is_written_is_not() {
        for c in ['\0', '\n', '\u{7f}', '\u{85}', '\u{9f}', '\u{200b}', '\u{202e}', '\u{feff}'] {
            assert!(is_control(c) && is_blank(c), "{c:?}");
        }
        for c in [' ', '\u{a0}', '\u{1680}', '\u{2003}', '\u{202f}', '\u{3000}', '\u{200d}'] {
            assert!(is_blank(c) && !is_control(c), "{c:?}");
        }
        for c in ['a', '.', 'ü', '名', '😀', '\u{301}', '\u{e000}'] {
            assert!(!is_blank(c) && !is_control(c), "{c:?}");
        }
    }

    #[test]
    fn a_log_line_cannot_be_forged_or_flooded() {
        for (text, max, shown) in [
            ("invalid_grant", 64, "invalid_grant"),
            ("a\r\n[alert] b\"c\u{1b}[2Jü", 64, "a??[alert] b?c?[2J?"),
            ("abcdef", 3, "abc…"),
            ("abc", 3, "abc"),
        ] {
            assert_eq!(loggable(text, max), shown);
        }
    }
}
