//! The identity headers (docs/protocol.md §7.1): their names, and names mistaken for them.

mod encoding;

pub use self::encoding::HeaderEncoding;
use crate::http::USER_AGENT;
use crate::text::push_clean;

/// All identity headers: as sent, and in lower case as nginx hashes them. The user's come first
/// ([`USER_HEADERS`]), then the provider's ([`PROVIDER_HEADERS`]).
pub const HEADERS: [(&str, &str); USER_HEADERS + PROVIDER_HEADERS] = [
    ("X-authentik-username", "x-authentik-username"),
    ("X-authentik-groups", "x-authentik-groups"),
    ("X-authentik-entitlements", "x-authentik-entitlements"),
    ("X-authentik-email", "x-authentik-email"),
    ("X-authentik-name", "x-authentik-name"),
    ("X-authentik-uid", "x-authentik-uid"),
    ("X-authentik-jwt", "x-authentik-jwt"),
    ("X-authentik-meta-jwks", "x-authentik-meta-jwks"),
    ("X-authentik-meta-outpost", "x-authentik-meta-outpost"),
    ("X-authentik-meta-provider", "x-authentik-meta-provider"),
    ("X-authentik-meta-app", "x-authentik-meta-app"),
    ("X-authentik-meta-version", "x-authentik-meta-version"),
];

/// How many of [`HEADERS`] describe the user; their values are in the session record.
pub const USER_HEADERS: usize = 7;

/// How many of [`HEADERS`] describe the provider; they are the same for every user.
pub const PROVIDER_HEADERS: usize = 5;

/// Whether applications could mistake this name for an identity header.
///
/// CGI, WSGI and the like fold case and map everything but letters and digits to one character, so
/// they see `X_Authentik.Username` as `X-authentik-username` (docs/protocol.md §7.2). Called for
/// every header of every request; most names differ in the first byte.
#[must_use]
pub fn is_identity_header(name: &[u8]) -> bool {
    const PREFIX: &[u8] = b"x-authentik-";
    matches!(name.first(), Some(b'x' | b'X'))
        && name.get(..PREFIX.len()).is_some_and(|start| folds_to(start, PREFIX))
}

/// Whether applications could mistake one header name for the other.
#[must_use]
pub fn folds_to(name: &[u8], other: &[u8]) -> bool {
    name.len() == other.len() && name.iter().zip(other).all(|(a, b)| fold(*a) == fold(*b))
}

const fn fold(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' => byte | 0x20,
        b'a'..=b'z' | b'0'..=b'9' => byte,
        _ => b'-',
    }
}

/// Values of the headers that describe the provider, rendered once per configuration.
#[derive(Debug)]
pub struct ProviderHeaders {
    /// Each NUL-terminated.
    values: [Vec<u8>; PROVIDER_HEADERS],
    /// Values that differ in another encoding, by index; usually none.
    encoded: Vec<(usize, HeaderEncoding, Vec<u8>)>,
}

impl ProviderHeaders {
    /// `jwks_uri` and `outpost_name` are empty if there is none.
    #[must_use]
    pub fn new(provider_name: &str, application: &str, jwks_uri: &str, outpost_name: &str) -> Self {
        let value = |text: &str| {
            let mut value = Vec::with_capacity(text.len() + 1);
            push_clean(&mut value, text.as_bytes());
            value.push(0);
            value
        };
        let values = [
            value(jwks_uri),
            value(outpost_name),
            value(provider_name),
            value(application),
            value(USER_AGENT),
        ];
        let mut encoded = Vec::new();
        for (at, value) in values.iter().enumerate() {
            for encoding in HeaderEncoding::OTHERS {
                if let Some(mut value) = encoding.encode(without_nul(value)) {
                    value.push(0);
                    encoded.push((at, encoding, value));
                }
            }
        }
        Self { values, encoded }
    }

    /// [`values`](Self::values) in an encoding.
    #[must_use]
    pub fn values_in(&self, encoding: HeaderEncoding) -> [&[u8]; PROVIDER_HEADERS] {
        let mut values = self.values();
        for (at, of, value) in &self.encoded {
            if let Some(plain) = values.get_mut(*at).filter(|_| *of == encoding) {
                *plain = without_nul(value);
            }
        }
        values
    }

    /// The values, in the order of the last [`PROVIDER_HEADERS`] of [`HEADERS`]. Each is followed
    /// by a NUL byte.
    #[must_use]
    pub fn values(&self) -> [&[u8]; PROVIDER_HEADERS] {
        self.values.each_ref().map(|value| without_nul(value))
    }
}

fn without_nul(value: &[u8]) -> &[u8] {
    value.strip_suffix(b"\0").unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_identity_header_is_recognised() {
        for (name, is_identity) in [
            ("X-authentik-username", true),
            ("x-authentik-username", true),
            ("X-AUTHENTIK-USERNAME", true),
            ("X_authentik_username", true),
            ("x-authentik_meta.version", true),
            ("X.Authentik Anything", true),
            ("X-authentik-", true),
            ("X\u{1}authentik\0jwt", true),
            ("X-authentik", false),
            ("Xauthentik-username", false),
            ("XX-authentik-username", false),
            ("-X-authentik-username", false),
            ("X--authentik-username", false),
            ("X-authenti\u{212a}-username", false), // the Kelvin sign is no k
            ("Y-authentik-username", false),
            ("Host", false),
            ("X", false),
            ("", false),
        ] {
            assert_eq!(is_identity_header(name.as_bytes()), is_identity, "{name:?}");
        }
        for (name, lowercase) in HEADERS {
            assert!(is_identity_header(name.as_bytes()));
            assert_eq!(name.to_ascii_lowercase(), lowercase);
        }
    }

    #[test]
    fn names_fold_to_each_other_as_applications_fold_them() {
        for (name, other, same) in [
            ("Remote-User", "remote_user", true),
            ("Remote.User", "REMOTE-USER", true),
            ("Remote-User", "RemoteUser", false),
            ("Remote-User", "Remote-User-", false),
            ("Remote-User", "Remote-Uses", false),
            ("", "", true),
        ] {
            assert_eq!(folds_to(name.as_bytes(), other.as_bytes()), same, "{name} {other}");
        }
    }

    #[test]
    fn the_providers_headers_follow_the_table_and_end_in_nul() {
        let headers = ProviderHeaders::new("p-proxy", "app-proxy", "https://a/jwks/", "edge\r\nö");
        let version = concat!("goauthentik.io/outpost/", env!("CARGO_PKG_VERSION"));
        let expected = ["https://a/jwks/", "edgeö", "p-proxy", "app-proxy", version];
        assert_eq!(headers.values(), expected.map(str::as_bytes));
        assert!(headers.values.iter().all(|value| value.ends_with(b"\0")));
        assert_eq!(headers.values_in(HeaderEncoding::Utf8), headers.values());
        assert_eq!(headers.values_in(HeaderEncoding::Percent)[1], b"edge%C3%B6");
        assert_eq!(headers.values_in(HeaderEncoding::Latin1)[1], b"edge\xF6");
        assert_eq!(headers.values_in(HeaderEncoding::Latin1)[2], b"p-proxy");
    }
}
