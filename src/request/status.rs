//! `authentik_status`.

use gate::provider::Provider;
use gate::response::Response;
use gate::status::{self, Report, Source};
use nginx::lifecycle::{NGINX_VERSION, is_alive};

use crate::conf::MainConf;
use crate::ngx::{Fault, Request, now};
use crate::outpost;

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
