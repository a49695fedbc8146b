//! Forward authentication: another reverse proxy asks whether to let a request through
//! (docs/protocol.md §9).
//!
//! The provider, unauthenticated paths and the target of a sign-in all come from the same
//! [`ForwardUrl`]. Anything that could be read as two URLs is rejected.

mod url;

#[cfg(test)]
mod tests;

use crate::paths::{PathFacts, Subject};
use crate::provider::{Mode, Provider};
use crate::request::{RequestFacts, of_domain};
use crate::sender::{Sender, SenderHints};

pub use url::{Asked, ForwardFlaw, ForwardUrl, Forwarded, Said};

/// Directory of the endpoints. A proxy that guards everything asks about these too.
pub const OPEN_DIRECTORY: &str = "/outpost.goauthentik.io";

/// Prefix of the paths that proxies ask at.
const AUTH: &[u8] = b"/outpost.goauthentik.io/auth/";

/// End of Envoy's prefix, which precedes the requested path.
const ENVOY: &[u8] = b"envoy";

/// The proxy that asks. Each has its own way to report the requested URL, and handles only some
/// responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontEnd {
    /// `auth_request`: understands only yes and no. Sends `X-Original-URL`.
    Nginx,
    /// `forwardAuth`: passes any other response on to the browser. Sends `X-Forwarded-…`.
    Traefik,
    /// `forward_auth`: like Traefik.
    Caddy,
    /// `ext_authz`: like Traefik, but sends the request's own `Host` and prefixes its target.
    Envoy,
}

impl FrontEnd {
    /// The proxy whose endpoint this is. `path` is nginx's normalised URI, `raw` the path as sent.
    /// They must agree, since with Envoy the visitor controls the end of both.
    #[must_use]
    pub fn of(path: &[u8], raw: &[u8]) -> Option<Self> {
        let found = Self::named(path)?;
        (Self::named(raw) == Some(found)).then_some(found)
    }

    fn named(path: &[u8]) -> Option<Self> {
        match path.strip_prefix(AUTH)? {
            b"nginx" => Some(Self::Nginx),
            b"traefik" => Some(Self::Traefik),
            b"caddy" => Some(Self::Caddy),
            rest => {
                let below = rest.strip_prefix(ENVOY)?;
                (below.is_empty() || below.starts_with(b"/")).then_some(Self::Envoy)
            }
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Traefik => "Traefik",
            Self::Caddy => "Caddy",
            Self::Envoy => "Envoy",
        }
    }

    /// Whether it passes redirects on to the browser.
    #[must_use]
    pub const fn redirects(self) -> bool {
        match self {
            Self::Nginx => false,
            Self::Traefik | Self::Caddy | Self::Envoy => true,
        }
    }

    /// Whether callback and sign-out may be part of the URL it reports. With Envoy they are part of
    /// the request itself; with nginx they have their own location.
    #[must_use]
    pub const fn tells_signatures(self) -> bool {
        match self {
            Self::Traefik | Self::Caddy => true,
            Self::Nginx | Self::Envoy => false,
        }
    }
}

/// Whether Envoy asks about a path that leaves Envoy's own endpoint, e.g. `/../../x`. The location
/// there does not know that it is being asked, and Envoy would take any page for a yes.
#[must_use]
pub fn climbs_out(path: &[u8], raw: &[u8]) -> bool {
    FrontEnd::named(raw) == Some(FrontEnd::Envoy) && FrontEnd::named(path) != Some(FrontEnd::Envoy)
}

/// The original request of the other proxy, as the gate judges it.
#[derive(Debug)]
pub struct ForwardRequest<'u> {
    url: &'u ForwardUrl<'u>,
    mode: Mode,
    site: Vec<u8>,
    visitor: Sender,
    is_navigation: bool,
}

impl<'u> ForwardRequest<'u> {
    /// `host` is the name in the question's `Host`, in lower case, without port; `visitor` is what
    /// is known of the client of the other proxy.
    #[must_use]
    pub fn new(
        url: &'u ForwardUrl<'u>,
        provider: &Provider,
        front_end: FrontEnd,
        host: &[u8],
        visitor: &SenderHints<'_>,
    ) -> Self {
        let of = |host: &[u8], port| of_domain(provider, url.scheme(), host, port);
        // The nginx recipe sets `Host $host` and `X-Original-URL …$http_host…`. These differ if the
        // client sends the absolute form, and then it is unclear which one is served.
        let ambiguous =
            front_end == FrontEnd::Nginx && host != url.host() && !of(host, None).is_empty();
        let site = if ambiguous { Vec::new() } else { of(url.host(), url.port()) };
        let sender = Sender::of(visitor);
        let is_navigation = sender == Sender::Navigation && !visitor.may_be_a_form();
        Self { url, mode: provider.mode, site, visitor: sender, is_navigation }
    }
}

impl RequestFacts for ForwardRequest<'_> {
    /// Each proxy has its own form of refusal, whoever its client is.
    fn sender(&self) -> Sender {
        match self.visitor {
            Sender::Nobody => Sender::Nobody,
            Sender::Navigation | Sender::Submission | Sender::Frame | Sender::Program => {
                Sender::Program
            }
        }
    }

    fn is_navigation(&self) -> bool {
        self.is_navigation
    }

    fn path(&self) -> PathFacts<'_> {
        let subject = match self.mode {
            Mode::ForwardSingle | Mode::Proxy => Subject::Path,
            Mode::ForwardDomain => Subject::Url {
                scheme: self.url.scheme(),
                host: &self.site,
                query: self.url.query(),
            },
        };
        PathFacts { normalized: self.url.normalized(), raw: self.url.path(), subject }
    }
}
