//! Refusals and error pages, each with a single log line.

use std::cell::Cell;

use gate::challenge;
use gate::cookie;
use gate::destination::Destination;
use gate::endpoint::Endpoint;
use gate::identity::SessionView;
use gate::invitation;
use gate::page::{self, Action, Page};
use gate::paths::Effort;
use gate::provider::{Provider, SameSite};
use gate::reason::{Reason, Reply};
use gate::redirect::RedirectTarget;
use gate::require::Rule;
use gate::response::Response;
use gate::sender::Sender;
use gate::status::Status;
use gate::wording::Text;
use nginx::lifecycle::uptime;

use crate::ngx::host::authority;
use crate::ngx::log::{Level, printable};
use crate::ngx::{Fault, Flow, Request, counters, kept, log, occasion, sender};
use crate::outpost;
use crate::visitor::{providers, sessions};

/// Value of `Retry-After`, in seconds.
const RETRY_AFTER: &str = "5";

/// Time before another warning about a slow pattern, in seconds.
const PATTERN_AGAIN: u64 = 60;

/// `$authentik_status` and `$authentik_reason`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) status: Option<Status>,
    pub(crate) reason: Option<Reason>,
}

/// Records the decision about the request, for `$authentik_status` and `$authentik_reason`, and
/// counts it.
pub(crate) fn note(r: &Request<'_>, status: Status, reason: Option<Reason>) -> Result<(), Fault> {
    let decided = Decided { status: Some(status), reason };
    // It is decided again when it is woken, or when nginx redirects it to another location.
    if r.state()?.decided.replace(decided) != decided {
        let provider = providers::known(r).map(|provider| &**provider);
        counters::count(status, reason, provider);
    }
    Ok(())
}

/// Logs the one line that explains why a request was not admitted. `detail` contains no secrets.
pub(crate) fn log(r: &Request<'_>, status: &str, reason: Reason, detail: &str) {
    log_at(r, log::level(reason.reply().level), status, reason, detail);
}

/// The same, at a level other than the reason's.
pub(crate) fn log_at(r: &Request<'_>, level: Level, status: &str, reason: Reason, detail: &str) {
    let code = reason.code();
    let provider = providers::known(r).map_or("", |provider| &provider.name);
    let separator = if detail.is_empty() { "" } else { ", " };
    r.log(
        level,
        format_args!("{status}, reason: {code}, provider: \"{provider}\"{separator}{detail}"),
    );
}

/// Warns of a pattern that makes open paths too expensive, if there is one; once in
/// [`PATTERN_AGAIN`] seconds.
pub(crate) fn warn_of_pattern(r: &Request<'_>, effort: &Effort<'_>) {
    thread_local! {
        // Used on the event-loop thread only.
        static NEXT: Cell<u64> = const { Cell::new(0) };
    }
    let Some(pattern) = effort.gave_up_at() else { return };
    let time = uptime();
    if time < NEXT.get() {
        return;
    }
    NEXT.set(time + PATTERN_AGAIN);
    let pattern = printable(pattern.as_bytes());
    r.log(
        Level::Error,
        format_args!(
            "open paths: the pattern \"{pattern}\" takes too long for a path of this kind, which counts \
             as not open; repeat less with {{n}} or list the names"
        ),
    );
}

/// Refuses a request to a protected location: with JSON for programs, with a page for people.
pub(crate) fn refuse(r: &Request<'_>, reason: Reason) -> Result<Flow, Fault> {
    refusal(r, reason).map(Flow::Refuse)
}

/// The response of a refusal, for callers that send it differently.
pub(crate) fn refusal(r: &Request<'_>, reason: Reason) -> Result<Response, Fault> {
    note(r, Status::Refused, Some(reason))?;
    log(r, "refused", reason, "");
    let Some(provider) = providers::known(r) else { return Ok(words_or_page(r, reason)) };
    let answer = if reason.reply().status == 401 && sender::of(r) == Sender::Navigation {
        let asked = Destination::of_request(provider, authority(r)?, r.raw_target());
        let page = invitation::to_sign_in(provider, reason, &asked, &occasion::of(r));
        challenged(r, reason, shown(r, page))
    } else {
        words_or_page(r, reason)
    };
    without_dead_session(r, provider, reason, answer)
}

