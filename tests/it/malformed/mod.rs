//! Malformed requests of all kinds: none reaches the application, stops a worker, or makes it grow.

mod frames;
mod http2;
mod odd;
mod requests;

use crate::harness::{Connection, Site};
use requests::Hostile;

#[test]
fn malformed_cookies_get_nobody_in() {
    let site = site(ROOMY);
    none_gets_in(&site, &requests::cookies(&session_cookie_name(&site)));
}

#[test]
fn cookies_too_large_for_nginx_get_nobody_in() {
    let site = site("");
    none_gets_in(&site, &requests::cookies(&session_cookie_name(&site)));
}

#[test]
fn malformed_request_lines_get_nobody_in() {
    none_gets_in(&site(""), &requests::request_lines());
    none_gets_in(&site(ROOMY), &requests::request_lines());
}

/// nginx has not initialized the list of headers for such a request, and sometimes not the path.
/// Whoever checks, answers or passes it on, the worker survives.
#[test]
fn a_request_without_headers_stops_no_worker() {
    const PLACES: [&str; 10] = [
        "/",
        "/open/x",
        "/pass/",
        "/off/",
        "/rule/",
        "/named/",
        "/status/",
        "/outpost.goauthentik.io/auth/nginx",
        "/outpost.goauthentik.io/start",
        "/outpost.goauthentik.io/sign_out",
    ];
    const PROVIDERS: [&str; 2] =
        ["", "mode proxy; internal_host http://%%APP%%/; basic_auth user pass;"];

    for (page, provider) in
        PLACES.iter().flat_map(|page| PROVIDERS.map(|provider| (page, provider)))
    {
        let site = without_headers(page, provider);
        let workers = site.worker_pids();
        for place in PLACES {
            for request in [
                format!("GET {place}\r\n"),
                format!("GET {place}?rd=/&state=y&code=z\r\n"),
                format!("GET {place} HTTP/1.1x\r\n\r\n"),
                format!("GET {place} HTTP/1.1\r\nContent-Length: x\r\n\r\n"),
            ] {
                let mut connection = Connection::open(site.address());
                connection.send(&request);
                connection.read_to_end();
            }
        }
        assert_eq!(site.worker_pids(), workers, "{page} {provider}");
        let seen = site.app.received();
        assert!(!seen.is_empty(), "some of the places are open");
        for received in seen {
            assert_eq!(received.identity_headers(), [], "{page} {provider} {}", received.target);
        }
    }
}

#[test]
fn malformed_hosts_get_nobody_in() {
    none_gets_in(&site(ROOMY), &requests::hosts());
}

#[test]
fn malformed_queries_of_the_endpoints_get_nobody_in() {
    none_gets_in(&site(ROOMY), &requests::queries());
    none_gets_in(&site(""), &requests::queries());
}

#[test]
fn bodies_where_none_belongs_get_nobody_in() {
    none_gets_in(&site(ROOMY), &requests::bodies());
}

#[test]
fn no_method_gets_anybody_in_or_breaks_an_endpoint() {
    none_gets_in(&site(ROOMY), &requests::methods());
}

#[test]
fn a_post_to_the_callback_without_body_and_content_type_is_an_answer_not_a_fault() {
    let site = site("");
    for endpoint in ["start", "callback", "sign_out", "ping"] {
        let target = format!("/outpost.goauthentik.io/{endpoint}");
        for request in [site.request("POST", &target), site.request("POST", &target).body("")] {
            let status = request.status();
            assert!((200..500).contains(&status), "{endpoint}: {status}");
        }
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn thousands_of_malformed_requests_leave_the_workers_as_small_as_they_were() {
    let site = site(ROOMY);
    let name = session_cookie_name(&site);
    let mut all = requests::cookies(&name);
    all.extend(requests::request_lines());
    all.extend(requests::hosts());
    all.extend(requests::queries());
    all.extend(requests::bodies());
    all.extend(requests::methods());

    // The first rounds allocate what is allocated once: allocator arenas, threads, the zone's
    // pages.
    for _ in 0..3 {
        none_gets_in(&site, &all);
    }
    let before = site.private_memory();
    let rounds = 3_000_usize.div_ceil(all.len());
    for _ in 0..rounds {
        none_gets_in(&site, &all);
    }
    let after = site.private_memory();

    for (before, after) in before.iter().zip(&after) {
        let grown = after.saturating_sub(*before);
        assert!(grown <= MOST_GROWTH, "{before} KiB, then {after} KiB");
    }
}

fn site(server: &str) -> Site {
    Site::start(&format!(
        "{server}
         keepalive_timeout 0;
         lingering_timeout 100ms;
         client_header_timeout 1s;
         client_body_timeout 200ms;
         authentik_provider wiki;
         location / {{ proxy_pass http://app; }}"
    ))
}

/// A site with all kinds of locations, and a page for requests that nginx cannot read.
fn without_headers(page: &str, provider: &str) -> Site {
    Site::builder()
        .provider(provider)
        .http("log_format ours '$authentik_status $authentik_reason $authentik_username';")
        .server(&format!(
            "error_page 400 {page};
             access_log %%PREFIX%%/ours.log ours;
             authentik_provider wiki;
             authentik_identity_headers Remote-User;
             authentik_unauth_paths ^/open/;
             location / {{ proxy_pass http://app; }}
             location /pass/ {{ authentik_unauthenticated pass; proxy_pass http://app; }}
             location /off/ {{ authentik_provider off; proxy_pass http://app; }}
             location /rule/ {{ authentik_require group admins; proxy_pass http://app; }}
             location /named/ {{ try_files /none @app; }}
             location @app {{ proxy_pass http://app; }}
             location /status/ {{ authentik_status; }}
             location /outpost.goauthentik.io/auth/ {{ authentik_outpost_endpoint trusted=127.0.0.1; }}"
        ))
        .start()
}

/// Sends each on its own connection. Any response is fine, except the application's.
fn none_gets_in(site: &Site, requests: &[Hostile]) {
    let workers = site.worker_pids();
    assert!(!requests.is_empty());
    for request in requests {
        let mut connection = Connection::open(site.address());
        // nginx may respond and close before everything is sent.
        let _ = connection.try_send(&request.bytes);
        if request.is_cut {
            connection.finish();
        }
        let answer = connection.read_to_end();
        let status = answer.get(9..12).unwrap_or_default();
        let what = &request.what;
        assert!(!status.starts_with('2') || request.is_ping(), "{what}: {answer:.300}");
        assert_ne!(status, "500", "{what}: {answer:.300}");
        assert_eq!(site.app.hits(), 0, "{what}");
    }
    assert_eq!(site.get("/").status(), 401, "it still answers");
    assert_eq!(site.worker_pids(), workers, "no worker died");
}

fn session_cookie_name(site: &Site) -> String {
    site.signed_in().session_cookies().remove(0).name
}

/// Lets nginx accept what it would otherwise reject itself.
const ROOMY: &str = "large_client_header_buffers 4 128k;";
/// In KiB: 200 bytes leaked by each of 3,000 requests would be more than that in each of two
/// workers.
const MOST_GROWTH: u64 = 256;
