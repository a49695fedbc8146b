//! Upgrading the nginx binary on the fly: SIGUSR2, SIGWINCH, SIGQUIT, and the way back (nginx's
//! documentation, "Controlling nginx"). Debian's package does this at each update.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::harness::{Browser, Request, Site, eventually, within};
use crate::outpost::{all_workers_say, started};

const CONNECTED: &str = "authentik_outpost %%SSO%% {
        token_file %%TOKEN%%;
        state_path %%PREFIX%%/state;
    }";

const AUTO: &str = "authentik_provider auto;
    add_header X-Worker $pid always;
    location / { proxy_pass http://app; }";

const SOON: Duration = Duration::from_secs(8);

fn site() -> Site {
    let site = started(Site::builder().daemon().http(CONNECTED).server(AUTO));
    await_one_connection(&site);
    eventually("the settings are on the disk", || site.path("state/outpost.settings").exists());
    site
}

fn await_one_connection(site: &Site) -> String {
    within(SOON, "one connection", || site.sso.connections().len() == 1);
    site.sso.connections()[0].instance_uuid.clone().expect("an instance")
}

/// Waits until the only connection is that of another instance; the former may stay open for a
/// moment.
fn await_another(site: &Site, former: &str) {
    await_only(site, |instance| instance != Some(former));
}

fn await_only(site: &Site, is_it: impl Fn(Option<&str>) -> bool) {
    within(SOON, "one connection, and the right one", || {
        let open = site.sso.connections();
        open.len() == 1 && is_it(open[0].instance_uuid.as_deref())
    });
}

fn open_public(site: &Site) {
    site.sso.update_provider("wiki", |wiki| wiki.proxy.skip_path_regex = "^/public/".to_owned());
}

fn end_session(site: &Site, user: &str) {
    let sessions = site.sso.sessions();
    let sid = sessions.iter().find(|(name, _)| name == user).expect("a session").1.clone();
    assert!(site.sso.end_session(&sid));
}

/// Sends strangers' requests all the time, each on its own connection; all must be refused.
fn under_load(stranger: &Request, meanwhile: impl FnOnce()) {
    let (done, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let answer = stranger.try_send().map(|response| response.status());
                    assert_eq!(answer.ok(), Some(401), "an answer, and the right one");
                    refused.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // Even if it panics, so that the threads end.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(meanwhile));
        done.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
    assert!(refused.into_inner() > 50);
}

/// Opens a page in a browser with a session unknown to this nginx: authentik knows the visitor and
/// does not ask for credentials.
fn comes_back_unasked(site: &Site, browser: &mut Browser) {
    let trail = browser.open("/page");
    assert_eq!(trail.status(), 200, "{trail:#?}");
    let steps: Vec<_> = trail.addresses().iter().map(|url| path(url)).collect();
    let callback = "/outpost.goauthentik.io/callback";
    assert_eq!(steps, ["/page", "/application/o/authorize/", callback, "/page"]);
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
    assert_eq!(browser.session_cookies().len(), 1, "in the place of the former");
}

fn path(url: &str) -> String {
    url::Url::parse(url).expect("a URL").path().to_owned()
}

#[test]
fn an_upgrade_of_the_binary_goes_on_serving_and_leaves_one_connection() {
    let mut site = site();
    let mut alice = site.signed_in();
    let mut under_way = site.browser();
    under_way.become_user("bob");
    let callback = under_way.open_until_callback("/begun");
    let (stranger, public) = (site.get("/"), site.get("/public/page"));
    let instance = await_one_connection(&site);

    under_load(&stranger, || {
        let former = site.nginx().start_another();
        assert_eq!(site.nginx().workers_of(former).len(), 2, "both accept");
        within(SOON, "each has its own connection", || site.sso.connections().len() == 2);
        site.nginx().retire_workers(former);
        await_another(&site, &instance); // the new one's is left
        site.nginx().let_go(former);
    });

    open_public(&site);
    within(SOON, "live in the new workers", || all_workers_say(&site, &public, 200));
    let trail = under_way.open(&callback);
    assert_eq!(trail.status(), 200, "a sign-in that had begun is finished: {trail:#?}");
    site.app.forget();
    assert_eq!(alice.get("/page").status(), 401, "memory is new: her session is not known");
    assert_eq!(site.app.hits(), 0);
    comes_back_unasked(&site, &mut alice);
    end_session(&site, "alice");
    let page = alice.get("/page");
    within(SOON, "her session is over", || page.status() == 401);
    await_one_connection(&site);

    // The file on disk is intact and up to date.
    site.sso.down();
    site.restart();
    assert!(all_workers_say(&site, &public, 200));
    assert!(all_workers_say(&site, &stranger, 401));
}

#[test]
fn the_way_back_finds_sessions_again_except_those_that_ended() {
    let mut site = site();
    let [alice, bob] = ["alice", "bob"].map(|user| site.signed_in_as(user));
    let (stranger, public) = (site.get("/"), site.get("/public/page"));
    let instance = await_one_connection(&site);

    under_load(&stranger, || {
        let former = site.nginx().start_another();
        site.nginx().retire_workers(former);
        await_another(&site, &instance);

        // Sent to the new one, which does not have this session.
        end_session(&site, "bob");
        open_public(&site);
        within(SOON, "live in the new workers", || all_workers_say(&site, &public, 200));

        site.nginx().go_back(former);
        await_only(&site, |open| open == Some(instance.as_str())); // as before
    });

    within(SOON, "live in the workers of before", || all_workers_say(&site, &public, 200));
    let bob = bob.get("/page");
    within(SOON, "his session is over", || bob.status() == 401);
    assert_eq!(alice.get("/page").status(), 200, "her session is known as before");
    assert!(all_workers_say(&site, &stranger, 401));

    site.sso.down();
    site.restart();
    assert!(all_workers_say(&site, &public, 200));
}
