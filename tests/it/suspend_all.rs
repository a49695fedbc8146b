//! The build in which every main request passes through thread, wake-up and resume.

use std::thread;
use std::time::Duration;

use crate::harness::{
    Connection, Curl, Site, TempDir, certificate, listen_http2, module_suspend_all,
};

#[test]
fn requests_of_every_kind_pass_through_the_suspension_unharmed() {
    let site = suspended("location / { proxy_pass http://app; }");

    for _ in 0..50 {
        assert_eq!(site.get("/").status(), 200);
    }
    let body = "x".repeat(300_000);
    let echoed = site.request("POST", "/echo").body(&body).send();
    assert_eq!((echoed.status(), echoed.text() == body), (200, true));
    assert_eq!(site.request("HEAD", "/").status(), 200);
    assert_eq!(site.get("/status/404").status(), 404);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let site = suspended("location / { proxy_pass http://app; }");
    let mut connection = Connection::open(site.address());

    let row: Vec<u8> = [200, 404, 201, 500]
        .iter()
        .flat_map(|code| site.get(&format!("/status/{code}")).to_bytes())
        .collect();
    connection.send(row);

    for code in [200, 404, 201, 500] {
        assert_eq!(connection.response().status(), code);
    }
}

#[test]
fn a_protected_site_works_the_same() {
    let site = suspended(
        "authentik_provider wiki;
         authentik_unauth_paths ^/public/;
         location / { proxy_pass http://app; }",
    );

    assert_eq!(site.get("/").status(), 401);
    assert_eq!(site.app.hits(), 0);
    assert_eq!(site.get("/public/").status(), 200);
    assert_eq!(site.browser().open("/page").status(), 200);
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
}

#[test]
fn streams_of_one_http_2_connection_wait_independently() {
    let directory = TempDir::new();
    let (certificate, key) = certificate("wiki.test", "127.0.0.1", &directory);
    let site = Site::builder()
        .module(module_suspend_all())
        .http(&format!(
            "server {{
                 {}
                 ssl_certificate {};
                 ssl_certificate_key {};
                 location / {{ proxy_pass http://app; }}
             }}",
            listen_http2("ssl"),
            certificate.display(),
            key.display()
        ))
        .start();
    let port = site.other_address().port();
    let pages: Vec<String> =
        (0..50).map(|i| format!("https://wiki.test:{port}/status/{}", 200 + i % 5)).collect();

    let curl = Curl::new("wiki.test", site.other_address(), &directory).with(&["--http2"]);
    let mut answers = curl.run_parallel(&pages);

    answers.sort();
    let expected: Vec<String> = (0..50).map(|i| format!("{} 2", 200 + i / 10)).collect();
    assert_eq!(answers, expected);
}

#[test]
fn clients_that_abort_and_reloads_in_between_leave_nothing_behind() {
    let site = suspended("location / { proxy_pass http://app; }");
    for round in 0..200_u64 {
        let mut connection = Connection::open(site.address());
        connection.send(site.get("/").to_bytes());
        thread::sleep(Duration::from_micros(round % 10 * 100));
        drop(connection);
        if round % 50 == 49 {
            site.reload();
        }
    }
    assert_eq!(site.get("/").status(), 200);
}

fn suspended(server: &str) -> Site {
    Site::builder().module(module_suspend_all()).server(server).start()
}
