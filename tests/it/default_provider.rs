//! `authentik_default_provider`: servers that say nothing are protected.

use crate::harness::Site;

/// A site whose server does not name a provider.
fn site(server: &str) -> Site {
    Site::builder().http("authentik_default_provider wiki;").server(server).start()
}

#[test]
fn a_server_that_says_nothing_is_protected_and_its_endpoints_answer() {
    let site = site("location / { proxy_pass http://app; }");
    let answer = site.request("GET", "/plans").header("X-authentik-username", "mallory").send();
    assert_eq!(answer.status(), 401);
    assert_eq!(site.app.hits(), 0);

    let mut browser = site.browser();
    assert_eq!(browser.open("/plans").status(), 200);
    assert_eq!(site.app.last().header("x-authentik-username"), Some("alice"));
}

#[test]
fn off_opens_a_location_and_another_provider_replaces_the_default() {
    let site = site(
        "location / { proxy_pass http://app; }
         location /public/ { authentik_provider off; proxy_pass http://app; }
         location /named/ { authentik_provider wiki; proxy_pass http://app; }",
    );
    let claimed = site.request("GET", "/public/a").header("X-authentik-username", "mallory").send();
    assert_eq!(claimed.status(), 200);
    assert_eq!(site.app.last().header("x-authentik-username"), None, "it is still not believed");
    site.app.forget();
    for path in ["/", "/named/a", "/public/../a"] {
        assert_eq!(site.get(path).send().status(), 401, "{path}");
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_reload_that_adds_the_default_protects_at_once() {
    let site = Site::builder()
        .http("authentik_default_provider off;")
        .server("location / { proxy_pass http://app; }")
        .start();
    assert_eq!(site.get("/").send().status(), 200);
    site.edit_configuration("authentik_default_provider off;", "authentik_default_provider wiki;");
    site.reload();
    site.app.forget();
    assert_eq!(site.get("/").send().status(), 401);
    assert_eq!(site.app.hits(), 0);
    // And a server can still say that it is open.
    site.edit_configuration("server {", "server { authentik_provider off;");
    site.reload();
    assert_eq!(site.get("/").send().status(), 200);
    site.stop_fast();
}