/// Makes the browser forget a session cookie without a session. Only in our own responses, which
/// are not cached: responses for open paths may be cached for others.
pub(crate) fn without_dead_session(
    r: &Request<'_>,
    provider: &Provider,
    reason: Reason,
    answer: Response,
) -> Result<Response, Fault> {
    let is_dead = is_gone(reason)
        && !matches!(sender::of(r), Sender::Nobody | Sender::Frame)
        && cookie::names_a_session(sessions::cookies(r)?, provider);
    Ok(match is_dead {
        true => answer.with("Set-Cookie", cookie::delete_session(provider)),
        false => answer,
    })
}

/// Whether it means that the session of the cookie does not exist, or no longer.
fn is_gone(reason: Reason) -> bool {
    matches!(reason, Reason::UnknownSession | Reason::SessionEnded | Reason::RenewalRefused)
}

/// Refuses a request for a host without a provider in the outpost.
pub(crate) fn unknown_host(r: &Request<'_>, host: &[u8]) -> Result<Response, Fault> {
    let reason = Reason::UnknownHost;
    let host = printable(host);
    note(r, Status::Refused, Some(reason))?;
    let known = outpost::directory().map(|directory| directory.hosts()).unwrap_or_default();
    log(r, "refused", reason, &format!("host: \"{host}\", {known}"));
    let Reply { status, code, title, sentence, .. } = reason.reply();
    if !sender::of(r).is_person() {
        return Ok(Response::json(status, page::json_unknown_host(&host)));
    }
    let occasion = occasion::of(r);
    let page = Page {
        title: occasion.text(title),
        sentence: occasion.text(sentence),
        hint: &occasion.text(Text::TheAddress).replace("{host}", &host),
        code,
        action: None,
        home: None,
    };
    Ok(shown(r, Response::page(status, &page, &occasion)))
}

/// Refuses a known visitor who has no permission. The log says what is missing, the page does not.
/// `asked` is where another account may be let in.
pub(crate) fn forbid(
    r: &mut Request<'_>,
    provider: &Provider,
    rule: &Rule,
    asked: &Destination,
) -> Result<Flow, Fault> {
    let reason = Reason::NotPermitted;
    note(r, Status::Refused, Some(reason))?;
    log(r, "refused", reason, &format!("missing: {rule}"));
    let session = r.recall(kept::RECORD).and_then(SessionView::over);
    Ok(Flow::Refuse(match session.filter(|_| sender::of(r).is_person()) {
        Some(session) => {
            let occasion = occasion::of(r);
            shown(r, invitation::to_somebody_else(provider, reason, session, asked, &occasion))
        }
        None => words_or_page(r, reason),
    }))
}

fn words_or_page(r: &Request<'_>, reason: Reason) -> Response {
    if sender::of(r).is_person() {
        return challenged(r, reason, shown(r, page_of(r, reason)));
    }
    let Reply { status, code, sentence, .. } = reason.reply();
    let words = Response::json(status, page::json_refusal(code, sentence.english()));
    match status {
        503 => words.with("Retry-After", RETRY_AFTER),
        _ => challenged(r, reason, words),
    }
}

/// Adds to a 401 which credentials are accepted, if any.
fn challenged(r: &Request<'_>, reason: Reason, response: Response) -> Response {
    let provider = providers::known(r).filter(|provider| provider.intercept_header_auth);
    let is_asked = response.status == 401 && r.location().checks_header();
    let Some(provider) = provider.filter(|_| is_asked) else { return response };
    let authorization = r.header(b"authorization");
    let challenges = challenge::challenges(provider, &sender::hints(r), reason, authorization);
    challenges.into_iter().fold(response, |response, one| response.with(challenge::NAME, one))
}

