//! `/application/o/authorize/`, as in docs/protocol.md §4.3.
//!
//! Left out: `max_age`, `response_mode=form_post`, implicit and hybrid flows.

use crate::call::{Call, quote, quote_plus};
use crate::core::{Challenge, Code, Core, Session, has_access, unix_now};
use crate::endpoints::session;
use crate::fault::Fault;
use crate::keys::random_hex;
use crate::pages;
use crate::reply::Reply;
use crate::settings::ProviderSettings;

pub(crate) fn authorize(core: &mut Core, call: &Call) -> Reply {
    let Some(provider) = call.query("client_id").and_then(|id| core.client(id)).cloned() else {
        return refused(
            "Client ID Error",
            "The client identifier (client_id) is missing or invalid.",
        );
    };
    let redirect_uri = call.query("redirect_uri").unwrap_or_default();
    if !provider.redirect_uris.iter().any(|allowed| allowed == redirect_uri) {
        return refused(
            "Redirect URI Error",
            "The request fails due to a missing, invalid, or mismatching redirection URI \
             (redirect_uri).",
        );
    }
    if let Some(error) = error(core, call) {
        return back_with_error(call, redirect_uri, &error);
    }
    let (cookie, session) = match visitor(core, call) {
        Visitor::SignedIn(cookie, session) => (cookie, session),
        Visitor::MustSignIn => return session::to_login(call),
        Visitor::Unknown => return denied("nobody"),
    };
    match core.user(&session.username) {
        Some(user) if has_access(&provider, user) => {}
        _ => return denied(&session.username),
    }
    if let Some(session) = core.sessions.get_mut(&cookie) {
        session.fresh = false;
    }
    let code = new_code(core, call, &provider, session);
    Reply::redirect(&callback(call, redirect_uri, &code)).with_session(call, &cookie)
}

/// The visitor.
enum Visitor {
    /// Signed in with this cookie.
    SignedIn(String, Session),
    MustSignIn,
    /// Without a form: a name that no active user has.
    Unknown,
}

fn visitor(core: &mut Core, call: &Call) -> Visitor {
    let again = call.query("prompt") == Some("login");
    let existing = call.cookie(crate::core::SESSION_COOKIE).unwrap_or_default().to_owned();
    // After the login required by `prompt=login`, the same URL is opened once more.
    let session = core.session(call).cloned().filter(|session| !again || session.fresh);
    let named = call.query("login_hint").or_else(|| call.cookie("standin_user"));
    if core.settings.form {
        return session.map_or(Visitor::MustSignIn, |s| Visitor::SignedIn(existing, s));
    }
    match (session, named) {
        (Some(session), None) => Visitor::SignedIn(existing, session),
        (Some(session), Some(name)) if session.username == name => {
            Visitor::SignedIn(existing, session)
        }
        (_, named) => {
            let username = named.unwrap_or(&core.settings.default_user).to_owned();
            if !core.user(&username).is_some_and(|user| user.active) {
                return Visitor::Unknown;
            }
            let (cookie, session) = core.sign_in(call, &username);
            Visitor::SignedIn(cookie, session)
        }
    }
}

/// An error that is returned to the application.
fn error(core: &Core, call: &Call) -> Option<String> {
    let on_demand = call.faults.iter().find_map(|fault| {
        if let Fault::ErrorRedirect(error) = fault { Some(error.clone()) } else { None }
    });
    if on_demand.is_some() {
        return on_demand;
    }
    if call.query("response_type") != Some("code") {
        return Some("unsupported_response_type".to_owned());
    }
    let silently = call.query("prompt") == Some("none");
    (silently && core.session(call).is_none()).then(|| "login_required".to_owned())
}

/// The second `?` is authentik's (docs/protocol.md §4.3).
fn back_with_error(call: &Call, redirect_uri: &str, error: &str) -> Reply {
    let description = match error {
        "login_required" => "The Authorization Server requires End-User authentication",
        "unsupported_response_type" => {
            "The authorization server does not support obtaining an authorization code using \
             this method"
        }
        _ => "The stand-in was told to refuse",
    };
    let state = quote(call.query("state").unwrap_or_default());
    let (error, description) = (quote(error), quote(description));
    Reply::redirect(&format!(
        "{redirect_uri}?error={error}&error_description={description}&state={state}"
    ))
}

fn new_code(core: &mut Core, call: &Call, provider: &ProviderSettings, session: Session) -> String {
    let challenge =
        call.query("code_challenge").map(|challenge| match call.query("code_challenge_method") {
            Some("S256") => Challenge::S256(challenge.to_owned()),
            _ => Challenge::Plain(challenge.to_owned()),
        });
    let code = Code {
        client_id: provider.client_id.clone(),
        session,
        scopes: scopes(call, provider),
        nonce: call.query("nonce").map(str::to_owned),
        challenge,
        expires: unix_now() + provider.access_code_seconds,
    };
    let name = random_hex(16);
    core.codes.insert(name.clone(), code);
    name
}

/// Unknown scopes are silently dropped; none requested means all (docs/protocol.md §4.3).
fn scopes(call: &Call, provider: &ProviderSettings) -> Vec<String> {
    let asked = call.query("scope").unwrap_or_default();
    if asked.is_empty() {
        return provider.scopes.clone();
    }
    let known = |scope: &&str| provider.scopes.iter().any(|has| has == scope);
    asked.split(' ').filter(known).map(str::to_owned).collect()
}

/// The redirect URI already has a query: `code` and `state` are appended to it.
fn callback(call: &Call, redirect_uri: &str, code: &str) -> String {
    let state = quote_plus(call.query("state").unwrap_or_default());
    let separator = match call.query("response_mode") {
        Some("fragment") => '#',
        _ if redirect_uri.contains('?') => '&',
        _ => '?',
    };
    format!("{redirect_uri}{separator}code={code}&state={state}")
}

fn refused(title: &str, text: &str) -> Reply {
    Reply::html(400, pages::notice(title, text))
}

/// A user without access is never sent back (docs/protocol.md §4.3).
fn denied(username: &str) -> Reply {
    let text = format!("Request has been denied for {username}.");
    Reply::html(200, pages::notice("Permission denied", &text))
}
