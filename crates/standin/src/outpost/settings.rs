//! The settings of a stand-in's outpost side: outposts, what a proxy provider adds to an OAuth
//! provider, certificates.

use serde_json::Value;

/// Primary key of the outpost in `Settings::default()`.
pub const OUTPOST_PK: &str = "0c3f4b1e-8a2d-4a5f-9f7a-3f1f6f0a7e11";
/// Its API token, of the length authentik generates (60 characters).
pub const OUTPOST_TOKEN: &str = "standin-outpost-token-throwaway-0123456789abcdefghijklmnopqr";
/// `managed` of the embedded outpost.
pub const EMBEDDED_OUTPOST: &str = "goauthentik.io/outposts/embedded";

/// One outpost with its service account's token.
#[derive(Clone, Debug)]
pub struct OutpostSettings {
    /// A UUID.
    pub pk: String,
    /// Its name.
    pub name: String,
    /// API token; `None` = the token was deleted.
    pub token: Option<String>,
    /// [`EMBEDDED_OUTPOST`], or `None`.
    pub managed: Option<String>,
    /// `config.authentik_host`; `None` = the stand-in's own URL, with a trailing slash.
    pub authentik_host: Option<String>,
    /// `config.log_level`.
    pub log_level: String,
    /// Seconds between refreshes.
    pub refresh_interval_s: u64,
    /// Slugs of its providers; `None` = all.
    pub providers: Option<Vec<String>>,
}

impl Default for OutpostSettings {
    fn default() -> Self {
        Self {
            pk: OUTPOST_PK.to_owned(),
            name: "stand-in outpost".to_owned(),
            token: Some(OUTPOST_TOKEN.to_owned()),
            managed: None,
            authentik_host: None,
            log_level: "info".to_owned(),
            refresh_interval_s: 300,
            providers: None,
        }
    }
}

impl OutpostSettings {
    /// Whether it has the provider with this slug.
    pub(crate) fn has(&self, slug: &str) -> bool {
        self.providers.as_ref().is_none_or(|slugs| slugs.iter().any(|own| own == slug))
    }
}

/// Mode of a proxy provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Reverse proxy to `internal_host`.
    Proxy,
    /// One application behind another reverse proxy.
    ForwardSingle,
    /// All hosts of `cookie_domain`.
    ForwardDomain,
}

impl Mode {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::ForwardSingle => "forward_single",
            Self::ForwardDomain => "forward_domain",
        }
    }

    /// The mode with this name.
    pub fn of_name(name: &str) -> Option<Self> {
        let all = [Self::Proxy, Self::ForwardSingle, Self::ForwardDomain];
        all.into_iter().find(|mode| mode.name() == name)
    }
}

/// What a proxy provider has besides its OAuth side; the fields of an entry of
/// `/api/v3/outposts/proxy/`.
#[derive(Clone, Debug)]
pub struct ProxySettings {
    /// Primary key; 0 = the next free one.
    pub pk: u64,
    /// Name of the provider, by which the list is ordered.
    pub name: String,
    /// Mode.
    pub mode: Mode,
    /// As typed by the administrator.
    pub external_host: String,
    /// Upstream of proxy mode, otherwise empty.
    pub internal_host: String,
    /// Whether to verify the upstream's certificate.
    pub internal_host_ssl_validation: bool,
    /// 32 characters.
    pub cookie_secret: String,
    /// UUID of a certificate.
    pub certificate: Option<String>,
    /// Unauthenticated paths, one pattern a line.
    pub skip_path_regex: String,
    /// Whether to send HTTP Basic to the application.
    pub basic_auth_enabled: bool,
    /// Attribute with its user name.
    pub basic_auth_user_attribute: String,
    /// Attribute with its password.
    pub basic_auth_password_attribute: String,
    /// Domain of the session cookie.
    pub cookie_domain: String,
    /// Whether to answer bad credentials with 401.
    pub intercept_header_auth: bool,
    /// A provider without an application is left out of the list (docs/protocol.md §2.3).
    pub has_application: bool,
    /// Every page with this provider answers 500 (docs/protocol.md §2.3: an ed25519 key).
    pub breaks_the_list: bool,
    /// Members of the list's entry that are set to this value, known or not, or removed (`None`).
    pub oddities: Vec<(String, Option<Value>)>,
}

impl ProxySettings {
    /// Mode `forward_single` with authentik's defaults.
    pub fn new(slug: &str, external_host: &str) -> Self {
        Self {
            pk: 0,
            name: format!("{slug}-proxy"),
            mode: Mode::ForwardSingle,
            external_host: external_host.to_owned(),
            internal_host: String::new(),
            internal_host_ssl_validation: true,
            cookie_secret: "7K2QX0V5M1B8R3Z6L9D4T0Y2H5N8C1W7".to_owned(),
            certificate: None,
            skip_path_regex: String::new(),
            basic_auth_enabled: false,
            basic_auth_user_attribute: String::new(),
            basic_auth_password_attribute: String::new(),
            cookie_domain: String::new(),
            intercept_header_auth: true,
            has_application: true,
            breaks_the_list: false,
            oddities: Vec::new(),
        }
    }
}

/// A certificate key pair.
#[derive(Clone, Debug)]
pub struct CertificateSettings {
    /// A UUID.
    pub pk: String,
    /// Its name.
    pub name: String,
    /// The chain, PEM.
    pub certificate_pem: String,
    /// The private key, PEM.
    pub key_pem: String,
}
