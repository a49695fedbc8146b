//! Keys that lie in no shared memory and in no store: who reads those cannot tell what is in them.

use ring::hmac;

use crate::hash;

/// The processes of one nginx have one keyring: its master makes it of random bytes before there are
/// workers, which inherit it.
#[derive(Clone, Copy)]
pub struct Keyring<'k>(&'k [u8; Keyring::SIZE]);

/// Bytes of each key.
const KEY: usize = 32;

impl<'k> Keyring<'k> {
    /// Random bytes that it is made of.
    pub const SIZE: usize = 2 * KEY;

    /// Of these bytes, which must be random.
    #[must_use]
    pub const fn new(random: &'k [u8; Keyring::<'static>::SIZE]) -> Self {
        Self(random)
    }

    /// What session records are sealed with, besides the id of the session.
    pub(crate) fn of_records(self) -> &'k [u8] {
        self.0.get(..KEY).unwrap_or_default()
    }

    /// What a user, or a session at authentik, is called in shared memory. Without the key nobody can
    /// tell who it is, not even by trying the names of everybody.
    ///
    /// All zeros, which nothing matches, for an empty value: two users without one have nothing in
    /// common (docs/protocol.md §3.2).
    pub(crate) fn name(self, label: &[u8], value: &[u8]) -> [u8; 16] {
        if value.is_empty() {
            return [0; 16];
        }
        let key = self.0.get(KEY..).unwrap_or_default();
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
        context.update(&(label.len() as u64).to_le_bytes());
        context.update(label);
        context.update(value);
        hash::first(context.sign().as_ref())
    }
}

/// Never printed.
impl std::fmt::Debug for Keyring<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_keyring_prints_nothing() {
        assert_eq!(format!("{:?}", Keyring::new(&[7; Keyring::SIZE])), "Keyring");
    }
}
