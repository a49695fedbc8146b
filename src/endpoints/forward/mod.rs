//! `/outpost.goauthentik.io/auth/{nginx,traefik,caddy,envoy}`: forward authentication for other
//! proxies (docs/protocol.md §9).
//!
//! Answered in the access phase of a location with `authentik_outpost_endpoint`, so that `allow`,
//! `deny` and `auth_basic` of that location apply too.

mod misconfiguration;

use std::sync::Arc;

use gate::decision::{Facts, Grounds, Permit, Policy, Unauthenticated, Verdict, decide};
use gate::destination::Destination;
use gate::endpoint::Endpoint;
use gate::forward::{
    Asked, ForwardFlaw, ForwardRequest, ForwardUrl, Forwarded, FrontEnd, OPEN_DIRECTORY, climbs_out,
};
use gate::provider::{Mode, Provider};
use gate::query::{Signature, signature};
use gate::reason::Reason;
use gate::response::Response;
use gate::status::Status;
use nginx::cidr::Addresses;

use crate::endpoints::{self, sign_in};
use crate::ngx::host::asked;
use crate::ngx::log::printable;
use crate::ngx::{Fault, Flow, Request, sender};
use crate::request::answers;
use crate::request::verdict::verdict;
use crate::visitor::providers::{self, Chosen};
use crate::visitor::sessions::{self, Standing};
use crate::visitor::told::identity_headers;

/// Answers any request to the location. Called again whenever a waiting request is woken.
pub(crate) fn answer(r: &mut Request<'_>, trusted: &Addresses) -> Result<Flow, Fault> {
    let Some(front_end) = FrontEnd::of(r.path(), raw_path(r)) else { return nothing_here(r) };
    let url = match url_of(r, front_end, trusted) {
        Ok(url) => url,
        Err(flaw) => {
            misconfiguration::report(r, front_end, flaw);
            return no_url(r, &flaw);
        }
    };
    let provider = match providers::of_forwarded(r, &url)? {
        Chosen::Provider(provider) => provider,
        Chosen::InDoubt(provider) => match is_verdict_for_known(r, front_end, &url, provider)? {
            Some(true) => provider,
            Some(false) => {
                return answers::refusal(r, Reason::NoSettings).map(Flow::Answer);
            }
            None => return Ok(Flow::Suspended),
        },
        Chosen::Off => return nothing_here(r),
        Chosen::Nobody => return answers::unknown_host(r, url.authority()).map(Flow::Answer),
        Chosen::NotYet => {
            return answers::refusal(r, Reason::NoSettings).map(Flow::Answer);
        }
    };
    if is_of_another(r, front_end, provider) {
        return no_url(r, &ForwardFlaw::TwoProviders);
    }
    endpoints::works_for(r, provider)?;
    // In proxy mode, outposts do not answer such questions (docs/protocol.md §4.1).
    if provider.mode == Mode::Proxy {
        return nothing_here(r);
    }
    if let Some(query) = url.query().filter(|_| front_end.tells_signatures()) {
        let endpoint = match signature(query) {
            Some(Signature::Callback) => Some(Endpoint::Callback),
            Some(Signature::Logout) => Some(Endpoint::SignOut),
            None => None,
        };
        if let Some(endpoint) = endpoint {
            return endpoints::act(r, endpoint, provider, query);
        }
    }
    judge(r, front_end, &url, provider)
}

/// Whether the question is about a signed-in visitor, and neither begins nor ends a sign-in. `None`
/// while the request waits.
fn is_verdict_for_known(
    r: &mut Request<'_>,
    front_end: FrontEnd,
    url: &ForwardUrl<'_>,
    provider: &Arc<Provider>,
) -> Result<Option<bool>, Fault> {
    let query = url.query().filter(|_| front_end.tells_signatures());
    if query.and_then(signature).is_some() {
        return Ok(Some(false));
    }
    let standing = sessions::seek(r, provider)?;
    Ok(standing.map(|standing| matches!(standing, Standing::SignedIn(_))))
}

/// Refuses what Envoy asks about a path that leaves Envoy's endpoint. In post-read, since no
/// location of the server may answer it.
pub(crate) fn refuse_climbing(r: &Request<'_>) -> Result<Option<Flow>, Fault> {
    if !climbs_out(r.path(), raw_path(r)) {
        return Ok(None);
    }
    answers::note(r, Status::Refused, Some(Reason::ForwardUrl))?;
    answers::log(r, "refused", Reason::ForwardUrl, "the path leaves auth/envoy");
    Ok(Some(Flow::Answer(Response::text(400, "invalid envoy request"))))
}

/// Believes headers only from a trusted proxy; nobody else may ask here.
fn url_of<'r>(
    r: &Request<'r>,
    front_end: FrontEnd,
    trusted: &Addresses,
) -> Result<ForwardUrl<'r>, ForwardFlaw> {
    if !r.comes_from(trusted) {
        return Err(ForwardFlaw::Untrusted);
    }
    let forwarded = Forwarded::gather(r.headers());
    ForwardUrl::of(&Asked {
        front_end,
        host: asked(r).written(),
        target: r.raw_target(),
        forwarded,
    })
}

