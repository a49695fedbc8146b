//! Introspection (RFC 7662), userinfo and revocation (RFC 7009), as in
//! docs/protocol.md §5.1. Userinfo knows access tokens only.

use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;

use crate::call::Call;
use crate::claims;
use crate::core::{Core, Issued, RefreshToken, unix_now};
use crate::json::{Json, object};
use crate::reply::{OauthError, Reply};

/// Always 200: even a wrong client secret just gives `{"active": false}`.
pub(crate) fn introspect(core: &Core, call: &Call) -> Reply {
    if call.method != "POST" {
        return Reply::wrong_method("POST, OPTIONS");
    }
    let name = call.form("token").unwrap_or_default();
    if let (Some((provider, true)), Some(token)) =
        (core.authenticated(call), core.refresh_tokens.get(name))
    {
        if token.client_id == provider.client_id {
            return of_refresh_token(core, token);
        }
    }
    let token = live(core, name);
    let active = match (core.authenticated(call), token) {
        (Some((provider, true)), Some(token)) if token.client_id == provider.client_id => token,
        _ => return Reply::json(200, &object([("active", false.into())])),
    };
    let mut members = active.claims.clone();
    members.extend([
        ("active".to_owned(), true.into()),
        ("scope".to_owned(), active.scope.as_str().into()),
        ("client_id".to_owned(), active.client_id.as_str().into()),
    ]);
    Reply::json(200, &Json::Object(members))
}

/// A used one shows its claims too, as inactive.
fn of_refresh_token(core: &Core, token: &RefreshToken) -> Reply {
    let user = core.user(&token.session.username);
    let active =
        token.used.is_none() && token.expires > unix_now() && user.is_some_and(|user| user.active);
    let mut members = token.claims.clone();
    members.extend([
        ("active".to_owned(), active.into()),
        ("scope".to_owned(), token.scopes.join(" ").into()),
        ("client_id".to_owned(), token.client_id.as_str().into()),
    ]);
    Reply::json(200, &Json::Object(members))
}

pub(crate) fn userinfo(core: &Core, call: &Call) -> Reply {
    let authorization = call.header("authorization").unwrap_or_default();
    let token = match authorization.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => live(core, token),
        _ => None,
    };
    let Some(token) = token else {
        // No scheme: authentik's own way.
        let why = "error=\"invalid_token\", error_description=\"The access token provided is \
                   expired, revoked, malformed, or invalid for other reasons\"";
        return Reply::empty(401).with(WWW_AUTHENTICATE, why);
    };
    let subject = token.claims.iter().find(|(name, _)| name == "sub").cloned();
    let members = subject.into_iter().chain(token.user_claims.iter().cloned()).collect();
    Reply::json(200, &Json::Object(members))
}

pub(crate) fn revoke(core: &mut Core, call: &Call) -> Reply {
    let Some((provider, true)) = core.authenticated(call) else {
        let error = Reply::oauth_error(call, OauthError::InvalidClient);
        return error.with_status(StatusCode::UNAUTHORIZED);
    };
    let (client_id, token) = (provider.client_id.clone(), call.form("token").unwrap_or_default());
    if core.tokens.get(token).is_some_and(|issued| issued.client_id == client_id) {
        core.tokens.remove(token);
    }
    if core.refresh_tokens.get(token).is_some_and(|refresh| refresh.client_id == client_id) {
        core.refresh_tokens.remove(token);
    }
    Reply::json(200, &Json::Object(Vec::new()))
}

/// The token if it was issued, is neither revoked nor expired, and its user is active.
fn live<'a>(core: &'a Core, token: &str) -> Option<&'a Issued> {
    let issued = core.tokens.get(token).filter(|issued| issued.expires > unix_now())?;
    let is_subject = |username: &str| {
        let subject = Json::from(claims::subject(username));
        issued.claims.iter().any(|(name, value)| name == "sub" && *value == subject)
    };
    let users = &core.settings.users;
    let inactive = users.iter().any(|user| !user.active && is_subject(&user.username));
    (!inactive).then_some(issued)
}
