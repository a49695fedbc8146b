//! The same with refresh tokens: they work after a logout and after a policy denies the user, so
//! renewal alone would keep out nobody.

use std::time::Instant;

use super::{SERVER, wait_until};
use crate::harness::{Browser, Site, eventually};
use crate::outpost::CONNECTED;

const TERMS: &str = "session_lifetime 24s; recheck 6s;";

/// How long an access token lasts, in seconds.
const ACCESS: u64 = 12;

fn site(has_outpost: bool) -> Site {
    let builder = match has_outpost {
        true => {
            let http = CONNECTED.replace("token_file", &format!("{TERMS} token_file"));
            let server = SERVER.replace("authentik_provider wiki", "authentik_provider auto");
            Site::builder().without_provider().http(&http).server(&server)
        }
        false => Site::builder().provider(TERMS).server(SERVER),
    };
    let site = builder
        .settings(|settings, _| {
            settings.form = true;
            settings.providers[0].give_refresh_tokens();
            settings.providers[0].access_token_seconds = ACCESS;
            for user in settings.users.iter_mut().filter(|user| user.username != "zoe") {
                user.groups.push("permitted".to_owned());
            }
        })
        .start();
    eventually("the settings arrive", || site.get("/").send().status() == 401);
    site
}

/// Signs in with authentik's form.
fn signed_in(site: &Site, user: &str) -> Browser {
    let mut browser = site.browser();
    let form = browser.open("/");
    let login = form.address().clone();
    let typed = browser.get(login.as_str()).method("POST");
    let typed = typed.header("Content-Type", "application/x-www-form-urlencoded");
    let response = typed.body(format!("pick={user}")).send();
    let trail = browser.follow(login.as_str(), response);
    assert_eq!(trail.status(), 200, "{:?}", trail.addresses());
    assert_eq!(browser.session_cookies().len(), 1, "{:?}", trail.addresses());
    browser
}

fn is_out(site: &Site, browser: &mut Browser, why: &str) {
    let hits = site.app.hits();
    assert_eq!(browser.fetch("/").status(), 401, "{why}");
    assert_eq!(site.app.hits(), hits, "{why}");
}

#[test]
fn who_logged_out_was_deactivated_or_denied_is_out_with_a_refresh_token_too() {
    let sites = [false, true].map(|has_outpost| (has_outpost, site(has_outpost)));
    let start = Instant::now();
    let mut people: Vec<_> = sites
        .iter()
        .map(|(_, site)| ["alice", "bob", "zoe"].map(|user| signed_in(site, user)))
        .collect();
    for (_, site) in &sites {
        assert_eq!(site.sso.refresh_tokens(), 3);
        let sessions = site.sso.sessions();
        let of_alice = sessions.iter().find(|(name, _)| name == "alice").expect("a session");
        site.sso.end_session_of_id(&of_alice.1);
        site.sso.change(|settings| {
            settings.providers[0].only_groups = vec!["permitted".to_owned()];
            settings.users.iter_mut().for_each(|user| user.active &= user.username != "bob");
        });
    }
    wait_until(start, 6);
    for ((has_outpost, site), people) in sites.iter().zip(&mut people) {
        let hits = site.app.hits();
        let asked = ["name=\"username\"", "name=\"username\"", "Permission denied"];
        for (browser, answer) in people.iter_mut().zip(asked) {
            let trail = browser.open("/page");
            assert!(trail.page().text().contains(answer), "{has_outpost} {:?}", trail.addresses());
        }
        assert_eq!(site.app.hits(), hits, "nothing was shown");
    }

    wait_until(start, ACCESS);
    for ((_, site), [logged_out, deactivated, denied]) in sites.iter().zip(&mut people) {
        is_out(site, logged_out, "her session at authentik is over");
        is_out(site, deactivated, "authentik refuses");
        assert_eq!(denied.fetch("/").status(), 200, "renewed: authentik does not check policies");
        assert_eq!(site.app.last().header("X-authentik-username"), Some("zoe"));
    }

    wait_until(start, 24);
    for ((_, site), [_, _, denied]) in sites.iter().zip(&mut people) {
        is_out(site, denied, "session_lifetime is over");
    }
}
