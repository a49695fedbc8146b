//! The secret that a browser holds for a session.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use zeroize::{Zeroize, Zeroizing};

use crate::provider::ProviderKey;

/// Separates this hash from every other use of SHA-256 over the same bytes.
///
/// With it, provider and id together are 55 bytes: what SHA-256 hashes as one block.
const ZONE_KEY_LABEL: [u8; 7] = *b"ak-sess";

/// Length of the cookie's value: 256 bits in base64url without padding.
const ENCODED: usize = 43;

/// 256 random bits that name a session. Cannot be printed; overwritten when dropped.
#[derive(Clone)]
pub struct SessionId([u8; 32]);

impl SessionId {
    /// Takes 32 random bytes as a new id.
    #[must_use]
    pub fn from_entropy(entropy: [u8; 32]) -> Self {
        Self(entropy)
    }

    /// Reads a cookie's value: exactly 43 base64url characters whose unused bits are zero, so that
    /// an id has one spelling only (RFC 4648 §3.5).
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        if value.len() != ENCODED {
            return None;
        }
        let mut id = Self([0; 32]);
        let written = URL_SAFE_NO_PAD.decode_slice(value, &mut id.0).ok()?;
        (written == id.0.len()).then_some(id)
    }

    /// The value for `Set-Cookie`.
    #[must_use]
    pub fn to_cookie_value(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0))
    }

    /// Under which key the session stands in the zone.
    ///
    /// A hash: neither a dump of the zone nor a log of its keys gives anybody a usable cookie. It
    /// covers the provider: the same id in another provider's cookie finds nothing.
    #[must_use]
    pub fn zone_key(&self, provider: &ProviderKey) -> [u8; 32] {
        let mut message = Zeroizing::new([0; 7 + 16 + 32]);
        let (label, rest) = message.split_at_mut(7);
        let (of_provider, of_id) = rest.split_at_mut(16);
        label.copy_from_slice(&ZONE_KEY_LABEL);
        of_provider.copy_from_slice(&provider.0);
        of_id.copy_from_slice(&self.0);
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
        // The last character carries four bits of the id; "A" is the only one with zero for all.
        let spelled = |last: char| SessionId::parse(format!("{}{last}", "A".repeat(42)).as_bytes());
        for (last, accepted) in [('A', true), ('E', true), ('8', true), ('B', false), ('_', false)]
        {
            assert_eq!(spelled(last).is_some(), accepted, "{last}");
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
