//! Sessions go on after their access token: `refresh`, with a stand-in authentik whose refresh tokens
//! behave like the recorded ones.

mod away;
mod crowd;
mod ended;
mod goes_on;
mod settings;
mod stored;

use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Browser, Builder, Site, eventually};

pub(crate) const TOKEN: &str = "/application/o/token/";

/// How long an access token lasts, in seconds.
const ACCESS: u64 = 6;

const SERVER: &str = "authentik_provider wiki;
    location / { proxy_pass http://app; }
    location /staff/ { authentik_require group staff; proxy_pass http://app; }
    location /ws {
        proxy_pass http://app;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade;
    }";

/// A site whose provider gives refresh tokens, and access tokens of [`ACCESS`] seconds.
pub(crate) fn builder() -> Builder {
    Site::builder().server(SERVER).settings(|settings, _| {
        settings.providers[0].give_refresh_tokens();
        settings.providers[0].access_token_seconds = ACCESS;
    })
}

fn site() -> Site {
    builder().start()
}

/// alice, signed in; further access tokens last long.
fn alice(site: &Site) -> (Browser, Instant) {
    let start = Instant::now();
    let alice = site.signed_in();
    site.sso.change(|settings| settings.providers[0].access_token_seconds = 3600);
    assert_eq!(site.sso.refresh_tokens(), 1);
    site.sso.forget_requests();
    (alice, start)
}

/// The same, after the access token has ended.
pub(crate) fn alice_later(site: &Site) -> Browser {
    let (alice, start) = alice(site);
    wait_until(start, ACCESS);
    alice
}

/// Waits until this many seconds have passed since `start`, by nginx's clock, which has whole
/// seconds.
fn wait_until(start: Instant, seconds: u64) {
    let until = start + Duration::from_secs(seconds) + Duration::from_millis(1100);
    thread::sleep(until.saturating_duration_since(Instant::now()));
}

/// The access token that the application has received last.
fn jwt(site: &Site) -> String {
    site.app.last().header("X-authentik-jwt").expect("an access token").to_owned()
}

/// Waits until authentik has answered this many questions at the token endpoint.
fn renewed(site: &Site, times: usize) {
    eventually("it is renewed", || site.sso.count(TOKEN) >= times);
}
