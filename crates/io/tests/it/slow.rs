//! Peers that take their time: no fetch outlives its deadline.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use authentik_gate::http::TransportError;
use authentik_gate::provider::Trust;

use crate::peer::{Peer, fetch_within, form, read_request};

const DEADLINE: Duration = Duration::from_millis(500);
/// For a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(4);

/// Holds the connection until the client leaves.
fn hold(mut stream: TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

fn drip(mut stream: TcpStream, start: &[u8], drop: u8) -> String {
    let mut wet = stream.write_all(start);
    while wet.is_ok() {
        sleep(Duration::from_millis(100));
        wet = stream.write_all(&[drop]);
    }
    String::new()
}

fn slow_peers() -> Vec<(&'static str, &'static str, Peer)> {
    let silent = || {
        Peer::start(|stream| {
            hold(stream);
            String::new()
        })
    };
    let late = Peer::start(|mut stream| {
        let said = read_request(&mut stream);
        sleep(Duration::from_secs(10));
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        said
    });
    let stops = Peer::start(|mut stream| {
        let said = read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{").unwrap();
        hold(stream);
        said
    });
    let head = Peer::start(|stream| drip(stream, b"HTTP/1.1 200 OK\r\nx: ", b'x'));
    let informs = Peer::start(|mut stream| {
        while stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_ok() {
            sleep(Duration::from_millis(100));
        }
        String::new()
    });
    let body = Peer::start(|stream| drip(stream, b"HTTP/1.1 200 OK\r\n\r\n", b'x'));
    let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n";
    let chunked = Peer::start(|stream| drip(stream, chunks, b'x'));
    // A TLS record of 16 KB that never fills.
    let handshake = Peer::start(|stream| drip(stream, &[0x16, 3, 3, 0x40, 0], 2));
    vec![
        ("says nothing", "http", silent()),
        ("says nothing to TLS", "https", silent()),
        ("answers after 10 s", "http", late),
        ("stops within the body", "http", stops),
        ("drips a header", "http", head),
        ("drips interim answers", "http", informs),
        ("drips a body", "http", body),
        ("drips a chunk", "http", chunked),
        ("drips a handshake", "https", handshake),
    ]
}

#[test]
fn a_slow_peer_is_given_up_at_the_deadline() {
    // Side by side: each takes its whole deadline.
    std::thread::scope(|scope| {
        for (what, scheme, peer) in slow_peers() {
            scope.spawn(move || {
                let url = format!("{scheme}://127.0.0.1:{}/", peer.port());
                let begun = Instant::now();
                let answer = fetch_within(DEADLINE, &form(url), &Trust::Anything);
                let took = begun.elapsed();
                assert_eq!(answer.map(|r| r.status), Err(TransportError::Timeout), "{what}");
                let in_time = DEADLINE.mul_f32(0.9)..DEADLINE + SLACK;
                assert!(in_time.contains(&took), "{what}: {took:?}");
            });
        }
    });
}
