//! One authentik Proxy Provider: its settings as given, and what is derived from them once.

mod external;
mod former;
mod issuer;
mod keys;
mod settings;
mod terms;
mod web_url;

use std::sync::OnceLock;

use crate::headers::ProviderHeaders;
use crate::paths::UnauthPaths;
use crate::secret::Secret;
use crate::time::UnixTime;

use external::cookie_domain;
use issuer::{application_slug, issuer_url, jwks_uri, must_be_discoverable};
use settings::{OFFLINE_ACCESS, insecure, missing};
use web_url::web_url;

pub(crate) use web_url::plain_web_url;

pub(crate) use external::HOST_PREFIX;
pub use external::{ENDPOINTS_PATH, External};
pub use former::{CLOCK_SKEW, FormerKey, STATE_LIFE};
pub(crate) use issuer::{cure_of_other, discovery_url};
pub use keys::{LoginKey, ProviderKey};
pub use settings::{
    DEFAULT_SCOPE, GivenEndpoints, Mode, SameSite, Settings, SettingsError, Trust, left_out,
};
pub use terms::Terms;

/// A validated provider, with everything that requests and logins need derived from its settings.
#[derive(Debug)]
pub struct Provider {
    /// `authentik_provider NAME`: for logs, `$authentik_provider` and `X-authentik-meta-provider`.
    pub name: String,
    /// Expected `iss`, byte for byte.
    pub issuer: String,
    /// OAuth2 client.
    pub client_id: String,
    /// Client authentication and HS256 key.
    pub client_secret: Secret,
    /// How requests are matched and cookies are scoped.
    pub mode: Mode,
    /// Public URL of the application.
    pub external: External,
    /// Without leading dot, lower case; if present, the `Domain` of every cookie.
    pub cookie_domain: Option<String>,
    /// Prefix of cookie names: `__Host-` if no other host may set them (RFC 6265bis §4.1.3.2). A
    /// cookie with a `Domain`, or without `Secure`, cannot have it.
    pub cookie_prefix: &'static str,
    /// The session cookie: the prefix, `authentik_proxy_` and the first 8 hex digits of
    /// SHA-256(client id) (docs/protocol.md §6.1).
    pub cookie_name: String,
    /// Which cross-site requests include the session cookie.
    pub cookie_samesite: SameSite,
    /// Binds sessions to this provider; derived from issuer and client id.
    pub key: ProviderKey,
    /// Key of login states and their cookies, derived (HKDF-SHA256) from the cookie or client
    /// secret.
    pub login_key: LoginKey,
    /// The previous login key, if the secret changed.
    pub(crate) former_login_key: Option<FormerKey>,
    /// The provider's own unauthenticated paths.
    pub unauth_paths: UnauthPaths,
    /// Scopes to request, joined by spaces, except `offline_access`.
    pub scope: String,
    /// The same for sign-ins: with `offline_access`, if sessions are renewed.
    pub sign_in_scope: String,
    /// Application slug, empty if unknown.
    pub application: String,
    /// Endpoints given in the configuration.
    pub given: GivenEndpoints,
    /// How authentik's certificate is verified.
    pub trust: Trust,
    /// The headers that describe the provider to applications.
    pub headers: ProviderHeaders,
    /// Proxy mode: upstream URL, `scheme://host[:port]` with an optional path, no trailing slash.
    pub internal_host: String,
    /// Attributes with user name and password for HTTP Basic to the application.
    pub basic_auth: Option<(String, String)>,
    /// Whether wrong credentials in `Authorization` are answered with 401 instead of a redirect.
    pub intercept_header_auth: bool,
    /// Default target of a sign-out, byte for byte as registered in authentik.
    pub post_logout_redirect_uri: Option<String>,
    /// How long its sessions last.
    pub terms: Terms,
    /// Its seat among the shared counters, once it was looked for.
    pub(crate) seat: OnceLock<Option<usize>>,
}

impl Provider {
    /// Checks the settings and derives the rest.
    ///
    /// # Errors
    /// The first mistake, with its remedy.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let Settings { name, issuer, mode, endpoints, application, .. } = settings;

        let issuer_url = issuer_url(&issuer)?;
        let client_id = client_id(settings.client_id)?;
        let client_secret = client_secret(settings.client_secret)?;
        let external = External::parse(&settings.external_host)?;
        let cookie_domain = cookie_domain(settings.cookie_domain.as_deref(), &external, mode)?;
        let cookie_prefix = match (external.is_secure(), &cookie_domain) {
            (true, None) => HOST_PREFIX,
            (true, Some(_)) | (false, _) => "",
        };
        let cookie_samesite = settings.cookie_samesite.unwrap_or_default();
        if cookie_samesite == SameSite::None && !external.is_secure() {
            return Err(insecure(&external.typed));
        }
        let internal_host = internal_host(settings.internal_host.as_deref(), mode)?;
        endpoints.check()?;
        if let Some(way_back) = &settings.post_logout_redirect_uri {
            web_url("post_logout_redirect_uri", way_back, "https://wiki.example.com/bye")?;
        }
        let key_material = settings.cookie_secret.as_ref().unwrap_or(&client_secret);
        let login_key = LoginKey::derive(key_material, &client_id)?;
        let application = application_slug(application, &issuer_url)?;
        must_be_discoverable(&issuer, &application, &endpoints)?;

