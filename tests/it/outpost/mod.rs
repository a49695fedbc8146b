//! `authentik_outpost`: providers are managed in authentik, changes and session ends are live.

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

/// The outpost that the stand-in has, its token in a file.
pub(crate) const CONNECTED: &str = "authentik_outpost %%SSO%% { token_file %%TOKEN%%; }";

/// A server whose provider is the outpost's; answers tell which worker gave them, as
/// [`all_workers_say`] needs it.
const AUTO: &str = "authentik_provider auto;
    add_header X-Worker $pid always;
    location / { proxy_pass http://app; }";

pub(crate) fn connected() -> Builder {
    Site::builder().http(CONNECTED).server(AUTO)
}

/// The same for every host, whichever providers there come to be.
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

/// Whether all workers give this status, asked until each has answered.
pub(crate) fn all_workers_say(site: &Site, request: &Request, status: u16) -> bool {
    all_say(site.worker_pids(), request, status)
}

/// The same of these workers only. Which of them accepts a connection is the kernel's choice: on a busy
/// machine one of them may get none for a while.
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
