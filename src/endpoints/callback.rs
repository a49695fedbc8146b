//! `/outpost.goauthentik.io/callback`: the browser comes back from authentik.

use std::sync::Arc;

use gate::cookie::{self, SessionId};
use gate::destination::Destination;
use gate::identity::Rendered;
use gate::login::{
    Callback, CallbackId, LoginTrail, Opened, Prompt, Proof, Restart, StateFlaw, Trail,
};
use gate::provider::Provider;
use gate::query::CallbackQuery;
use gate::reason::Reason;
use gate::response::Response;
use gate::secret::Secret;
use gate::status::Duration;
use gate::store::Key;
use gate::time::UnixTime;

use super::exchange::{self, Exchange, Exchanged, Progress};
use super::second_look::{self, Looked};
use super::sign_in;
use crate::authentik::asking::{Learnt, Put};
use crate::authentik::core_server;
use crate::ngx::log::printable;
use crate::ngx::{Fault, Flow, Request, counters, now, sender};
use crate::request::answers;
use crate::storage;
use crate::visitor::renewal;
use crate::visitor::sessions::{self, Begun, Standing};

/// The progress of a callback.
enum Step {
    /// The response.
    Done(Response),
    /// The request waits.
    Waiting,
    /// The provider has changed.
    Anew,
}

/// A sign-in that is complete, while the session is written to the store.
pub(crate) struct Arriving {
    id: SessionId,
    expires: UnixTime,
    trail: LoginTrail,
}

/// Runs again from the top each time the request is woken: all state is in the request.
pub(super) fn callback<'r>(
    r: &mut Request<'r>,
    default: &'r Arc<Provider>,
    query: &[u8],
) -> Result<Flow, Fault> {
    let query = match CallbackQuery::parse(query) {
        Ok(query) => query,
        Err(flaw) => {
            return not_ours(r, default, Reason::StateMalformed, &flaw.to_string());
        }
    };
    let state = query.state.as_ref().map(Secret::expose).unwrap_or_default();
    let provider = super::provider_of_state(r, state, default)?;
    super::works_for(r, provider)?;
    // At most once: newer changes make no difference to this sign-in.
    for _ in 0..2 {
        let newer = second_look::newer(r);
        let provider = newer.as_ref().unwrap_or(provider);
        let cookies = sessions::cookies(r)?;
        let kept = |key: &Key| kept_link(r, key);
        let step = match Callback::open(provider, state, &cookies, now(), kept) {
            Ok(opened) => come_back(r, provider, &query, &opened)?,
            Err(flaw) => return cannot_open(r, provider, flaw),
        };
        match step {
            Step::Done(response) => return Ok(Flow::Answer(response)),
            Step::Waiting => return Ok(Flow::Suspended),
            Step::Anew => {}
        }
    }
    failed(r, provider, Reason::Internal, "", None).map(Flow::Answer)
}

/// A sealed link from the zone.
fn kept_link(r: &Request<'_>, key: &Key) -> Option<Vec<u8>> {
    let mut link = Vec::new();
    let copied = r.main_conf().zone()?.copy_out(key, now(), &mut link)?;
    link.truncate(copied.length);
    Some(link)
}

/// The link is not needed any more, but others may need its room.
fn forget_link(r: &Request<'_>, opened: &Opened) {
    if let (Some(zone), Some(link)) = (r.main_conf().zone(), &opened.link) {
        zone.with(|table| table.remove(link));
    }
}

fn cannot_open(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    flaw: StateFlaw,
) -> Result<Flow, Fault> {
    let reason = Reason::from(&flaw);
    match flaw {
        // The state is genuine: the browser lost the cookie, or another tab has signed in.
        StateFlaw::NoCookie(restart) if restart.is_begun_anew(sender::of(r)) => {
            let Restart { destination, attempt } = restart;
            answers::log(r, "sign-in restarted", reason, "");
            sign_in::begin(r, provider, &destination, Prompt::IfUnknown, attempt + 1)
                .map(Flow::from)
        }
        StateFlaw::NoCookie(Restart { destination, .. })
        | StateFlaw::Expired(Restart { destination, .. }) => {
            failed(r, provider, reason, "", Some(&destination)).map(Flow::Answer)
        }
        StateFlaw::Malformed
        | StateFlaw::ForeignProvider
        | StateFlaw::BadSeal
        | StateFlaw::CookieMismatch => not_ours(r, provider, reason, ""),
    }
}

