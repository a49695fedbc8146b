//! Where a browser goes after signing in: never away from the hosts that the provider protects.
//!
//! A target is parsed by the rules that the browser will apply to our `Location` (WHATWG URL),
//! checked part by part, and serialised anew: what leaves this module is an absolute ASCII URL of
//! our own. The incoming string is never echoed (docs/protocol.md §4.2; S24 to S29 in
//! docs/security.md).

use std::fmt;

use url::Url;

use crate::provider::{Mode, Provider};
use crate::query;
use crate::text::percent_encode;

/// Maximum length of a target, in bytes, both as given and as serialised: 8 kB of path and query,
/// which is nginx's default limit, after the longest scheme, name and port.
pub const MAX_TARGET: usize = 8 * 1024 + ORIGIN;
const ORIGIN: usize = "https://".len() + 253 + ":65535".len();

/// An absolute http or https URL on a host of the provider: checked, normalised, ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectTarget(String);

/// Why a target is rejected. For what happens then, see [`crate::destination`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectFlaw {
    /// Longer than [`MAX_TARGET`].
    TooLong,
    /// Contains a control character: browsers drop tabs and line ends, other readers do not.
    ControlCharacter,
    /// Not a URL, or a relative one although the provider has several hosts.
    NotAUrl,
    /// Neither http nor https.
    NotWeb,
    /// Contains a user name or password.
    UserInfo,
    /// On another host or port.
    ForeignHost,
    /// One of our own endpoints: the sign-in would end in another one, or in a sign-out.
    OwnEndpoint,
}

impl RedirectTarget {
    /// Checks a target from outside: the `rd` parameter, or one that comes back in a login state.
    ///
    /// Proxy and `forward_single`: relative to `external_host`, with the same host and port (a
    /// default port equals none). An http link to an https application is accepted and becomes
    /// https, since its cookies are `Secure` and would not be sent to the http one; generally the
    /// scheme of `external_host` is used. `forward_domain`: absolute, on `cookie_domain` itself or
    /// a host below it, with any port; http becomes https if cookies are `Secure`.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(rd: &str, provider: &Provider) -> Result<Self, RedirectFlaw> {
        if rd.len() > MAX_TARGET {
            return Err(RedirectFlaw::TooLong);
        }
        if rd.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(RedirectFlaw::ControlCharacter);
        }
        let parsed = match provider.mode {
            Mode::Proxy | Mode::ForwardSingle => provider.external.url.join(rd),
            Mode::ForwardDomain => Url::parse(rd),
        };
        let mut url = parsed.map_err(|_| RedirectFlaw::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(RedirectFlaw::NotWeb);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RedirectFlaw::UserInfo);
        }
        if !is_guarded(&url, provider) {
            return Err(RedirectFlaw::ForeignHost);
        }
        use_scheme_of(provider, &mut url)?;
        if is_own_endpoint(&url, provider) {
            return Err(RedirectFlaw::OwnEndpoint);
        }
        if url.as_str().len() > MAX_TARGET {
            return Err(RedirectFlaw::TooLong);
        }
        Ok(Self(url.into()))
    }

    /// The requested page, from the raw request URI (path and query as sent) and, only in
    /// `forward_domain`, the request's host with its port.
    ///
    /// # Errors
    /// Not a valid target: the absolute form, a foreign host, or a URI that is too long.
    pub fn of_request(
        provider: &Provider,
        host: &[u8],
        raw_request_uri: &[u8],
    ) -> Result<Self, RedirectFlaw> {
        // "http://host?query" has an empty path: the absolute form may request the root like this.
        let root: &[u8] = if raw_request_uri.starts_with(b"?") { b"/" } else { b"" };
        if !raw_request_uri.starts_with(b"/") && root.is_empty() {
            return Err(RedirectFlaw::NotAUrl);
        }
        let mut target = match provider.mode {
            Mode::Proxy | Mode::ForwardSingle => provider.external.origin.clone().into_bytes(),
            Mode::ForwardDomain => {
                let host = std::str::from_utf8(host).ok().filter(|host| is_host_and_port(host));
                let host = host.ok_or(RedirectFlaw::NotAUrl)?;
                format!("{}://{host}", provider.external.url.scheme()).into_bytes()
            }
        };
        for byte in root.iter().chain(raw_request_uri) {
            if target.len() > MAX_TARGET {
                return Err(RedirectFlaw::TooLong);
            }
            match byte {
                // A byte that is not a character stays as it is: the application may use Latin-1.
                b'!'..=b'~' => target.push(*byte),
                byte => percent_encode(&mut target, &[*byte]),
            }
        }
        Self::parse(&String::from_utf8(target).map_err(|_| RedirectFlaw::NotAUrl)?, provider)
    }

    /// `external_host`, with its path if it has one.
    #[must_use]
    pub fn external_root(provider: &Provider) -> Self {
        Self(provider.external.url.as_str().to_owned())
    }

    /// The URL, for `Location`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the URL is on a host of this provider. Compares parsed parts, never prefixes.
fn is_guarded(url: &Url, provider: &Provider) -> bool {
    match (provider.mode, provider.cookie_domain.as_deref()) {
        (Mode::Proxy | Mode::ForwardSingle, _) => {
            let external = &provider.external.url;
            url.host().is_some() && url.host() == external.host() && url.port() == external.port()
        }
        (Mode::ForwardDomain, Some(domain)) => url.domain().is_some_and(|host| {
            let below = host.strip_suffix(domain).is_some_and(|label| label.ends_with('.'));
            (host == domain || below) && !host.split('.').any(str::is_empty)
        }),
        (Mode::ForwardDomain, None) => false,
    }
}

fn use_scheme_of(provider: &Provider, url: &mut Url) -> Result<(), RedirectFlaw> {
    let scheme = match provider.mode {
        Mode::Proxy | Mode::ForwardSingle => provider.external.url.scheme(),
        Mode::ForwardDomain if provider.secure_cookies() => "https",
        Mode::ForwardDomain => return Ok(()),
    };
    url.set_scheme(scheme).map_err(|()| RedirectFlaw::NotWeb)
}

fn is_own_endpoint(url: &Url, provider: &Provider) -> bool {
    url.path().starts_with(&provider.external.endpoints_path)
        || url.query().is_some_and(|query| query::signature(query.as_bytes()).is_some())
}

/// Only characters that a `Host` header may contain, so no other part of a URL fits in.
fn is_host_and_port(host: &str) -> bool {
    !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':'))
}

impl fmt::Display for RedirectFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "longer than 8 kB",
            Self::ControlCharacter => "contains a control character",
            Self::NotAUrl => "not an absolute URL",
            Self::NotWeb => "neither http nor https",
            Self::UserInfo => "contains a user name or password",
            Self::ForeignHost => "on another host or port",
            Self::OwnEndpoint => "one of the module's own endpoints",
        })
    }
}

#[cfg(test)]
mod tests;
