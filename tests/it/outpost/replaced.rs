//! Another outpost takes the place of the first: what the first one said counts no longer.

use std::fs;
use std::time::Duration;

use super::{AUTO, all_workers_say, connected, started};
use crate::harness::{Site, eventually};

const WITH_STATE: &str = "authentik_outpost %%SSO%% {
        token_file %%TOKEN%%;
        state_path %%PREFIX%%/state;
    }";

/// The token of another outpost, one that this authentik does not know.
fn replace_token(site: &Site) {
    let path = site.path("outpost.token");
    fs::remove_file(&path).expect("the old token goes");
    fs::write(&path, "another-token").expect("a new token");
}

#[test]
fn settings_of_another_token_are_not_served_after_a_reload() {
    let site = started(connected());
    let alice = site.signed_in();
    replace_token(&site);
    site.reload();
    for _ in 0..20 {
        assert_eq!(site.get("/").send().status(), 503);
        assert_eq!(alice.get("/").status(), 503);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn settings_of_another_authentik_are_not_served_after_a_reload() {
    let site = started(Site::builder().http(WITH_STATE).server(AUTO));
    let url = site.sso.base_url();
    // The same machine, and another URL all the same: whose certificate it has is another question.
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
