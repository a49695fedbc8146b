//! The settings of a stand-in: providers and users; `outpost::settings` has the rest.

use std::time::Duration;

use serde_json::Value;

use crate::outpost::{CertificateSettings, OutpostSettings, ProxySettings};
use crate::users;

/// Slug of the provider in `Settings::default()`.
pub const WIKI_SLUG: &str = "wiki";
/// Its client id.
pub const WIKI_CLIENT_ID: &str = "wiki-client-id-0123456789abcdefghijklmno";
/// Its client secret, of the length authentik generates (128 characters).
pub const WIKI_CLIENT_SECRET: &str = "wiki-client-secret-throwaway-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz01";

/// The initial settings of a stand-in; `Standin::change` alters them later.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Port on 127.0.0.1; `None` = a free one.
    pub port: Option<u16>,
    /// The providers, each with its application.
    pub providers: Vec<ProviderSettings>,
    /// The users.
    pub users: Vec<User>,
    /// Whether to show a login form, as in a browser. Without it, `authorize` at once signs in the
    /// user named by `login_hint`, the cookie `standin_user`, the session or `default_user`.
    pub form: bool,
    /// The user to sign in without a form if nothing names one.
    pub default_user: String,
    /// Whether to keep every request for `requests()`; off for benchmarks.
    pub record: bool,
    /// The outposts.
    pub outposts: Vec<OutpostSettings>,
    /// The certificates that providers refer to.
    pub certificates: Vec<CertificateSettings>,
    /// Path under which the server is mounted, e.g. `/auth`; empty = the root.
    pub sub_path: String,
    /// Delay of each update message after a change; 0.6 to 5 s with authentik (docs/protocol.md
    /// §3.3).
    pub push_delay: Duration,
    /// Behave like authentik 2026.5 or newer, which returns to a registered
    /// `post_logout_redirect_uri`. 2026.2 ignores all parameters of end-session (docs/protocol.md
    /// §10.1).
    pub returns_after_logout: bool,
    /// Delays before a refused logout token is sent again; with authentik about 30 to 100 s each,
    /// giving up after five (docs/protocol.md §10.2).
    pub logout_retries: Vec<Duration>,
}

impl Default for Settings {
    /// The provider `wiki` for `http://127.0.0.1:8080`, the recordings' users, no form, one outpost
    /// with all providers.
    fn default() -> Self {
        Self {
            port: None,
            providers: vec![ProviderSettings::wiki("http://127.0.0.1:8080")],
            users: users::recorded(),
            form: false,
            default_user: "alice".to_owned(),
            record: true,
            outposts: vec![OutpostSettings::default()],
            certificates: Vec::new(),
            sub_path: String::new(),
            push_delay: Duration::from_millis(50),
            returns_after_logout: false,
            logout_retries: [30, 30, 30, 90, 140].map(Duration::from_secs).to_vec(),
        }
    }
}

impl Settings {
    /// Gives providers without a primary key the next free one.
    pub(crate) fn number_providers(&mut self) {
        let taken = self.providers.iter().map(|provider| provider.proxy.pk).max();
        let free = taken.unwrap_or_default() + 1..;
        let new = self.providers.iter_mut().filter(|provider| provider.proxy.pk == 0);
        for (provider, pk) in new.zip(free) {
            provider.proxy.pk = pk;
        }
    }
}

