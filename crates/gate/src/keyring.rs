//! Keys that are kept outside shared memory and storage, whose contents are opaque without them.

use ring::{hkdf, hmac};

use crate::hash;
use crate::secret::Secret;

/// All processes of one nginx share a keyring: before the master forks the workers, which inherit
/// it, it creates one from random bytes, or from the secret of a store ([`fill_from`]), which makes
/// it the same after a restart and on other hosts.
#[derive(Clone, Copy)]
pub struct Keyring<'k>(&'k [u8; Keyring::SIZE]);

/// Length of each key, in bytes.
const KEY: usize = 32;

impl<'k> Keyring<'k> {
    /// How many random bytes a keyring takes.
    pub const SIZE: usize = 3 * KEY;

    /// Creates a keyring from these bytes, which must be random.
    #[must_use]
    pub const fn new(random: &'k [u8; Keyring::<'static>::SIZE]) -> Self {
        Self(random)
    }

    /// Session records are sealed with this key and the session id.
    pub(crate) fn of_records(self) -> &'k [u8] {
        self.key(0)
    }

    /// The name of a user, or of a session at authentik, in shared memory. Without the key it
    /// cannot be traced back, not even by trying all names.
    ///
    /// An empty value gives all zeros, which matches nothing: two users without one have nothing in
    /// common (docs/protocol.md §3.2).
    pub(crate) fn name(self, label: &[u8], value: &[u8]) -> [u8; 16] {
        if value.is_empty() {
            return [0; 16];
        }
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, self.key(1)));
        context.update(&(label.len() as u64).to_le_bytes());
        context.update(label);
        context.update(value);
        hash::first(context.sign().as_ref())
    }

    /// Proves that a holder of the key created this session id.
    pub(crate) fn proof<const N: usize>(self, id: &[u8]) -> [u8; N] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key(2));
        hash::first(hmac::sign(&key, id).as_ref())
    }

    fn key(self, number: usize) -> &'k [u8] {
        self.0.chunks_exact(KEY).nth(number).unwrap_or_default()
    }
}

/// Never printed.
impl std::fmt::Debug for Keyring<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring")
    }
}

/// Fills a keyring with what follows from the secret of a store (HKDF-SHA256, RFC 5869). `false` if
/// it could not be filled.
#[must_use]
pub fn fill_from(secret: &Secret, keyring: &mut [u8; Keyring::<'static>::SIZE]) -> bool {
    let key = hkdf::Salt::new(hkdf::HKDF_SHA256, LABEL).extract(secret.expose());
    let filled = key.expand(&[b"keyring"], AllKeys).and_then(|keys| keys.fill(keyring));
    filled.is_ok()
}

/// Separates the keyring from everything else that is derived from the same secret.
const LABEL: &[u8] = b"authentik session store";

/// The length of a keyring, for HKDF.
struct AllKeys;

impl hkdf::KeyType for AllKeys {
    fn len(&self) -> usize {
        Keyring::SIZE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyring_of_a_store_follows_from_its_secret_alone() {
        let of = |secret: &str| {
            let mut keyring = [0; Keyring::SIZE];
            assert!(fill_from(&Secret::new(secret), &mut keyring));
            keyring
        };
        let here = of("a secret that two hosts have in common");
        assert_eq!(here, of("a secret that two hosts have in common"));
        let elsewhere = of("a secret that two hosts have in common.");
        for number in 0..3 {
            assert_ne!(Keyring::new(&here).key(number), Keyring::new(&elsewhere).key(number));
        }
        // Computed with Python's hmac, as RFC 5869 describes it.
        let beginning = here.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes));
        let end = here.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes));
        assert_eq!((beginning, end), (Some(0x89f7_d2ed_dd29_fb9c), Some(0x133a_c6d6_4f47_86ed)));
    }

    #[test]
    fn a_name_depends_on_what_it_names_and_on_the_key() {
        let (one, other) = ([1; Keyring::SIZE], [2; Keyring::SIZE]);
        let name = |bytes, label: &[u8], value: &[u8]| Keyring::new(bytes).name(label, value);
        assert_eq!(name(&one, b"sub", b"a"), name(&one, b"sub", b"a"));
        for another in [
            name(&other, b"sub", b"a"),
            name(&one, b"sid", b"a"),
            name(&one, b"sub", b"b"),
            name(&one, b"su", b"ba"),
            hash::first(&hash::sha256(&[b"sub", b"a"])),
        ] {
            assert_ne!(name(&one, b"sub", b"a"), another);
        }
        assert_eq!(name(&one, b"sub", b""), [0; 16]);
    }

    #[test]
    fn each_use_has_a_key_of_its_own() {
        let bytes = std::array::from_fn(|at| at as u8);
        let keyring = Keyring::new(&bytes);
        let keys = [0, 1, 2].map(|number| keyring.key(number));
        assert_eq!(keys.concat(), bytes);
        assert_eq!(keyring.of_records(), keys[0]);
    }

    #[test]
    fn a_keyring_prints_nothing() {
        assert_eq!(format!("{:?}", Keyring::new(&[7; Keyring::SIZE])), "Keyring");
    }
}
