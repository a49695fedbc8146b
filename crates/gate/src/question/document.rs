//! The documents that authentik publishes, its endpoints and its keys: how they are requested,
//! parsed and cached.

use super::{CoreError, Endpoints, get, response};
use crate::hash;
use crate::http::{HttpRequest, HttpResponse, TransportError};
use crate::provider::{Provider, discovery_url};
use crate::store::Key;
use crate::token::KeySet;

/// Age in seconds after which the next user refreshes a document.
const FRESH: u64 = 3600;
/// How long a document is used if it cannot be refreshed, in seconds.
const KEPT: u64 = 24 * 3600;

/// How long a failed fetch is not repeated, in seconds: effectively between one and two.
pub const FAILURE_KEPT: u64 = 2;

/// Minimum interval between refetches because keys do not match, in seconds (advisory S42).
pub const REFETCH: u64 = 60;

/// Which document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// The endpoints.
    Discovery,
    /// The keys that sign tokens.
    Keys,
}

/// A parsed document.
pub trait ServedDocument: Sized {
    /// Which document it is.
    const DOCUMENT: Document;

    /// Parses the document.
    ///
    /// # Errors
    /// Why it cannot be used.
    fn understand(body: &[u8], provider: &Provider) -> Result<Self, CoreError>;
}

/// Where is everything? (OpenID Connect Discovery 1.0 §4)
impl ServedDocument for Endpoints {
    const DOCUMENT: Document = Document::Discovery;

    fn understand(body: &[u8], provider: &Provider) -> Result<Self, CoreError> {
        Self::parse(body, provider)
    }
}

/// Which keys sign tokens? (RFC 7517)
impl ServedDocument for KeySet {
    const DOCUMENT: Document = Document::Keys;

    fn understand(body: &[u8], _: &Provider) -> Result<Self, CoreError> {
        Self::parse(body).map_err(|_| CoreError::Garbled { about: Self::DOCUMENT.about() })
    }
}

/// Requests the [`Endpoints`].
///
/// # Errors
/// [`CoreError::Misconfigured`] if the URL is unknown.
pub fn discovery_request(provider: &Provider) -> Result<HttpRequest, CoreError> {
    discovery_url(&provider.issuer, &provider.application)
        .map(|url| get(url, provider))
        .ok_or_else(|| CoreError::unknown_endpoint("authorization_endpoint"))
}

/// Requests the [`KeySet`].
///
/// # Errors
/// [`CoreError::Misconfigured`] if the URL is unknown.
pub fn keys_request(provider: &Provider, endpoints: &Endpoints) -> Result<HttpRequest, CoreError> {
    let url = endpoints.jwks_uri.clone().ok_or_else(|| CoreError::unknown_endpoint("jwks_uri"))?;
    Ok(get(url, provider))
}

/// Parses the response.
///
/// # Errors
/// Anything but the document; [`CoreError::cure`] says what can be done.
pub fn read_document<D: ServedDocument>(
    provider: &Provider,
    response: Result<&HttpResponse, &TransportError>,
) -> Result<D, CoreError> {
    let response = response.map_err(|error| CoreError::Unreachable(error.clone()))?;
    D::understand(response::success(response, D::DOCUMENT.about())?, provider)
}

impl Document {
    /// The directive that sets the URL, for messages.
    fn about(self) -> &'static str {
        match self {
            Self::Discovery => "issuer",
            Self::Keys => "jwks_uri",
        }
    }
}

/// Who found that keys do not match. Each cause has its own limit, so that a client with a
/// password, or anybody with a forged token, does not use up that of sign-ins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A sign-in: authentik itself delivered the token.
    SignIn,
    /// A password that authentik accepted.
    Credentials,
    /// A logout token, whoever sent it.
    Logout,
}

/// What the zone contains for a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Head and body.
    Body,
    /// Code of the reason for a missing body.
    Failure,
    /// It is being fetched.
    Lease,
    /// Keys that did not match were recently refetched.
    Outdated(Cause),
}

impl Cause {
    /// Distinguishes the causes in keys of the zone.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::SignIn => 0,
            Self::Credentials => 1,
            Self::Logout => 2,
        }
    }
}

impl Entry {
    /// Depends on every setting that affects the document or its interpretation: after a reload
    /// with another issuer, the old document is not found.
    #[must_use]
    pub fn key(self, document: Document, provider: &Provider) -> Key {
        let given = &provider.given;
        let settings = [
            Some(&provider.issuer),
            Some(&provider.application),
            given.jwks.as_ref(),
            given.token.as_ref(),
            given.authorization.as_ref(),
            given.end_session.as_ref(),
            given.introspection.as_ref(),
            given.revocation.as_ref(),
        ];
        let entry = match self {
            Self::Body => 0,
            Self::Failure => 1,
            Self::Lease => 2,
            Self::Outdated(cause) => 3 + cause.number(),
        };
        let settings = settings.map(|setting| setting.map(String::as_bytes).unwrap_or_default());
        let lengths = settings.map(|setting| setting.len().to_le_bytes());
        let what = [entry, document as u8];
        let mut parts = vec![&b"authentik document v2"[..], &what, &provider.key.0];
        for (length, setting) in lengths.iter().zip(settings) {
            parts.extend([&length[..], setting]);
        }
        hash::sha256(&parts)
    }
}

