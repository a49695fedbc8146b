//! `/outpost.goauthentik.io/sign_out`: ends every session of the user, at all providers.

use std::sync::Arc;

use gate::cookie;
use gate::login::LoginTrail;
use gate::page::{Action, Page};
use gate::provider::Provider;
use gate::response::Response;
use gate::status::Status;
use url::form_urlencoded;

use super::{providers_here, sign_in};
use crate::authentik::core_server::{self, Unknown};
use crate::ngx::{Fault, Flow, Request, kept};
use crate::request::answers;
use crate::visitor::sessions;

/// Longest token that is sent along, in bytes: a request line may have 8 kB (nginx's default).
const LONGEST_HINT: usize = 6 * 1024;

pub(super) fn sign_out<'r>(r: &mut Request<'r>, default: &'r Arc<Provider>) -> Result<Flow, Fault> {
    let provider = match r.state()?.signed_out.get() {
        Some(key) => providers_here(r, default)?.find(|p| p.key == key).unwrap_or(default),
        None => match end_sessions(r, default)? {
            Some(provider) => {
                super::works_for(r, provider)?;
                provider
            }
            None => {
                // Nobody is signed in: as upstream, a sign-in begins (authentik-outpost.md §10).
                return sign_in::of_nobody(r, default);
            }
        },
    };
    let answer = match core_server::endpoints(r, provider)? {
        Ok(endpoints) => Response::redirect(end_session_url(r, &endpoints.end_session)),
        Err(Unknown::Waiting) => return Ok(Flow::Suspended),
        Err(Unknown::Failed(_)) => only_here(provider),
    };
    answers::note(r, Status::SignedOut, None)?;
    Ok(Flow::Answer(
        answer
            .with("Set-Cookie", cookie::delete_session(provider))
            .with("Set-Cookie", LoginTrail::clear_cookie(provider)),
    ))
}

/// Ends all sessions of whoever asks; the token stays with the request for the redirect.
fn end_sessions<'r>(
    r: &Request<'r>,
    default: &'r Arc<Provider>,
) -> Result<Option<&'r Arc<Provider>>, Fault> {
    for provider in providers_here(r, default)? {
        if let Ok(session) = sessions::find(r, provider)? {
            let ended = sessions::end_all_of(r, session.uid());
            r.state()?.signed_out.set(Some(provider.key));
            let name = &provider.name;
            r.log(
                crate::ngx::log::Level::Info,
                format_args!("signed out, sessions ended: {ended}, provider: \"{name}\""),
            );
            return Ok(Some(provider));
        }
    }
    Ok(None)
}

/// OpenID Connect RP-Initiated Logout 1.0 §2; the parameters of authentik-outpost.md §10.
fn end_session_url(r: &Request<'_>, endpoint: &str) -> String {
    let view = r.recall(kept::RECORD).and_then(gate::identity::SessionView::over);
    let token = view.map(|view| view.token()).unwrap_or_default();
    // A hint only, which authentik does without (recordings, surprise 13): never worth a URL that
    // the servers on the way refuse for its length.
    if token.len() > LONGEST_HINT {
        return endpoint.to_owned();
    }
    let hint = form_urlencoded::byte_serialize(token).collect::<String>();
    let separator = if endpoint.contains('?') { '&' } else { '?' };
    format!("{endpoint}{separator}id_token_hint={hint}")
}

/// authentik does not answer: the sessions here are ended all the same.
fn only_here(provider: &Provider) -> Response {
    let page = Page {
        title: "You are signed out here",
        sentence: "All your sessions on this site are ended.",
        hint: "The sign-in service does not answer, so you may still be signed in there.",
        code: "core-unreachable",
        action: Some(Action {
            label: "Back to the site",
            url: provider.external.url.as_str(),
            new_tab: false,
        }),
        home: None,
    };
    Response::page(200, &page)
}
