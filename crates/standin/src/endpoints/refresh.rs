//! Refresh tokens, as recorded (docs/protocol.md §4.8). They outlive everything but their own time,
//! revocation, and their user's activity; whether the session at authentik still exists shows only
//! in `sid` and `amr`.

use crate::call::Call;
use crate::claims::{self, Grant, Origin, Tokens};
use crate::core::{Core, RefreshToken, unix_now};
use crate::endpoints::token::Issued;
use crate::keys::random_alphanumeric;
use crate::reply::OauthError;

/// Scope mapping that gives refresh tokens.
pub(crate) const SCOPE: &str = "offline_access";

/// Answers `grant_type=refresh_token`. A failed client authentication leaves the token usable.
pub(crate) fn refresh(core: &mut Core, call: &Call) -> Issued {
    let (provider, secret_is_right) = core.authenticated(call).ok_or(OauthError::InvalidClient)?;
    if !secret_is_right {
        return Err(OauthError::InvalidClient);
    }
    let provider = provider.clone();
    let name = call.form("refresh_token").unwrap_or_default().to_owned();
    let old = core.refresh_tokens.get(&name).cloned().ok_or(OauthError::InvalidGrant)?;
    let is_usable = old.client_id == provider.client_id
        && old.expires > unix_now()
        && old.is_usable_for(call.arrived);
    let user = core.user(&old.session.username).filter(|user| user.active && is_usable);
    let user = user.ok_or(OauthError::InvalidGrant)?;
    check_scope(call.form("scope").unwrap_or_default(), &provider.scopes, &old.scopes)?;
    let is_alive = core.sessions.values().any(|session| session.sid == old.session.sid);
    let origin = match is_alive && !old.is_orphan {
        true => Origin::Session(&old.session),
        false => Origin::EndedSession(&old.session),
    };
    let grant =
        Grant { provider: &provider, user, scopes: old.scopes.clone(), nonce: None, origin };
    let tokens = claims::issue(core, call, &grant).ok_or(OauthError::InvalidGrant)?;
    let successor = RefreshToken {
        expires: unix_now() + provider.refresh_token_seconds,
        used: None,
        is_orphan: old.is_orphan || !is_alive,
        claims: tokens.issued.claims.clone(),
        ..old
    };
    if provider.refresh_token_threshold_seconds > 0 {
        // With any threshold, 2026.2 never rotates, and returns no refresh token.
        return Ok((Tokens { refresh_token: None, ..tokens }, provider.access_token_seconds));
    }
    if let Some(old) = core.refresh_tokens.get_mut(&name) {
        old.used.get_or_insert_with(std::time::Instant::now);
    }
    let refresh_token = Some(keep(core, successor));
    Ok((Tokens { refresh_token, ..tokens }, provider.access_token_seconds))
}

/// A requested scope must contain `offline_access`, and nothing that was not granted; names that
/// the provider does not have are dropped.
fn check_scope(asked: &str, known: &[String], granted: &[String]) -> Result<(), OauthError> {
    let has = |list: &[String], scope: &str| list.iter().any(|has| has == scope);
    let mut asked = asked.split_ascii_whitespace().filter(|scope| has(known, scope)).peekable();
    let is_sent = asked.peek().is_some();
    let asked: Vec<&str> = asked.collect();
    let fits = asked.contains(&SCOPE) && asked.iter().all(|scope| has(granted, scope));
    if is_sent && !fits { Err(OauthError::InvalidScope) } else { Ok(()) }
}

/// Keeps a refresh token; returns its text.
pub(crate) fn keep(core: &mut Core, token: RefreshToken) -> String {
    let name = random_alphanumeric(128);
    core.refresh_tokens.insert(name.clone(), token);
    name
}
