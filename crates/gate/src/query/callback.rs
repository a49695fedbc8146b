//! What authentik sends back with the browser.

use std::borrow::Cow;
use std::fmt;

use super::{CALLBACK, Pair, Param, pairs, single};
use crate::secret::Secret;

/// The parameters of a callback, in either form.
///
/// A success appends `&code=…&state=…` to the redirect URI. An error ignores that the URI already
/// has a query: `…?X-authentik-auth-callback=true?error=…&error_description=…&state=…`
/// (docs/protocol.md §4.3). An empty value counts as absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackQuery {
    /// Authorization code.
    pub code: Option<Secret>,
    /// The state as received, unchecked.
    pub state: Option<Secret>,
    /// Error code (RFC 6749 §4.1.2.1), printable ASCII, at most 64 characters.
    pub error: Option<String>,
    /// Its description, without control characters, at most 256 characters. Anybody can put any
    /// text into a link, so it is shown only once the state has proved to be ours.
    pub error_description: Option<String>,
}

/// Why a callback's query is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackFlaw {
    /// This parameter is repeated.
    Repeated(&'static str),
    /// This parameter is longer than any that authentik sends.
    TooLong(&'static str),
}

/// Maximum length of code or state, in bytes: authentik's codes have 32 characters, our states up
/// to 3,000.
const MAX_SECRET: usize = 4096;
const MAX_ERROR: usize = 64;
const MAX_DESCRIPTION: usize = 256;

impl CallbackQuery {
    /// Parses a query, the bytes after the first `?`.
    ///
    /// # Errors
    /// A parameter is repeated or too long.
    pub fn parse(query: &[u8]) -> Result<Self, CallbackFlaw> {
        let value = |name| match single(with_second_question_mark(query), name) {
            Param::Absent => Ok(None),
            Param::One(value) => Ok(Some(value).filter(|value| !value.is_empty())),
            Param::Repeated => Err(CallbackFlaw::Repeated(name)),
        };
        let secret = |name| match value(name)? {
            Some(value) if value.len() > MAX_SECRET => Err(CallbackFlaw::TooLong(name)),
            value => Ok(value.map(Secret::new)),
        };
        Ok(Self {
            code: secret("code")?,
            state: secret("state")?,
            error: value("error")?.map(|error| {
                error.chars().filter(char::is_ascii_graphic).take(MAX_ERROR).collect()
            }),
            error_description: value("error_description")?.map(|description| {
                description.chars().filter(|c| !c.is_control()).take(MAX_DESCRIPTION).collect()
            }),
        })
    }
}

/// The pairs; what follows a `?` in the signature's value becomes a pair of its own.
fn with_second_question_mark(query: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    pairs(query).flat_map(|(name, value)| {
        let hidden = (name == CALLBACK).then(|| value.split_once('?')).flatten();
        let hidden = hidden.map(|(_, pair)| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (Cow::Owned(name.to_owned()), Cow::Owned(value.to_owned()))
        });
        [Some((name, value)), hidden].into_iter().flatten()
    })
}

impl fmt::Display for CallbackFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeated(name) => write!(f, "parameter \"{name}\" is repeated"),
            Self::TooLong(name) => write!(f, "parameter \"{name}\" is longer than {MAX_SECRET}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> CallbackQuery {
        CallbackQuery::parse(query.as_bytes()).unwrap()
    }

    #[test]
    fn a_success_is_read() {
        let query = parse("X-authentik-auth-callback=true&code=0123abcd&state=b44ea687.x-_y");
        assert_eq!(query.code, Some(Secret::new("0123abcd")));
        assert_eq!(query.state, Some(Secret::new("b44ea687.x-_y")));
        assert_eq!((query.error, query.error_description), (None, None));
    }

    #[test]
    fn an_error_is_read_behind_the_second_question_mark_and_as_the_standard_writes_it() {
        // docs/protocol.md §4.3; RFC 6749 §4.1.2.1.
        for query in [
            "X-authentik-auth-callback=true?error=login_required&error_description=The%20\
             Authorization%20Server%20requires%20End-User%20authentication&state=APKN",
            "X-authentik-auth-callback=true&error=login_required&state=APKN&error_description=\
             The+Authorization+Server+requires+End-User+authentication",
        ] {
            let read = parse(query);
            assert_eq!(read.error.as_deref(), Some("login_required"), "{query}");
            assert_eq!(
                read.error_description.as_deref(),
                Some("The Authorization Server requires End-User authentication"),
            );
            assert_eq!(read.state, Some(Secret::new("APKN")), "{query}");
            assert_eq!(read.code, None);
        }
    }

    #[test]
    fn a_repeated_parameter_is_a_flaw_in_either_form() {
        for (query, name) in [
            ("code=a&code=b&state=s", "code"),
            ("code=a&state=s&state=s", "state"),
            ("code=a&c%6Fde=a", "code"),
            ("X-authentik-auth-callback=true?code=a&code=b", "code"),
            ("X-authentik-auth-callback=true?state=a&state=b", "state"),
            ("X-authentik-auth-callback=true?error=a&error=b", "error"),
            ("error_description=a&error_description=a", "error_description"),
        ] {
            let flaw = CallbackQuery::parse(query.as_bytes()).unwrap_err();
            assert_eq!(flaw, CallbackFlaw::Repeated(name), "{query}");
        }
    }

    #[test]
    fn empty_values_are_absent_and_endless_ones_a_flaw() {
        assert_eq!(parse("code=&state=").code, None);
        assert_eq!(parse("code=&state=").state, None);
        for name in ["code", "state"] {
            let query = |length| format!("{name}={}", "a".repeat(length));
            assert!(CallbackQuery::parse(query(MAX_SECRET).as_bytes()).is_ok());
            let flaw = CallbackQuery::parse(query(MAX_SECRET + 1).as_bytes()).unwrap_err();
            assert_eq!(flaw, CallbackFlaw::TooLong(name));
        }
    }

    #[test]
    fn error_texts_are_short_and_printable() {
        let long = "%0d%0a<b>%1b%20".repeat(100);
        let read = parse(&format!("error={long}&error_description={long}"));
        let (error, text) = (read.error.unwrap(), read.error_description.unwrap());
        assert!(error.starts_with("<b><b>") && error.len() == MAX_ERROR, "{error}");
        assert!(text.starts_with("<b> <b> ") && text.len() == MAX_DESCRIPTION, "{text}");
    }

    #[test]
    fn code_and_state_cannot_be_printed() {
        let printed = format!("{:?}", parse("code=hunter2&state=hunter3"));
        assert!(!printed.contains("hunter"), "{printed}");
    }
}
