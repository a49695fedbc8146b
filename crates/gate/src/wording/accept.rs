//! The language that a browser asks for: `Accept-Language` (RFC 9110 §12.5.4).

use super::Language;

/// Browsers send a handful; what follows is not read.
const MOST_RANGES: usize = 24;

/// The longest range that is compared; the longest tag of ours is far shorter.
const LONGEST_RANGE: usize = 35;

/// A weight in thousandths.
type Weight = u16;

/// The weight of a range without one.
const FULL: Weight = 1000;

impl Language {
    /// The language that the sender of these `Accept-Language` fields likes best, English if none
    /// of ours.
    ///
    /// A range matches the language that its first subtag names, so `de-AT` is answered in German.
    /// Of equal weights the first counts, a weight of 0 and a malformed range do not. The wildcard
    /// is answered in English.
    #[must_use]
    pub fn accepted<'v>(fields: impl Iterator<Item = &'v [u8]>) -> Self {
        let ranges = fields.flat_map(|field| field.split(|byte| *byte == b','));
        let mut best = (Self::English, 0);
        for (language, weight) in ranges.take(MOST_RANGES).filter_map(range) {
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }

    /// The language of a range such as `de-AT`.
    fn of_range(range: &[u8]) -> Option<Self> {
        if range == b"*" {
            return Some(Self::English);
        }
        let primary = |tag: &'static str| tag.split('-').next().unwrap_or_default();
        let wanted = range.split(|byte| *byte == b'-').next()?;
        Self::ALL
            .into_iter()
            .find(|language| primary(language.tag()).as_bytes().eq_ignore_ascii_case(wanted))
    }
}

/// One element of the list: a range of ours with its weight.
fn range(element: &[u8]) -> Option<(Language, Weight)> {
    let mut parts = element.splitn(2, |byte| *byte == b';').map(<[u8]>::trim_ascii);
    let range = parts.next().filter(|range| range.len() <= LONGEST_RANGE)?;
    let weight = parts.next().map_or(Some(FULL), weight)?;
    Some((Language::of_range(range)?, weight))
}

/// `q=0.5`: at most three digits after the point, at most 1 (RFC 9110 §12.4.2).
fn weight(parameter: &[u8]) -> Option<Weight> {
    let (b"q" | b"Q", value) = parameter.split_at_checked(1)? else { return None };
    let value = value.strip_prefix(b"=")?;
    let (whole, fraction) = match value {
        [whole] => (whole, &b""[..]),
        [whole, b'.', fraction @ ..] if fraction.len() <= 3 => (whole, fraction),
        _ => return None,
    };
    let mut weight = match whole {
        b'0' => 0,
        b'1' => FULL,
        _ => return None,
    };
    for (digit, place) in fraction.iter().zip([100, 10, 1]) {
        weight += Weight::from(digit.is_ascii_digit().then(|| digit - b'0')?) * place;
    }
    (weight <= FULL).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(fields: &[&str]) -> Language {
        Language::accepted(fields.iter().map(|field| field.as_bytes()))
    }

    #[test]
    fn the_language_that_is_liked_best_is_chosen() {
        use Language::{Chinese, Dutch, English, French, German, Japanese, Polish};
        for (field, language) in [
            ("de", German),
            ("de-AT,de;q=0.9,en;q=0.8", German),
            ("en-US,en;q=0.9,de;q=0.8", English),
            ("de;q=0.5, fr;q=0.8 ,en;q=0.1", French),
            ("de;q=0.5,fr;q=0.501", French),
            ("nl , pl", Dutch),
            ("PL-pl;Q=1.000", Polish),
            ("ja ; q=1", Japanese),
            ("zh-TW,zh;q=0.9", Chinese),
            ("zh-Hans-CN", Chinese),
            ("sv,da;q=0.9,de;q=0.2", German),
            ("sv", English),
            ("fr;q=0", English),
            ("fr;q=0.000,de;q=0.001", German),
            ("*", English),
            ("*;q=0.5,fr", French),
            ("fr;q=0.3,*;q=0.5", English),
            ("", English),
            (",,;,", English),
            ("den,deutsch,d", English),
        ] {
            assert_eq!(accepted(&[field]), language, "{field}");
        }
        assert_eq!(accepted(&["sv", "fr;q=0.2", "de"]), German, "a list in several fields");
        assert_eq!(accepted(&[]), English);
    }

    #[test]
    fn a_range_with_a_malformed_weight_does_not_count() {
        for field in [
            "fr;q=",
            "fr;q",
            "fr;",
            "fr;q=2",
            "fr;q=1.001",
            "fr;q=0.1234",
            "fr;q=-1",
            "fr;q=.5",
            "fr;q=0,5",
            "fr;q=0.x",
            "fr;v=1",
            "fr;q=1;q=1",
            "fr;q =1",
            "fr;q=\u{661}",
        ] {
            let field = format!("{field},de;q=0.001");
            assert_eq!(accepted(&[&field]), Language::German, "{field}");
        }
    }

    #[test]
    fn what_follows_more_ranges_than_a_browser_sends_is_not_read() {
        let sv = "sv,".repeat(MOST_RANGES - 1);
        assert_eq!(accepted(&[&format!("{sv}de")]), Language::German);
        assert_eq!(accepted(&[&format!("{sv}sv,de")]), Language::English);
        assert_eq!(accepted(&[&format!("de-{}", "x".repeat(8000))]), Language::English);
        let bytes: &[u8] = b"\xff\xfe,\0,de";
        assert_eq!(Language::accepted([bytes].into_iter()), Language::German);
    }
}
