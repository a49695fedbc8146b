//! Faults on demand, for tests.

use std::time::Duration;

use serde_json::Value;

/// The endpoint a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `…/.well-known/openid-configuration`
    Discovery,
    /// `/application/o/authorize/`
    Authorize,
    /// `/application/o/token/`
    Token,
    /// `/application/o/introspect/`
    Introspect,
    /// `…/jwks/`
    Jwks,
    /// `/application/o/userinfo/`
    Userinfo,
    /// `/application/o/revoke/`
    Revoke,
    /// `…/end-session/`
    EndSession,
    /// `/api/v3/outposts/instances/`
    Instances,
    /// `/api/v3/outposts/proxy/`, every page
    Providers,
    /// The same, only this page
    ProvidersPage(u32),
    /// `/api/v3/crypto/certificatekeypairs/…`
    Certificates,
    /// `/api/v3/root/config/`
    RootConfig,
    /// `/api/v3/events/events/`
    Events,
    /// Everything under `/api/v3/`
    Api,
    /// The handshake of `/ws/outpost/…`
    WebSocket,
    /// Everything.
    Any,
}

impl Endpoint {
    /// Whether this path belongs to the endpoint.
    pub(crate) fn covers(self, path: &str, page: Option<&str>) -> bool {
        match self {
            Self::Discovery => path.ends_with("/.well-known/openid-configuration"),
            Self::Authorize => path == "/application/o/authorize/",
            Self::Token => path == "/application/o/token/",
            Self::Introspect => path == "/application/o/introspect/",
            Self::Jwks => path.ends_with("/jwks/"),
            Self::Userinfo => path == "/application/o/userinfo/",
            Self::Revoke => path == "/application/o/revoke/",
            Self::EndSession => path.ends_with("/end-session/"),
            Self::Instances => path == "/api/v3/outposts/instances/",
            Self::Providers => path == PROVIDERS,
            Self::ProvidersPage(number) => {
                path == PROVIDERS && page.unwrap_or("1") == number.to_string()
            }
            Self::Certificates => path.starts_with("/api/v3/crypto/certificatekeypairs/"),
            Self::RootConfig => path == "/api/v3/root/config/",
            Self::Events => path == "/api/v3/events/events/",
            Self::Api => path.starts_with("/api/v3/"),
            Self::WebSocket => path.starts_with("/ws/"),
            Self::Any => true,
        }
    }
}

const PROVIDERS: &str = "/api/v3/outposts/proxy/";

/// What goes wrong. `WrongIssuer` and those after it change the tokens that the token endpoint
/// issues (for `WrongIssuer` also the metadata, for two others the key set); the others replace the response.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The right response, delayed.
    Slow(Duration),
    /// No response; the connection stays open.
    Hang,
    /// The connection is closed; the request had no effect.
    Hangup,
    /// Random bytes instead of HTTP; the request had no effect.
    Garbage,
    /// The right response, truncated in the middle of its body; the request had its effect.
    Truncated,
    /// 200 with content type JSON and a body that is not JSON.
    NotJson,
    /// This status with an HTML page, as from a reverse proxy in trouble.
    HtmlError(u16),
    /// This status, without a body.
    Status(u16),
    /// A body of this many bytes: valid JSON with a long member.
    HugeBody(usize),
    /// An empty API list, as seen by a token without permissions.
    NoOutposts,
    /// Authorize: redirects to the redirect URI with this error.
    ErrorRedirect(String),

    /// Another issuer.
    WrongIssuer,
    /// Another audience.
    WrongAudience,
    /// One bit of the signature flipped.
    WrongSignature,
    /// The header says RS256, the signature is HMAC with the client secret (or, for an RS256
    /// provider, HS256 keyed with the public modulus): the classic algorithm confusion.
    WrongAlg,
    /// `alg` is `none`, the signature empty.
    AlgNone,
    /// A key id that is in no key set.
    UnknownKid,
    /// No key id, neither in tokens nor, at [`Endpoint::Jwks`], in the key set.
    NoKid,
    /// These keys in front of the provider's own in the key set.
    MoreKeys(Vec<Value>),
    /// `exp` one hour ago.
    Expired,
    /// No `exp`.
    MissingExp,
    /// No `nonce`.
    NoNonce,
    /// Another `nonce`.
    WrongNonce,
    /// No `access_token` in the response.
    OmitAccessToken,
    /// Sets this claim, or removes it (`None`).
    Claim(String, Option<Value>),
}

/// A fault at an endpoint, permanent or for a number of requests.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) at: Endpoint,
    pub(crate) fault: Fault,
    pub(crate) requests_left: Option<u32>,
}

/// The faults that apply to a request for this path and page; counts the request.
pub(crate) fn take(planned: &mut Vec<Planned>, path: &str, page: Option<&str>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for plan in planned.iter_mut().filter(|plan| plan.at.covers(path, page)) {
        faults.push(plan.fault.clone());
        if let Some(left) = &mut plan.requests_left {
            *left = left.saturating_sub(1);
        }
    }
    planned.retain(|plan| plan.requests_left != Some(0));
    faults
}
