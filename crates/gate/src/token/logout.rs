//! Logout tokens: authentik reports an ended session (OpenID Connect Back-Channel Logout 1.0 §2.4).

use serde_json::{Map, Value};

use super::jws::{self, Kind};
use super::{Keys, TokenFlaw, check_times, claims};
use crate::hash::sha256;
use crate::json;
use crate::provider::Provider;
use crate::store::Key;
use crate::time::UnixTime;

/// The event that a logout token must contain.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// How long a logout token is valid after its `iat`, in seconds, whatever its `exp` says: authentik
/// creates a new one for each attempt (docs/protocol.md §10.2).
const MAX_AGE: u64 = 600;

/// A verified logout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logout {
    /// What has ended.
    pub ended: Ended,
    /// `jti`: only the first token with a given value counts.
    pub id: String,
    /// After this time the token is refused anyway, so its `jti` can be forgotten.
    pub until: UnixTime,
}

/// What has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The session at authentik with this `sid`.
    Session(String),
    /// All sessions of the user with this `sub` at the provider.
    User(String),
}

/// Unverified claims of a logout token: enough to find the provider whose key must have signed it,
/// and to reject most bad ones before that key is fetched.
pub struct LogoutClaims(Map<String, Value>);

impl Logout {
    /// Verifies signature and claims.
    ///
    /// # Errors
    /// The first flaw; a flawed token ends nothing.
    pub fn verify(
        token: &[u8],
        provider: &Provider,
        keys: &Keys,
        now: UnixTime,
    ) -> Result<Self, TokenFlaw> {
        let payload = jws::verified_payload(token, keys, Kind::Logout)?;
        LogoutClaims::parse(&payload)?.judge(provider, now)
    }

    /// Where the zone records that the token was used.
    #[must_use]
    pub fn key(&self, provider: &Provider) -> Key {
        sha256(&[b"authentik logout token v1", &provider.key.0, self.id.as_bytes()])
    }
}

impl LogoutClaims {
    /// Parses a token without verifying its signature.
    ///
    /// # Errors
    /// It is not a logout token, or encrypted.
    pub fn read(token: &[u8]) -> Result<Self, TokenFlaw> {
        Self::parse(&jws::claimed_payload(token, Kind::Logout)?)
    }

    /// The provider that it claims to be for: of those with its `aud`, the one with its `iss`, else
    /// any.
    #[must_use]
    pub fn provider_of<'p, P: AsRef<Provider>>(
        &self,
        providers: impl Iterator<Item = &'p P>,
    ) -> Option<&'p P> {
        let mut found = None;
        for candidate in providers {
            let provider = candidate.as_ref();
            if claims::audience_includes(&self.0, &provider.client_id) != Ok(true) {
                continue;
            }
            if claims::text(&self.0, "iss") == Ok(provider.issuer.as_str()) {
                return Some(candidate);
            }
            found.get_or_insert(candidate);
        }
        found
    }

    /// Checks everything but the signature.
    ///
    /// # Errors
    /// The first flaw.
    pub fn check(&self, provider: &Provider, now: UnixTime) -> Result<(), TokenFlaw> {
        self.judge(provider, now).map(drop)
    }

    fn parse(payload: &[u8]) -> Result<Self, TokenFlaw> {
        json::object(payload).map(Self).ok_or(TokenFlaw::Malformed("claims"))
    }

    /// Back-Channel Logout 1.0 §2.6.
    fn judge(&self, provider: &Provider, now: UnixTime) -> Result<Logout, TokenFlaw> {
        let members = &self.0;
        let issuer = claims::text(members, "iss")?;
        if issuer != provider.issuer {
            return Err(TokenFlaw::issuer(issuer, &provider.issuer));
        }
        if !claims::audience_includes(members, &provider.client_id)? {
            return Err(TokenFlaw::Audience);
        }
        check_times(members, now)?;
        let issued = claims::time(members, "iat")?.ok_or(TokenFlaw::Missing("iat"))?;
        if now >= issued.plus(MAX_AGE) {
            return Err(TokenFlaw::Stale { seconds_ago: now.since(issued) });
        }
        check_event(members)?;
        // ID tokens have one, and must not pass for logout tokens.
        if members.contains_key("nonce") {
            return Err(TokenFlaw::Unwanted("nonce"));
        }
        let id = claims::text(members, "jti")?;
        if id.is_empty() {
            return Err(TokenFlaw::Missing("jti"));
        }
        let ended = match (claims::text(members, "sid")?, claims::text(members, "sub")?) {
            ("", "") => return Err(TokenFlaw::Missing("sid")),
            ("", user) => Ended::User(user.to_owned()),
            (session, _) => Ended::Session(session.to_owned()),
        };
        let expires = claims::time(members, "exp")?.ok_or(TokenFlaw::Missing("exp"))?;
        Ok(Logout { ended, id: id.to_owned(), until: expires.min(issued.plus(MAX_AGE)) })
    }
}

fn check_event(members: &Map<String, Value>) -> Result<(), TokenFlaw> {
    let events = match members.get("events") {
        None => return Err(TokenFlaw::NoLogout),
        Some(events) => events.as_object().ok_or(TokenFlaw::WrongType("events"))?,
    };
    match events.get(EVENT) {
        None => Err(TokenFlaw::NoLogout),
        Some(Value::Object(_)) => Ok(()),
        Some(_) => Err(TokenFlaw::WrongType("events")), // lint: a JSON value, not an enum of ours
    }
}