/// Shows why, without counting: any page can send a browser here with a state that we did not seal
/// for it, and three of these must not keep its owner from signing in.
fn not_ours(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    reason: Reason,
    detail: &str,
) -> Result<Flow, Fault> {
    let root = Destination::root(provider);
    answers::fail(r, provider, reason, detail, Some(&root)).map(Flow::Answer)
}

fn come_back(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    query: &CallbackQuery,
    opened: &Opened,
) -> Result<Step, Fault> {
    if let Some(arriving) = r.state()?.arriving.take() {
        return arrive(r, provider, *arriving, opened);
    }
    let Some(code) = &query.code else {
        return no_code(r, provider, query, opened);
    };
    match exchange::progress(r)? {
        Progress::NotAsked if second_look::is_under_way(r) => look_again(r, provider, opened),
        Progress::NotAsked => put_question(r, provider, query, code, opened),
        Progress::TimedOut => failed_sign_in(r, provider, Reason::CoreTimeout, "", opened),
        Progress::Done(Exchanged::Judged(proof)) => judged(r, provider, proof, opened),
        Progress::Done(Exchanged::Superseded) => {
            failed_sign_in(r, provider, Reason::Superseded, "", opened)
        }
        Progress::Done(Exchanged::Lost) => {
            failed_sign_in(r, provider, Reason::Internal, "", opened)
        }
        #[cfg(feature = "suspend-all")]
        Progress::Done(Exchanged::Nothing) => put_question(r, provider, query, code, opened),
    }
}

fn judged(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    proof: Proof,
    opened: &Opened,
) -> Result<Step, Fault> {
    match proof {
        Proof::SignedIn(rendered) => signed_in(r, provider, &rendered, opened),
        Proof::OtherKeys(tokens, flaw) => {
            second_look::of_keys(r, provider, tokens, flaw.into())?;
            look_again(r, provider, opened)
        }
        Proof::Nothing(error) if second_look::of_client(r, provider, &error)? => {
            look_again(r, provider, opened)
        }
        Proof::Nothing(error) => {
            second_look::of_issuer(r, provider, &error);
            let reason = Reason::from(&error);
            failed_sign_in(r, provider, reason, &error.to_string(), opened)
        }
    }
}

fn no_code(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    query: &CallbackQuery,
    opened: &Opened,
) -> Result<Step, Fault> {
    let Some(error) = &query.error else {
        return failed_sign_in(r, provider, Reason::CodeMissing, "", opened);
    };
    let detail = match &query.error_description {
        Some(description) => format!("authentik says: {error}, {description}"),
        None => format!("authentik says: {error}"),
    };
    let detail = printable(detail.as_bytes());
    failed_sign_in(r, provider, Reason::AuthorizeError, &detail, opened)
}

/// Asks authentik who has signed in; the token is verified on the same thread.
fn put_question(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    query: &CallbackQuery,
    code: &Secret,
    opened: &Opened,
) -> Result<Step, Fault> {
    let (endpoints, keys) = match core_server::endpoints_and_keys(r, provider)? {
        Learnt::Known(known) => known,
        Learnt::Waiting => return Ok(Step::Waiting),
        Learnt::Failed(reason) => return failed_sign_in(r, provider, reason, "", opened),
    };
    let exchange = Exchange {
        provider: Arc::clone(provider),
        endpoints,
        keys,
        code: code.clone(),
        verifier: opened.verifier.clone(),
        nonce: opened.nonce.clone(),
        time: now(),
    };
    let state = query.state.as_ref().map(Secret::expose).unwrap_or_default();
    let id = CallbackId::new(state, code);
    #[cfg(feature = "suspend-all")]
    let breaks = crate::testing::defect::is_wanted(r, "thread");
    let put = exchange::ask(r, &provider.key, id, move |client, deadline| {
        #[cfg(feature = "suspend-all")]
        assert!(!breaks, "on purpose, in a thread");
        Exchanged::Judged(exchange.carry_out(client, deadline))
    })?;
    match put {
        Put::Waiting => Ok(Step::Waiting),
        Put::Refused(reason) => failed_sign_in(r, provider, reason, "", opened),
    }
}

