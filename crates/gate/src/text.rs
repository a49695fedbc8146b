//! Text from outside, made fit for a log line.

/// What may stand in a log: printable ASCII, at most `max` characters; the rest shows as `?`, `…`.
pub(crate) fn loggable(text: &str, max: usize) -> String {
    let plain = |c: char| if c == ' ' || c.is_ascii_graphic() && c != '"' { c } else { '?' };
    let mut kept: String = text.chars().take(max).map(plain).collect();
    if text.chars().nth(max).is_some() {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

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
