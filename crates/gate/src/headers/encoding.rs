//! How non-ASCII values are written in identity headers.

use crate::text::percent_encode;

/// `authentik_header_encoding`. HTTP has no character set for header values (RFC 9110 section 5.5);
/// applications read them as UTF-8, as Latin-1 or not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeaderEncoding {
    /// As authentik sends them.
    #[default]
    Utf8,
    /// Bytes that are not printable ASCII, and `%`, as `%C3%AB` (RFC 3986 section 2.1).
    Percent,
    /// ISO 8859-1. Characters outside it, and `%`, as with [`Percent`](Self::Percent).
    Latin1,
}

impl HeaderEncoding {
    /// The encodings that change the value.
    pub(crate) const OTHERS: [Self; 2] = [Self::Percent, Self::Latin1];

    /// Looks up an encoding by its name in the configuration.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "utf8" => Some(Self::Utf8),
            "percent" => Some(Self::Percent),
            "latin1" => Some(Self::Latin1),
            _ => None,
        }
    }

    /// The value in this encoding, or `None` if it is unchanged.
    ///
    /// `%` is escaped too, or a user called `%C4%8D` would equal one called `\u{10d}`.
    pub(crate) fn encode(self, value: &[u8]) -> Option<Vec<u8>> {
        let plain = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'%';
        if self == Self::Utf8 || value.iter().all(plain) {
            return None;
        }
        let mut encoded = Vec::with_capacity(3 * value.len());
        for part in value.utf8_chunks() {
            for c in part.valid().chars() {
                match (self, u8::try_from(c)) {
                    (_, Ok(byte)) if plain(&byte) => encoded.push(byte),
                    (Self::Latin1, Ok(byte @ 0xA0..)) => encoded.push(byte),
                    _ => percent_encode(&mut encoded, c.encode_utf8(&mut [0; 4]).as_bytes()),
                }
            }
            percent_encode(&mut encoded, part.invalid());
        }
        Some(encoded)
    }
}

#[cfg(test)]
mod tests {
    use super::HeaderEncoding::{Latin1, Percent, Utf8};

    #[test]
    fn a_value_is_written_in_the_characters_that_the_application_reads() {
        for (value, percent, latin1) in [
            ("zoe", None, None),
            ("a b|c@d", None, None),
            ("", None, None),
            ("Zo\u{eb}", Some("Zo%C3%AB"), Some(&b"Zo\xEB"[..])),
            ("\u{10d} \u{540d}", Some("%C4%8D %E5%90%8D"), Some(b"%C4%8D %E5%90%8D")),
            ("100 %", Some("100 %25"), Some(b"100 %25")),
            ("%C4%8D", Some("%25C4%258D"), Some(b"%25C4%258D")),
            ("a\u{9b}b\u{a0}", Some("a%C2%9Bb%C2%A0"), Some(b"a%C2%9Bb\xA0")),
        ] {
            assert_eq!(
                Percent.encode(value.as_bytes()),
                percent.map(|text| text.as_bytes().to_vec())
            );
            assert_eq!(Latin1.encode(value.as_bytes()), latin1.map(<[u8]>::to_vec), "{value}");
            assert_eq!(Utf8.encode(value.as_bytes()), None);
        }
        assert_eq!(Latin1.encode(b"a\xFF").as_deref(), Some(&b"a%FF"[..]), "no UTF-8");
    }

    #[test]
    fn no_two_values_become_one() {
        let values = ["\u{10d}", "%C4%8D", "%25C4%258D", "\u{e4}", "%E4", "%C3%A4", "%"];
        for encoding in [Percent, Latin1] {
            let mut seen: Vec<_> = values.iter().map(|v| encoding.encode(v.as_bytes())).collect();
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), values.len(), "{encoding:?}");
        }
    }
}
