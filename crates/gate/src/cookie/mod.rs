//! The module's cookies: finds them in request headers, hides them from the application, writes
//! them.
//!
//! Reading works on the raw bytes of `Cookie` headers, allocates nothing and takes linear time. It
//! splits at `;` only, the separator that browsers write (RFC 6265 §4.2.1), even within quotes,
//! since none of our cookies contains one.

mod session_id;
mod strip;
mod write;

pub use session_id::{SentId, SessionId, Tag, TagSecret};
pub use strip::{Stripped, without_own};
pub use write::{delete, delete_session, set, set_session};

use crate::provider::Provider;

/// Maximum number of sessions looked up per request. Several candidates come from overlapping
/// `Domain`s or from an attacker; the browser's order does not tell which one is ours (authentik
/// #7541).
pub const MAX_CANDIDATES: usize = 4;

/// Only this much of a `Cookie` header is read, in bytes. nginx rejects such long header lines
/// anyway.
const MAX_HEADER: usize = 64 * 1024;

/// The well-formed session ids for this provider in the request's `Cookie` headers, in order, at
/// most [`MAX_CANDIDATES`].
pub fn session_ids<'a>(
    headers: impl IntoIterator<Item = &'a [u8]>,
    provider: &'a Provider,
) -> impl Iterator<Item = SentId<'a>> {
    headers
        .into_iter()
        .flat_map(|header| values(header, provider.cookie_name.as_bytes()))
        .filter_map(SentId::parse)
        .take(MAX_CANDIDATES)
}

/// Whether a cookie with that name was sent, whatever its value.
pub fn names_a_session<'a>(
    headers: impl IntoIterator<Item = &'a [u8]>,
    provider: &Provider,
) -> bool {
    let name = provider.cookie_name.as_bytes();
    headers.into_iter().any(|header| values(header, name).next().is_some())
}

/// The values of the cookies called exactly `name`, in order, without surrounding quotes.
pub fn values<'a>(header: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    pieces(limited(header)).filter_map(move |piece| {
        let rest = piece.trim_ascii_start().strip_prefix(name)?;
        let value = rest.trim_ascii_start().strip_prefix(b"=")?;
        Some(unquoted(value.trim_ascii()))
    })
}

/// Name and value of each cookie, in order; anything without `=` is left out.
pub fn pairs(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    pieces(limited(header)).filter_map(|piece| {
        let (name, value) = name_and_rest(piece);
        Some((name, unquoted(value?.trim_ascii())))
    })
}

fn limited(header: &[u8]) -> &[u8] {
    header.get(..MAX_HEADER).unwrap_or(header)
}

/// The pieces between the semicolons, untrimmed.
fn pieces(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(header);
    std::iter::from_fn(move || {
        let now = rest?;
        let split = memchr::memchr(b';', now).and_then(|at| now.split_at_checked(at));
        let Some((piece, after)) = split else { return rest.take() };
        rest = after.get(1..);
        Some(piece)
    })
}

/// The part before the first `=`, trimmed, and the part after it.
fn name_and_rest(piece: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = piece.splitn(2, |byte| *byte == b'=');
    (parts.next().unwrap_or_default().trim_ascii(), parts.next())
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::provider;

    const NAME: &str = "__Host-authentik_proxy_b44ea687";
    const ID: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    fn found(header: &[u8]) -> usize {
        session_ids([header], &provider()).count()
    }

    #[test]
    fn a_session_id_is_found_whatever_surrounds_it() {
        for header in [
            format!("{NAME}={ID}"),
            format!("a=1; {NAME}={ID}; b=2"),
            format!("a=1;{NAME}={ID};b=2"),
            format!(";;; ;a; =x; {NAME} \t= {ID} ;;"),
            format!("{NAME}=\"{ID}\""),
            format!("a=\"x; {NAME}={ID}; y\""),
            format!("{NAME}=; {NAME}={ID}"),
            format!("{NAME}=garbage; {NAME}={ID}"),
        ] {
            assert_eq!(found(header.as_bytes()), 1, "{header}");
        }
    }

    #[test]
    fn anything_but_a_session_id_under_the_exact_name_finds_nothing() {
        for header in [
            "".to_owned(),
            "=".to_owned(),
            NAME.to_owned(),
            format!("{NAME}="),
            format!("{NAME}={}", &ID[..42]),
            format!("{NAME}={ID}A"),
            format!("{NAME}={ID}="),
            format!("{NAME}=={ID}"),
            format!("{NAME}={ID} {ID}"),
            format!("{NAME}=\"{ID}"),
            format!("{NAME}={}", "%41".repeat(43)),
            format!("{}={ID}", NAME.to_uppercase()),
            format!("x{NAME}={ID}"),
            format!("{NAME}8={ID}"),
            format!("a={NAME}={ID}"),
            format!("a=1, {NAME}={ID}"),
            format!("__Host-authentik_proxy_d5fe8251={ID}"),
            // Any host of the domain can set this one.
            format!("authentik_proxy_b44ea687={ID}"),
        ] {
            assert_eq!(found(header.as_bytes()), 0, "{header}");
        }
        assert_eq!(found(&[b"\xff\x00=\xfe; ", NAME.as_bytes(), b"=\xff\xfe"].concat()), 0);
    }

    #[test]
    fn a_cookie_of_that_name_counts_as_sent_whatever_is_in_it() {
        for (header, is_named) in [
            (format!("a=1; {NAME}=garbage"), true),
            (format!("{NAME}="), true),
            (NAME.to_owned(), false),
            (format!("a={NAME}"), false),
            (format!("{NAME}8={ID}"), false),
            (String::new(), false),
        ] {
            let headers = [&b"b=2"[..], header.as_bytes()];
            assert_eq!(names_a_session(headers, &provider()), is_named, "{header}");
        }
    }

    #[test]
    fn pairs_are_names_and_values_in_order() {
        let all = |header: &'static str| {
            pairs(header.as_bytes())
                .map(|(name, value)| [name, value].map(|text| std::str::from_utf8(text).unwrap()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            all("a=1;  b = \"2\" ; c==; d; =e; f="),
            [["a", "1"], ["b", "2"], ["c", "="], ["", "e"], ["f", ""],]
        );
        assert!(all("").is_empty() && all(";;").is_empty() && all("a").is_empty());
    }

    #[test]
    fn duplicates_are_yielded_in_order_and_at_most_four() {
        let ids = [0, 1, 2, 3, 4, 5].map(|n| SessionId::from_entropy([n; 32]).to_cookie_value());
        let headers = [
            format!("{NAME}={}; {NAME}={}; {NAME}=bad", *ids[0], *ids[1]),
            ids[2..].iter().map(|id| format!("{NAME}={};", **id)).collect(),
        ];
        let provider = provider();
        let found: Vec<_> = session_ids(headers.iter().map(String::as_bytes), &provider)
            .map(|id| id.value())
            .collect();
        assert_eq!(found, ids[..4].iter().map(|id| id.as_bytes()).collect::<Vec<_>>());
    }

    #[test]
    fn a_huge_header_is_read_up_to_its_limit() {
        let thousand = "a=1; ".repeat(1000);
        assert_eq!(found(format!("{thousand}{NAME}={ID}").as_bytes()), 1);
        let too_long = "a=1; ".repeat(MAX_HEADER);
        assert_eq!(found(format!("{too_long}{NAME}={ID}").as_bytes()), 0);
    }
}
