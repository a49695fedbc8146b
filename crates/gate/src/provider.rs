//! One authentik Proxy Provider: its settings as given, and what is derived from them once.

use std::fmt;
use std::sync::Arc;

use ring::{digest, hkdf};
use url::Url;

use crate::identity::ProviderHeaders;
use crate::paths::UnauthPaths;
use crate::question::discovery_url;
use crate::secret::Secret;

/// A provider as the administrator wrote it, unchecked.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `authentik_provider NAME`.
    pub name: String,
    /// `issuer`, an URL: `https://host/application/o/<slug>/`, or `https://host/` in global mode.
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
    /// Key material for login states; the client secret is used when there is none.
    pub cookie_secret: Option<Secret>,
    /// Patterns, one per entry, in authentik's dialect; blank ones are skipped.
    pub unauth_paths: Vec<String>,
    /// Scopes to request, in this order.
    pub scope: Vec<String>,
    /// Application slug, for `X-authentik-meta-app` and discovery in global issuer mode.
    pub application: Option<String>,
    /// Endpoints that were given by hand.
    pub endpoints: GivenEndpoints,
    /// How authentik's certificate is judged.
    pub trust: Trust,
    /// `internal_host`: where requests go in proxy mode.
    pub internal_host: Option<String>,
    /// `basic_auth`: attributes of user name and password for HTTP Basic to the application.
    pub basic_auth: Option<(String, String)>,
    /// `intercept_header_auth`, on unless it is switched off.
    pub intercept_header_auth: Option<bool>,
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

/// How authentik's TLS certificate is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Against the system's certificate authorities.
    #[default]
    System,
    /// Against these, PEM.
    Authorities(Arc<[u8]>),
    /// Not at all (`ssl_verify off`).
    Anything,
}

/// A provider, checked, with what every request and login needs derived from the settings.
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
    /// Without leading dot, lower case; the `Domain` of every cookie when present.
    pub cookie_domain: Option<String>,
    /// `authentik_proxy_` + first 8 hex digits of SHA-256(client id) (authentik-outpost.md §7.1).
    pub cookie_name: String,
    /// What binds sessions to this provider: first 16 bytes of SHA-256(client id).
    pub key: ProviderKey,
    /// Key of login states and their cookies, derived (HKDF-SHA256) from cookie or client secret.
    pub login_key: LoginKey,
    /// The provider's own unauthenticated paths.
    pub unauth_paths: UnauthPaths,
    /// Scopes to request, joined by spaces.
    pub scope: String,
    /// Application slug, empty when not known.
    pub application: String,
    /// Endpoints that were given by hand.
    pub given: GivenEndpoints,
    /// How authentik's certificate is judged.
    pub trust: Trust,
    /// The headers that tell applications of the provider.
    pub headers: ProviderHeaders,
    /// Proxy mode: where requests go, `scheme://host[:port]` with a path perhaps, no final slash.
    pub internal_host: String,
    /// Attributes of user name and password for HTTP Basic to the application.
    pub basic_auth: Option<(String, String)>,
    /// Whether wrong credentials in `Authorization` are answered with 401 instead of a redirect.
    pub intercept_header_auth: bool,
}

/// `external_host`, taken apart.
#[derive(Debug, Clone)]
pub struct External {
    /// As typed, for the places where authentik compares bytes.
    pub typed: String,
    /// As a browser reads it.
    pub url: Url,
    /// `scheme://host[:port]` as a browser writes it, without a final slash.
    pub origin: String,
    /// The redirect URI that authentik registered: URL join of the typed value, see `External::parse`.
    pub redirect_uri: String,
    /// Path prefix of the native endpoints: `/outpost.goauthentik.io/` or below a sub-path.
    pub endpoints_path: String,
}

/// Names a provider in the zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProviderKey(pub [u8; 16]);

/// 32 bytes of key material for login states. Never printed.
#[derive(Clone)]
pub struct LoginKey(pub [u8; 32]);

impl fmt::Debug for LoginKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginKey(32 bytes)")
    }
}

