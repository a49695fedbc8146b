//! Bugs inside the module: reason `internal`. The `suspend-all` build triggers them on request.

use crate::error_pages::assert_error_page;
use crate::harness::{Response, Site, eventually, module_suspend_all};

/// Where a handler can panic, in the order in which a request gets there.
const PLACES: [&str; 4] = ["post-read", "preaccess", "access", "admission"];

fn site(location: &str) -> Site {
    let mut site = Site::builder()
        .module(module_suspend_all())
        .server(&format!(
            "add_header X-Said \"$authentik_status $authentik_reason\" always;
             authentik_provider wiki;
             authentik_unauth_paths ^/public/;
             location / {{ {location} proxy_pass http://app; }}"
        ))
        .start();
    for line in ["panicked", "on purpose", "reason: internal"] {
        site.expect_in_error_log(line);
    }
    site
}

fn is_internal(site: &Site, response: &Response) {
    assert_eq!(response.status(), 500);
    let page = response.text();
    assert!(page.contains("<code>internal</code>") && !page.contains("<script"), "{page}");
    let header = |name: &str| response.header(name).unwrap_or_default();
    assert!(header("Content-Type").starts_with("text/html") && page.len() < 10_000);
    assert!(header("Cache-Control").contains("no-store"), "{response:#?}");
    assert!(!response.text().contains("purpose"), "what broke is not told");
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_panic_in_a_handler_is_refused_as_internal_and_lets_nobody_in() {
    for location in ["", "satisfy any; deny all;", "error_page 500 = /public/instead;"] {
        let site = site(location);
        let workers = site.worker_pids();
        let alice = site.signed_in();
        let bare = location.starts_with("error_page");
        for place in PLACES {
            let known = alice.get("/page").navigation();
            for request in [site.navigate("/page"), site.navigate("/public/a"), known.clone()] {
                let is_known = request.to_bytes() == known.to_bytes();
                if place == "admission" && !is_known {
                    continue; // nobody is told of
                }
                let lines = site.error_log().lines_with("refused, reason: internal").len();
                let response = request.header("X-Defect", place).send();
                if bare {
                    // Requested again, and refused again.
                    assert_eq!((response.status(), site.app.hits()), (500, 0), "{place}");
                    continue;
                }
                is_internal(&site, &response);
                assert_eq!(response.header("X-Said"), Some("refused internal"), "{place}");
                eventually("the log has it", || {
                    site.error_log().lines_with("refused, reason: internal").len() > lines
                });
            }
            assert!(!site.error_log().lines_with(&format!("on purpose, in {place}")).is_empty());
            assert_eq!(alice.get("/page").status(), 200, "{place}: the next one is served");
            site.app.forget();
        }
        assert_eq!(site.worker_pids(), workers, "no worker died");
    }
}

#[test]
fn a_program_is_told_in_words() {
    let site = site("");
    let response = site.get("/page").header("X-Defect", "access").send();
    assert_eq!(response.status(), 500);
    assert!(response.text().contains("\"internal\""), "{}", response.text());
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_panic_while_authentik_is_asked_fails_the_sign_in_as_internal() {
    let site = site("");
    let workers = site.worker_pids();
    let mut browser = site.browser();
    let callback = browser.open_until_callback("/page");
    let request = browser.get(&callback).navigation();

    let response = request.clone().header("X-Defect", "thread").send();

    is_internal(&site, &response);
    assert_error_page(&response);
    assert_eq!(response.header("X-Said"), Some("failed internal"));
    assert!(response.all("set-cookie").all(|line| !line.starts_with("authentik_proxy_")));
    assert!(!site.error_log().lines_with("sign-in failed, reason: internal").is_empty());
    // The threads survive: there are more panics than threads.
    for _ in 0..40 {
        assert_eq!(request.clone().header("X-Defect", "thread").status(), 500);
    }
    assert_eq!(browser.open(&callback).status(), 200, "a sign-in that may still succeed does");
    assert_eq!(site.worker_pids(), workers);
}