/// Shows the way to authentik to a person who cannot be redirected there.
pub(crate) fn invite(r: &Request<'_>, provider: &Provider, reason: Reason) -> Result<Flow, Fault> {
    note(r, Status::Refused, Some(reason))?;
    log(r, "refused", reason, "");
    let occasion = occasion::of(r);
    let page = if sender::of(r) == Sender::Submission {
        invitation::to_send_again(provider, reason, r.header(b"referer"), &occasion)
    } else {
        let framed = Destination::of_request(provider, authority(r)?, r.raw_target());
        invitation::to_leave_the_frame(provider, reason, &framed, &occasion)
    };
    let answer = challenged(r, reason, shown(r, page));
    without_dead_session(r, provider, reason, answer).map(Flow::Refuse)
}

/// Refuses an action that the visitor did not ask for. `query` is the endpoint's.
pub(crate) fn unasked(
    r: &Request<'_>,
    provider: &Provider,
    endpoint: Endpoint,
    query: &[u8],
) -> Result<Response, Fault> {
    let reason = Reason::Unasked;
    note(r, Status::Refused, Some(reason))?;
    log(r, "refused", reason, "");
    if !sender::of(r).is_person() {
        return Ok(words_or_page(r, reason));
    }
    let occasion = occasion::of(r);
    let page = match endpoint {
        Endpoint::Start => invitation::to_start_by_hand(provider, reason, query, &occasion),
        Endpoint::SignOut => invitation::to_sign_out_by_hand(provider, reason, &occasion),
        Endpoint::Callback
        | Endpoint::Ping
        | Endpoint::BackchannelLogout
        | Endpoint::FrontchannelLogout => page_of(r, reason),
    };
    Ok(shown(r, page))
}

/// A page that the client can display: in a frame, if sessions are possible in it.
fn shown(r: &Request<'_>, page: Response) -> Response {
    let everywhere =
        providers::known(r).is_some_and(|provider| provider.cookie_samesite == SameSite::None);
    if sender::hints(r).may_frame(everywhere) { page.framed() } else { page }
}

/// Ends an endpoint with an error page. `way_on` is the target of "try again".
pub(crate) fn fail(
    r: &Request<'_>,
    provider: &Provider,
    reason: Reason,
    detail: &str,
    way_on: Option<&Destination>,
) -> Result<Response, Fault> {
    note(r, Status::Failed, Some(reason))?;
    let Reply { level, code, .. } = reason.reply();
    let separator = if detail.is_empty() { "" } else { ", " };
    let name = &provider.name;
    r.log(
        log::level(level),
        format_args!("sign-in failed, reason: {code}, provider: \"{name}\"{separator}{detail}"),
    );
    let hint = way_on.and_then(Destination::hint);
    let url = way_on.map(|destination| destination.page_or_root(provider));
    Ok(shown(r, page_with(r, reason, hint, url.as_ref().map(RedirectTarget::as_str))))
}

/// Completes a successful sign-in.
pub(crate) fn arrive(
    r: &Request<'_>,
    provider: &Provider,
    destination: &Destination,
) -> Result<Response, Fault> {
    let reason = destination.why_not().map(|_| Reason::LinkTooLong);
    note(r, Status::SignedIn, reason)?;
    if let (Some(reason), Some(why)) = (reason, destination.why_not()) {
        log(r, "signed in, but the link is lost", reason, why);
    }
    let answer = destination.arrive(provider, &occasion::of(r));
    Ok(if reason.is_some() { shown(r, answer) } else { answer })
}

/// The page for a reason, with `Retry-After` if trying again later helps.
fn page_of(r: &Request<'_>, reason: Reason) -> Response {
    page_with(r, reason, None, None)
}

fn page_with(
    r: &Request<'_>,
    reason: Reason,
    hint: Option<Text>,
    way_on: Option<&str>,
) -> Response {
    let Reply { status, code, title, sentence, .. } = reason.reply();
    let occasion = occasion::of(r);
    let label = occasion.text(Text::ToTryAgain);
    let page = Page {
        title: occasion.text(title),
        sentence: occasion.text(sentence),
        hint: hint.map_or("", |hint| occasion.text(hint)),
        code,
        action: way_on.map(|url| Action { label, url, new_tab: false }),
        home: None,
    };
    let response = Response::page(status, &page, &occasion);
    match status {
        503 => response.with("Retry-After", RETRY_AFTER),
        _ => response,
    }
}
