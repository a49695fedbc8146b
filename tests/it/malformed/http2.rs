//! Malformed HTTP/2: no such request reaches the application, stops a worker, or makes it grow.

use std::time::Duration;

use authentik_standin::{Endpoint, Fault};

use super::frames::{self, Conversation, fields};
use crate::harness::http2::{
    CONTINUATION, END_HEADERS, END_STREAM, HEADERS, Http2, RST_STREAM, block, frame, is_success,
    request,
};
use crate::harness::{Site, listen_http2};

/// In KiB; the allocator keeps some of the memory for the largest frames.
const MOST_GROWTH: u64 = 1_024;

/// Number of streams opened and reset at once.
const STREAMS: usize = 10_000;

/// A server that closes idle connections at once.
fn site() -> Site {
    site_with("keepalive_timeout 0;")
}

fn site_with(keepalive: &str) -> Site {
    Site::builder()
        .http(&format!(
            "server {{
                 {}
                 server_name wiki.test;
                 {keepalive}
                 lingering_timeout 100ms;
                 client_header_timeout 1s;
                 client_body_timeout 200ms;
                 authentik_provider wiki;
                 authentik_unauth_paths ^/public/;
                 location / {{ proxy_pass http://app; }}
             }}",
            listen_http2("")
        ))
        .server("authentik_provider wiki; location / { proxy_pass http://app; }")
        .start()
}

/// Sends each on its own connection. Open pages may be served, once and unchanged.
fn none_gets_in(site: &Site, conversations: &[Conversation]) {
    let workers = site.worker_pids();
    for (what, bytes) in conversations {
        let answers = Http2::send(site.other_address(), bytes).answers();
        let admitted = site.app.hits();
        assert!(admitted == 0 || what.contains("/public/"), "{what}");
        if admitted > 0 {
            let told = site.app.last();
            assert_eq!((told.target.as_str(), told.identity_headers()), ("/public/a", vec![]));
        }
        let successes = answers.iter().filter(|answer| is_success(answer)).count();
        assert!(successes as u64 <= admitted, "{what}: {answers:?}");
        site.app.forget();
    }
    still_works(site, &workers);
}

fn still_works(site: &Site, workers: &[u32]) {
    assert_eq!(site.worker_pids(), workers, "no worker died");
    let answers = Http2::begin(site.other_address(), &request(1, &fields("/page"))).answers();
    assert!(answers.len() == 1 && !is_success(&answers[0]), "it still answers: {answers:?}");
    assert_eq!(site.app.hits(), 0);
}

fn grown_at_most(site: &Site, before: &[u64]) {
    for (before, after) in before.iter().zip(site.private_memory()) {
        assert!(after.saturating_sub(*before) <= MOST_GROWTH, "{before} KiB, then {after} KiB");
    }
}

#[test]
fn a_known_visitor_is_served_frame_by_frame() {
    // Without this request, the others would prove nothing.
    let site = site();
    let session = site.signed_in().cookie_header().expect("a session cookie");
    let known = [&fields("/page")[..], &[("cookie", session.as_bytes())]].concat();
    let answers = Http2::begin(site.other_address(), &request(1, &known)).answers();
    assert!(answers.len() == 1 && is_success(&answers[0]), "{answers:?}");
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
}

#[test]
fn malformed_http_2_gets_nobody_in_and_leaves_the_workers_small() {
    let site = site();
    let mut all = frames::prefaces();
    all.extend(frames::frames());
    all.extend(frames::fields_of_requests());
    assert!(all.len() > 150, "{}", all.len());
    for _ in 0..3 {
        none_gets_in(&site, &all);
    }
    let before = site.private_memory();
    for _ in 0..5 {
        none_gets_in(&site, &all);
    }
    grown_at_most(&site, &before);
}

#[test]
fn a_flood_of_continuations_gets_nobody_in_and_leaves_the_workers_small() {
    let mut site = site();
    // nginx 1.22.1 forgets some of these connections until it exits, even without the module.
    for line in ["open socket #", "aborting"] {
        site.expect_in_error_log(line);
    }
    let workers = site.worker_pids();
    let field = block(&[("x-padding", &[b'x'; 1_000])]);
    // As much as nginx accepts: beyond that it discards data, or closes the connection.
    let flood = |path: &str, piece: &[u8]| {
        let begin = frame(HEADERS, END_STREAM, 1, &block(&fields(path)));
        let mut connection = Http2::begin(site.other_address(), &begin);
        connection.ignore_answers();
        let pieces = frame(CONTINUATION, 0, 1, piece).repeat(100);
        if (0..100).all(|_| connection.go_on(&pieces).is_ok()) {
            let _ = connection.go_on(&frame(CONTINUATION, END_HEADERS, 1, &[]));
        }
    };
    let mut before = Vec::new();
    for round in 0..6 {
        for path in ["/page", "/outpost.goauthentik.io/start"] {
            flood(path, &field);
            flood(path, &[]);
        }
        if round == 2 {
            before = site.private_memory();
        }
    }
    still_works(&site, &workers);
    grown_at_most(&site, &before);
}

/// Keeps nginx from closing a connection before the module has seen much.
const LASTING: &str = "keepalive_timeout 200ms; keepalive_requests 100000;";

/// Opens streams and resets each at once.
fn reset_rapidly(site: &Site, path: &str) {
    let headers = block(&fields(path));
    let mut begun = 0;
    while begun < STREAMS {
        let mut connection = Http2::begin(site.other_address(), &[]);
        connection.ignore_answers();
        let mut stream = 1;
        // Until nginx closes the connection.
        while begun < STREAMS {
            let mut bytes = Vec::new();
            for _ in 0..50 {
                bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &headers));
                bytes.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
                stream += 2;
            }
            if connection.go_on(&bytes).is_err() {
                break;
            }
            begun += 50;
        }
    }
}

#[test]
fn ten_thousand_streams_given_up_at_once_get_nobody_in_and_leave_the_workers_small() {
    let site = site_with(LASTING);
    let workers = site.worker_pids();
    let alice = site.signed_in();
    for path in ["/page", "/outpost.goauthentik.io/start"] {
        reset_rapidly(&site, path);
        let before = site.private_memory();
        reset_rapidly(&site, path);
        assert_eq!(site.app.hits(), 0, "{path}");
        grown_at_most(&site, &before);
        assert_eq!(alice.get("/page").status(), 200, "{path}: known visitors notice nothing");
        site.app.forget();
    }
    still_works(&site, &workers);
}

#[test]
fn streams_given_up_while_authentik_is_asked_leave_nothing_behind() {
    let site = site_with(LASTING);
    let workers = site.worker_pids();
    // The first sign-in fetches authentik's endpoints: all of them wait.
    site.sso.fault(Endpoint::Discovery, Fault::Slow(Duration::from_secs(2)));
    reset_rapidly(&site, "/outpost.goauthentik.io/start");
    site.sso.clear_faults();
    assert_eq!(site.app.hits(), 0);
    still_works(&site, &workers);
    let before = site.private_memory();
    reset_rapidly(&site, "/outpost.goauthentik.io/start");
    grown_at_most(&site, &before);
    assert_eq!(site.signed_in().get("/page").status(), 200);
}
