//! How long sessions last: `session_lifetime`, `recheck`, `idle_timeout`.

mod ends;
mod forward;
mod idle;
mod recheck;
mod renewed;
mod shut_out;

use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Browser, Response, Site};

const SERVER: &str = "authentik_provider wiki;
    location / { proxy_pass http://app; }
    location /quiet/ { authentik_unauthenticated 401; proxy_pass http://app; }
    location /guests/ { authentik_unauthenticated pass; proxy_pass http://app; }
    location /public/ { authentik_unauth_paths ^/public/; proxy_pass http://app; }";

/// A site whose provider has these lines.
fn site(provider: &str) -> Site {
    Site::builder().provider(provider).server(SERVER).start()
}

/// Waits until this many seconds have passed since `start`, by nginx's clock, which has whole
/// seconds.
fn wait_until(start: Instant, seconds: u64) {
    let until = start + Duration::from_secs(seconds) + Duration::from_millis(1100);
    thread::sleep(until.saturating_duration_since(Instant::now()));
}

/// Whether this is the way to authentik.
fn is_to_authentik(response: &Response) -> bool {
    response.status() == 302 && response.location().contains("/application/o/authorize/")
}

/// Submits a form of the page.
fn submit(browser: &Browser, address: &str) -> Response {
    let request = browser.get(address).method("POST").navigation();
    request.header("Origin", "http://wiki.test").body("text=typed").send()
}
