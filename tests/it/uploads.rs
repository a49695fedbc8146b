//! Large bodies in both directions: as large as nginx allows, and never kept in memory.

use std::io::{Read, Write};

use crate::harness::{Connection, Site, Wire};

#[test]
fn a_body_beyond_client_max_body_size_gets_413_as_usual() {
    let site = Site::start(
        "client_max_body_size 1k;
         authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let alice = site.signed_in();
    let body = "x".repeat(2_000);

    assert_eq!(alice.get("/").method("POST").body(&body).status(), 413);
    // nginx checks Content-Length before the access phase.
    assert_eq!(site.request("POST", "/").body(&body).status(), 413);
    assert_eq!(site.app.hits(), 0);
    assert_eq!(alice.get("/").method("POST").body("small").status(), 200);
}

#[test]
fn a_gigabyte_goes_up_and_down_through_a_protected_location_in_little_memory() {
    let wire = Wire::start(|head, stream| {
        let counted =
            std::io::copy(&mut stream.by_ref().take(length_of(head)), &mut std::io::sink())?;
        let answer =
            format!("HTTP/1.1 200 OK\r\nX-Counted: {counted}\r\nContent-Length: {GIGABYTE}");
        stream.get_mut().write_all(format!("{answer}\r\n\r\n").as_bytes())?;
        let piece = vec![b'd'; PIECE];
        (0..GIGABYTE / PIECE as u64).try_for_each(|_| stream.get_mut().write_all(&piece))
    });
    let site = Site::start(&format!(
        "client_max_body_size 0;
         authentik_provider wiki;
         location / {{ proxy_pass http://app; }}
         location /large {{
             proxy_pass http://{};
             proxy_http_version 1.1;
             proxy_request_buffering off;
             proxy_buffering off;
         }}",
        wire.address()
    ));
    let alice = site.signed_in();
    let before: u64 = site.private_memory().iter().sum();

    let announced = GIGABYTE.to_string();
    let head = alice.get("/large").method("POST").header("Content-Length", &announced);
    let mut connection = Connection::open(site.address());
    connection.send(head.header("Connection", "close").to_bytes());
    let piece = vec![b'u'; PIECE];
    for _ in 0..GIGABYTE / PIECE as u64 {
        connection.send(&piece);
    }
    let answer = connection.read_until("\r\n\r\n");
    let came = connection.count_to_end();

    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains(&format!("X-Counted: {GIGABYTE}\r\n")), "{answer}");
    assert_eq!(came, GIGABYTE);
    let after: u64 = site.private_memory().iter().sum();
    let grown = after.saturating_sub(before);
    assert!(grown < 4_096, "{grown} KiB more than before");
}

#[test]
fn a_stranger_is_refused_before_the_gigabyte_is_sent() {
    let site = Site::start(
        "client_max_body_size 0;
         authentik_provider wiki;
         location / { proxy_pass http://app; proxy_request_buffering off; }",
    );
    for expects in [false, true] {
        let mut request = site.request("POST", "/").header("Content-Length", GIGABYTE.to_string());
        if expects {
            request = request.header("Expect", "100-continue");
        }
        let mut connection = Connection::open(site.address());
        connection.send(request.to_bytes());

        let answer = connection.read_until("\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    assert_eq!(site.app.hits(), 0);
}

fn length_of(head: &str) -> u64 {
    let line = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    line.and_then(|length| length.parse().ok()).unwrap_or_default()
}

const GIGABYTE: u64 = 1 << 30;
const PIECE: usize = 1 << 20;
