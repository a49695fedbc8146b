//! The keys that this nginx's processes have in common: in no shared memory, in no file, in no core dump.
//!
//! The master makes them once, before its first worker, and keeps them for as long as the zone of sessions
//! may live: over all reloads, not over a restart or an upgrade, which begin with an empty zone.

use std::sync::OnceLock;

use gate::keyring::Keyring;
use nginx::hidden::Hidden;
use ring::rand::{SecureRandom, SystemRandom};

use super::log::{self, Level};

static KEYS: OnceLock<Hidden<{ Keyring::SIZE }>> = OnceLock::new();

/// Makes them, if that was not done before. In the master, whenever a configuration comes into use.
pub(crate) fn make() {
    if KEYS.get().is_some() {
        return;
    }
    // `make bench` must know the cookie of a session that no sign-in opened.
    let is_known = cfg!(feature = "bench-seed");
    let random =
        |bytes: &mut [u8; Keyring::SIZE]| is_known || SystemRandom::new().fill(bytes).is_ok();
    match Hidden::filled(random) {
        Some(keys) => drop(KEYS.set(keys)),
        None => log::cycle(
            Level::Alert,
            format_args!("no memory or no randomness for the keys of sessions: nobody can sign in"),
        ),
    }
}

/// The keys. `None` where there are none: then there is no session either.
pub(crate) fn keyring() -> Option<Keyring<'static>> {
    KEYS.get().map(|keys| Keyring::new(keys.bytes()))
}
