//! The secret that a browser holds for a session.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use zeroize::{Zeroize, Zeroizing};

use crate::provider::ProviderKey;

/// Length of the cookie's value: 256 bits in base64url without padding.
const ENCODED: usize = 43;
/// Separates this hash from every other use of SHA-256.
const ZONE_KEY_LABEL: u8 = b's';
/// Bytes of the provider's key in it, so that with label and id it is 55 bytes: what SHA-256 hashes
/// as one block.
const OF_PROVIDER: usize = 11;

/// 256 random bits that name a session, as the cookie has them. Cannot be printed; overwritten when
/// dropped.
///
/// Never decoded: it is only ever hashed, on every request.
#[derive(Clone)]
pub struct SessionId([u8; ENCODED]);

impl SessionId {
    /// Takes 32 random bytes as a new id.
    #[must_use]
    pub fn from_entropy(entropy: [u8; 32]) -> Self {
        let entropy = Zeroizing::new(entropy);
        let mut id = Self([0; ENCODED]);
        // 32 bytes are 43 characters.
        let _ = URL_SAFE_NO_PAD.encode_slice(entropy.as_slice(), &mut id.0);
        id
    }

    /// Reads a cookie's value: 43 bytes, whatever they are. Others than those that were given out
    /// name no session, and what they are spelled like does not matter: they are hashed as they stand,
    /// so that an id has one spelling.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        value.first_chunk().filter(|_| value.len() == ENCODED).map(|id| Self(*id))
    }

    /// The value for `Set-Cookie`.
    #[must_use]
    pub fn to_cookie_value(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.iter().copied().map(char::from).collect())
    }

    /// Under which key the session stands in the zone.
    ///
    /// A hash: neither a dump of the zone nor a log of its keys gives anybody a usable cookie. It
    /// covers the provider: the same id in another provider's cookie finds nothing.
    #[must_use]
    pub fn zone_key(&self, provider: &ProviderKey) -> [u8; 32] {
        let mut message = Zeroizing::new([ZONE_KEY_LABEL; 1 + OF_PROVIDER + ENCODED]);
        let (_, rest) = message.split_at_mut(1);
        let (of_provider, of_id) = rest.split_at_mut(OF_PROVIDER);
        of_provider.iter_mut().zip(&provider.0).for_each(|(to, from)| *to = *from);
        of_id.iter_mut().zip(&self.0).for_each(|(to, from)| *to = *from);
        let mut key = [0; 32];
        let hash = digest::digest(&digest::SHA256, message.as_slice());
        key.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        key
    }
}

impl Drop for SessionId {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn an_id_survives_the_way_through_the_cookie() {
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            let id = SessionId::from_entropy([byte; 32]);
            let value = id.to_cookie_value();
            assert_eq!(value.len(), ENCODED);
            let read = SessionId::parse(value.as_bytes()).unwrap();
            assert_eq!(read.zone_key(&ProviderKey([1; 16])), id.zone_key(&ProviderKey([1; 16])));
        }
    }

    #[test]
    fn an_id_has_one_spelling() {
        // The last character carries four bits of the id; "B" would decode to the same as "A".
        let of = |value: &str| {
            SessionId::parse(value.as_bytes()).map(|id| id.zone_key(&ProviderKey([1; 16])))
        };
        let id = "A".repeat(43);
        assert_ne!(of(&id), of(&format!("{}B", "A".repeat(42))));
        for value in ["", &"A".repeat(42), &"A".repeat(44), &format!("{id}=")] {
            assert!(of(value).is_none(), "{value}");
        }
    }

    #[test]
    fn the_zone_key_depends_on_provider_and_id_and_is_not_the_id() {
        let (id, other) = (SessionId::from_entropy([7; 32]), SessionId::from_entropy([8; 32]));
        let (wiki, shop) = (testing::provider().key, testing::other_provider().key);
        assert_ne!(id.zone_key(&wiki), id.zone_key(&shop));
        assert_ne!(id.zone_key(&wiki), other.zone_key(&wiki));
        assert_ne!(id.zone_key(&wiki), [7; 32]);
    }
}
