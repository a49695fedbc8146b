//! `/outpost.goauthentik.io/sign_out`: ends every session of the user, at all providers.

use std::sync::Arc;

use gate::cookie;
use gate::identity::SessionView;
use gate::login::LoginTrail;
use gate::logout::{end_session_url, way_back};
use gate::page::{Action, Page};
use gate::provider::Provider;
use gate::reason::Reason;
use gate::response::Response;
use gate::status::Status;
use gate::wording::Text;

use super::{providers_here, sign_in};
use crate::authentik::asking::Learnt;
use crate::authentik::core_server;
use crate::ngx::random::random;
use crate::ngx::{Fault, Flow, Request, kept, occasion};
use crate::request::answers;
use crate::storage;
use crate::visitor::renewal;
use crate::visitor::sessions::{self, Standing};

pub(super) fn sign_out<'r>(
    r: &mut Request<'r>,
    default: &'r Arc<Provider>,
    query: &[u8],
) -> Result<Flow, Fault> {
    let provider = match r.state()?.signed_out.get() {
        Some(key) => providers_here(r, default)?.find(|p| p.key == key).unwrap_or(default),
        None => match end_sessions(r, default)? {
            Ended::Of(provider, task) => {
                super::works_for(r, provider)?;
                // Signed out everywhere by the time that the visitor is told, if possible.
                if let Some(task) = task {
                    if storage::wait(r, task)? {
                        return Ok(Flow::Suspended);
                    }
                }
                provider
            }
            Ended::Waiting => return Ok(Flow::Suspended),
            // A sign-in would leave the session that is perhaps there.
            Ended::Unclear(reason) => return answers::refusal(r, reason).map(Flow::Answer),
            Ended::Nothing => {
                // Nobody is signed in: like upstream, begin a sign-in (docs/protocol.md §10.1).
                return sign_in::of_nobody(r, default);
            }
        },
    };
    let way_back = way_back(query, provider);
    let answer = match core_server::endpoints(r, provider)? {
        Learnt::Known(endpoints) => {
            revoke(r, provider);
            to_authentik(r, &endpoints.end_session, way_back.as_deref())?
        }
        Learnt::Waiting => return Ok(Flow::Suspended),
        Learnt::Failed(_) => only_here(r, provider, way_back.as_deref()),
    };
    answers::note(r, Status::SignedOut, None)?;
    Ok(Flow::Answer(
        answer
            .with("Set-Cookie", cookie::delete_session(provider))
            .with("Set-Cookie", LoginTrail::clear_cookie(provider)),
    ))
}

/// Whose sessions were ended.
enum Ended<'r> {
    /// Those of the user who was signed in with this provider; the store is told by this task.
    Of(&'r Arc<Provider>, Option<u64>),
    /// Nobody's: nobody is signed in.
    Nothing,
    /// Nobody's: it is not known who is signed in.
    Unclear(Reason),
    /// The request waits.
    Waiting,
}

/// Ends all sessions of the user; the token stays with the request for the redirect.
fn end_sessions<'r>(r: &mut Request<'r>, default: &'r Arc<Provider>) -> Result<Ended<'r>, Fault> {
    let here: Vec<&'r Arc<Provider>> = providers_here(r, default)?.collect();
    let mut ended = Ended::Nothing;
    for provider in here {
        let known = match sessions::seek(r, provider)? {
            Some(Standing::SignedIn(known)) => known,
            Some(Standing::Stranger(reason @ Reason::StoreUnreachable)) => {
                ended = Ended::Unclear(reason);
                continue;
            }
            Some(Standing::Stranger(_)) => continue,
            None => return Ok(Ended::Waiting),
        };
        let (ended, task) = sessions::end_all_of(r, known.owner());
        r.state()?.signed_out.set(Some(provider.key));
        let name = &provider.name;
        r.log(
            crate::ngx::log::Level::Info,
            format_args!("signed out, sessions ended: {ended}, provider: \"{name}\""),
        );
        return Ok(Ended::Of(provider, task));
    }
    Ok(ended)
}

/// What is left of the session in a backup or a core dump is then worth nothing. After a restart,
/// the endpoint is known only now.
fn revoke(r: &Request<'_>, provider: &Arc<Provider>) {
    let session = r.recall(kept::RECORD).and_then(SessionView::over);
    if let (Some(session), Some(zone)) = (session, r.main_conf().zone()) {
        renewal::revoke(zone, provider, session.refresh_token());
    }
}

/// The ended session's token is the hint. The returned `state` is not used: nothing is done on the
/// way back.
fn to_authentik(
    r: &Request<'_>,
    endpoint: &str,
    way_back: Option<&str>,
) -> Result<Response, Fault> {
    let view = r.recall(kept::RECORD).and_then(SessionView::over);
    let token = view.map(|view| view.token()).unwrap_or_default();
    let state = random::<16>().ok_or(Fault::Nginx("random bytes for a sign-out"))?;
    Ok(Response::redirect(end_session_url(endpoint, token, way_back, state)))
}

/// authentik does not answer; the sessions here are ended anyway.
fn only_here(r: &Request<'_>, provider: &Provider, way_back: Option<&str>) -> Response {
    let occasion = occasion::of(r);
    let page = Page {
        title: occasion.text(Text::SignedOutHere),
        sentence: occasion.text(Text::AllEnded),
        hint: occasion.text(Text::PerhapsThere),
        code: "core-unreachable",
        action: Some(Action {
            label: occasion.text(Text::ToSite),
            url: way_back.unwrap_or(provider.external.url.as_str()),
            new_tab: false,
        }),
        home: None,
    };
    Response::page(200, &page, &occasion)
}
