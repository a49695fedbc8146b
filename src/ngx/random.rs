//! Random bytes.

use ring::rand::{SecureRandom, SystemRandom};

/// Random bytes for an id or a sign-in. `None` if the system has none.
pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes)
}