/// Whether `Host` belongs to another of the outpost's providers than the URL reported by nginx: the
/// client sent the absolute form, and it is unknown which of the two sites is served.
fn is_of_another(r: &Request<'_>, front_end: FrontEnd, provider: &Provider) -> bool {
    front_end == FrontEnd::Nginx && providers::asked_at(r).is_some_and(|key| key != provider.key)
}

fn judge<'r>(
    r: &mut Request<'r>,
    front_end: FrontEnd,
    url: &ForwardUrl<'_>,
    provider: &'r Arc<Provider>,
) -> Result<Flow, Fault> {
    let location = r.location();
    let policy = Policy {
        provider_paths: &provider.unauth_paths,
        location_paths: location.unauth_paths(),
        require: location.require(),
        unauthenticated: match front_end.redirects() {
            true => Unauthenticated::Redirect,
            false => Unauthenticated::Refuse,
        },
        // Has no effect in forward authentication (docs/protocol.md §5.4).
        intercept_header_auth: false,
        refusal_begins_sign_in: front_end == FrontEnd::Nginx,
        open_directory: (front_end == FrontEnd::Nginx).then_some(OPEN_DIRECTORY),
    };
    let request = ForwardRequest::new(url, provider, front_end, r.host(), &sender::hints(r));
    let verdict = verdict(r, provider, |_, visitor, effort| {
        decide(&policy, Facts { request: &request, visitor, effort })
    })?;
    let Some(verdict) = verdict else { return Ok(Flow::Suspended) };
    match verdict {
        Verdict::Ask => answers::refuse(r, Reason::Internal).map(past_error_pages),
        Verdict::Admit(permit) => admit(r, &permit, provider),
        Verdict::SignIn(reason) => {
            let page = Destination::of_request(provider, url.authority(), url.target());
            sign_in::to(r, provider, reason, &page)
        }
        // Only persons are invited, and the client of a proxy never counts as one.
        Verdict::Refuse(reason) | Verdict::Invite(reason) if front_end == FrontEnd::Nginx => {
            refuse(r, reason)
        }
        Verdict::Invite(reason) => answers::invite(r, provider, reason).map(past_error_pages),
        Verdict::Refuse(reason) => answers::refuse(r, reason).map(past_error_pages),
        Verdict::Forbid(rule) => {
            let page = Destination::of_request(provider, url.authority(), url.target());
            answers::forbid(r, provider, rule, &page).map(past_error_pages)
        }
    }
}

/// Says yes. The headers of the response identify the visitor; only a [`Permit`] provides them.
fn admit<'r>(
    r: &mut Request<'r>,
    permit: &Permit<'r>,
    provider: &'r Provider,
) -> Result<Flow, Fault> {
    match permit.identity() {
        Ok(session) => {
            answers::note(r, Status::Known, None)?;
            let encoding = r.location().header_encoding();
            r.add_response_headers(identity_headers(session, &provider.headers, encoding))?;
        }
        Err(Grounds::Path) => answers::note(r, Status::UnauthPath, None)?,
        Err(Grounds::Pass) => answers::note(r, Status::Pass, None)?,
    }
    Ok(Flow::Answer(Response::empty(200)))
}

/// `auth_request` understands 401 and 403; it begins the sign-in elsewhere.
fn refuse(r: &mut Request<'_>, reason: Reason) -> Result<Flow, Fault> {
    // A sign-in would replace a session that is probably still there.
    if reason == Reason::StoreUnreachable {
        return answers::refuse(r, reason).map(past_error_pages);
    }
    answers::note(r, Status::Refused, Some(reason))?;
    answers::log(r, "refused", reason, "");
    Ok(Flow::Answer(Response::text(401, "unauthorized request")))
}

fn no_url(r: &mut Request<'_>, flaw: &ForwardFlaw) -> Result<Flow, Fault> {
    let reason = Reason::ForwardUrl;
    answers::note(r, Status::Refused, Some(reason))?;
    let peer = printable(r.peer());
    answers::log(r, "refused", reason, &format!("{flaw}, proxy: {peer}"));
    Ok(Flow::Answer(Response::text(reason.reply().status, "configuration error")))
}

/// A page of the location must not be taken for an answer.
fn nothing_here(r: &Request<'_>) -> Result<Flow, Fault> {
    answers::note(r, Status::Endpoint, None)?;
    Ok(Flow::Answer(Response::empty(404)))
}

/// `error_page` could turn a refusal into a success.
fn past_error_pages(flow: Flow) -> Flow {
    match flow {
        Flow::Refuse(response) => Flow::Answer(response),
        Flow::Next | Flow::Admit | Flow::Suspended | Flow::ReadBody | Flow::Answer(_) => flow,
    }
}

fn raw_path<'r>(r: &Request<'r>) -> &'r [u8] {
    r.raw_target().split(|byte| *byte == b'?').next().unwrap_or_default()
}
