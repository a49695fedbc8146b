//! Where settings came from: which authentik, and which token.
//!
//! What workers share, and what is on disk, survives a reload. It must not outlive the outpost it
//! came from: it means nothing to another authentik or outpost. With another token of the same
//! authentik it is in doubt until authentik has said which outpost the token is for.

use ring::hmac;

use super::OutpostSettings;
use crate::hash;
use crate::provider::Trust;
use crate::secret::Secret;

/// Bytes of one mark.
const MARK: usize = 32;

/// The connection that settings came from. Its mark can be created and verified only with the
/// token, and does not reveal it; it is followed by the mark of the authentik that was asked.
#[derive(Clone)]
pub struct Origin {
    own: [u8; MARK],
    authentik: [u8; MARK],
}

/// Where settings came from, as seen from an [`Origin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance<'d> {
    /// From this connection.
    Own(&'d [u8]),
    /// From this authentik, with another token: possibly of another outpost.
    ByOtherToken(&'d [u8]),
    /// From elsewhere.
    Foreign,
}

impl Origin {
    /// The origin of this connection.
    ///
    /// The URL that browsers use and the trusted authorities are not part of it: settings survive a
    /// change of these. Disabled verification is: then anybody may have sent them.
    #[must_use]
    pub fn of(settings: &OutpostSettings) -> Self {
        let is_verified: u8 = match settings.trust {
            Trust::System | Trust::Authorities(_) => 1,
            Trust::Anything => 0,
        };
        let mark = |key: &[u8]| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, key);
            let mut said = hmac::Context::with_key(&key);
            said.update(b"ngx_http_authentik_module outpost origin v1\n");
            said.update(&[is_verified]);
            said.update(settings.url.as_str().as_bytes());
            hash::first(said.sign().as_ref())
        };
        // A token is never empty.
        Self { own: mark(settings.token.expose()), authentik: mark(b"") }
    }

    /// Prepends the marks to the document.
    #[must_use]
    pub fn mark(&self, document: &Secret) -> Secret {
        Secret::new([&self.own, &self.authentik, document.expose()].concat())
    }

    /// The document, and where it came from.
    #[must_use]
    pub fn unmark<'d>(&self, marked: &'d [u8]) -> Provenance<'d> {
        match marked.split_first_chunk::<MARK>() {
            Some((own, rest)) => match rest.strip_prefix(&self.authentik) {
                Some(document) if *own == self.own => Provenance::Own(document),
                Some(document) => Provenance::ByOtherToken(document),
                None => Provenance::Foreign,
            },
            None => Provenance::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, token: &str, trust: Trust) -> OutpostSettings {
        OutpostSettings::new(url, None, Secret::new(token), trust).unwrap()
    }

    #[test]
    fn the_token_and_the_authentik_are_told_apart() {
        let url = "https://sso.example.com";
        let own = settings(url, "token", Trust::System);
        let document = Secret::new("settings");
        let marked = Origin::of(&own).mark(&document);
        let seen_by = |other: &OutpostSettings| Origin::of(other).unmark(marked.expose());
        let renewed = Trust::Authorities((*b"PEM").into());
        let browsers = OutpostSettings::new(
            url,
            Some("https://login.example.com"),
            Secret::new("token"),
            Trust::System,
        );
        for same in [own, settings(url, "token", renewed), browsers.unwrap()] {
            assert_eq!(seen_by(&same), Provenance::Own(document.expose()));
        }
        let another = settings(url, "another", Trust::System);
        assert_eq!(seen_by(&another), Provenance::ByOtherToken(document.expose()));
        for (url, token, trust) in [
            (url, "another", Trust::Anything),
            (url, "token", Trust::Anything),
            ("https://sso.example.org", "token", Trust::System),
            ("http://sso.example.com", "token", Trust::System),
            ("https://sso.example.com/path/", "token", Trust::System),
        ] {
            assert_eq!(seen_by(&settings(url, token, trust)), Provenance::Foreign, "{url} {token}");
        }
        for other in [b"settings".as_slice(), &marked.expose()[..63], b""] {
            assert_eq!(Origin::of(&another).unmark(other), Provenance::Foreign);
        }
    }
}