        let key = ProviderKey::of(&issuer, &client_id);
        let jwks_uri = endpoints.jwks.clone().unwrap_or_else(|| jwks_uri(&issuer, &application));
        Ok(Self {
            headers: ProviderHeaders::new(&name, &application, &jwks_uri, &settings.outpost),
            cookie_name: keys::cookie_name(cookie_prefix, &client_id),
            cookie_prefix,
            cookie_samesite,
            key,
            login_key,
            former_login_key: None,
            sign_in_scope: sign_in_scope(&settings.scope, settings.terms.refresh),
            scope: scope(&settings.scope),
            application,
            given: endpoints,
            name,
            issuer,
            client_id,
            client_secret,
            mode,
            external,
            cookie_domain,
            unauth_paths: settings.unauth_paths,
            trust: settings.trust,
            internal_host,
            basic_auth: settings.basic_auth,
            intercept_header_auth: settings.intercept_header_auth.unwrap_or(true),
            post_logout_redirect_uri: settings.post_logout_redirect_uri,
            terms: settings.terms,
            seat: OnceLock::new(),
        })
    }

    /// Succeeds `previous`: sign-ins that began there may end here if they are in time and it is
    /// the same client of the same issuer.
    pub fn succeed(&mut self, previous: &Self, now: UnixTime) {
        if previous.key == self.key {
            let replaced = (previous.login_key != self.login_key).then_some(&previous.login_key);
            let former = previous.former_login_key.as_ref();
            self.former_login_key = FormerKey::next(replaced.cloned(), former, now);
        }
    }

    /// The keys that a state may be sealed with, the current one first.
    pub(crate) fn login_keys(&self, now: UnixTime) -> impl Iterator<Item = &LoginKey> {
        let former = self.former_login_key.as_ref().and_then(|former| former.at(now));
        [Some(&self.login_key), former].into_iter().flatten()
    }

    /// Whether [`unauth_paths`](Self::unauth_paths) opens everything that the provider protects: in
    /// domain mode, patterns see the whole URL.
    #[must_use]
    pub fn opens_everything(&self) -> bool {
        let domain = self.cookie_domain.as_ref().filter(|_| self.mode == Mode::ForwardDomain);
        match domain {
            Some(domain) => self.unauth_paths.open_every_host(self.external.url.scheme(), domain),
            None => self.unauth_paths.open_everything(),
        }
    }

    /// Its seat among the shared counters ([`crate::shared_words`]); `take` is called once per process.
    #[inline]
    pub fn seat(&self, take: impl FnOnce() -> Option<usize>) -> Option<usize> {
        *self.seat.get_or_init(take)
    }

    /// Whether cookies carry `Secure`: iff `external_host` is https (docs/protocol.md §6.2).
    #[must_use]
    pub fn secure_cookies(&self) -> bool {
        self.external.is_secure()
    }
}

fn client_id(typed: String) -> Result<String, SettingsError> {
    if typed.is_empty() {
        return Err(missing("client_id", "the Client ID shown on the provider's page"));
    }
    Ok(typed)
}

fn client_secret(given: Option<Secret>) -> Result<Secret, SettingsError> {
    given.filter(|secret| !secret.is_empty()).ok_or_else(|| {
        missing("client_secret_file", "a file that holds the provider's Client Secret")
    })
}

/// Without trailing slash; empty if missing, which is an error in proxy mode.
fn internal_host(typed: Option<&str>, mode: Mode) -> Result<String, SettingsError> {
    const KEY: &str = "internal_host";
    match (mode, typed) {
        (_, Some(typed)) => {
            web_url(KEY, typed, "http://127.0.0.1:3000")?;
            Ok(typed.trim_end_matches('/').to_owned())
        }
        (Mode::Proxy, None) => Err(missing(KEY, "mode proxy needs the application's URL")),
        (Mode::ForwardSingle | Mode::ForwardDomain, None) => Ok(String::new()),
    }
}

fn scope(names: &[String]) -> String {
    let names: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| *name != OFFLINE_ACCESS).collect();
    if names.is_empty() { DEFAULT_SCOPE.to_owned() } else { names.join(" ") }
}

