//! Refusals and error pages, each with its one log line.

use std::cell::Cell;

use gate::page::{self, Action, Page};
use gate::paths::Effort;
use gate::provider::Provider;
use gate::reason::{Reason, Reply};
use gate::require::Rule;
use gate::response::Response;
use gate::sender::Sender;
use gate::status::Status;
use gate::time::UnixTime;

use crate::ngx::log::{Level, printable};
use crate::ngx::{Fault, Flow, Request, now};
use crate::providers;
use crate::state::Decided;
use crate::status;

/// What clients are told to wait before they try again, in seconds.
const RETRY_AFTER: &str = "5";

/// A pattern that takes too long is not complained of again for this long, in seconds.
const PATTERN_AGAIN: u64 = 60;

/// Remembers how the request was decided, for `$authentik_status` and `$authentik_reason`, and
/// counts it.
pub(crate) fn note(r: &Request<'_>, status: Status, reason: Option<Reason>) -> Result<(), Fault> {
    let decided = Decided { status: Some(status), reason };
    // The same again when it is woken, or when nginx sends it from location to location.
    if r.state()?.decided.replace(decided) != decided {
        status::count(status, reason);
    }
    Ok(())
}

/// The one line that explains a request that was not admitted. `detail` names no secret.
pub(crate) fn log(r: &Request<'_>, status: &str, reason: Reason, detail: &str) {
    let Reply { level, code, .. } = reason.reply();
    let provider = providers::known(r).map_or("", |provider| &provider.name);
    let separator = if detail.is_empty() { "" } else { ", " };
    r.log(
        level.into(),
        format_args!("{status}, reason: {code}, provider: \"{provider}\"{separator}{detail}"),
    );
}

/// Says which pattern makes open paths cost too much, if one does; once in [`PATTERN_AGAIN`] seconds.
pub(crate) fn warn_of_pattern(r: &Request<'_>, effort: &Effort<'_>) {
    thread_local! {
        // Used on the event-loop thread only.
        static NEXT: Cell<UnixTime> = const { Cell::new(UnixTime(0)) };
    }
    let Some(pattern) = effort.gave_up_at() else { return };
    let time = now();
    if time < NEXT.get() {
        return;
    }
    NEXT.set(time.plus(PATTERN_AGAIN));
    let pattern = printable(pattern.as_bytes());
    r.log(
        Level::Warn,
        format_args!(
            "open paths: the pattern \"{pattern}\" takes too long for a path of this kind, which counts \
             as not open; repeat less with {{n}} or list the names"
        ),
    );
}

/// Refuses a request to a protected location: words for programs, a page for people.
pub(crate) fn refuse(r: &Request<'_>, reason: Reason) -> Result<Flow, Fault> {
    refusal(r, reason).map(Flow::Refuse)
}

/// The refusal itself, for those who send it otherwise.
pub(crate) fn refusal(r: &Request<'_>, reason: Reason) -> Result<Response, Fault> {
    note(r, Status::Refused, Some(reason))?;
    log(r, "refused", reason, "");
    Ok(words_or_page(r, reason))
}

/// Refuses a request for a host that none of the outpost's providers has.
pub(crate) fn unknown_host(r: &Request<'_>, host: &[u8]) -> Result<Response, Fault> {
    let reason = Reason::UnknownHost;
    let host = printable(host);
    note(r, Status::Refused, Some(reason))?;
    log(r, "refused", reason, &format!("host: \"{host}\""));
    let Reply { status, code, title, sentence, .. } = reason.reply();
    Ok(match Sender::of(&r.sender_hints()) {
        Sender::Program => Response::json(status, page::json_unknown_host(&host)),
        Sender::Navigation => {
            let hint = format!("The address is {host}.");
            let page = Page { title, sentence, hint: &hint, code, action: None, home: None };
            Response::page(status, &page)
        }
    })
}

/// Refuses a visitor who is known and may not. The log says what is missing, the page does not.
pub(crate) fn forbid(r: &mut Request<'_>, rule: &Rule) -> Result<Flow, Fault> {
    let reason = Reason::NotPermitted;
    note(r, Status::Refused, Some(reason))?;
    log(r, "refused", reason, &format!("missing: {rule}"));
    Ok(Flow::Refuse(words_or_page(r, reason)))
}

fn words_or_page(r: &Request<'_>, reason: Reason) -> Response {
    match Sender::of(&r.sender_hints()) {
        Sender::Program => {
            let Reply { status, code, sentence, .. } = reason.reply();
            let words = Response::json(status, page::json_refusal(code, sentence));
            if status == 503 { words.with("Retry-After", RETRY_AFTER) } else { words }
        }
        Sender::Navigation => page_of(reason, None),
    }
}

/// Ends an endpoint with an error page. `way_on` is where "try again" leads.
pub(crate) fn fail(
    r: &Request<'_>,
    provider: &Provider,
    reason: Reason,
    detail: &str,
    way_on: Option<&str>,
) -> Result<Response, Fault> {
    note(r, Status::Failed, Some(reason))?;
    let Reply { level, code, .. } = reason.reply();
    let separator = if detail.is_empty() { "" } else { ", " };
    let name = &provider.name;
    r.log(
        level.into(),
        format_args!("sign-in failed, reason: {code}, provider: \"{name}\"{separator}{detail}"),
    );
    Ok(page_of(reason, way_on))
}

/// The page of a reason, with `Retry-After` where trying again later helps.
fn page_of(reason: Reason, way_on: Option<&str>) -> Response {
    let Reply { status, code, title, sentence, .. } = reason.reply();
    let action = way_on.map(|url| Action { label: "Try again", url });
    let page = Page { title, sentence, hint: "", code, action, home: None };
    let response = Response::page(status, &page);
    match status {
        503 => response.with("Retry-After", RETRY_AFTER),
        _ => response,
    }
}
