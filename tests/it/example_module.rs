//! The example of crates/nginx, an unrelated module: it proves that crates/nginx does not depend on
//! this one.

use std::time::{Duration, Instant};

use crate::harness::{Site, TempDir, example_module, test_configuration};

const DOOR: &str = "door sesame;
    add_header X-Door $door always;
    location / { proxy_pass http://app; }";

#[test]
fn a_module_made_with_the_fence_admits_and_lets_wait_and_refuses() {
    let site = Site::builder().module(example_module()).without_provider().server(DOOR).start();

    let known = site.get("/page").header("X-Word", "sesame").send();
    assert_eq!((known.status(), known.header("X-Door")), (200, Some("open")));
    assert_eq!(site.app.hits(), 1);

    for request in [site.get("/page"), site.get("/page").header("X-Word", "please")] {
        let begun = Instant::now();
        let stranger = request.send();
        assert!(begun.elapsed() >= Duration::from_millis(190), "{:?}", begun.elapsed());
        assert_eq!((stranger.status(), stranger.header("X-Door")), (403, Some("shut")));
        assert_eq!(stranger.text(), "The door is shut.\n");
    }
    assert_eq!(site.app.hits(), 1);
    // The module has made requests wait, and survives a reload.
    site.reload();
    assert_eq!(site.get("/page").header("X-Word", "sesame").status(), 200);
}

#[test]
fn what_a_module_made_with_the_fence_cannot_use_stops_the_configuration() {
    let module = example_module();
    for (lines, said) in [
        ("door sesame; door sesame;", "\"door\" directive is duplicate in "),
        ("door;", "invalid number of arguments in \"door\" directive in "),
    ] {
        let directory = TempDir::new();
        let conf = format!(
            "load_module {};\nevents {{ }}\nhttp {{ server {{ location / {{ {lines} }} }} }}\n",
            module.display()
        );
        let verdict = test_configuration(&directory, &conf);
        assert!(!verdict.accepted && verdict.text.contains(said), "{lines}: {}", verdict.text);
    }
}

#[test]
fn two_modules_made_with_the_fence_stand_side_by_side() {
    let site = Site::builder()
        .main(&format!("load_module {};", example_module().display()))
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }
             location /door/ { door sesame; proxy_pass http://app; }",
        )
        .start();

    assert_eq!(site.get("/door/").header("X-Word", "sesame").status(), 401);
    assert_eq!(site.app.hits(), 0);
    let alice = site.signed_in();
    site.app.forget();
    assert_eq!(alice.get("/door/").status(), 403);
    assert_eq!(site.app.hits(), 0);
    assert_eq!(alice.get("/door/").header("X-Word", "sesame").status(), 200);
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
}
