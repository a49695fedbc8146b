//! Forward authentication: another reverse proxy asks whether it may let a request through
//! (docs/protocol.md §9).
//!
//! The provider, unauthenticated paths and the target of a sign-in all depend on the same
//! [`ForwardUrl`]. Anything that could be read as two URLs is rejected.

mod url;

#[cfg(test)]
mod tests;

use crate::paths::{PathFacts, Subject};
use crate::provider::{Mode, Provider};
use crate::request::{RequestFacts, of_domain};
use crate::sender::Sender;

pub use url::{Asked, ForwardFlaw, ForwardUrl, Forwarded, Said};

/// Directory of the endpoints. A proxy that guards everything asks about them too.
pub const OPEN_DIRECTORY: &str = "/outpost.goauthentik.io";

/// Where proxies ask.
const AUTH: &[u8] = b"/outpost.goauthentik.io/auth/";

/// What other proxies send before the path that they were asked for.
const ENVOY: &[u8] = b"envoy";

/// The kind of proxy that asks: each says in its own way what it was asked for, and knows what to do
/// with some answers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontEnd {
    /// `auth_request`: knows yes and no. Says `X-Original-URL`.
    Nginx,
    /// `forwardAuth`: hands any other answer on to the browser. Says `X-Forwarded-…`.
    Traefik,
    /// `forward_auth`: as Traefik.
    Caddy,
    /// `ext_authz`: as Traefik. Sends the request's own `Host`, and its target behind a prefix.
    Envoy,
}

impl FrontEnd {
    /// The proxy whose endpoint this is. `path` is nginx's normalised URI, `raw` the path as it was
    /// sent: they must agree, since Envoy lets its visitors write the end of both.
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

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Traefik => "Traefik",
            Self::Caddy => "Caddy",
            Self::Envoy => "Envoy",
        }
    }

    /// Whether it hands redirects on to the browser.
    #[must_use]
    pub const fn redirects(self) -> bool {
        match self {
            Self::Nginx => false,
            Self::Traefik | Self::Caddy | Self::Envoy => true,
        }
    }

    /// Whether the callback and the sign-out may come as part of the URL it tells. Envoy's are part of
    /// the request itself; with nginx they have a location of their own.
    #[must_use]
    pub const fn tells_signatures(self) -> bool {
        match self {
            Self::Traefik | Self::Caddy => true,
            Self::Nginx | Self::Envoy => false,
        }
    }
}

/// Whether Envoy asks about a path that climbs out of Envoy's own endpoint, e.g. `/../../x`: what
/// answers there knows nothing of a question, and a page would be a yes.
#[must_use]
pub fn climbs_out(path: &[u8], raw: &[u8]) -> bool {
    FrontEnd::named(raw) == Some(FrontEnd::Envoy) && FrontEnd::named(path) != Some(FrontEnd::Envoy)
}

/// The request that the other proxy was sent, as the gate judges it.
#[derive(Debug)]
pub struct ForwardRequest<'u> {
    url: &'u ForwardUrl<'u>,
    mode: Mode,
    site: Vec<u8>,
    visitor: Sender,
}

impl<'u> ForwardRequest<'u> {
    /// `host` is the name in the `Host` of the question, in lower case and without port; `visitor` is
    /// who waits behind the proxy.
    #[must_use]
    pub fn new(
        url: &'u ForwardUrl<'u>,
        provider: &Provider,
        front_end: FrontEnd,
        host: &[u8],
        visitor: Sender,
    ) -> Self {
        let of = |host: &[u8], port| of_domain(provider, url.scheme(), host, port);
        // The recipe for nginx has `Host $host` and `X-Original-URL …$http_host…`. They differ when a
        // visitor sends the absolute form, and then who knows which of them is served.
        let ambiguous =
            front_end == FrontEnd::Nginx && host != url.host() && !of(host, None).is_empty();
        let site = if ambiguous { Vec::new() } else { of(url.host(), url.port()) };
        Self { url, mode: provider.mode, site, visitor }
    }
}

impl RequestFacts for ForwardRequest<'_> {
    /// Each kind of proxy has its own form of a refusal, whoever waits behind it.
    fn sender(&self) -> Sender {
        match self.visitor {
            Sender::Nobody => Sender::Nobody,
            Sender::Navigation | Sender::Submission | Sender::Frame | Sender::Program => {
                Sender::Program
            }
        }
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
