//! Where authentik is and how to ask it: the contents of `authentik_outpost URL { }`.

use url::Url;

use crate::http::{HttpRequest, Method};
use crate::provider::{SameSite, SettingsError, Terms, Trust, plain_web_url};
use crate::question::USER_AGENT;
use crate::secret::Secret;

/// The validated connection of an outpost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutpostSettings {
    /// authentik as this nginx reaches it, with a trailing slash.
    pub url: Url,
    /// authentik as browsers reach it, if that differs; only scheme, host and port are used
    /// (docs/protocol.md §1.2).
    pub browser_url: Option<Url>,
    /// Token of the outpost's service account.
    pub token: Secret,
    /// How authentik's certificate is verified.
    pub trust: Trust,
    /// `cookie_samesite` of its providers; http ones get `lax` instead of `none`.
    pub cookie_samesite: SameSite,
    /// How long the sessions of its providers last.
    pub terms: Terms,
}

/// A call to authentik's REST API (docs/protocol.md §1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call<'a> {
    /// Which outpost is this?
    Instances,
    /// Its providers, in pages counted from 1.
    Providers {
        /// Number of the page.
        page: u32,
    },
    /// Which certificate is current? By UUID.
    KeyPair(&'a str),
    /// The certificate itself.
    Certificate(&'a str),
    /// Its private key.
    PrivateKey(&'a str),
}

impl OutpostSettings {
    /// Checks the configured values.
    ///
    /// # Errors
    /// The first mistake, with its remedy.
    pub fn new(
        url: &str,
        browser_url: Option<&str>,
        token: Secret,
        trust: Trust,
    ) -> Result<Self, SettingsError> {
        let url = base(URL, url)?;
        let browser_url = browser_url.map(|typed| browser(typed, &url)).transpose()?;
        check_token(&token)?;
        let (cookie_samesite, terms) = (SameSite::default(), Terms::default());
        Ok(Self { url, browser_url, token, trust, cookie_samesite, terms })
    }

    /// The request for a call. `None` if a name is not a UUID, so that no other URL can be built
    /// from it.
    #[must_use]
    pub fn request(&self, call: Call<'_>) -> Option<HttpRequest> {
        Some(HttpRequest {
            method: Method::Get,
            url: self.url.join(&call.path()?).ok()?.into(),
            claimed: None, // the URLs in the answer are made of this Host (docs/protocol.md §1.2)
            user_agent: USER_AGENT.to_owned(),
            bearer: Some(self.token.clone()),
            body: Secret::default(),
            max_response: call.max_response(),
        })
    }

    /// Reports an event, as JSON.
    #[must_use]
    pub fn report(&self, event: Secret) -> Option<HttpRequest> {
        let url = self.url.join("api/v3/events/events/").ok()?.into();
        let about = self.request(Call::Instances)?;
        Some(HttpRequest { method: Method::PostJson, url, body: event, ..about })
    }

    /// URL of the WebSocket of outpost `pk`; `attempt` starts at 0. `None` unless both `pk` and
    /// `instance` are UUIDs.
    #[must_use]
    pub fn socket_url(&self, pk: &str, attempt: u32, instance: &str) -> Option<Url> {
        if !is_uuid(pk) || !is_uuid(instance) {
            return None;
        }
        let mut url = self.url.join(&format!("ws/outpost/{pk}/")).ok()?;
        url.set_scheme(if url.scheme() == "https" { "wss" } else { "ws" }).ok()?;
        url.set_query(Some(&format!("attempt={attempt}&instance_uuid={instance}")));
        Some(url)
    }

    /// `scheme://host[:port]` that browsers see, if it differs from [`OutpostSettings::url`].
    pub(super) fn browser_origin(&self) -> Option<String> {
        self.browser_url.as_ref().map(|url| url.origin().ascii_serialization())
    }
}

impl Call<'_> {
    fn path(self) -> Option<String> {
        let pair = |uuid: &str, what: &str| {
            is_uuid(uuid).then(|| format!("api/v3/crypto/certificatekeypairs/{uuid}/{what}"))
        };
        match self {
            Self::Instances => Some("api/v3/outposts/instances/".to_owned()),
            Self::Providers { page } => {
                Some(format!("api/v3/outposts/proxy/?page={page}&page_size={PAGE_SIZE}"))
            }
            Self::KeyPair(uuid) => pair(uuid, ""),
            Self::Certificate(uuid) => pair(uuid, "view_certificate/"),
            Self::PrivateKey(uuid) => pair(uuid, "view_private_key/"),
        }
    }

    fn max_response(self) -> usize {
        match self {
            Self::Providers { .. } => MAX_PAGE,
            // It lists all providers' names.
            Self::Instances => MAX_PAGE,
            Self::KeyPair(_) | Self::Certificate(_) | Self::PrivateKey(_) => MAX_PEM,
        }
    }
}

fn base(key: &'static str, typed: &str) -> Result<Url, SettingsError> {
    let wrong = |what: &str| SettingsError {
        key,
        message: format!("\"{typed}\" {what}; write scheme and host, e.g. https://sso.example.com"),
    };
    if typed.len() > MAX_URL {
        return Err(SettingsError { key, message: "is longer than 2048 characters".to_owned() });
    }
    let mut url = plain_web_url(typed).map_err(|what| wrong(&what))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a query or fragment"));
    }
    // Without it, joining would drop the last segment of a sub-path (docs/protocol.md §1.1).
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

fn browser(typed: &str, url: &Url) -> Result<Url, SettingsError> {
    let browser = base(BROWSER_URL, typed)?;
    // Only scheme, host and port of authentik's URLs are replaced.
    if browser.path() != "/" && browser.path() != url.path() {
        return Err(SettingsError {
            key: BROWSER_URL,
            message: format!(
                "\"{typed}\" has another path than authentik_outpost; only scheme, host and port \
                 may differ, write e.g. {}",
                browser.origin().ascii_serialization()
            ),
        });
    }
    Ok(browser)
}

fn check_token(token: &Secret) -> Result<(), SettingsError> {
    let wrong = |what: &str| SettingsError {
        key: TOKEN,
        message: format!(
            "{what}; copy the token that authentik shows under Applications, Outposts, View \
             Deployment Info"
        ),
    };
    if token.is_empty() {
        return Err(wrong("is empty"));
    }
    if token.expose().len() > MAX_TOKEN {
        return Err(wrong("is longer than 4096 characters"));
    }
    if !token.expose().iter().all(u8::is_ascii_graphic) {
        return Err(wrong("contains a space, line break or other character that no token has"));
    }
    Ok(())
}

/// 8-4-4-4-12 hex digits (RFC 9562 §4).
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

const URL: &str = "authentik_outpost";
const BROWSER_URL: &str = "browser_url";
const TOKEN: &str = "token";

const MAX_URL: usize = 2048;
const MAX_TOKEN: usize = 4096;

/// As upstream requests; servers cap it at their own maximum, 100 by default.
const PAGE_SIZE: u32 = 100;

/// Maximum size of a page in bytes: a provider takes 3 KB without its unauthenticated paths.
const MAX_PAGE: usize = 16 * 1024 * 1024;

/// Maximum size of a certificate chain or key as JSON, in bytes.
const MAX_PEM: usize = 256 * 1024;

#[cfg(test)]
mod tests;