impl Drop for LoginKey {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

/// A mistake in the settings: which key, what is wrong with it and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    /// The configuration key, e.g. `external_host`.
    pub key: &'static str,
    /// The sentence after the key, without a final stop.
    pub message: String,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// authentik's default scopes for proxy providers.
pub const DEFAULT_SCOPE: &str = "openid profile email entitlements ak_proxy";

/// Prefix of every native endpoint of an application at the root of its host.
pub const ENDPOINTS_PATH: &str = "/outpost.goauthentik.io/";

impl Provider {
    /// Checks the settings and derives the rest.
    ///
    /// # Errors
    /// The first mistake, with its cure.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let Settings {
            name,
            issuer,
            client_id,
            client_secret,
            external_host,
            mode,
            cookie_domain,
            cookie_secret,
            unauth_paths,
            scope,
            application,
            endpoints,
            trust,
            internal_host,
            basic_auth,
            intercept_header_auth,
        } = settings;

        let issuer_url = issuer_url(&issuer)?;
        if client_id.is_empty() {
            return Err(missing("client_id", "the Client ID shown on the provider's page"));
        }
        let client_secret = client_secret.filter(|secret| !secret.is_empty()).ok_or_else(|| {
            missing("client_secret_file", "a file that holds the provider's Client Secret")
        })?;
        let external = External::parse(&external_host)?;
        let cookie_domain = cookie_domain
            .map(|domain| CookieDomain::check(&domain, &external, mode))
            .transpose()?;
        if mode == Mode::ForwardDomain && cookie_domain.is_none() {
            return Err(missing("cookie_domain", "mode forward_domain needs the common domain"));
        }
        let internal_host = match (mode, internal_host) {
            (_, Some(typed)) => {
                web_url("internal_host", &typed, "http://127.0.0.1:3000")?;
                typed.trim_end_matches('/').to_owned()
            }
            (Mode::Proxy, None) => {
                return Err(missing("internal_host", "mode proxy needs the application's URL"));
            }
            (Mode::ForwardSingle | Mode::ForwardDomain, None) => String::new(),
        };
        for (key, given) in [
            ("authorization_endpoint", &endpoints.authorization),
            ("token_endpoint", &endpoints.token),
            ("introspection_endpoint", &endpoints.introspection),
            ("end_session_endpoint", &endpoints.end_session),
            ("jwks_uri", &endpoints.jwks),
        ] {
            if let Some(given) = given {
                web_url(key, given, "https://sso.example.com/application/o/…/")?;
            }
        }
        let unauth_paths = UnauthPaths::compile(&unauth_paths)
            .map_err(|error| SettingsError { key: "unauth_paths", message: error.to_string() })?;

        let id_digest = digest::digest(&digest::SHA256, client_id.as_bytes());
        let mut key = [0; 16];
        key.iter_mut().zip(id_digest.as_ref()).for_each(|(to, from)| *to = *from);
        let login_key = login_key(cookie_secret.as_ref().unwrap_or(&client_secret), &client_id)
            .ok_or_else(|| missing("cookie_secret", "key derivation failed"))?;

        let application = match application {
            Some(typed) => slug(typed)?,
            None => slug_of(&issuer_url).unwrap_or_default(),
        };
        if !endpoints.suffice() && discovery_url(&issuer, &application).is_none() {
            return Err(SettingsError {
                key: "issuer",
                message: format!(
                    "\"{issuer}\" does not name the application; write \
                     https://…/application/o/SLUG/, or add application SLUG; if all providers of \
                     authentik have this issuer"
                ),
            });
        }
        let jwks_uri = endpoints.jwks.clone().unwrap_or_else(|| jwks_uri(&issuer, &application));
        Ok(Self {
            headers: ProviderHeaders::new(&name, &application, &jwks_uri, ""),
            cookie_name: format!("authentik_proxy_{}", hex4(&key)),
            key: ProviderKey(key),
            login_key,
            scope: if scope.is_empty() { DEFAULT_SCOPE.to_owned() } else { scope.join(" ") },
            application,
            given: endpoints,
            name,
            issuer,
            client_id,
            client_secret,
            mode,
            external,
            cookie_domain,
            unauth_paths,
            trust,
            internal_host,
            basic_auth,
            intercept_header_auth: intercept_header_auth.unwrap_or(true),
        })
    }

    /// Whether cookies carry `Secure`: iff `external_host` is https (authentik-outpost.md §7.2).
    #[must_use]
    pub fn secure_cookies(&self) -> bool {
        self.external.url.scheme() == "https"
    }
}

