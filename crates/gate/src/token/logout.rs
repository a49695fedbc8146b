//! Logout tokens: authentik says which session has ended (OpenID Connect Back-Channel Logout 1.0 §2.4).

use serde_json::{Map, Value};

use super::jws::{self, Kind};
use super::{Keys, TokenFlaw, check_times, claims};
use crate::hash::sha256;
use crate::json;
use crate::provider::Provider;
use crate::store::Key;
use crate::time::UnixTime;

/// The event that a logout token is about.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A logout token is good for this long after its `iat`, in seconds, whatever its `exp` says: authentik
/// makes a new one for each try (docs/protocol.md §10.2).
const MAX_AGE: u64 = 600;

/// A logout that authentik vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logout {
    /// What is over.
    pub ended: Ended,
    /// `jti`: of one value only the first token counts.
    pub id: String,
    /// From then on the token is refused in any case, so its `jti` need not be known any more.
    pub until: UnixTime,
}

/// What is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The session at authentik with this `sid`.
    Session(String),
    /// All that the user with this `sub` has at the provider.
    User(String),
}

/// What a logout token claims, whoever wrote it: enough to find the provider whose key it must be
/// signed with, and to refuse most of what is wrong before anybody is asked for that key.
pub struct LogoutClaims(Map<String, Value>);

impl Logout {
    /// Checks signature and claims.
    ///
    /// # Errors
    /// The first flaw; a token with any ends nothing.
    pub fn verify(
        token: &[u8],
        provider: &Provider,
        keys: &Keys,
        now: UnixTime,
    ) -> Result<Self, TokenFlaw> {
        let payload = jws::verified_payload(token, keys, Kind::Logout)?;
        LogoutClaims::parse(&payload)?.judge(provider, now)
    }

    /// Where the zone has that the token was used.
    #[must_use]
    pub fn key(&self, provider: &Provider) -> Key {
        sha256(&[b"authentik logout token v1", &provider.key.0, self.id.as_bytes()])
    }
}

impl LogoutClaims {
    /// Reads a token without a look at its signature.
    ///
    /// # Errors
    /// It is none, or encrypted.
    pub fn read(token: &[u8]) -> Result<Self, TokenFlaw> {
        Self::parse(&jws::claimed_payload(token, Kind::Logout)?)
    }

    /// Whose token it claims to be: of those with its `aud` the one with its `iss`, else any.
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

    /// Whether it would be a good token, were it signed.
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
        // An ID token has one, and must not pass for a logout token.
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
