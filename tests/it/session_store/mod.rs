//! Sessions in a store outlive nginx, and end everywhere.

mod away;
mod ends;
mod failover;
mod full_disk;
mod gaps;
mod held_redis;
mod kept_ends;
mod lasting;
mod orders;
mod programs;
mod redis;
pub(crate) mod redis_server;
mod rolling;
mod theft;
mod traffic;
mod upgraded;
mod versions;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Browser, Builder, Site, within};
use crate::status::status;

/// Until each worker reads a store that is back.
const BACK: Duration = Duration::from_secs(20);

const STORE: &str = "authentik_session_store file %%PREFIX%%/store/sessions;";

const SERVER: &str = "authentik_provider wiki;
    location / { proxy_pass http://app; }
    location /open/ { authentik_unauth_paths ^/open/; proxy_pass http://app; }
    location = /status.json {
        authentik_provider off; allow 127.0.0.1; deny all;
        authentik_status format=json end_sessions=on;
    }";

fn builder() -> Builder {
    Site::builder().http(STORE).server(SERVER)
}

fn site() -> Site {
    builder().start()
}

/// A figure of the status.
fn of_store(site: &Site, name: &str) -> Value {
    status(site)["store"][name].clone()
}

fn questions(site: &Site) -> u64 {
    of_store(site, "questions").as_u64().expect("a number")
}

/// The file of the store.
fn file(site: &Site) -> PathBuf {
    site.path("store/sessions")
}

/// The application gets the request with the visitor's identity.
fn is_known(site: &Site, browser: &Browser) {
    site.app.forget();
    let response = browser.get("/page").send();
    assert_eq!(response.status(), 200);
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
}

/// A navigation is sent to sign in, and the application is not reached.
fn is_stranger(site: &Site, browser: &Browser) {
    let hits = site.app.hits();
    let response = browser.get("/page").navigation().send();
    assert_eq!(response.status(), 302);
    assert_eq!(site.app.hits(), hits, "the application was reached");
}

/// The status of an answer once the store that has just come back is read: a worker that has failed
/// to read it does not ask again for half a second, and each worker finds out by itself.
fn once_read(ask: impl Fn() -> u16) -> u16 {
    let mut status = 503;
    within(BACK, "the store is read", || {
        status = ask();
        status != 503
    });
    status
}

/// Like [`is_stranger`], of a store that has just come back.
fn is_soon_a_stranger(site: &Site, browser: &Browser) {
    let hits = site.app.hits();
    let status = once_read(|| browser.get("/page").navigation().send().status());
    assert_eq!((status, site.app.hits()), (302, hits), "the application was not reached");
}

/// Ends all sessions of the user; the browser is sent on to authentik.
fn sign_out(browser: &mut Browser) {
    let answer = browser.step("/outpost.goauthentik.io/sign_out");
    assert_eq!(answer.status(), 302, "{answer:?}");
    assert!(answer.location().contains("end-session"), "{answer:?}");
}
