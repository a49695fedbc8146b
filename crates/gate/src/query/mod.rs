//! Query strings of the endpoints, parsed like a browser's form decoder.
//!
//! Works on the raw bytes after the first `?` (WHATWG URL §5.1, `&` only, `+` and `%XX` decoded,
//! invalid UTF-8 replaced). A repeated name never resolves to one of its values: two readers that
//! choose differently are how a checked value gets swapped (S40 in docs/security.md).

mod callback;

use std::borrow::Cow;

use url::form_urlencoded;

pub use callback::{CallbackFlaw, CallbackQuery};

/// Maximum length of a query, in bytes; a longer one counts as empty.
const MAX_QUERY: usize = 32 * 1024;

/// The value of a query parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Param {
    /// No value.
    Absent,
    /// One value, decoded; may be empty.
    One(String),
    /// More than one value.
    Repeated,
}

/// A query parameter that makes any URL of a protected host one of ours (docs/protocol.md §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// `X-authentik-auth-callback=true`: authentik's response to a sign-in.
    Callback,
    /// `X-authentik-logout=true`: a request to sign out.
    Logout,
}

/// Name of the parameter that marks responses from authentik.
const CALLBACK: &str = "X-authentik-auth-callback";
/// Name of the parameter that marks requests to sign out.
const LOGOUT: &str = "X-authentik-logout";

/// The value of the parameter named exactly `name`.
#[must_use]
pub fn param(query: &[u8], name: &str) -> Param {
    single(pairs(query), name)
}

/// The signature in the query; the callback takes precedence, as upstream. The first value of a
/// name counts, and must be `true`, in any case.
#[must_use]
pub fn signature(query: &[u8]) -> Option<Signature> {
    let says_true = |name| {
        let first = pairs(query).find(|(found, _)| found == name);
        first.is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"))
    };
    if says_true(CALLBACK) {
        return Some(Signature::Callback);
    }
    says_true(LOGOUT).then_some(Signature::Logout)
}

type Pair<'q> = (Cow<'q, str>, Cow<'q, str>);

fn pairs(query: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    let query = if query.len() > MAX_QUERY { b"" } else { query };
    form_urlencoded::parse(query)
}

fn single<'q>(pairs: impl Iterator<Item = Pair<'q>>, name: &str) -> Param {
    let mut values = pairs.filter(|(found, _)| found == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => Param::Absent,
        (Some(value), None) => Param::One(value.into_owned()),
        (Some(_), Some(_)) => Param::Repeated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: &str) -> Param {
        Param::One(value.to_owned())
    }

    #[test]
    fn a_parameter_is_absent_one_or_repeated() {
        for (query, rd) in [
            (&b""[..], Param::Absent),
            (b"&&=&", Param::Absent),
            (b"RD=/p", Param::Absent),
            (b"rd", one("")),
            (b"rd=", one("")),
            (b"rd=/p", one("/p")),
            (b"a=b&rd=/p=q", one("/p=q")),
            (b"r%64=/p", one("/p")),
            (b"rd=%2Fa+b%20c%", one("/a b c%")),
            (b"rd=%zz%4", one("%zz%4")),
            (b"rd=\xff%C3%BC", one("\u{fffd}\u{fc}")),
            (b"rd=/p?x=1", one("/p?x=1")),
            (b"rd=/p;rd=/q", one("/p;rd=/q")),
            (b"rd=/p&rd=/p", Param::Repeated),
            (b"rd=/p&%72d", Param::Repeated),
        ] {
            assert_eq!(param(query, "rd"), rd, "{}", query.escape_ascii());
        }
    }

    #[test]
    fn a_query_beyond_the_limit_is_empty() {
        let long = |spare: usize| format!("rd=/p&{}", "x".repeat(MAX_QUERY - 6 - spare));
        assert_eq!(param(long(0).as_bytes(), "rd"), one("/p"));
        assert_eq!(param(format!("{}x", long(0)).as_bytes(), "rd"), Param::Absent);
    }

    #[test]
    fn a_signature_is_true_in_any_case_and_the_first_value_counts() {
        for (query, expected) in [
            ("X-authentik-auth-callback=true", Some(Signature::Callback)),
            ("X-authentik-auth-callback=TrUe&code=c&state=s", Some(Signature::Callback)),
            ("a=b&X-authentik-auth-callback=true", Some(Signature::Callback)),
            ("X%2Dauthentik-auth-callback=%74rue", Some(Signature::Callback)),
            ("X-authentik-logout=true&X-authentik-auth-callback=true", Some(Signature::Callback)),
            ("X-authentik-auth-callback=false&X-authentik-logout=true", Some(Signature::Logout)),
            ("X-authentik-logout=true&X-authentik-logout=false", Some(Signature::Logout)),
            ("X-authentik-logout=false&X-authentik-logout=true", None),
            ("x-authentik-auth-callback=true", None),
            ("X-authentik-auth-callback", None),
            ("X-authentik-auth-callback=1", None),
            ("X-authentik-auth-callback=true ", None),
            ("y=X-authentik-auth-callback=true", None),
            ("y=1?X-authentik-auth-callback=true", None),
            ("y=1;X-authentik-logout=true", None),
            ("", None),
        ] {
            assert_eq!(signature(query.as_bytes()), expected, "{query}");
        }
    }
}
