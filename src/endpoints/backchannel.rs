//! `/outpost.goauthentik.io/backchannel_logout`: authentik reports the end of a session (OpenID Connect
//! Back-Channel Logout 1.0).
//!
//! authentik sends a token for each access token of the session, to each provider, and retries with a
//! new one after any answer from 400 up. It follows redirects with `GET` and takes the result for
//! success (docs/protocol.md §10.2), so nothing here redirects.

use std::cell::Cell;
use std::sync::Arc;

use gate::provider::Provider;
use gate::query::{Param, param};
use gate::reason::Reason;
use gate::response::Response;
use gate::shared_words::Word;
use gate::status::Status;
use gate::time::UnixTime;
use gate::token::{Ended, Logout, LogoutClaims};
use nginx::body::Body;

use crate::authentik::asking::Learnt;
use crate::authentik::core_server::{self, Cause};
use crate::ngx::log::{self, Level};
use crate::ngx::{Fault, Flow, Request, now};
use crate::request::answers;
use crate::storage::{self, ends::Source};
use crate::visitor::sessions;

/// Maximum form size, in bytes: authentik's are below 2 kB.
const LONGEST: usize = 16 * 1024;

/// Minimum interval between `error` lines for refused tokens, in seconds: anybody can send one.
const SAY_AGAIN: u64 = 60;

/// Runs again from the top each time the request is woken.
pub(super) fn backchannel<'r>(
    r: &mut Request<'r>,
    default: &'r Arc<Provider>,
) -> Result<Flow, Fault> {
    if r.method() != b"POST" {
        let words = "logout tokens are sent with POST";
        let answer = Response::oauth_error(405, "invalid_request", words).with("Allow", "POST");
        return Ok(Flow::Answer(answer));
    }
    let form = match r.body(LONGEST)? {
        Body::Unannounced => return Ok(refuse(r, 411, "it has no Content-Length")),
        Body::TooLong => return Ok(refuse(r, 413, "the form is too long")),
        Body::InFile => return Ok(refuse(r, 413, IN_FILE)),
        Body::Gone => return Ok(refuse(r, 400, "the form did not come")),
        Body::Unread => return Ok(Flow::ReadBody),
        Body::Whole(form) => form,
    };
    let token = match param(form, "logout_token") {
        Param::One(token) if is_form(r) => token,
        Param::One(_) | Param::Absent | Param::Repeated => {
            return Ok(refuse(r, 400, "there is not exactly one logout_token in a form"));
        }
    };
    let claims = match LogoutClaims::read(token.as_bytes()) {
        Ok(claims) => claims,
        Err(flaw) => return Ok(refuse(r, 400, &flaw.to_string())),
    };
    let Some(provider) = claims.provider_of(super::providers_here(r, default)?) else {
        return Ok(refuse(r, 400, NOBODYS));
    };
    super::works_for(r, provider)?;
    if let Err(flaw) = claims.check(provider, now()) {
        return Ok(refuse(r, 400, &flaw.to_string()));
    }
    judge(r, provider, token.as_bytes())
}

const IN_FILE: &str = "the form does not fit into the server's client_body_buffer_size; leave \
                       that at its default";
const NOBODYS: &str = "no provider of this server has the client_id in the token's aud; enter in \
                       authentik the URL that authentik_status shows for the provider";

fn is_form(r: &Request<'_>) -> bool {
    let written = r.header(b"content-type").unwrap_or_default();
    let kind = written.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}

/// Verifies the token with the provider's keys, which may have changed since they were fetched.
fn judge(r: &mut Request<'_>, provider: &Arc<Provider>, token: &[u8]) -> Result<Flow, Fault> {
    loop {
        let keys = match core_server::endpoints_and_keys(r, provider)? {
            Learnt::Known((_, keys)) => keys,
            Learnt::Waiting => return Ok(Flow::Suspended),
            Learnt::Failed(reason) => return answers::refusal(r, reason).map(Flow::Answer),
        };
        match Logout::verify(token, provider, &keys, now()) {
            Ok(logout) => return end(r, provider, &logout),
            Err(flaw) if flaw.is_about_keys() && !r.state()?.outdated_keys.replace(true) => {
                if let Some(zone) = r.main_conf().zone() {
                    core_server::outdate(zone, provider, Cause::Logout);
                }
            }
            Err(flaw) => return Ok(refuse(r, 400, &flaw.to_string())),
        }
    }
}

fn end(r: &mut Request<'_>, provider: &Provider, logout: &Logout) -> Result<Flow, Fault> {
    if r.state()?.ended.get().is_some() {
        return Ok(Flow::Answer(Response::empty(200)));
    }
    let Some(zone) = r.main_conf().zone() else { return Err(Fault::Nginx("sessions")) };
    if !sessions::is_first_use(zone, logout.key(provider), logout.until) {
        return Ok(refuse(r, 400, "the token was used before"));
    }
    let (ended, task) =
        sessions::end_at(zone, &logout.ended, Some(&[provider.key]), Source::Entitled);
    if let Some(words) = r.main_conf().shared_words().and_then(|zone| zone.get()) {
        words.add(Word::EndedByCore, u64::from(ended));
    }
    let what = match logout.ended {
        Ended::Session(_) => "a session",
        Ended::User(_) => "all sessions of a user",
    };
    let name = &provider.name;
    r.log(
        Level::Info,
        format_args!(
            "authentik ended {what} (back-channel), ended here: {ended}, provider: \"{name}\""
        ),
    );
    // authentik repeats what is not answered with 200; so the store knows by then, if possible.
    if let Some(task) = task {
        if storage::wait(r, task)? {
            r.state()?.ended.set(Some(ended));
            return Ok(Flow::Suspended);
        }
    }
    Ok(Flow::Answer(Response::empty(200)))
}

/// Ends nothing. The log says why, the response does not: anybody can ask.
fn refuse(r: &Request<'_>, status: u16, why: &str) -> Flow {
    thread_local! {
        // Used only on the event-loop thread.
        static NEXT: Cell<UnixTime> = const { Cell::new(UnixTime(0)) };
    }
    let time = now();
    let is_news = time >= NEXT.get();
    if is_news {
        NEXT.set(time.plus(SAY_AGAIN));
    }
    let reason = Reason::LogoutToken;
    let level = if is_news { log::level(reason.reply().level) } else { Level::Info };
    answers::log_at(r, level, "logout refused", reason, why);
    // If there is no memory for the note, the response is the same.
    let _ = answers::note(r, Status::Refused, Some(reason));
    let words = "the logout token was refused; the error log says why";
    Flow::Answer(Response::oauth_error(status, "invalid_request", words))
}
