//! `authentik_status … end_sessions=on`: an administrator ends sessions by hand.

use std::time::Duration;

use gate::identity::SessionView;
use gate::response::Response;
use gate::status::Status;
use gate::status::ending::{self, LONGEST_WISH, Origins, Unheeded, Whose};
use gate::token::Ended;
use nginx::body::Body;

use crate::ngx::host::authority;
use crate::ngx::log::{Level, printable};
use crate::ngx::{Fault, Flow, Request, Zone, kept, occasion};
use crate::storage::{self, ends::Source};
use crate::visitor::sessions;

/// Time for other requests before a few more positions in the zone are checked.
const PAUSE: Duration = Duration::from_millis(1);

/// Runs again from the start when the body has arrived, and whenever the request is woken.
pub(super) fn end(r: &mut Request<'_>) -> Result<Flow, Fault> {
    if r.is_suspended() {
        return Ok(Flow::Suspended);
    }
    let origins = Origins::gather(r.headers());
    let back = String::from_utf8_lossy(r.path()).into_owned();
    let unheeded =
        |why: Unheeded| Ok(Flow::Answer(why.answer(origins.reader(), &back, &occasion::of(r))));
    // A subrequest (`mirror`) has not been authorized: nginx skips the access phase.
    if !r.is_main() || is_let_in_as_nobody(r) {
        return unheeded(Unheeded::Forged);
    }
    let body = match r.body(LONGEST_WISH)? {
        Body::Unannounced => return Ok(Flow::Answer(Response::empty(411))),
        Body::TooLong => return Ok(Flow::Answer(Response::empty(413))),
        Body::InFile => return unheeded(Unheeded::InFile),
        Body::Gone => return unheeded(Unheeded::Unclear),
        Body::Unread => return Ok(Flow::ReadBody),
        Body::Whole(body) => body,
    };
    let whose = match origins.wish(authority(r)?, body) {
        Ok(whose) => whose,
        Err(why) => return unheeded(why),
    };
    let zone = r.main_conf().zone().ok_or(Fault::Nginx("sessions"))?;
    let Some(ended) = carry_out(r, zone, &whose)? else { return Ok(Flow::Suspended) };
    note(r, &whose, ended);
    let reader = origins.reader().ok_or(Fault::Nginx("to say how many sessions ended"))?;
    Ok(Flow::Answer(ending::ended(ended, reader, &back, &occasion::of(r))))
}

/// Whether the location admitted the request without an identity: through an open path, or `pass`.
/// A page that anybody may read must not let everybody end sessions.
fn is_let_in_as_nobody(r: &Request<'_>) -> bool {
    let decided = r.existing_state().and_then(|state| state.decided.get().status);
    matches!(decided, Some(Status::UnauthPath | Status::Pass))
}

/// How many were ended; `None` while the request waits for its next turn.
fn carry_out(r: &mut Request<'_>, zone: Zone, whose: &Whose) -> Result<Option<u32>, Fault> {
    if let Some(ended) = r.state()?.ended.get() {
        // Those in the store alone count too.
        return Ok(Some(ended.max(r.state()?.ended_in_store.get())));
    }
    let name = match whose {
        Whose::Sub(sub) => return at_all_providers(r, zone, &Ended::User(sub.clone())),
        Whose::Sid(sid) => return at_all_providers(r, zone, &Ended::Session(sid.clone())),
        Whose::Username(name) => name.as_bytes(),
    };
    let (from, before) = match r.state()?.ending.get() {
        Some(begun) => begun,
        None => {
            r.state()?.telling.set(sessions::tell_of_name(zone, name));
            (0, 0)
        }
    };
    let (ended, next) = sessions::end_some_of_name(zone, name, from);
    let ended = before.saturating_add(ended);
    let Some(next) = next else {
        let task = r.state()?.telling.take();
        return told(r, ended, task);
    };
    r.state()?.ending.set(Some((next, ended)));
    r.suspend(PAUSE)?;
    Ok(None)
}

fn at_all_providers(r: &mut Request<'_>, zone: Zone, whose: &Ended) -> Result<Option<u32>, Fault> {
    let (ended, task) = sessions::end_at(zone, whose, None, Source::Entitled);
    told(r, ended, task)
}

/// Waits until the store has been told.
fn told(r: &mut Request<'_>, ended: u32, task: Option<u64>) -> Result<Option<u32>, Fault> {
    r.state()?.ended.set(Some(ended));
    match task {
        Some(task) if storage::wait(r, task)? => Ok(None),
        Some(_) | None => Ok(Some(ended.max(r.state()?.ended_in_store.get()))),
    }
}

/// Logs who ended whose sessions. A `sid` is not logged: whoever knows it can end that session.
fn note(r: &Request<'_>, whose: &Whose, ended: u32) {
    let by = r.recall(kept::RECORD).and_then(SessionView::over).map(|view| view.username());
    let by =
        by.map_or_else(|| "nobody who is signed in".into(), |by| format!("\"{}\"", printable(by)));
    let of = match whose {
        Whose::Username(name) => format!("user \"{}\"", printable(name.as_bytes())),
        Whose::Sub(sub) => format!("sub \"{}\"", printable(sub.as_bytes())),
        Whose::Sid(_) => "one session at authentik".to_owned(),
    };
    r.log(Level::Notice, format_args!("sessions ended by hand: {ended}, of {of}, by {by}"));
}
