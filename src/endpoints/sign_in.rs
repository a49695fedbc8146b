//! Sends a browser to authentik.

use std::sync::Arc;

use gate::destination::Destination;
use gate::login::{Entropy, KeptLink, LoginTrail, Prompt, Start, Trail};
use gate::provider::Provider;
use gate::reason::Reason;
use gate::response::Response;
use gate::status::Status;
use gate::store::Record;

use crate::authentik::asking::Learnt;
use crate::authentik::core_server;
use crate::ngx::host::authority;
use crate::ngx::random::random;
use crate::ngx::{Fault, Flow, Request, now, sender};
use crate::request::answers;
use crate::visitor::sessions;

/// The result of beginning a sign-in.
pub(crate) enum Begun {
    /// The response, a redirect or a page that says why there is none.
    Answer(Response),
    /// The request waits for authentik's endpoints.
    Waiting,
}

impl From<Begun> for Flow {
    fn from(begun: Begun) -> Self {
        match begun {
            Begun::Answer(response) => Self::Answer(response),
            Begun::Waiting => Self::Suspended,
        }
    }
}

/// Signs in the visitor of a protected page, returning to the same page.
pub(crate) fn of_page(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    reason: Reason,
) -> Result<Flow, Fault> {
    let page = Destination::of_request(provider, authority(r)?, r.raw_target());
    to(r, provider, reason, &page)
}

/// Signs in a visitor, returning to `destination`.
pub(crate) fn to(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    reason: Reason,
    destination: &Destination,
) -> Result<Flow, Fault> {
    answers::note(r, Status::SignIn, Some(reason))?;
    match begin(r, provider, destination, Prompt::IfUnknown, 0)? {
        Begun::Answer(answer) => {
            if answer.status == 302 {
                answers::log(r, "sent to sign in", reason, "");
            }
            answers::without_dead_session(r, provider, reason, answer).map(Flow::Answer)
        }
        Begun::Waiting => Ok(Flow::Suspended),
    }
}

/// Signs in a visitor who has no session to sign out of.
pub(super) fn of_nobody(r: &mut Request<'_>, provider: &Arc<Provider>) -> Result<Flow, Fault> {
    match begin(r, provider, &Destination::root(provider), Prompt::IfUnknown, 0)? {
        Begun::Answer(answer) => {
            let reason = Reason::UnknownSession;
            answers::without_dead_session(r, provider, reason, answer).map(Flow::Answer)
        }
        Begun::Waiting => Ok(Flow::Suspended),
    }
}

/// The redirect to authentik, or a page that says why there is none.
pub(crate) fn begin(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    destination: &Destination,
    prompt: Prompt,
    attempt: u8,
) -> Result<Begun, Fault> {
    if trail(r, provider)?.next() == Trail::Stop {
        return stop(r, provider).map(Begun::Answer);
    }
    let cookies = sessions::cookies(r)?;
    let endpoints = match core_server::endpoints(r, provider)? {
        Learnt::Known(endpoints) => endpoints,
        Learnt::Waiting => return Ok(Begun::Waiting),
        Learnt::Failed(reason) => {
            return answers::fail(r, provider, reason, "", Some(destination)).map(Begun::Answer);
        }
    };
    let former = sessions::proven(cookies, provider).next();
    let entropy = random::<48>().and_then(|bytes| Entropy::new(&bytes));
    let start = entropy
        .and_then(|entropy| {
            Start::new(provider, destination, entropy, now(), attempt, &cookies, former)
        })
        .ok_or(Fault::Nginx("random bytes for a sign-in"))?
        .with_prompt(prompt);
    let Some(url) = start.authorize_url(&endpoints.authorization) else {
        return answers::fail(r, provider, Reason::CoreMismatch, "authorization_endpoint", None)
            .map(Begun::Answer);
    };
    if let Some(link) = &start.link {
        keep(r, link);
    }
    Ok(Begun::Answer(Response::redirect(url).with_cookies(start.set_cookies)))
}

/// Stores a link in the zone. If there is no room, the visitor is told after the sign-in.
fn keep(r: &Request<'_>, link: &KeptLink) {
    let record = Record::of_stranger(link.key, sender::network(r), link.expires, &link.sealed);
    if let (Some(zone), Ok(record)) = (r.main_conf().zone(), record) {
        zone.put(&record, now());
    }
}

/// This browser's failed sign-ins. A visitor with a session is not in a loop: several tabs may sign
/// in at once, or a person may request a sign-in repeatedly.
pub(super) fn trail(r: &Request<'_>, provider: &Arc<Provider>) -> Result<LoginTrail, Fault> {
    let time = now();
    if sessions::is_signed_in(r, provider)? {
        return Ok(LoginTrail::none(time));
    }
    Ok(LoginTrail::read(provider, &sessions::cookies(r)?, time))
}

/// Three sign-ins in a row failed: says so instead of trying again.
pub(super) fn stop(r: &Request<'_>, provider: &Arc<Provider>) -> Result<Response, Fault> {
    let root = Destination::root(provider);
    let detail = "three sign-ins in a row ended without a usable session: see the preceding \
                  lines; without any, cookies are lost or tokens are expired on arrival (clock)";
    let page = answers::fail(r, provider, Reason::SignInLoop, detail, Some(&root))?;
    Ok(page.with("Set-Cookie", LoginTrail::clear_cookie(provider)))
}
