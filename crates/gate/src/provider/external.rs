//! `external_host`, the application's public URL, and the cookie domain that must cover it.

use url::Url;

use super::settings::missing;
use super::web_url::web_url;
use super::{Mode, SettingsError};

/// The parsed `external_host`.
#[derive(Debug, Clone)]
pub struct External {
    /// As typed, where authentik compares bytes.
    pub typed: String,
    /// As parsed by a browser.
    pub url: Url,
    /// `scheme://host[:port]` as a browser writes it, without a trailing slash.
    pub origin: String,
    /// The redirect URI registered by authentik: URL join of the typed value, see
    /// `External::parse`.
    pub redirect_uri: String,
    /// Path prefix of the native endpoints: `/outpost.goauthentik.io/`, or below a sub-path.
    pub endpoints_path: String,
}

impl External {
    /// Parses `external_host`.
    ///
    /// The redirect URI is the one that authentik registers: `urljoin(external_host,
    /// "outpost.goauthentik.io/callback")`, which drops the last path segment unless the path ends
    /// with a slash (docs/protocol.md §1.3), with host and port as typed.
    ///
    /// # Errors
    /// Not an http or https URL, or it has a user, query or fragment.
    pub fn parse(typed: &str) -> Result<Self, SettingsError> {
        const KEY: &str = "external_host";
        let url = web_url(KEY, typed, "https://wiki.example.com")?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(SettingsError {
                key: KEY,
                message: format!("\"{typed}\" has a query or fragment; write scheme and host only"),
            });
        }
        // After "scheme://", the path begins at the first slash.
        let authority = typed.find("://").map_or(0, |at| at + 3);
        let path_at = typed
            .get(authority..)
            .and_then(|rest| rest.find('/'))
            .map_or(typed.len(), |at| authority + at);
        let (typed_origin, typed_path) = typed.split_at(path_at);
        let directory = typed_path.rfind('/').map_or("/", |at| typed_path.split_at(at + 1).0);
        let endpoints_path = format!("{directory}{}", ENDPOINTS_PATH.trim_start_matches('/'));

        Ok(Self {
            typed: typed.to_owned(),
            origin: url.origin().ascii_serialization(),
            redirect_uri: format!(
                "{typed_origin}{endpoints_path}callback?X-authentik-auth-callback=true"
            ),
            endpoints_path,
            url,
        })
    }
}

impl External {
    /// The public URL of an endpoint of the provider, by the last part of its path.
    #[must_use]
    pub fn endpoint_url(&self, end: &str) -> String {
        format!("{}{}{end}", self.origin, self.endpoints_path)
    }

    /// Whether it uses https.
    pub(super) fn is_secure(&self) -> bool {
        self.url.scheme() == "https"
    }
}

/// The domain of every cookie: without leading dot, lower case, covering `external_host`.
pub(super) fn cookie_domain(
    typed: Option<&str>,
    external: &External,
    mode: Mode,
) -> Result<Option<String>, SettingsError> {
    match (mode, typed) {
        (_, Some(typed)) => covering(typed, external, mode).map(Some),
        (Mode::ForwardDomain, None) => {
            Err(missing(COOKIE_DOMAIN, "mode forward_domain needs the common domain"))
        }
        (Mode::ForwardSingle | Mode::Proxy, None) => Ok(None),
    }
}

fn covering(typed: &str, external: &External, mode: Mode) -> Result<String, SettingsError> {
    let wrong =
        |what: String| SettingsError { key: COOKIE_DOMAIN, message: format!("\"{typed}\" {what}") };
    let domain = typed.trim_start_matches('.').to_ascii_lowercase();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if domain.is_empty() || !domain.chars().all(plain) {
        return Err(wrong("is not a domain; write e.g. example.com".to_owned()));
    }
    let host = external.url.host_str().unwrap_or_default();
    let below = host.strip_suffix(domain.as_str()).is_some_and(|h| h.ends_with('.'));
    // The browser would drop all cookies set on the way back from authentik.
    if host != domain && !below {
        return Err(wrong(format!("does not cover external_host \"{}\"", external.typed)));
    }
    if (mode == Mode::ForwardDomain || host != domain) && !domain.contains('.') {
        return Err(wrong("is a top-level domain; browsers refuse its cookies".to_owned()));
    }
    Ok(domain)
}

/// Prefix of cookie names that browsers accept only from the host itself: a sibling's `Domain`
/// cookie cannot use it.
pub(crate) const HOST_PREFIX: &str = "__Host-";

/// Prefix of every native endpoint of an application at the root of its host.
pub const ENDPOINTS_PATH: &str = "/outpost.goauthentik.io/";

const COOKIE_DOMAIN: &str = "cookie_domain";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_redirect_uri_is_the_one_that_authentik_registered() {
        // Vectors: docs/protocol.md §1.3.
        for (external, redirect, endpoints) in [
            ("https://h", "https://h/outpost.goauthentik.io/callback", "/outpost.goauthentik.io/"),
            ("https://h/", "https://h/outpost.goauthentik.io/callback", "/outpost.goauthentik.io/"),
            (
                "http://H:80",
                "http://H:80/outpost.goauthentik.io/callback",
                "/outpost.goauthentik.io/",
            ),
            (
                "http://h/app",
                "http://h/outpost.goauthentik.io/callback",
                "/outpost.goauthentik.io/",
            ),
            (
                "http://h/app/",
                "http://h/app/outpost.goauthentik.io/callback",
                "/app/outpost.goauthentik.io/",
            ),
            (
                "http://[::1]:8/a/b",
                "http://[::1]:8/a/outpost.goauthentik.io/callback",
                "/a/outpost.goauthentik.io/",
            ),
        ] {
            let parsed = External::parse(external).unwrap();
            assert_eq!(parsed.redirect_uri, format!("{redirect}?X-authentik-auth-callback=true"));
            assert_eq!(parsed.endpoints_path, endpoints);
        }
    }
}
