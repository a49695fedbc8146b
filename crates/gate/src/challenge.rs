//! `WWW-Authenticate` of a 401 (RFC 9110 §15.5.2): which credentials are accepted. Git, CalDAV and
//! other clients send their password only when challenged.

use url::Position;

use crate::credentials;
use crate::provider::Provider;
use crate::reason::Reason;
use crate::sender::SenderHints;

/// Header name.
pub const NAME: &str = "WWW-Authenticate";

/// Header values, one line each. `Basic` comes first, since some clients look at the first one
/// only. It is never sent to a browser, which would prompt for a password the user does not have.
///
/// `authorization` is the request's `Authorization` header.
#[must_use]
pub fn challenges(
    provider: &Provider,
    hints: &SenderHints<'_>,
    reason: Reason,
    authorization: Option<&[u8]>,
) -> Vec<String> {
    let realm = realm(provider);
    let basic = (!hints.is_of_browser()).then(|| format!("Basic {realm}, charset=\"UTF-8\""));
    let refused =
        reason == Reason::CredentialsRejected && authorization.is_some_and(credentials::is_bearer);
    let bearer = match refused {
        true => format!("Bearer {realm}, {INVALID_TOKEN}"),
        false => format!("Bearer {realm}"),
    };
    basic.into_iter().chain([bearer]).collect()
}

/// RFC 6750 §3.1.
const INVALID_TOKEN: &str = "error=\"invalid_token\", \
    error_description=\"authentik does not accept this token for this application\"";

/// The application's host, which the client already knows. The provider's name is not disclosed.
fn realm(provider: &Provider) -> String {
    let url = &provider.external.url;
    let host = &url[Position::BeforeHost..Position::AfterPort];
    // A quoted-string (RFC 9110 §5.6.4).
    let quoted = host.replace('\\', "\\\\").replace('"', "\\\"");
    format!("realm=\"{quoted}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{provider, provider_at};

    fn of(headers: &[(&str, &str)], reason: Reason, authorization: Option<&str>) -> Vec<String> {
        let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let hints = SenderHints::gather(b"GET", headers);
        challenges(&provider(), &hints, reason, authorization.map(str::as_bytes))
    }

    #[test]
    fn basic_is_for_programs_only_and_bearer_for_all() {
        const BASIC: &str = "Basic realm=\"ext.example\", charset=\"UTF-8\"";
        const BEARER: &str = "Bearer realm=\"ext.example\"";
        for (headers, is_program) in [
            (&[][..], true),
            (&[("accept", "*/*"), ("user-agent", "git/2.47.3"), ("accept-language", "de")], true),
            (&[("x-requested-with", "com.example.app")], true),
            (&[("x-requested-with", "XMLHttpRequest")], false),
            (&[("sec-fetch-mode", "cors")], false),
            (&[("sec-fetch-dest", "image")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-storage-access", "active")], false),
            // Over plain http browsers send no Fetch Metadata.
            (&[("accept", "image/*"), ("referer", "http://ext.example/")], false),
            (&[("origin", "http://ext.example")], false),
            (&[("accept", "text/html")], false),
            (&[("purpose", "prefetch")], false),
        ] {
            let expected = if is_program { &[BASIC, BEARER][..] } else { &[BEARER] };
            assert_eq!(of(headers, Reason::NoSession, None), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_token_that_is_refused_is_called_so_and_a_password_is_not() {
        let error = |reason, authorization| {
            let all = of(&[], reason, authorization);
            all.iter().any(|one| one.starts_with("Bearer ") && one.contains("\"invalid_token\""))
        };
        assert!(error(Reason::CredentialsRejected, Some("Bearer x")));
        assert!(error(Reason::CredentialsRejected, Some("bearer x")));
        assert!(!error(Reason::CredentialsRejected, Some("Basic eDp5")));
        // The token was not checked: RFC 6750 section 3.1 wants no error then.
        assert!(!error(Reason::UnknownSession, Some("Bearer x")));
        assert!(!error(Reason::NoSession, None));
    }

    #[test]
    fn no_host_ends_the_quotes() {
        for (url, expected) in [
            ("https://wiki.example.com:8443/app/", "wiki.example.com:8443"),
            ("https://[::1]/", "[::1]"),
            ("http://a\"b.example/", "a\\\"b.example"),
        ] {
            assert_eq!(realm(&provider_at(url)), format!("realm=\"{expected}\""), "{url}");
        }
    }
}
