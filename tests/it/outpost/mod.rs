//! `authentik_outpost`: providers are managed in authentik; changes and session ends take effect at
//! once.

mod asleep;
mod away;
mod certificates;
mod changes;
mod connection;
mod frozen;
mod hosts;
mod many;
mod replaced;
mod secrets;
mod status;

use std::time::Duration;

use crate::harness::{Builder, Request, Site, eventually, within};

/// The stand-in's outpost, with its token in a file.
pub(crate) const CONNECTED: &str = "authentik_outpost %%SSO%% { token_file %%TOKEN%%; }";

/// A server with the outpost's provider; responses name their worker, as needed by
/// [`all_workers_say`].
const AUTO: &str = "authentik_provider auto;
    add_header X-Worker $pid always;
    location / { proxy_pass http://app; }";

pub(crate) fn connected() -> Builder {
    Site::builder().http(CONNECTED).server(AUTO)
}

/// The same for every host, whatever providers will exist.
fn connected_for_all_hosts() -> Builder {
    connected().server(&format!("server_name _; {AUTO}"))
}

/// Starts the site and waits until all workers have the settings.
pub(crate) fn started(builder: Builder) -> Site {
    let site = builder.start();
    let request = site.get("/");
    eventually("the settings arrive", || all_workers_say(&site, &request, 401));
    site.app.forget();
    site
}

/// Whether all workers respond with this status; sends requests until each has responded.
pub(crate) fn all_workers_say(site: &Site, request: &Request, status: u16) -> bool {
    all_say(site.worker_pids(), request, status)
}

/// The same for these workers only. The kernel chooses which of them accepts a connection: on a
/// busy machine, one of them may get none for a while.
fn all_say(mut open: Vec<u32>, request: &Request, status: u16) -> bool {
    let mut is_said = true;
    within(Duration::from_secs(30), "each worker answers", || {
        for response in request.send_together(2 * open.len()) {
            is_said &= response.status() == status;
            let worker = response.header("X-Worker").and_then(|pid| pid.parse::<u32>().ok());
            open.retain(|pid| Some(*pid) != worker);
        }
        !is_said || open.is_empty()
    });
    is_said
}
