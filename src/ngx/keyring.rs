//! The keys shared by the processes of this nginx: not in shared memory, not in a file, not in a
//! core dump.
//!
//! The master creates them once, before its first worker, and keeps them as long as the session
//! zone can live: across all reloads, but not across a restart or an upgrade, which begin with an
//! empty zone.

use std::sync::OnceLock;

use gate::keyring::Keyring;
use nginx::hidden::Hidden;
use ring::rand::{SecureRandom, SystemRandom};

use super::log::{self, Level};

static KEYS: OnceLock<Hidden<{ Keyring::SIZE }>> = OnceLock::new();

/// Creates the keys, unless they exist already. Called in the master whenever a configuration takes
/// effect.
pub(crate) fn make() {
    if KEYS.get().is_some() {
        return;
    }
    // `make bench` needs to know the cookie of a session that no sign-in has created.
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

/// The keys. `None` if there are none; then there are no sessions either.
pub(crate) fn keyring() -> Option<Keyring<'static>> {
    KEYS.get().map(|keys| Keyring::new(keys.bytes()))
}
