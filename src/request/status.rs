//! `authentik_status`, and what it counts.

use std::cell::Cell;
use std::sync::atomic::AtomicU64;

use gate::provider::Provider;
use gate::reason::Reason;
use gate::response::Response;
use gate::status::{self, Report, Source, Status};
use nginx::lifecycle::{NGINX_VERSION, is_alive, worker_number};

use crate::conf::MainConf;
use crate::ngx::{Fault, Request, now};
use crate::outpost;

thread_local! {
    // This worker's; used on the event-loop thread only.
    static COUNTERS: Cell<&'static [AtomicU64]> = const { Cell::new(&[]) };
}

/// Called once per worker process.
pub(crate) fn start(conf: &MainConf) {
    if let Some(live) = conf.live().and_then(|zone| zone.get()) {
        COUNTERS.set(live.counters(worker_number()));
    }
}

/// Counts how a request was decided.
pub(crate) fn count(status: Status, reason: Option<Reason>) {
    status::count(COUNTERS.get(), status, reason);
}

/// Counts that the zone was asked for a session.
pub(crate) fn count_lookup() {
    status::count_lookup(COUNTERS.get());
}

/// Content handler of a location with `authentik_status`.
pub(crate) fn answer(r: &Request<'_>) -> Result<Response, Fault> {
    if !r.is_safe_method() {
        // RFC 9110 section 15.5.6: it says which methods there are.
        return Ok(Response::empty(405).with("Allow", "GET, HEAD"));
    }
    let format = r.location().status().unwrap_or_default();
    Ok(status::answer(&report(r.main_conf()), format))
}

fn report(conf: &MainConf) -> Report {
    let directory = outpost::directory();
    let written: Vec<&Provider> = conf.providers.iter().map(|d| &*d.provider).collect();
    Report::gather(&Source {
        now: now(),
        module_version: env!("CARGO_PKG_VERSION"),
        nginx_version: NGINX_VERSION,
        live: conf.live().and_then(|zone| zone.get()),
        fill: conf.zone().and_then(|zone| zone.with(|table| table.fill())),
        outpost: conf.outpost.as_ref().map(|outpost| outpost.settings.url.as_str()),
        directory: directory.as_deref(),
        written,
        is_alive,
    })
}