impl External {
    /// Takes `external_host` apart.
    ///
    /// The redirect URI is what authentik registers: `urljoin(external_host,
    /// "outpost.goauthentik.io/callback")`, which drops the last path segment when the path has no
    /// final slash (authentik-outpost.md §1.6, recordings number 19), host and port as typed.
    ///
    /// # Errors
    /// Not an http or https URL, or one with user, query or fragment.
    pub fn parse(typed: &str) -> Result<Self, SettingsError> {
        const KEY: &str = "external_host";
        let url = web_url(KEY, typed, "https://wiki.example.com")?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(SettingsError {
                key: KEY,
                message: format!("\"{typed}\" has a query or fragment; write scheme and host only"),
            });
        }
        // Past "scheme://", the first slash begins the path.
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

struct CookieDomain;

impl CookieDomain {
    fn check(typed: &str, external: &External, mode: Mode) -> Result<String, SettingsError> {
        const KEY: &str = "cookie_domain";
        let domain = typed.trim_start_matches('.').to_ascii_lowercase();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if domain.is_empty() || !domain.chars().all(plain) {
            return Err(SettingsError {
                key: KEY,
                message: format!("\"{typed}\" is not a domain; write e.g. example.com"),
            });
        }
        let host = external.url.host_str().unwrap_or_default();
        let below = host.strip_suffix(domain.as_str()).is_some_and(|h| h.ends_with('.'));
        // The browser would drop every cookie that we set on the way back from authentik.
        if host != domain && !below {
            return Err(SettingsError {
                key: KEY,
                message: format!("\"{typed}\" does not cover external_host \"{}\"", external.typed),
            });
        }
        if (mode == Mode::ForwardDomain || host != domain) && !domain.contains('.') {
            return Err(SettingsError {
                key: KEY,
                message: format!("\"{typed}\" is a top-level domain; browsers refuse its cookies"),
            });
        }
        Ok(domain)
    }
}

fn web_url(key: &'static str, typed: &str, example: &str) -> Result<Url, SettingsError> {
    if typed.is_empty() {
        return Err(missing(key, &format!("write e.g. {key} {example};")));
    }
    let wrong = |what: &str| SettingsError {
        key,
        message: format!("\"{typed}\" {what}; write e.g. {key} {example};"),
    };
    if typed.contains('$') {
        return Err(wrong("holds a \"$\", and variables do not work here"));
    }
    let url = Url::parse(typed).map_err(|error| wrong(&format!("is not a URL ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("is not an http or https URL"));
    }
    let after_scheme = typed.split_once(':').map_or("", |(_, rest)| rest);
    if !after_scheme.starts_with("//") || after_scheme.starts_with("///") || typed.contains('\\') {
        return Err(wrong("does not begin with scheme://host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not hold a user name or password"));
    }
    if typed.bytes().any(|b| b <= b' ' || b == 0x7f) {
        return Err(wrong("holds a space or control character"));
    }
    Ok(url)
}

fn issuer_url(typed: &str) -> Result<Url, SettingsError> {
    const KEY: &str = "issuer";
    let url = web_url(KEY, typed, "https://sso.example.com/application/o/wiki/")?;
    if url.query().is_some() || url.fragment().is_some() {
        let message = format!("\"{typed}\" must not have a query or fragment");
        return Err(SettingsError { key: KEY, message });
    }
    // Compared byte for byte with what authentik writes into tokens.
    if !typed.ends_with('/') {
        let message =
            format!("\"{typed}\" lacks the final slash of authentik's issuers; write {typed}/");
        return Err(SettingsError { key: KEY, message });
    }
    Ok(url)
}

/// authentik's slugs: letters, digits, `-` and `_`.
fn slug(typed: String) -> Result<String, SettingsError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if typed.is_empty() || !typed.bytes().all(plain) {
        return Err(SettingsError {
            key: "application",
            message: format!("\"{typed}\" is not a slug; write the application's slug, e.g. wiki"),
        });
    }
    Ok(typed)
}

fn missing(key: &'static str, cure: &str) -> SettingsError {
    SettingsError { key, message: format!("is missing: {cure}") }
}

fn slug_of(issuer: &Url) -> Option<String> {
    let mut segments = issuer.path_segments()?.rev().skip_while(|segment| segment.is_empty());
    let slug = segments.next()?;
    (segments.next() == Some("o")).then(|| slug.to_owned())
}

/// Where authentik publishes the keys of an application, with either kind of issuer.
fn jwks_uri(issuer: &str, application: &str) -> String {
    let issuer = issuer.trim_end_matches('/');
    let below = format!("/application/o/{application}");
    if issuer.ends_with(&below) {
        format!("{issuer}/jwks/")
    } else {
        format!("{issuer}{below}/jwks/")
    }
}

fn login_key(material: &Secret, client_id: &str) -> Option<LoginKey> {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"ngx_http_authentik_module login state v1");
    let mut key = LoginKey([0; 32]);
    salt.extract(material.expose())
        .expand(&[client_id.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key.0))
        .ok()?;
    Some(key)
}

fn hex4(key: &[u8; 16]) -> String {
    key.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            name: "wiki".into(),
            issuer: "https://sso.example.com/application/o/wiki/".into(),
            client_id: "client-123".into(),
            client_secret: Some(Secret::new("secret")),
            external_host: "https://wiki.example.com".into(),
            ..Settings::default()
        }
    }

    #[test]
    fn the_cookie_name_follows_the_client_id() {
        // Vectors: authentik-outpost.md §7.1.
        for (client_id, name) in [
            ("client-123", "authentik_proxy_b44ea687"),
            ("test-client", "authentik_proxy_d5fe8251"),
            ("aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcd", "authentik_proxy_4923790d"),
        ] {
            let provider = Provider::new(Settings { client_id: client_id.into(), ..settings() });
            assert_eq!(provider.unwrap().cookie_name, name);
        }
    }

    #[test]
    fn the_redirect_uri_is_the_one_that_authentik_registered() {
        // Vectors: recordings/external_host_variants.json; authentik-outpost.md §1.6.
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

    #[test]
    fn a_mistake_names_its_key_and_the_cure() {
        type Break = fn(&mut Settings);
        let cases: [(&str, Break); 18] = [
            ("issuer: \"https://h/application/o/wiki\" lacks the final slash", |s| {
                s.issuer = "https://h/application/o/wiki".into();
            }),
            ("external_host: \"https://$host\" holds a \"$\"", |s| {
                s.external_host = "https://$host".into();
            }),
            ("cookie_domain: \"com\" is a top-level domain", |s| {
                s.cookie_domain = Some("com".into());
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

    #[test]
    fn the_keys_are_where_authentik_publishes_them() {
        // Recordings: oidc_metadata.json, both issuer modes.
        for (issuer, application) in [
            ("https://sso.example.com/application/o/wiki/", None),
            ("https://sso.example.com/", Some("wiki")),
        ] {
            let application = application.map(str::to_owned);
            let settings = Settings { issuer: issuer.into(), application, ..settings() };
            let provider = Provider::new(settings).unwrap();
            let [jwks, ..] = provider.headers.values();
            assert_eq!(jwks, b"https://sso.example.com/application/o/wiki/jwks/");
        }
    }

    #[test]
    fn the_slug_comes_from_the_issuer_unless_given() {
        assert_eq!(Provider::new(settings()).unwrap().application, "wiki");
        let global = Settings { issuer: "https://sso.example.com/".into(), ..settings() };
        let named = Settings { application: Some("blog".into()), ..global.clone() };
        assert_eq!(Provider::new(named).unwrap().application, "blog");
        assert!(Provider::new(global.clone()).is_err());
        let by_hand = GivenEndpoints {
            authorization: Some("https://sso.example.com/a".into()),
            token: Some("https://sso.example.com/t".into()),
            end_session: Some("https://sso.example.com/e".into()),
            ..GivenEndpoints::default()
        };
        let by_hand = Provider::new(Settings { endpoints: by_hand, ..global });
        assert_eq!(by_hand.unwrap().application, "");
    }
}
