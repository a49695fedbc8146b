//! A provider as configured, and what is wrong with it.

use std::fmt;
use std::sync::Arc;

use super::terms::Terms;
use super::web_url::web_url;
use crate::paths::UnauthPaths;
use crate::secret::Secret;

/// A provider as configured, unchecked.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `authentik_provider NAME`, or its name in authentik.
    pub name: String,
    /// Name of its outpost; empty if it is defined in nginx.
    pub outpost: String,
    /// `issuer`, a URL: `https://host/application/o/<slug>/`, or `https://host/` in global mode.
    pub issuer: String,
    /// OAuth2 client.
    pub client_id: String,
    /// Client authentication and HS256 key.
    pub client_secret: Option<Secret>,
    /// Public URL of the application, as typed: the registered redirect URI is built from it.
    pub external_host: String,
    /// How requests are matched and cookies are scoped.
    pub mode: Mode,
    /// `cookie_domain`, with or without a leading dot.
    pub cookie_domain: Option<String>,
    /// Key material for login states; defaults to the client secret.
    pub cookie_secret: Option<Secret>,
    /// Paths that pass without a session.
    pub unauth_paths: UnauthPaths,
    /// Scopes to request, in this order.
    pub scope: Vec<String>,
    /// Application slug, for `X-authentik-meta-app` and discovery in global issuer mode.
    pub application: Option<String>,
    /// Endpoints given in the configuration.
    pub endpoints: GivenEndpoints,
    /// How authentik's certificate is verified.
    pub trust: Trust,
    /// `internal_host`: the upstream in proxy mode.
    pub internal_host: Option<String>,
    /// `basic_auth`: attributes with user name and password for HTTP Basic to the application.
    pub basic_auth: Option<(String, String)>,
    /// `cookie_samesite`.
    pub cookie_samesite: Option<SameSite>,
    /// `intercept_header_auth`, on by default.
    pub intercept_header_auth: Option<bool>,
    /// `post_logout_redirect_uri`: the default target of a sign-out.
    pub post_logout_redirect_uri: Option<String>,
    /// `session_lifetime`, `recheck`, `idle_timeout`, `refresh`.
    pub terms: Terms,
}

/// Endpoints given in the configuration; the others come from discovery.
#[derive(Clone, Debug, Default)]
pub struct GivenEndpoints {
    /// Where the browser signs in.
    pub authorization: Option<String>,
    /// Where codes are exchanged.
    pub token: Option<String>,
    /// Where presented tokens are checked.
    pub introspection: Option<String>,
    /// Where refresh tokens are revoked.
    pub revocation: Option<String>,
    /// Where the browser signs out.
    pub end_session: Option<String>,
    /// Signing keys.
    pub jwks: Option<String>,
}

impl GivenEndpoints {
    /// Whether nothing needs to be discovered.
    #[must_use]
    pub fn suffice(&self) -> bool {
        self.authorization.is_some() && self.token.is_some() && self.end_session.is_some()
    }

    /// Rejects the first one that is not an http or https URL.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        for (key, given) in [
            ("authorization_endpoint", &self.authorization),
            ("token_endpoint", &self.token),
            ("introspection_endpoint", &self.introspection),
            ("revocation_endpoint", &self.revocation),
            ("end_session_endpoint", &self.end_session),
            ("jwks_uri", &self.jwks),
        ] {
            if let Some(given) = given {
                web_url(key, given, "https://sso.example.com/application/o/…/")?;
            }
        }
        Ok(())
    }
}

/// How a provider guards applications (authentik's `mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Forward auth, single application.
    #[default]
    ForwardSingle,
    /// Forward auth, domain level.
    ForwardDomain,
    /// Proxy.
    Proxy,
}

/// Which cross-site requests include the session cookie (RFC 6265bis §5.8.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// All, including frames and forms.
    None,
    /// Only those from following a link.
    #[default]
    Lax,
    /// No cross-site requests.
    Strict,
}

impl SameSite {
    /// `cookie_samesite`. `None` if the word is unknown.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::None),
            "lax" => Some(Self::Lax),
            "strict" => Some(Self::Strict),
            _ => None, // lint: a text, not an enum
        }
    }

    /// `None` requires https; a default for many providers must not reject the http ones.
    pub(crate) fn or_lax(self, external_host: &str) -> Self {
        let is_secure = web_url("", external_host, "").is_ok_and(|url| url.scheme() == "https");
        if self == Self::None && !is_secure { Self::Lax } else { self }
    }

    /// For cookies of a sign-in: authentik, possibly another site, sends the browser back.
    #[must_use]
    pub(crate) const fn of_sign_in(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Lax | Self::Strict => Self::Lax,
        }
    }
}

/// How authentik's TLS certificate is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Against the system's certificate authorities.
    #[default]
    System,
    /// Against these authorities, PEM.
    Authorities(Arc<[u8]>),
    /// Not at all (`ssl_verify off`).
    Anything,
}

/// A mistake in the settings: the key, what is wrong and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    /// The configuration key, e.g. `external_host`.
    pub key: &'static str,
    /// The sentence after the key, without a trailing period.
    pub message: String,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

pub(super) fn insecure(external_host: &str) -> SettingsError {
    SettingsError {
        key: "cookie_samesite",
        message: format!(
            "none needs an https external_host, and this one is \"{external_host}\": browsers accept \
             such cookies over TLS only; use lax"
        ),
    }
}

pub(super) fn missing(key: &'static str, cure: &str) -> SettingsError {
    SettingsError { key, message: format!("is missing: {cure}") }
}

/// A scope, and what is missing without it.
const USED_SCOPES: [(&str, &str); 4] = [
    ("profile", "every sign-in is refused, since tokens have no user name"),
    ("email", "X-authentik-email is empty"),
    (
        "entitlements",
        "X-authentik-entitlements is empty and no authentik_require entitlement is met",
    ),
    (
        "ak_proxy",
        "users have no attributes: no basic_auth, no additionalHeaders, no host or backend of their own",
    ),
];

/// Scopes that headers need but `scope` lacks, each with the consequence. The tokens may have the
/// claims anyway: authentik's scope mappings can be changed.
pub fn left_out(scope: &str) -> impl Iterator<Item = (&'static str, &'static str)> + '_ {
    let is_asked_for = |name: &str| scope.split(' ').any(|asked| asked == name);
    USED_SCOPES.into_iter().filter(move |(name, _)| !is_asked_for(name))
}

/// authentik's default scopes for proxy providers.
pub const DEFAULT_SCOPE: &str = "openid profile email entitlements ak_proxy";

/// The scope for refresh tokens.
pub(super) const OFFLINE_ACCESS: &str = "offline_access";
