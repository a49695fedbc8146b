//! `/application/o/token/`, as in docs/protocol.md §4.4, §4.8 and §5.2. Left out: device codes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::call::Call;
use crate::claims::{self, Grant, Origin, Tokens};
use crate::core::{Challenge, Core, RefreshToken, has_access, unix_now};
use crate::endpoints::refresh;
use crate::fault::Fault;
use crate::json::{Json, object};
use crate::keys::sha256_base64url;
use crate::reply::{OauthError, Reply};
use crate::settings::{ProviderSettings, User};

pub(crate) fn token(core: &mut Core, call: &Call) -> Reply {
    if call.method != "POST" {
        return Reply::wrong_method("POST, OPTIONS");
    }
    let issued = match call.form("grant_type") {
        _ if core.authenticated(call).is_none() => Err(OauthError::InvalidClient),
        Some("authorization_code") => exchange(core, call),
        Some("client_credentials" | "password") => credentials(core, call),
        Some("refresh_token") => refresh::refresh(core, call),
        _ => Err(OauthError::UnsupportedGrantType),
    };
    match issued {
        Ok((tokens, seconds)) => response(core, call, tokens, seconds),
        Err(error) => Reply::oauth_error(call, error),
    }
}

/// Tokens and their lifetime in seconds.
pub(crate) type Issued = Result<(Tokens, u64), OauthError>;

fn exchange(core: &mut Core, call: &Call) -> Issued {
    let (provider, secret_is_right) = core.authenticated(call).ok_or(OauthError::InvalidClient)?;
    // Any allowed redirect URI will do, not just the code's (docs/protocol.md §4.4).
    let redirect_uri = call.form("redirect_uri").unwrap_or_default();
    let allowed = provider.redirect_uris.iter().any(|allowed| allowed == redirect_uri);
    if !secret_is_right || !allowed {
        return Err(OauthError::InvalidClient);
    }
    let name = call.form("code").unwrap_or_default();
    let code = core.codes.get(name).ok_or(OauthError::InvalidGrant)?;
    let user = core.user(&code.session.username).filter(|user| user.active);
    let user = user.ok_or(OauthError::InvalidGrant)?;
    let good = code.client_id == provider.client_id
        && code.expires > unix_now()
        && verifies(code.challenge.as_ref(), call.form("code_verifier"));
    if !good {
        return Err(OauthError::InvalidGrant);
    }
    let seconds = provider.access_token_seconds;
    let grant = Grant {
        provider,
        user,
        scopes: code.scopes.clone(),
        nonce: code.nonce.as_deref(),
        origin: Origin::Session(&code.session),
    };
    let mut tokens = claims::issue(core, call, &grant).ok_or(OauthError::InvalidGrant)?;
    let refresh_token = code.scopes.iter().any(|scope| scope == refresh::SCOPE).then(|| {
        let (client_id, session) = (provider.client_id.clone(), code.session.clone());
        RefreshToken {
            client_id,
            session,
            scopes: code.scopes.clone(),
            expires: unix_now() + provider.refresh_token_seconds,
            used: None,
            is_orphan: false,
            claims: tokens.issued.claims.clone(),
        }
    });
    core.codes.remove(name);
    tokens.refresh_token = refresh_token.map(|token| refresh::keep(core, token));
    Ok((tokens, seconds))
}

/// A verifier without a challenge is refused too (docs/protocol.md §4.3).
fn verifies(challenge: Option<&Challenge>, verifier: Option<&str>) -> bool {
    match (challenge, verifier) {
        (None, None) => true,
        (Some(Challenge::Plain(challenge)), Some(verifier)) => challenge == verifier,
        (Some(Challenge::S256(challenge)), Some(verifier)) => {
            *challenge == sha256_base64url(verifier)
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// The outpost's Basic flow. A client secret is ignored if there is a user name.
fn credentials(core: &Core, call: &Call) -> Issued {
    let (provider, secret_is_right) = core.authenticated(call).ok_or(OauthError::InvalidClient)?;
    let generated;
    let user = match (call.form("username"), call.form("password")) {
        (None, None) if secret_is_right => {
            generated = service_account(provider);
            &generated
        }
        (None, None) => {
            let (username, password) = packed(call).ok_or(OauthError::InvalidGrant)?;
            with_app_password(core, &username, &password)?
        }
        (username, password) => {
            with_app_password(core, username.unwrap_or_default(), password.unwrap_or_default())?
        }
    };
    if !has_access(provider, user) {
        return Err(OauthError::InvalidGrant);
    }
    let asked = call.form("scope").unwrap_or_default();
    let known = |scope: &&str| provider.scopes.iter().any(|has| has == scope);
    let scopes = asked.split(' ').filter(known).map(str::to_owned).collect();
    let grant = Grant { provider, user, scopes, nonce: None, origin: Origin::Credentials };
    let tokens = claims::issue(core, call, &grant).ok_or(OauthError::InvalidGrant)?;
    Ok((tokens, provider.access_token_seconds))
}

fn with_app_password<'a>(
    core: &'a Core,
    username: &str,
    password: &str,
) -> Result<&'a User, OauthError> {
    core.user(username)
        .filter(|user| user.active && user.app_passwords.iter().any(|known| known == password))
        .ok_or(OauthError::InvalidGrant)
}

/// `client_secret` = base64(`user:app password`).
fn packed(call: &Call) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(call.form("client_secret")?).ok()?).ok()?;
    decoded.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

fn service_account(provider: &ProviderSettings) -> User {
    let name = &provider.name;
    User {
        email: String::new(),
        attributes: serde_json::json!({"goauthentik.io/user/generated": true}),
        ..User::new(
            &format!("ak-{}-client_credentials", provider.slug),
            &format!("Autogenerated user from application {name} (client credentials)"),
        )
    }
}

fn response(core: &mut Core, call: &Call, tokens: Tokens, seconds: u64) -> Reply {
    let Tokens { access_token, id_token, refresh_token, issued } = tokens;
    let scope = issued.scope.clone();
    core.tokens.insert(access_token.clone(), issued);
    let mut body = object([
        ("access_token", access_token.into()),
        ("token_type", "Bearer".into()),
        ("scope", scope.into()),
        ("expires_in", seconds.into()),
        ("id_token", id_token.into()),
    ]);
    if let (Json::Object(members), Some(token)) = (&mut body, refresh_token) {
        members.push(("refresh_token".to_owned(), token.into()));
    }
    if let (Json::Object(members), true) =
        (&mut body, call.faults.contains(&Fault::OmitAccessToken))
    {
        members.retain(|(name, _)| name != "access_token");
    }
    Reply::json(200, &body)
}
