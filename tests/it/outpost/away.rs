//! authentik is away: what is known still works, what is not known is reported.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use authentik_standin::{Endpoint, Fault};

use super::{AUTO, connected, started};
use crate::harness::{Site, eventually, within};
use crate::status::status;

const WITH_STATE: &str = "authentik_outpost %%SSO%% {
        token_file %%TOKEN%%;
        state_path %%PREFIX%%/state;
    }";

#[test]
fn nothing_is_served_before_anything_is_known() {
    let wrong = "authentik_outpost %%SSO%% { token wrong; }";
    let site = Site::builder().http(wrong).server(AUTO).start();
    let refusal = site.get("/").send();
    assert_eq!(refusal.status(), 503);
    assert!(refusal.header("Retry-After").is_some());
    assert_eq!(site.navigate("/").send().status(), 503);
    assert_eq!(site.navigate("/outpost.goauthentik.io/start").send().status(), 503);
    assert_eq!(site.get("/outpost.goauthentik.io/ping").send().status(), 204);
    eventually("the log says whose fault it is", || {
        let lines = site.error_log().lines_with("settings were not read");
        lines.iter().any(|line| line.contains("token") && line.contains("there are none yet"))
    });
    assert!(site.error_log().lines_with("the previous ones stay in use").is_empty());
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn known_sessions_and_settings_survive_an_outage_and_a_reload_in_it() {
    let site = started(connected());
    let alice = site.signed_in();
    site.sso.down();
    assert_eq!(alice.get("/page").status(), 200);
    site.reload();
    assert_eq!(alice.get("/page").status(), 200);
    assert_eq!(site.get("/").send().status(), 401);
    std::thread::sleep(Duration::from_secs(5));
    let said = site.error_log().lines_with("settings were not read").len();
    assert!(said <= 4, "said {said} times, once for each process that had to learn it");

    site.sso.up();
    // The pause between attempts grows with the outage.
    within(Duration::from_secs(30), "the connection comes back", || {
        !site.sso.connections().is_empty()
    });
    assert_eq!(site.browser().open("/page").status(), 200);
}

#[test]
fn a_restart_without_authentik_serves_from_the_disk() {
    let mut site = started(Site::builder().http(WITH_STATE).server(AUTO));
    eventually("the settings are on the disk", || site.path("state/outpost.settings").exists());
    let path = site.path("state/outpost.settings");
    let sealed = fs::read(&path).expect("the file");
    let secret = b"wiki-client-secret";
    assert!(!sealed.windows(secret.len()).any(|part| part == secret), "sealed");
    assert_eq!(fs::metadata(&path).expect("its mode").permissions().mode() & 0o777, 0o600);

    site.sso.down();
    site.restart();
    assert_eq!(site.get("/").send().status(), 401, "known from the first request on");
    site.sso.up();
    assert_eq!(site.browser().open("/page").status(), 200);
}

#[test]
fn a_refresh_that_fails_keeps_what_was_there() {
    let server = format!(
        "server_name _; {AUTO}
         location = /status.json {{ authentik_provider off; authentik_status format=json; }}"
    );
    let site = started(connected().server(&server).settings(|settings, ports| {
        for number in 0..150 {
            let host = format!("http://host-{number}.test:{}", ports.main);
            let slug = format!("app-{number}");
            settings.providers.push(authentik_standin::ProviderSettings::new(&slug, &host));
        }
    }));
    let failures = || status(&site)["outpost"]["refresh_failures"].as_u64();
    let port = site.address().port();
    let last = site.get("/").host(&format!("host-149.test:{port}"));
    assert_eq!(last.send().status(), 401, "every page is read");
    for (at, fault) in [
        (Endpoint::ProvidersPage(2), Fault::HtmlError(500)),
        (Endpoint::ProvidersPage(1), Fault::HtmlError(502)),
        (Endpoint::Providers, Fault::NotJson),
        (Endpoint::Instances, Fault::Truncated),
        (Endpoint::Instances, Fault::Status(403)),
    ] {
        let failed = failures();
        site.sso.fault(at, fault.clone());
        site.sso.push_update();
        eventually("a refresh fails", || failures() > failed);
        assert_eq!(last.send().status(), 401, "{at:?} {fault:?}");
        site.sso.clear_faults();
    }
    assert_eq!(site.app.hits(), 0);
}