/// Precedes a cached document. Times are in seconds of a clock that nobody can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    fetched: u64,
    mark: Mark,
    is_outdated: bool,
}

/// Identifies a document: documents with the same mark are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark([u8; 16]);

impl Mark {
    /// The mark of a document.
    #[must_use]
    pub fn of(document: &[u8]) -> Self {
        Self(hash::first(&hash::sha256(&[document])))
    }
}

impl Head {
    /// Length of a head, in bytes.
    pub const LENGTH: usize = 25;

    /// For a document that arrived at this time.
    #[must_use]
    pub fn new(mark: Mark, clock: u64) -> Self {
        Self { fetched: clock, mark, is_outdated: false }
    }

    /// The same for a document that no longer matches: used only until there is a newer one.
    #[must_use]
    pub fn outdated(self) -> Self {
        Self { is_outdated: true, ..self }
    }

    /// Whether it is already marked as outdated.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        self.is_outdated
    }

    /// The mark of the following document.
    #[must_use]
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// How long it may still be used, in seconds.
    #[must_use]
    pub fn left(&self, clock: u64) -> u64 {
        KEPT.saturating_sub(clock.saturating_sub(self.fetched))
    }

    /// Whether to use it rather than fetch it again: if that has just failed, an old one is better
    /// than none.
    #[must_use]
    pub fn is_usable(&self, clock: u64, has_failed: bool) -> bool {
        let left = self.left(clock);
        left > 0 && (has_failed || !self.is_outdated && left > KEPT - FRESH)
    }

    /// Serialises the head.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let Self { fetched, mark, is_outdated } = self;
        let parts = [&fetched.to_le_bytes()[..], &mark.0, &[u8::from(is_outdated)]];
        let mut bytes = [0; Self::LENGTH];
        bytes.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// Reverses [`Self::to_bytes`]; the rest is the document.
    #[must_use]
    pub fn split(kept: &[u8]) -> Option<(Self, &[u8])> {
        let (fetched, rest) = kept.split_first_chunk()?;
        let (mark, rest) = rest.split_first_chunk()?;
        let (is_outdated, document) = rest.split_first()?;
        let fetched = u64::from_le_bytes(*fetched);
        Some((Self { fetched, mark: Mark(*mark), is_outdated: *is_outdated != 0 }, document))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Settings;
    use crate::testing;

    #[test]
    fn each_entry_of_each_document_has_a_key_of_its_own() {
        let provider = testing::provider();
        let elsewhere = "https://other.example/application/o/app/".to_owned();
        let settings = Settings { issuer: elsewhere, ..testing::settings() };
        let other = Provider::new(settings).unwrap();
        let causes = [Cause::SignIn, Cause::Credentials, Cause::Logout].map(Entry::Outdated);
        let entries = [Entry::Body, Entry::Failure, Entry::Lease].into_iter().chain(causes);
        let mut keys = Vec::new();
        for entry in entries {
            for document in [Document::Discovery, Document::Keys] {
                keys.push(entry.key(document, &provider));
                keys.push(entry.key(document, &other));
            }
        }
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn a_document_is_fresh_for_an_hour_and_of_use_for_a_day() {
        // Also in the first hour after boot.
        for since in [0, 1_000_000] {
            let head = Head::new(Mark::of(b"keys"), since);
            for (age, fresh, of_use) in [
                (0, true, true),
                (3599, true, true),
                (3600, false, true),
                (86_399, false, true),
                (86_400, false, false),
            ] {
                assert_eq!(head.is_usable(since + age, false), fresh, "{age}");
                assert_eq!(head.is_usable(since + age, true), of_use, "{age}");
            }
            assert!(!head.outdated().is_usable(since, false));
            assert!(head.outdated().is_usable(since + 86_399, true));
            assert!(!head.outdated().is_usable(since + 86_400, true));
        }
    }

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let fresh = Head::new(Mark::of(b"keys"), 77);
        for head in [fresh, fresh.outdated()] {
            let kept = [&head.to_bytes()[..], b"keys"].concat();
            assert_eq!(Head::split(&kept), Some((head, &b"keys"[..])));
            assert_eq!(Head::split(&kept[..Head::LENGTH - 1]), None);
        }
        assert_eq!(fresh.outdated().mark(), fresh.mark());
        assert_ne!(Mark::of(b"other keys"), fresh.mark());
    }
}
