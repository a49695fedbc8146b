//! Renewing a session: what authentik's answer to a refresh token means for it.
//!
//! A refresh token works on after its user has logged out, so a new access token alone proves
//! little (docs/protocol.md §4.8): it must also be about the same user, of the same issuer, and of
//! the same session at authentik.

use crate::hash;
use crate::identity::{BasicAttributes, Life, Rendered, SessionView, render, with_refresh_token};
use crate::provider::Provider;
use crate::question::{CoreError, Tokens};
use crate::reason::Reason;
use crate::secret::Secret;
use crate::store::Key;
use crate::time::UnixTime;
use crate::token::{Expected, Keys, TokenFlaw, VerifiedClaims, verify};

/// What a renewal has led to.
#[derive(Clone, Debug)]
pub enum Renewed {
    /// The session goes on with this record: identity, access token and refresh token are new.
    GoesOn(Rendered),
    /// The new access token could not be verified with the known keys, which must be fetched again.
    /// The record has the new refresh token, since the old one no longer works, and is otherwise the
    /// old one.
    OtherKeys(Rendered, TokenFlaw),
    /// The session has ended.
    Ended(End),
    /// authentik gave no answer that says anything about the session.
    NotNow(CoreError),
}

/// Why a session has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// For the response.
    pub reason: Reason,
    /// For the log.
    pub why: String,
}

impl Renewed {
    /// Judges authentik's answer to the refresh token of the session `former`.
    #[must_use]
    pub fn of(
        answer: Result<Tokens, CoreError>,
        former: SessionView<'_>,
        provider: &Provider,
        keys: &Keys,
        now: UnixTime,
    ) -> Self {
        let tokens = match answer {
            Ok(tokens) => tokens,
            Err(error) if error.is_about_grant() => {
                return Self::ended(Reason::RenewalRefused, error.to_string());
            }
            Err(error) => return Self::NotNow(error),
        };
        // With a threshold, authentik sends none, and the old one stays valid.
        let old = Secret::new(former.refresh_token());
        let refresh_token = tokens.refresh_token.as_ref().unwrap_or(&old);
        let token = tokens.access_token.expose();
        match verify(token, &Expected::of(provider, None), keys, now) {
            Ok(claims) => match difference(former, &claims) {
                Some(why) => Self::ended(Reason::SessionEnded, why.to_owned()),
                None => {
                    let life = Life::renewed(former, refresh_token, &provider.terms, now);
                    let basic = BasicAttributes::of(provider);
                    Self::GoesOn(render(&claims, provider, token, basic, life))
                }
            },
            Err(flaw) if flaw.is_about_keys() => {
                Self::OtherKeys(with_refresh_token(former, refresh_token), flaw)
            }
            Err(flaw @ TokenFlaw::Issuer { .. }) => {
                Self::ended(Reason::SessionEnded, flaw.to_string())
            }
            Err(flaw) => Self::ended(Reason::from(&flaw), flaw.to_string()),
        }
    }

    fn ended(reason: Reason, why: String) -> Self {
        Self::Ended(End { reason, why })
    }
}

/// What shows that this is no longer the same session.
fn difference(former: SessionView<'_>, claims: &VerifiedClaims) -> Option<&'static str> {
    if claims.sub.as_bytes() != former.uid() {
        return Some("the new token is about another user");
    }
    if former.sid().is_empty() || claims.sid.as_bytes() == former.sid() {
        return None;
    }
    Some("authentik has ended the session: the new token does not name it")
}

/// Whether authentik's refusal of the refresh token of `asked` ends the session as it is `now`, if it
/// is still there: somebody else may have renewed it since, so that another token counts.
#[must_use]
pub fn is_about(asked: SessionView<'_>, now: Option<SessionView<'_>>) -> bool {
    now.is_none_or(|now| now.refresh_token() == asked.refresh_token())
}

/// What the zone contains for the renewal of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It is in progress.
    Lease,
    /// Code of the reason why it failed.
    Failure,
}

impl Entry {
    /// Its key, for the session with this key.
    #[must_use]
    pub fn key(self, session: &Key) -> Key {
        hash::sha256(&[b"authentik renewal v1", &[self as u8], session])
    }
}

/// How long a failed renewal is not repeated, in seconds: a session whose access token has ended
/// waits for it.
pub const FAILURE_KEPT: u64 = 2;

/// How long a worker does not try again to renew a session whose access token is still valid, in
/// seconds.
pub const PAUSE: u64 = 5;

#[cfg(test)]
mod tests;
