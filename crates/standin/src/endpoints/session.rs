//! The browser's session at authentik: login form, end-session, full logout (docs/protocol.md
//! §10.1). The real ones are web applications that use an API; these are plain forms at the same
//! URLs.

use axum::http::header::SET_COOKIE;

use crate::call::{Call, quote_plus};
use crate::core::{Core, SESSION_COOKIE};
use crate::logout;
use crate::pages;
use crate::reply::Reply;
use crate::settings::ProviderSettings;

pub(crate) const LOGIN_FLOW: &str = "/if/flow/default-authentication-flow/";
pub(crate) const INVALIDATION_FLOW: &str = "/if/flow/default-invalidation-flow/";
pub(crate) const PROVIDER_INVALIDATION_FLOW: &str = "/if/flow/default-provider-invalidation-flow/";

/// Redirects to the login form, which returns to this URL.
pub(crate) fn to_login(call: &Call) -> Reply {
    let query = &call.raw_query;
    let (base, path) = (&call.sub_path, &call.path);
    let (here, separator) = match query.as_str() {
        "" => (format!("{base}{path}"), ""),
        query => (format!("{base}{path}?{query}"), "&"),
    };
    let next = quote_plus(&here);
    Reply::redirect(&format!("{base}{LOGIN_FLOW}?{query}{separator}next={next}"))
}

/// The login form (GET) and its submission (POST).
pub(crate) fn login(core: &mut Core, call: &Call) -> Reply {
    let client = call.query("client_id").and_then(|id| core.client(id));
    let application = client.map(|provider| provider.name.clone());
    let form = |core: &Core, problem: Option<&str>| {
        pages::login(&core.settings.users, application.as_deref(), problem)
    };
    if call.method != "POST" {
        return Reply::html(200, form(core, None));
    }
    let Some(username) = who_signs_in(core, call) else {
        return Reply::html(200, form(core, Some("Failed to authenticate.")));
    };
    let (cookie, _) = core.sign_in(call, &username);
    // Only a path on this server: `//host` would leave it.
    let next = call.query("next").filter(|n| n.starts_with('/') && !n.starts_with("//"));
    let home = format!("{}/", call.sub_path);
    Reply::redirect(next.unwrap_or(&home)).with_session(call, &cookie)
}

/// A user picked from the list, or user name (or e-mail address) and password.
fn who_signs_in(core: &Core, call: &Call) -> Option<String> {
    let mut users = core.settings.users.iter().filter(|user| user.active);
    let user = match (call.form("pick"), call.form("username"), call.form("password")) {
        (Some(pick), _, _) => users.find(|user| user.username == pick),
        (None, Some(name), Some(password)) => users.find(|user| {
            (user.username == name || user.email == name) && user.password == password
        }),
        (None, _, _) => None,
    };
    user.map(|user| user.username.clone())
}

/// With the provider's default flow this ends nothing at authentik (docs/protocol.md §10.1). With a
/// login form, it requires a signed-in browser.
pub(crate) fn end_session(core: &mut Core, call: &Call) -> Reply {
    if core.settings.form && core.session(call).is_none() {
        return to_login(call);
    }
    let slug = call.path.split('/').nth(3).unwrap_or_default();
    let Some(provider) = core.application(slug).cloned() else { return Reply::not_found() };
    if provider.ends_session {
        if let Some(cookie) = call.cookie(SESSION_COOKIE) {
            core.end_session(cookie);
        }
    }
    if let Some(way_back) = way_back(core, call, &provider) {
        return Reply::redirect(&way_back);
    }
    if provider.ends_session {
        return Reply::redirect(&format!("{}/", call.sub_path));
    }
    let separator = if call.raw_query.is_empty() { "" } else { "&" };
    let (base, query) = (&call.sub_path, &call.raw_query);
    Reply::redirect(&format!(
        "{base}{PROVIDER_INVALIDATION_FLOW}?{query}{separator}application={slug}"
    ))
}

/// Where to send the browser back to (OpenID Connect RP-Initiated Logout 1.0 §3), if this authentik
/// version does so.
fn way_back(core: &Core, call: &Call, provider: &ProviderSettings) -> Option<String> {
    let asked =
        call.query("post_logout_redirect_uri").filter(|_| core.settings.returns_after_logout)?;
    let registered = provider.post_logout_redirect_uris.iter().any(|uri| uri == asked);
    // The hint may be old, and is not checked further here.
    call.query("id_token_hint").filter(|_| registered)?;
    let separator = if asked.contains('?') { '&' } else { '?' };
    Some(match call.query("state") {
        Some(state) => format!("{asked}{separator}state={}", quote_plus(state)),
        None => asked.to_owned(),
    })
}

/// The page shown by end-session.
pub(crate) fn signed_out_of_application(core: &Core, call: &Call) -> Reply {
    let application = call.query("application").and_then(|slug| core.application(slug));
    let name = application.map_or("the application", |provider| provider.name.as_str());
    // One of the redirect URIs is the external host with the signature parameter.
    let mut uris = application.into_iter().flat_map(|provider| &provider.redirect_uris);
    let home = uris.find(|uri| !uri.contains("/outpost.goauthentik.io/"));
    let back = home.and_then(|uri| uri.split('?').next());
    let everywhere = format!("{}{INVALIDATION_FLOW}", call.sub_path);
    Reply::html(200, pages::signed_out(name, back, &everywhere))
}

/// Full logout: ends the session and tells every outpost. The page has a frame for each application
/// that is notified that way.
pub(crate) fn invalidate(core: &mut Core, call: &Call) -> Reply {
    let mut frames = Vec::new();
    if let Some(cookie) = call.cookie(SESSION_COOKIE) {
        if let Some(session) = core.sessions.get(cookie) {
            frames = logout::frames(core, &session.sid);
        }
        core.end_session(cookie);
    }
    let page = pages::notice("Signed out", "Your session at the stand-in is over.");
    let frames =
        frames.iter().map(|url| format!("<iframe src=\"{}\"></iframe>", pages::escaped(url)));
    let page = page.replacen("</body>", &format!("{}</body>", frames.collect::<String>()), 1);
    Reply::html(200, page)
        .with(SET_COOKIE, &format!("{SESSION_COOKIE}=; Path=/; Max-Age=0; SameSite=Lax"))
}

/// Who is signed in here.
pub(crate) fn home(core: &Core, call: &Call) -> Reply {
    let text = match core.session(call) {
        Some(session) => format!("You are signed in as {}.", session.username),
        None => "You are not signed in.".to_owned(),
    };
    Reply::html(200, pages::notice("Stand-in authentik", &text))
}
