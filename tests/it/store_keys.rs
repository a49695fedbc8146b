//! The keys of sessions with `authentik_session_store`: what they follow from, and how long they
//! are valid.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use authentik_standin::WIKI_CLIENT_ID;
use serde_json::{Value, json};

use crate::harness::{Request, Site, within};
use crate::header_auth::token;
use crate::outpost::started;
use crate::status::status;

const SERVER: &str = "authentik_provider wiki;
    location / { proxy_pass http://app; }
    location = /status.json {
        authentik_provider off; allow 127.0.0.1; deny all;
        authentik_status format=json end_sessions=on;
    }";

const NO_STORE: &str = "authentik_session_store memory;";
const STORE: &str = "authentik_session_store file %%PREFIX%%/store/sessions;";

fn site(store: &str) -> Site {
    Site::builder().http(store).server(SERVER).start()
}

/// The directive with secrets of these names, which are files.
fn with_secrets(site: &Site, parameters: &[(&str, &str)]) -> String {
    let mut directive = format!("file {}", site.path("store/sessions").display());
    for (key, name) in parameters {
        let path = site.path(name);
        fs::write(&path, name.repeat(20)).expect("a secret");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its permissions");
        directive += &format!(" {key}={}", path.display());
    }
    format!("authentik_session_store {directive};")
}

/// Replaces the directive.
fn configure(site: &Site, line: &str) {
    let conf = site.file("nginx.conf");
    let former =
        conf.lines().find(|line| line.contains("authentik_session_store")).expect("a line");
    site.edit_configuration(former.trim(), line);
}

fn add_store(site: &Site) {
    configure(site, &with_secrets(site, &[]));
    site.reload();
}

fn ended_by_hand(site: &Site, body: &Value) -> u64 {
    let answer = site
        .request("POST", "/status.json")
        .header("X-Requested-With", "test")
        .header("Content-Type", "application/json")
        .body(body.to_string())
        .send();
    let said: Value = serde_json::from_str(&answer.text()).expect("JSON");
    said["ended"].as_u64().unwrap_or_else(|| panic!("{said}"))
}

fn is_refused(site: &Site, request: &Request) {
    let hits = site.app.hits();
    assert_eq!(request.status(), 401);
    assert_eq!(site.app.hits(), hits, "the application was not asked");
}

#[test]
fn a_session_survives_a_reload_that_adds_a_store_and_one_that_removes_it() {
    let site = site(NO_STORE);
    let alice = site.signed_in();
    add_store(&site);
    assert_eq!(alice.get("/").status(), 200, "from before the store");
    let bob = site.signed_in_as("bob");
    for _ in 0..2 {
        // Nothing changes.
        site.reload();
        assert_eq!([alice.get("/").status(), bob.get("/").status()], [200, 200]);
    }
    configure(&site, NO_STORE);
    site.reload();
    assert_eq!([alice.get("/").status(), bob.get("/").status()], [200, 200]);
    assert_eq!(status(&site)["zone"]["foreign_cookies"], 0);
}

#[test]
fn a_session_survives_a_reload_that_changes_the_secret() {
    for names_former in [true, false] {
        let site = site(STORE);
        let alice = site.signed_in();
        let former = site.path("store/sessions.secret");
        let mut changed = with_secrets(&site, &[("secret_file", "second")]);
        if names_former {
            let named = format!(" former_secret_file={};", former.display());
            changed = changed.replace(';', &named);
        }
        configure(&site, &changed);
        site.reload();
        assert_eq!(alice.get("/").status(), 200, "{names_former}");
        site.reload();
        assert_eq!(alice.get("/").status(), 200, "{names_former}");
    }
}

#[test]
fn after_a_restart_the_ids_of_the_current_and_of_the_named_secret_are_proven() {
    // The secrets before and after the restart, and whether the id is then known to be ours.
    let cases: [(&[_], &[_], bool); 5] = [
        (&[], &[], true),
        (&[("secret_file", "first")], &[("secret_file", "first")], true),
        (&[("secret_file", "first")], &[("secret_file", "second")], false),
        (
            &[("secret_file", "first")],
            &[("secret_file", "second"), ("former_secret_file", "first")],
            true,
        ),
        (
            &[("secret_file", "first")],
            &[("secret_file", "second"), ("former_secret_file", "third")],
            false,
        ),
    ];
    for (before, after, is_proven) in cases {
        let mut site = site(NO_STORE);
        configure(&site, &with_secrets(&site, before));
        site.reload();
        let alice = site.signed_in();
        assert_eq!(alice.get("/").status(), 200);
        configure(&site, &with_secrets(&site, after));
        site.restart();
        let answer = alice.get("/").status();
        let foreign = status(&site)["zone"]["foreign_cookies"].as_u64();
        assert_eq!(foreign, Some(u64::from(!is_proven)), "{after:?}");
        assert!(is_proven || answer == 401, "{after:?}: {answer}");
    }
}

#[test]
fn without_a_store_no_id_is_proven_after_a_restart() {
    let mut site = site(NO_STORE);
    let alice = site.signed_in();
    site.restart();
    is_refused(&site, &alice.get("/"));
    assert_eq!(status(&site)["zone"]["foreign_cookies"], 1);
}

#[test]
fn sessions_from_before_a_change_of_keys_are_ended_like_others() {
    let site = site(NO_STORE);
    let [by_name, by_sub, by_sid, by_itself] =
        ["alice", "bob", "carol", "alice"].map(|user| site.signed_in_as(user));
    assert_eq!(by_sub.get("/").status(), 200);
    let sub = site.app.last().header("X-authentik-uid").expect("a uid").to_owned();
    let sessions = site.sso.sessions();
    let sid = &sessions.iter().find(|(name, _)| name == "carol").expect("a session").1;
    add_store(&site);
    // Of the same users, with the new keys.
    let [name_too, sub_too, mut new] =
        ["alice", "bob", "carol"].map(|user| site.signed_in_as(user));

    assert_eq!(ended_by_hand(&site, &json!({"sub": sub})), 2);
    for browser in [&by_sub, &sub_too] {
        is_refused(&site, &browser.get("/"));
    }
    assert_eq!(ended_by_hand(&site, &json!({"sid": sid})), 1);
    is_refused(&site, &by_sid.get("/"));
    assert_eq!(new.get("/").status(), 200);
    assert_eq!(ended_by_hand(&site, &json!({"username": "alice"})), 3);
    for browser in [&by_name, &by_itself, &name_too] {
        is_refused(&site, &browser.get("/"));
    }
    let old = new.get("/");
    new.open("/outpost.goauthentik.io/sign_out");
    is_refused(&site, &old);
}

#[test]
fn a_sign_out_and_a_new_sign_in_end_a_session_from_before() {
    let site = site(NO_STORE);
    let [mut leaves, other, mut again] =
        ["alice", "alice", "bob"].map(|user| site.signed_in_as(user));
    let [leaver, former] = [leaves.get("/"), again.get("/")];
    add_store(&site);
    again.open("/outpost.goauthentik.io/start?rd=/page");
    assert_eq!(again.get("/").status(), 200);
    is_refused(&site, &former);
    assert_eq!(other.get("/").status(), 200);
    leaves.open("/outpost.goauthentik.io/sign_out");
    is_refused(&site, &leaver);
    is_refused(&site, &other.get("/"));
}

#[test]
fn what_is_known_of_credentials_survives_a_change_of_keys() {
    let site = site(NO_STORE);
    let bearer = format!("Bearer {}", token(&site, WIKI_CLIENT_ID));
    let request = site.get("/").header("Authorization", &bearer);
    let first = request.send();
    let cookie = first.header("Set-Cookie").expect("a session is offered");
    let cookie = cookie.split(';').next().expect("a cookie").to_owned();
    add_store(&site);
    assert_eq!(request.status(), 200);
    assert_eq!(site.sso.count("/application/o/introspect/"), 1, "the answer is kept");
    assert_eq!(site.get("/").header("Cookie", &cookie).status(), 200);
}

#[test]
fn an_outpost_ends_sessions_from_before_and_asks_about_them_after_a_gap() {
    let site = started(
        Site::builder()
            .http(&format!("authentik_outpost %%SSO%% {{ token_file %%TOKEN%%; }}\n{NO_STORE}"))
            .server(
                "authentik_provider auto;
                 add_header X-Worker $pid always;
                 location / { proxy_pass http://app; }",
            ),
    );
    let [now, meanwhile, stays] = ["alice", "bob", "carol"].map(|user| site.signed_in_as(user));
    let sessions = site.sso.sessions();
    let sid =
        |user: &str| sessions.iter().find(|(name, _)| name == user).expect("a session").1.clone();
    add_store(&site);
    assert_eq!(now.get("/").status(), 200);

    within(Duration::from_secs(8), "connected again", || site.sso.connections().len() == 1);
    assert!(site.sso.end_session(&sid("alice")));
    within(Duration::from_secs(8), "her session is over", || now.get("/").status() == 401);

    site.sso.down();
    site.sso.end_session(&sid("bob"));
    site.sso.up();
    within(Duration::from_secs(30), "his session is over", || meanwhile.get("/").status() == 401);
    assert_eq!(stays.get("/").status(), 200);
}

#[test]
fn the_directory_is_the_workers_and_the_secret_the_masters() {
    let site = site(STORE);
    let worker = site.worker_pids()[0];
    let of_worker = fs::metadata(format!("/proc/{worker}")).expect("a worker").uid();
    let directory = fs::metadata(site.path("store")).expect("the directory");
    assert_eq!((directory.uid(), directory.mode() & 0o777), (of_worker, 0o700));
    let secret = fs::metadata(site.path("store/sessions.secret")).expect("the secret");
    let of_master = fs::metadata("/proc/self").expect("this process").uid();
    assert_eq!((secret.uid(), secret.mode() & 0o777), (of_master, 0o600));
    let text = site.file("store/sessions.secret");
    site.reload();
    assert_eq!(site.file("store/sessions.secret"), text, "a reload makes no other");
}
