//! Tokens from authentik: JSON Web Signatures in compact form (RFC 7515, RFC 7519, RFC 8725).
//!
//! Signatures are verified with `ring`, not with the `jsonwebtoken` crate: its current versions
//! need a newer compiler or a second cryptography library besides the one that rustls uses here,
//! and the little that authentik needs is easier to read than to configure.
//!
//! [`VerifiedClaims`] are only created by [`verify`] or [`from_introspection`], a [`Logout`] only
//! by [`Logout::verify`].

mod claims;
mod flaw;
mod introspection;
mod jws;
mod keys;
mod logout;

pub use claims::{Claims, ProxyClaims, VerifiedClaims};
pub use flaw::TokenFlaw;
pub use introspection::from_introspection;
pub use keys::{KeySet, KeySetFlaw, Keys};
pub use logout::{Ended, Logout, LogoutClaims};

use serde_json::{Map, Value};

use crate::json;
use crate::provider::Provider;
use crate::time::UnixTime;

/// Maximum length of a token, in bytes: three times the largest one seen.
pub const MAX_TOKEN: usize = 128 * 1024;

/// How far `nbf` and `iat` may be in the future, in seconds: clocks differ.
const MAX_CLOCK_LEAD: u64 = 300;

/// What a token must contain to be for us.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'e> {
    /// `iss`, byte for byte.
    pub issuer: &'e str,
    /// The client id, which `aud` must contain. `azp` must be the client id if there is one, and
    /// there must be one if `aud` names others as well.
    pub audience: &'e str,
    /// `nonce` of the login that this token completes, if there is one.
    pub nonce: Option<&'e str>,
}

impl<'e> Expected<'e> {
    /// What tokens of this provider must contain; `nonce` as sent by the login.
    #[must_use]
    pub fn of(provider: &'e Provider, nonce: Option<&'e str>) -> Self {
        Self { issuer: &provider.issuer, audience: &provider.client_id, nonce }
    }
}

/// Verifies signature and claims (docs/protocol.md §4.5).
///
/// There is no leeway for `exp`: a session lasts as long as its token, so leeway could only create
/// sessions that have expired. `nbf` and `iat` may be five minutes ahead.
///
/// # Errors
/// The first flaw; a flawed token is rejected.
pub fn verify(
    token: &[u8],
    expected: &Expected<'_>,
    keys: &Keys,
    now: UnixTime,
) -> Result<VerifiedClaims, TokenFlaw> {
    let payload = jws::verified_payload(token, keys, jws::Kind::Identity)?;
    let members = json::object(&payload).ok_or(TokenFlaw::Malformed("claims"))?;

    let issuer = claims::text(&members, "iss")?;
    if issuer != expected.issuer {
        return Err(TokenFlaw::issuer(issuer, expected.issuer));
    }
    if !claims::audience_includes(&members, expected.audience)? {
        return Err(TokenFlaw::Audience);
    }
    // OpenID Connect Core 1.0 §3.1.3.7: the token was issued to this client. With one audience,
    // that goes without saying.
    let party = claims::text(&members, "azp")?;
    let is_shared = members.get("aud").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
    if party != expected.audience && (is_shared || !party.is_empty()) {
        return Err(TokenFlaw::Audience);
    }
    if let Some(nonce) = expected.nonce {
        let found = claims::text(&members, "nonce")?;
        if !same_bytes(found.as_bytes(), nonce.as_bytes()) {
            return Err(TokenFlaw::Nonce);
        }
    }
    if claims::time(&members, "iat")?.is_none() {
        return Err(TokenFlaw::Missing("iat"));
    }
    check_times(&members, now)?;
    claims::keep(members)
}

fn check_times(members: &Map<String, Value>, now: UnixTime) -> Result<(), TokenFlaw> {
    let expires = claims::time(members, "exp")?.ok_or(TokenFlaw::Missing("exp"))?;
    if now >= expires {
        return Err(TokenFlaw::Expired { seconds_ago: now.since(expires) });
    }
    for name in ["nbf", "iat"] {
        let Some(time) = claims::time(members, name)? else { continue };
        if time > now.plus(MAX_CLOCK_LEAD) {
            return Err(TokenFlaw::NotYetValid { claim: name, seconds_ahead: time.since(now) });
        }
    }
    Ok(())
}

/// Compares in a time that depends only on the lengths: a nonce is the browser's secret.
fn same_bytes(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |seen, (a, b)| seen | (a ^ b));
    one.len() == other.len() && std::hint::black_box(differences) == 0
}

#[cfg(test)]
mod tests;