/// The keys or the client's secret seem to have changed in authentik.
fn look_again(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    opened: &Opened,
) -> Result<Step, Fault> {
    match second_look::go_on(r, provider, &opened.nonce)? {
        Looked::Waiting => Ok(Step::Waiting),
        Looked::Provider => Ok(Step::Anew),
        Looked::SignedIn(rendered) => signed_in(r, provider, &rendered, opened),
        Looked::Failed(error) => {
            let reason = Reason::from(&error);
            failed_sign_in(r, provider, reason, &error.to_string(), opened)
        }
        Looked::Unknown(reason) => {
            failed_sign_in(r, provider, reason, "the token's key is not known", opened)
        }
    }
}

/// Starts the session: a new id; the browser's previous sessions end.
fn signed_in(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    rendered: &Rendered,
    opened: &Opened,
) -> Result<Step, Fault> {
    let trail = sign_in::trail(r, provider)?;
    let former = match sessions::find(r, provider)? {
        Standing::SignedIn(known) => known.owner().view().refresh_token(),
        Standing::Stranger(_) => &[],
    };
    let Begun { id, task } = match sessions::open(r, provider, rendered, opened.former) {
        Ok(begun) => begun,
        Err(reason) => return failed_sign_in(r, provider, reason, "", opened),
    };
    // Otherwise one would be left at authentik with each recheck.
    if let Some(zone) = r.main_conf().zone() {
        renewal::revoke(zone, provider, former);
    }
    let arriving = Arriving { id, expires: rendered.expires, trail };
    if let Some(task) = task {
        if storage::wait(r, task)? {
            r.state()?.arriving.set(Some(Box::new(arriving)));
            return Ok(Step::Waiting);
        }
    }
    arrive(r, provider, arriving, opened)
}

/// Lets the visitor in.
fn arrive(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    arriving: Arriving,
    opened: &Opened,
) -> Result<Step, Fault> {
    let Arriving { id, expires, trail } = arriving;
    if let Some(took) = r.age() {
        counters::record(Duration::SignIn, took);
    }
    let time = now();
    let trail = trail.completed(time);
    let life = expires.since(time);
    let session = cookie::set_session(provider, &id, life);
    forget_link(r, opened);
    let response = answers::arrive(r, provider, &opened.destination)?
        .with_cookies(opened.clear_cookies.iter().cloned())
        .with("Set-Cookie", session.as_str())
        .with("Set-Cookie", trail.set_cookie(provider, time));
    Ok(Step::Done(response))
}

fn failed_sign_in(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    reason: Reason,
    detail: &str,
    opened: &Opened,
) -> Result<Step, Fault> {
    let page = failed(r, provider, reason, detail, Some(&opened.destination))?;
    Ok(Step::Done(page.with_cookies(opened.clear_cookies.iter().cloned())))
}

/// Shows why, and counts: the third failure in a row breaks the loop.
fn failed(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    reason: Reason,
    detail: &str,
    destination: Option<&Destination>,
) -> Result<Response, Fault> {
    let root = Destination::root(provider);
    let way_on = destination.unwrap_or(&root);
    let page = answers::fail(r, provider, reason, detail, Some(way_on))?;
    if !LoginTrail::counts(reason, sender::of(r)) {
        return Ok(page);
    }
    let time = now();
    let trail = sign_in::trail(r, provider)?.failed(time);
    if trail.next() == Trail::Stop {
        return sign_in::stop(r, provider);
    }
    Ok(page.with("Set-Cookie", trail.set_cookie(provider, time)))
}
