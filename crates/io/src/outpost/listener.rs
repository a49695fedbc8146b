//! The thread that holds the WebSocket.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

use authentik_gate::outpost::Reconnect;

use super::connection::Connection;
use super::shared::Shared;

/// Connects, listens and reconnects until the agent is stopped.
pub(super) fn run(shared: &Shared) {
    let mut reconnect = Reconnect::default();
    while let Some(outpost) = shared.wait_for_outpost() {
        let (why, lived) = attempt(shared, &outpost, reconnect.attempt());
        if shared.is_stopped() {
            return;
        }
        let again_in = reconnect.ended(lived, jitter());
        shared.events.disconnected(&why, again_in);
        shared.sleep(again_in);
    }
}

/// One connection: why it ended, and how long it lived.
fn attempt(shared: &Shared, outpost: &str, attempt: u32) -> (String, Duration) {
    let mut connection = match Connection::open(shared, outpost, attempt) {
        Ok(connection) => connection,
        Err(why) => return (why, Duration::ZERO),
    };
    let opened = Instant::now();
    shared.events.connected(attempt);
    shared.connected();
    let why = connection.listen();
    (why, opened.elapsed())
}

/// Spreads reconnects of many outposts after a restart of authentik; not security-relevant.
fn jitter() -> u8 {
    RandomState::new().build_hasher().finish().to_le_bytes()[0]
}