/// authentik drops a scope that the provider does not have (docs/protocol.md §4.3), so by default
/// it is always requested. A refresh token that is not used must not exist.
fn sign_in_scope(names: &[String], refresh: bool) -> String {
    let is_wanted = names.is_empty() || names.iter().any(|name| name == OFFLINE_ACCESS);
    let further = if refresh && is_wanted { [" ", OFFLINE_ACCESS] } else { ["", ""] };
    scope(names) + &further.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn settings() -> Settings {
        Settings { external_host: "https://wiki.example.com".into(), ..testing::settings() }
    }

    #[test]
    fn sign_ins_ask_for_refresh_tokens_that_will_be_used() {
        for (scope, refresh, of_sign_in, other) in [
            ("", true, "openid profile email entitlements ak_proxy offline_access", DEFAULT_SCOPE),
            ("", false, DEFAULT_SCOPE, DEFAULT_SCOPE),
            (
                "offline_access profile openid",
                true,
                "profile openid offline_access",
                "profile openid",
            ),
            ("offline_access profile openid", false, "profile openid", "profile openid"),
            ("profile openid", true, "profile openid", "profile openid"),
        ] {
            let terms = Terms { refresh, ..Terms::default() };
            let scope = scope.split_ascii_whitespace().map(str::to_owned).collect();
            let provider = Provider::new(Settings { scope, terms, ..settings() }).unwrap();
            assert_eq!(
                (provider.sign_in_scope.as_str(), provider.scope.as_str()),
                (of_sign_in, other)
            );
        }
    }

    #[test]
    fn a_mistake_names_its_key_and_the_cure() {
        type Break = fn(&mut Settings);
        let cases: [(&str, Break); 23] = [
            ("issuer: \"https://h/application/o/wiki\" lacks the final slash", |s| {
                s.issuer = "https://h/application/o/wiki".into();
            }),
            ("external_host: \"https://$host\" contains a \"$\"", |s| {
                s.external_host = "https://$host".into();
            }),
            ("cookie_domain: \"com\" is a top-level domain", |s| {
                s.cookie_domain = Some("com".into());
            }),
            (
                "issuer: \"https://h/application/o/wiki/.well-known/openid-configuration\" is the \
                 discovery document; write https://h/application/o/wiki/",
                |s| {
                    s.issuer =
                        "https://h/application/o/wiki/.well-known/openid-configuration".into()
                },
            ),
            ("issuer: \"https://h/application/o/authorize/\" is an endpoint; write what", |s| {
                s.issuer = "https://h/application/o/authorize/".into();
            }),
            ("issuer: \"https://h/application/o/wiki/jwks/\" is an endpoint; write what", |s| {
                s.issuer = "https://h/application/o/wiki/jwks/".into();
            }),
            ("issuer: is missing", |s| s.issuer.clear()),
            ("issuer: \"sso\" is not a URL", |s| s.issuer = "sso".into()),
            ("issuer: \"ftp://h/\" is not an http", |s| s.issuer = "ftp://h/".into()),
            ("issuer: \"https://h/\" does not name the application", |s| {
                s.issuer = "https://h/".into();
            }),
            ("issuer: \"https://h/x/\" does not name the application", |s| {
                s.issuer = "https://h/x/".into();
            }),
            ("issuer: \"https://h/?q\" must not have a query", |s| {
                s.issuer = "https://h/?q".into();
            }),
            ("application: \"../admin\" is not a slug", |s| {
                s.application = Some("../admin".into());
            }),
            ("client_id: is missing", |s| s.client_id.clear()),
            ("client_secret_file: is missing", |s| s.client_secret = None),
            ("external_host: is missing", |s| s.external_host.clear()),
            ("external_host: \"https:h\" does not begin", |s| s.external_host = "https:h".into()),
            ("external_host: \"https://u:p@h\" must not", |s| {
                s.external_host = "https://u:p@h".into()
            }),
            ("external_host: \"https://h/?q\" has a query", |s| {
                s.external_host = "https://h/?q".into()
            }),
            ("cookie_samesite: none needs an https external_host", |s| {
                s.external_host = "http://ext.example".into();
                s.cookie_samesite = Some(SameSite::None);
            }),
            ("post_logout_redirect_uri: \"/bye\" is not a URL", |s| {
                s.post_logout_redirect_uri = Some("/bye".into());
            }),
            ("cookie_domain: is missing", |s| s.mode = Mode::ForwardDomain),
            ("cookie_domain: \"ample.com\" does not cover", |s| {
                s.cookie_domain = Some("ample.com".into());
            }),
        ];
        for (expected, break_it) in cases {
            let mut broken = settings();
            break_it(&mut broken);
            let error = Provider::new(broken).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