/// One OAuth provider with its application.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// Slug of the application: part of the issuer.
    pub slug: String,
    /// Name of the application, shown on pages.
    pub name: String,
    /// OAuth client id.
    pub client_id: String,
    /// OAuth client secret, and the HMAC key of HS256 tokens.
    pub client_secret: String,
    /// Allowed redirect URIs, compared byte for byte.
    pub redirect_uris: Vec<String>,
    /// Signature algorithm of the tokens.
    pub signing: Signing,
    /// Lifetime of tokens in seconds.
    pub access_token_seconds: u64,
    /// Lifetime of a refresh token in seconds.
    pub refresh_token_seconds: u64,
    /// `refresh_token_threshold`: with any value above 0, 2026.2 never rotates refresh tokens
    /// (docs/protocol.md §4.8).
    pub refresh_token_threshold_seconds: u64,
    /// Lifetime of a code in seconds.
    pub access_code_seconds: u64,
    /// How the issuer is formed.
    pub issuer_mode: IssuerMode,
    /// Scopes of the provider; others are silently dropped.
    pub scopes: Vec<String>,
    /// Only members of one of these groups have access; empty = everyone.
    pub only_groups: Vec<String>,
    /// Claim `ak_proxy.backend_override`.
    pub backend_override: Option<String>,
    /// Claim `ak_proxy.host_header`.
    pub host_header: Option<String>,
    /// Where to tell the application that a session has ended; empty = nowhere.
    pub logout_uri: String,
    /// How to tell it.
    pub logout_method: LogoutMethod,
    /// Whether the provider's invalidation flow ends the session at authentik; the default one does not
    /// (docs/protocol.md §10.1).
    pub ends_session: bool,
    /// Where a logout may return to, with `Settings::returns_after_logout`; compared byte for byte.
    pub post_logout_redirect_uris: Vec<String>,
    /// What outposts are told in addition.
    pub proxy: ProxySettings,
}

/// How to tell an application that a session has ended (docs/protocol.md §10.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoutMethod {
    /// authentik sends it a token.
    Backchannel,
    /// The browser loads its URL in a frame, in a flow with a logout stage.
    Frontchannel,
}

impl ProviderSettings {
    /// A provider as authentik creates it from an external host; client id and secret derive from
    /// the slug.
    pub fn new(slug: &str, external_host: &str) -> Self {
        Self {
            slug: slug.to_owned(),
            name: slug.to_owned(),
            client_id: format!("{slug}-client-id"),
            client_secret: format!("{slug}-client-secret"),
            redirect_uris: redirect_uris(external_host),
            signing: Signing::Hs256,
            access_token_seconds: 3600,
            refresh_token_seconds: 30 * 24 * 3600,
            refresh_token_threshold_seconds: 0,
            access_code_seconds: 60,
            issuer_mode: IssuerMode::PerProvider,
            scopes: ["openid", "email", "profile", "entitlements", "ak_proxy"]
                .map(str::to_owned)
                .to_vec(),
            only_groups: Vec::new(),
            backend_override: None,
            host_header: None,
            logout_uri: String::new(),
            logout_method: LogoutMethod::Backchannel,
            ends_session: false,
            post_logout_redirect_uris: Vec::new(),
            proxy: ProxySettings::new(slug, external_host),
        }
    }

    /// The provider `wiki` with the known constants and this external host.
    pub fn wiki(external_host: &str) -> Self {
        Self {
            name: "Wiki".to_owned(),
            client_id: WIKI_CLIENT_ID.to_owned(),
            client_secret: WIKI_CLIENT_SECRET.to_owned(),
            ..Self::new(WIKI_SLUG, external_host)
        }
    }

    /// This many providers `app-0001`, `app-0002`, …, with an external host per slug.
    pub fn many(count: usize, external_host: impl Fn(&str) -> String) -> Vec<Self> {
        let slugs = (1..=count).map(|number| format!("app-{number:04}"));
        slugs.map(|slug| Self::new(&slug, &external_host(&slug))).collect()
    }

    /// Adds the scope mapping `offline_access`: sign-ins that ask for it get a refresh token.
    pub fn give_refresh_tokens(&mut self) {
        self.scopes.push(crate::endpoints::refresh::SCOPE.to_owned());
    }

    /// Sets another external host, with the redirect URIs that authentik derives from it.
    pub fn set_external_host(&mut self, external_host: &str) {
        external_host.clone_into(&mut self.proxy.external_host);
        self.redirect_uris = redirect_uris(external_host);
    }
}

