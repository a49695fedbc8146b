//! Free TCP ports. nginx cannot listen on port 0 and report the port it got.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// A port of 127.0.0.1 on which nobody listened a moment ago.
///
/// From below the kernel's range for outgoing connections (32768 and up), so that only another test
/// process can take it; in that case nginx is started again with another port.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 150) as u16 * 100;
    for _ in 0..PORTS {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let port = FIRST + offset;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + PORTS);
}

const FIRST: u16 = 15_000;
const PORTS: u16 = 15_000;
