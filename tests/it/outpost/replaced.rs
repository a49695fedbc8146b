//! Another outpost replaces the first: the first one's settings are no longer valid.

use std::fs;
use std::time::Duration;

use authentik_standin::{Endpoint, Fault, OutpostSettings};

use super::{AUTO, all_workers_say, connected, started};
use crate::harness::{Browser, Builder, Site, eventually, within};

const WITH_STATE: &str = "authentik_outpost %%SSO%% {
        token_file %%TOKEN%%;
        state_path %%PREFIX%%/state;
    }";

/// A token that this authentik does not know.
fn replace_token(site: &Site) {
    give_token(site, "another-token");
}

fn give_token(site: &Site, token: &str) {
    let path = site.path("outpost.token");
    fs::remove_file(&path).expect("the old token goes");
    fs::write(&path, token).expect("a new token");
}

fn with_public_paths() -> Builder {
    connected().settings(|settings, _| {
        settings.providers[0].proxy.skip_path_regex = "^/public/".to_owned();
        settings.outposts.push(OutpostSettings {
            pk: "22222222-2222-4222-8222-222222222222".to_owned(),
            token: Some(SECOND_TOKEN.to_owned()),
            providers: Some(Vec::new()),
            ..OutpostSettings::default()
        });
    })
}

const SECOND_TOKEN: &str = "standin-second-outpost-token-throwaway";

/// Signed-in visitors continue, and nobody else gets in.
fn assert_in_doubt(site: &Site, alice: &Browser, callback: &str, begun: &mut Browser) {
    site.app.forget();
    for _ in 0..4 {
        assert_eq!(alice.get("/").status(), 200);
    }
    let hits = site.app.hits();
    for _ in 0..4 {
        assert_eq!(site.get("/").send().status(), 503);
        assert_eq!(site.get("/public/page").send().status(), 503);
        assert_eq!(site.navigate("/").send().status(), 503);
        assert_eq!(site.navigate("/outpost.goauthentik.io/start").send().status(), 503);
        assert_eq!(site.navigate("/outpost.goauthentik.io/sign_out").send().status(), 503);
        let password = "Basic Ym9iOmFwcC1wYXNzd29yZC1ib2Ita2V5LTAxMjM0NTY3ODk=";
        assert_eq!(site.get("/").header("Authorization", password).status(), 503);
        assert_eq!(begun.step(callback).status(), 503);
    }
    assert_eq!(site.app.hits(), hits);
}

#[test]
fn with_a_token_that_authentik_refuses_only_those_who_are_signed_in_go_on() {
    let site = started(with_public_paths());
    let alice = site.signed_in();
    let mut begun = site.browser();
    let callback = begun.open_until_callback("/page");
    replace_token(&site);
    site.reload();
    eventually("authentik refuses it", || {
        let lines = site.error_log().lines_with("settings were not read");
        let words = ["refuses the token", "those of the previous token serve"];
        lines.iter().any(|line| words.iter().all(|words| line.contains(words)))
    });
    assert_in_doubt(&site, &alice, &callback, &mut begun);
}

#[test]
fn a_new_token_of_the_same_outpost_serves_on_before_the_settings_are_read_again() {
    let site = started(with_public_paths());
    let alice = site.signed_in();
    let mut begun = site.browser();
    let callback = begun.open_until_callback("/page");
    site.sso.change(|settings| settings.outposts[0].token = Some("renewed-token".to_owned()));
    give_token(&site, "renewed-token");
    site.sso.fault(Endpoint::Instances, Fault::Hang);
    site.reload();
    assert_in_doubt(&site, &alice, &callback, &mut begun);

    // The hanging refresh is abandoned; the next one gets an answer to its first question.
    site.sso.clear_faults();
    site.sso.fault(Endpoint::Providers, Fault::Hang);
    let request = site.get("/");
    within(Duration::from_secs(60), "strangers are sent to sign in", || {
        all_workers_say(&site, &request, 401)
    });
    assert_eq!(site.get("/public/page").send().status(), 200);
    assert_eq!(begun.open(&callback).status(), 200, "begun before");
    assert_eq!(site.browser().open("/page").status(), 200);
    assert_eq!(alice.get("/").status(), 200);
    assert!(!site.error_log().lines_with("belongs to the same outpost").is_empty());
}

