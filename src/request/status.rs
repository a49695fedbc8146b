//! `authentik_status`.

use gate::provider::Provider;
use gate::response::Response;
use gate::status::{self, Report, Source};
use nginx::lifecycle::{NGINX_VERSION, is_alive, uptime};

use crate::ngx::{Fault, Flow, Request, now};
use crate::outpost;
use crate::request::ending;
use crate::visitor::tally::{self, Tally};

/// Content handler of a location with `authentik_status`.
pub(crate) fn answer(r: &mut Request<'_>) -> Result<Flow, Fault> {
    let may_end = r.location().may_end_sessions();
    if may_end && r.method() == b"POST" {
        return ending::end(r);
    }
    if !r.is_safe_method() {
        // RFC 9110 section 15.5.6: a 405 lists the allowed methods.
        let allow = if may_end { "GET, HEAD, POST" } else { "GET, HEAD" };
        return Ok(Flow::Answer(Response::empty(405).with("Allow", allow)));
    }
    if r.is_suspended() {
        return Ok(Flow::Suspended);
    }
    let Some(sessions) = tally::sessions(r)? else { return Ok(Flow::Suspended) };
    let format = r.location().status().unwrap_or_default();
    Ok(Flow::Answer(status::answer(&report(r, &sessions), format, may_end)))
}

fn report(r: &Request<'_>, sessions: &Tally) -> Report {
    let conf = r.main_conf();
    let directory = outpost::directory();
    let written: Vec<&Provider> = conf.providers.iter().map(|d| &*d.provider).collect();
    Report::gather(&Source {
        now: now(),
        module_version: env!("CARGO_PKG_VERSION"),
        nginx_version: NGINX_VERSION,
        words: conf.shared_words().and_then(|zone| zone.get()),
        fill: conf.zone().and_then(|zone| zone.with(|table| table.fill())),
        store: conf.session_store().kind(),
        uptime: uptime(),
        outpost: conf.outpost.as_ref().map(|outpost| outpost.settings.url.as_str()),
        directory: directory.as_deref(),
        written,
        sessions,
        coverage: conf.coverage().filter(|_| r.location().may_show_coverage()),
        is_alive,
    })
}
