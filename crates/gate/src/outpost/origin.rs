//! Where settings came from: which authentik, by which token.
//!
//! What workers share, and what is on disk, outlives a reload. It must not outlive the outpost that
//! it came from: with another token or another authentik the former providers mean nothing.

use ring::hmac;

use super::OutpostSettings;
use crate::provider::Trust;
use crate::secret::Secret;

/// Bytes in front of a document.
const MARK: usize = 32;

/// The connection that settings came by. Its mark can be made and tested by those who have the
/// token only, and does not tell it.
#[derive(Clone)]
pub struct Origin([u8; MARK]);

impl Origin {
    /// That of this connection.
    ///
    /// How browsers reach authentik is no part of it, nor which authorities vouch for it: settings
    /// survive a change of these. That nobody does is: then anybody may have sent them.
    #[must_use]
    pub fn of(settings: &OutpostSettings) -> Self {
        let is_verified: u8 = match settings.trust {
            Trust::System | Trust::Authorities(_) => 1,
            Trust::Anything => 0,
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, settings.token.expose());
        let mut said = hmac::Context::with_key(&key);
        said.update(b"ngx_http_authentik_module outpost origin v1\n");
        said.update(&[is_verified]);
        said.update(settings.url.as_str().as_bytes());
        let mut mark = [0; MARK];
        mark.iter_mut().zip(said.sign().as_ref()).for_each(|(to, from)| *to = *from);
        Self(mark)
    }

    /// The document with the mark in front.
    #[must_use]
    pub fn mark(&self, document: &Secret) -> Secret {
        Secret::new([&self.0, document.expose()].concat())
    }

    /// The document, if it came from here.
    #[must_use]
    pub fn unmark<'d>(&self, marked: &'d [u8]) -> Option<&'d [u8]> {
        marked.strip_prefix(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, token: &str, trust: Trust) -> OutpostSettings {
        OutpostSettings::new(url, None, Secret::new(token), trust).unwrap()
    }

    #[test]
    fn only_the_same_token_and_the_same_authentik_see_it() {
        let url = "https://sso.example.com";
        let own = settings(url, "token", Trust::System);
        let document = Secret::new("settings");
        let marked = Origin::of(&own).mark(&document);
        let seen_by =
            |other: &OutpostSettings| Origin::of(other).unmark(marked.expose()).map(<[u8]>::to_vec);
        let renewed = Trust::Authorities((*b"PEM").into());
        let browsers = OutpostSettings::new(
            url,
            Some("https://login.example.com"),
            Secret::new("token"),
            Trust::System,
        );
        for same in [own, settings(url, "token", renewed), browsers.unwrap()] {
            assert_eq!(seen_by(&same).as_deref(), Some(document.expose()));
        }
        for (url, token, trust) in [
            (url, "another", Trust::System),
            (url, "token", Trust::Anything),
            ("https://sso.example.org", "token", Trust::System),
            ("http://sso.example.com", "token", Trust::System),
            ("https://sso.example.com/path/", "token", Trust::System),
        ] {
            assert_eq!(seen_by(&settings(url, token, trust)), None, "{url} {token}");
        }
        assert_eq!(Origin::of(&settings(url, "token", Trust::System)).unmark(b"settings"), None);
    }
}