#[test]
fn the_token_of_another_outpost_ends_what_the_former_one_had() {
    let site = started(with_public_paths());
    let alice = site.signed_in();
    let mut begun = site.browser();
    let callback = begun.open_until_callback("/page");
    give_token(&site, SECOND_TOKEN);
    site.sso.fault(Endpoint::Instances, Fault::Hang);
    site.reload();
    assert_in_doubt(&site, &alice, &callback, &mut begun);

    site.sso.clear_faults();
    site.sso.fault(Endpoint::Providers, Fault::Hang);
    within(Duration::from_secs(60), "nobody is served", || {
        (0..10).all(|_| alice.get("/").status() == 503)
    });
    site.app.forget();
    for page in ["/", "/public/page"] {
        assert_eq!(site.get(page).send().status(), 503);
    }
    assert_eq!(begun.step(&callback).status(), 503);
    assert_eq!(site.app.hits(), 0);
    assert!(!site.error_log().lines_with("belongs to another outpost").is_empty());
}

#[test]
fn settings_of_another_authentik_are_not_served_after_a_reload() {
    let site = started(Site::builder().http(WITH_STATE).server(AUTO));
    let url = site.sso.base_url();
    // The same machine, but another URL; which certificate it has is another question.
    site.edit_configuration(
        &format!("authentik_outpost {url}"),
        "authentik_outpost http://127.0.0.1:9",
    );
    site.reload();
    assert_eq!(site.get("/").send().status(), 503);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn settings_on_the_disk_are_of_one_authentik_and_one_token() {
    let mut site = started(Site::builder().http(WITH_STATE).server(AUTO));
    site.expect_in_error_log("is not used");
    eventually("the settings are on the disk", || site.path("state/outpost.settings").exists());
    let url = site.sso.base_url();
    site.edit_configuration(
        &format!("authentik_outpost {url}"),
        "authentik_outpost http://127.0.0.1:9",
    );
    site.restart();
    assert_eq!(site.get("/").send().status(), 503);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn the_same_outpost_with_its_old_token_again_is_served_again() {
    let site = started(connected());
    let token = fs::read(site.path("outpost.token")).expect("the token");
    replace_token(&site);
    site.reload();
    let request = site.get("/");
    assert_eq!(request.send().status(), 503);
    fs::write(site.path("outpost.token"), token).expect("the token");
    site.reload();
    eventually("the settings are back", || all_workers_say(&site, &request, 401));
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_state_path_that_is_added_is_filled_though_nothing_has_changed() {
    let site = started(connected());
    site.edit_configuration(
        "token_file",
        &format!("state_path {}; token_file", site.path("state").display()),
    );
    site.reload();
    eventually("the settings are on the disk", || site.path("state/outpost.settings").exists());
    assert_eq!(site.get("/").send().status(), 401);
}

#[test]
fn a_draft_that_leads_elsewhere_is_not_followed() {
    let site = started(Site::builder().http(WITH_STATE).server(AUTO));
    let target = site.path("precious");
    fs::write(&target, "as it was").expect("a file");
    let settings = site.path("state/outpost.settings");
    eventually("the settings are on the disk", || settings.exists());
    let before = fs::read(&settings).expect("the settings");
    for pid in site.worker_pids() {
        let draft = site.path(&format!("state/outpost.settings.{pid}"));
        std::os::unix::fs::symlink(&target, draft).expect("a link");
    }
    site.sso.update_provider("wiki", |wiki| wiki.proxy.skip_path_regex = "^/open/".to_owned());
    eventually("the change is on the disk", || fs::read(&settings).is_ok_and(|now| now != before));
    assert_eq!(fs::read_to_string(&target).expect("the file"), "as it was");
}
