//! Preaccess: runs for every location that a request reaches, whichever module admits it later.

use gate::cookie::{Stripped, without_own};
use gate::identity::SessionView;

use super::claims::{drop_further_hosts, remove_claimed_headers, settle_host};
use crate::ngx::{Fault, Flow, Request, kept};
use crate::visitor::sessions;

/// Undoes what an earlier location said about the visitor, and hides our cookies.
pub(crate) fn preaccess(r: &mut Request<'_>) -> Result<Flow, Fault> {
    let server = r.server();
    if !r.is_main() || !server.uses_module() {
        return Ok(Flow::Next);
    }
    #[cfg(feature = "suspend-all")]
    crate::testing::defect::at(r, "preaccess");
    if r.is_internal() {
        forget_visitor(r)?;
        // Also if none were set: the error page of a request that nginx could not even read (400,
        // 494 to 497) gets here without post-read, with whatever the client claimed.
        remove_claimed_headers(r)?;
        drop_further_hosts(r)?;
        settle_host(r)?;
    }
    r.take_back_variables();
    if r.location().strips_cookie() {
        hide_own_cookies(r)?;
    }
    Ok(Flow::Next)
}

/// After an internal redirect, the new location makes its own decision.
fn forget_visitor(r: &mut Request<'_>) -> Result<(), Fault> {
    let Some(state) = r.existing_state() else { return Ok(()) };
    let record = r.forget(kept::RECORD);
    if !state.headers_set.replace(false) {
        return Ok(());
    }
    let view = record.and_then(SessionView::over);
    match view.filter(SessionView::has_extra_headers) {
        Some(view) => r.remove_headers(|name, _| view.overrides(name)),
        None => Ok(()),
    }
}

/// Keeps the original values in the same pass over the headers.
fn hide_own_cookies(r: &mut Request<'_>) -> Result<(), Fault> {
    let mut emptied = false;
    let mut sent = sessions::Cookies::default();
    r.edit_header(b"cookie", |r, value| {
        sent.add(value);
        sessions::with_desk(value.len(), |desk| match without_own(value, desk) {
            Stripped::Unchanged => Ok(None),
            Stripped::Changed(length) => {
                let rest = desk.get(..length).unwrap_or_default();
                Ok(Some(r.keep(rest)?))
            }
            Stripped::Empty => {
                emptied = true;
                Ok(Some(&[][..]))
            }
        })
    })?;
    sessions::remember_sent(r, sent)?;
    if emptied {
        r.cut_headers(|name, value| name == b"cookie" && value.is_empty())?;
    }
    Ok(())
}