/// The two redirect URIs that authentik stores for an external host (docs/protocol.md §1.3): the
/// callback is *joined* to it, so without a trailing slash the last path segment is lost.
pub fn redirect_uris(external_host: &str) -> Vec<String> {
    let authority = external_host.find("://").map_or(0, |at| at + 3);
    let path =
        external_host.find(['?', '#']).map_or(external_host, |at| external_host.split_at(at).0);
    let directory = match path.rfind('/') {
        Some(slash) if slash >= authority => path.split_at(slash).0,
        _ => path,
    };
    vec![
        format!("{directory}/outpost.goauthentik.io/callback?X-authentik-auth-callback=true"),
        format!("{external_host}?X-authentik-auth-callback=true"),
    ]
}

/// The algorithm of a provider's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    /// HMAC with the client secret: every proxy provider in practice.
    Hs256,
    /// RSA key of 2048 bits.
    Rs256,
    /// P-256 key.
    Es256,
}

impl Signing {
    /// Its name in token headers and metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

/// How `iss` is formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerMode {
    /// `https://host/application/o/<slug>/`
    PerProvider,
    /// `https://host/`
    Global,
}

/// One user.
#[derive(Clone, Debug)]
pub struct User {
    /// User name, case-sensitive.
    pub username: String,
    /// Account password, used only in the form.
    pub password: String,
    /// Display name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Group names.
    pub groups: Vec<String>,
    /// Entitlement names.
    pub entitlements: Vec<String>,
    /// Claim `ak_proxy.user_attributes`, an object.
    pub attributes: Value,
    /// App passwords, for `client_credentials`.
    pub app_passwords: Vec<String>,
    /// Claim `ak_proxy.is_superuser`.
    pub superuser: bool,
    /// An inactive user can do nothing.
    pub active: bool,
}

impl User {
    /// A plain active user: password `<username>-test-password`, app password
    /// `app-password-<username>-key-0123456789`, mail `<username>@example.test`.
    pub fn new(username: &str, name: &str) -> Self {
        Self {
            username: username.to_owned(),
            password: format!("{username}-test-password"),
            name: name.to_owned(),
            email: format!("{username}@example.test"),
            groups: Vec::new(),
            entitlements: Vec::new(),
            attributes: Value::Object(serde_json::Map::new()),
            app_passwords: vec![format!("app-password-{username}-key-0123456789")],
            superuser: false,
            active: true,
        }
    }

    /// The same user in these groups.
    pub fn in_groups(mut self, groups: &[&str]) -> Self {
        self.groups = groups.iter().map(|group| (*group).to_owned()).collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_uris_are_those_authentik_stored() {
        // docs/protocol.md §1.3
        for (external_host, callback, signature_only) in [
            ("http://h:8880/app", "http://h:8880/outpost", "http://h:8880/app?"),
            ("http://h:8880/app/", "http://h:8880/app/outpost", "http://h:8880/app/?"),
            ("http://h:8880/", "http://h:8880/outpost", "http://h:8880/?"),
            ("http://V3.Example:8880", "http://V3.Example:8880/outpost", "http://V3.Example:8880?"),
            ("http://h:80", "http://h:80/outpost", "http://h:80?"),
            ("https://h:443/", "https://h:443/outpost", "https://h:443/?"),
            ("http://[::1]:8880", "http://[::1]:8880/outpost", "http://[::1]:8880?"),
            ("http://h:8880?x=1", "http://h:8880/outpost", "http://h:8880?x=1?"),
            ("http://münchen:8880", "http://münchen:8880/outpost", "http://münchen:8880?"),
        ] {
            assert_eq!(
                redirect_uris(external_host),
                [
                    format!("{callback}.goauthentik.io/callback?X-authentik-auth-callback=true"),
                    format!("{signature_only}X-authentik-auth-callback=true"),
                ]
            );
        }
    }
}
