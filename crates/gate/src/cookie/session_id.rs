//! The secret that a browser holds for a session.
//!
//! 20 random bytes, and 12 bytes that prove that this nginx created it: an invented id is rejected
//! before its session is looked up.

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::hash::sha256;
use crate::keyring::Keyring;
use crate::provider::ProviderKey;

/// Length of the cookie's value: 32 bytes in base64url without padding.
const ENCODED: usize = 43;
/// Random bytes of an id.
const RANDOM: usize = 20;
/// Bytes of the proof: nobody guesses one among 2^96, and each guess takes a request.
const PROOF: usize = 12;
/// Separates this hash from all other uses of SHA-256.
const ZONE_KEY_LABEL: u8 = b's';
/// Bytes of the provider's key that are hashed: with label and id, 55 bytes, the most that SHA-256
/// hashes in one block.
const OF_PROVIDER: usize = 11;

/// A session id, as in the cookie. Cannot be printed; overwritten when dropped.
#[derive(Clone)]
pub struct SessionId(Zeroizing<[u8; ENCODED]>);

/// A possible session id in a request's cookie, borrowed from the request. Cannot be printed.
#[derive(Clone, Copy)]
pub struct SentId<'r>(&'r [u8; ENCODED]);

/// 64-bit words in an id.
const WORDS: usize = ENCODED.div_ceil(8);

/// Secret for tags. Each process has its own.
pub struct TagSecret([[u128; 1 + WORDS]; 2]);

impl TagSecret {
    /// Random bytes needed.
    pub const SIZE: usize = size_of::<Self>();

    /// Uses these random bytes.
    #[must_use]
    pub fn new(random: [u8; Self::SIZE]) -> Self {
        let random = Zeroizing::new(random);
        let mut numbers = random
            .chunks(16)
            .map(|bytes| bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte)));
        Self([(); 2].map(|()| [(); 1 + WORDS].map(|()| numbers.next().unwrap_or_default())))
    }
}

/// See [`SentId::tag`].
#[derive(Clone, Copy)]
pub struct Tag([u64; 2]);

impl Tag {
    /// Whether both are tags of the same id. Takes constant time.
    #[inline]
    #[must_use]
    pub fn is(self, other: Self) -> bool {
        let ([a, b], [c, d]) = (self.0, other.0);
        black_box((a ^ c) | (b ^ d)) == 0
    }

    /// The beginning of the tag, as a key for lookups.
    #[inline]
    #[must_use]
    pub fn start(self) -> u64 {
        let [start, _] = self.0;
        start
    }
}

impl<'r> SentId<'r> {
    /// Accepts any cookie value of 43 bytes. Values that were never issued name no session.
    /// Encoding variants do not matter: the value is hashed as is, so an id has only one valid
    /// spelling.
    #[must_use]
    pub fn parse(value: &'r [u8]) -> Option<Self> {
        value.first_chunk().filter(|_| value.len() == ENCODED).map(Self)
    }

    /// The value of the cookie.
    #[must_use]
    pub fn value(self) -> &'r [u8] {
        self.0
    }

    /// Whether the id was created with this keyring. Takes the same time wherever a proof is wrong.
    #[must_use]
    pub fn is_proven(self, keyring: Keyring<'_>) -> bool {
        // The decoder demands this much room.
        let mut decoded = Zeroizing::new([0; RANDOM + PROOF + 4]);
        let length = URL_SAFE_NO_PAD.decode_slice(self.0, decoded.as_mut_slice());
        if length != Ok(RANDOM + PROOF) {
            return false;
        }
        let (random, proof) = decoded.split_at(RANDOM);
        let expected = keyring.proof::<PROOF>(random);
        let differences = proof.iter().zip(expected).fold(0, |all, (a, b)| all | (a ^ b));
        black_box(differences) == 0
    }

    /// The key of the session in the zone, see [`SessionId::zone_key`].
    #[must_use]
    pub fn zone_key(self, provider: &ProviderKey) -> [u8; 32] {
        zone_key(self.0, provider)
    }

    /// A tag by which one process recognises the id: two ids share it with only one in 2^128
    /// secrets, whoever chose them. It reveals at most half of the id's 256 bits even to somebody
    /// who also has the secret: no cookie can be forged from it.
    ///
    /// Two multilinear hashes over 64-bit words, the upper half of each (D. Lemire and O. Kaser,
    /// "Strongly universal string hashing is fast", section 2).
    #[inline]
    #[must_use]
    pub fn tag(self, secret: &TagSecret) -> Tag {
        let whole = self.0.chunks_exact(8);
        let rest = whole.remainder().iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        let whole = whole.filter_map(<[u8]>::first_chunk).map(|word| u64::from_le_bytes(*word));
        let mut words = [0; WORDS];
        words.iter_mut().zip(whole.chain([rest])).for_each(|(to, word)| *to = u128::from(word));
        Tag(secret.0.each_ref().map(|[start, factors @ ..]| {
            let products = words.iter().zip(factors).map(|(word, by)| by.wrapping_mul(*word));
            (products.fold(*start, u128::wrapping_add) >> 64) as u64
        }))
    }
}

impl SessionId {
    /// Number of random bytes in an id.
    pub const RANDOM: usize = RANDOM;

    /// Creates an id from random bytes.
    #[must_use]
    pub fn new(random: [u8; RANDOM], keyring: Keyring<'_>) -> Self {
        let mut bytes = [0; RANDOM + PROOF];
        let proof = keyring.proof::<PROOF>(&random);
        bytes.iter_mut().zip(random.into_iter().chain(proof)).for_each(|(to, from)| *to = from);
        Self::encode(bytes)
    }

    /// An id without a proof.
    #[cfg(test)]
    pub(crate) fn from_entropy(entropy: [u8; 32]) -> Self {
        Self::encode(entropy)
    }

    fn encode(bytes: [u8; RANDOM + PROOF]) -> Self {
        let bytes = Zeroizing::new(bytes);
        let mut id = Zeroizing::new([0; ENCODED]);
        // 32 bytes are 43 characters.
        let _ = URL_SAFE_NO_PAD.encode_slice(bytes.as_slice(), id.as_mut_slice());
        Self(id)
    }

    /// The id as the browser will send it.
    #[must_use]
    pub fn as_sent(&self) -> SentId<'_> {
        SentId(&self.0)
    }

    /// The value for `Set-Cookie`.
    #[must_use]
    pub fn to_cookie_value(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.iter().copied().map(char::from).collect())
    }

    /// The key of the session in the zone.
    ///
    /// A hash: neither a dump of the zone nor a log of its keys yields a usable cookie. It includes
    /// the provider: the same id in another provider's cookie finds nothing.
    #[must_use]
    pub fn zone_key(&self, provider: &ProviderKey) -> [u8; 32] {
        zone_key(&self.0, provider)
    }
}

fn zone_key(id: &[u8; ENCODED], provider: &ProviderKey) -> [u8; 32] {
    let mut message = Zeroizing::new([ZONE_KEY_LABEL; 1 + OF_PROVIDER + ENCODED]);
    let (_, rest) = message.split_at_mut(1);
    let (of_provider, of_id) = rest.split_at_mut(OF_PROVIDER);
    of_provider.iter_mut().zip(&provider.0).for_each(|(to, from)| *to = *from);
    of_id.iter_mut().zip(id).for_each(|(to, from)| *to = *from);
    sha256(&[message.as_slice()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn tags_with_two_equal_differences_differ() {
        assert!(Tag([5, 9]).is(Tag([5, 9])));
        for other in [[4, 9], [5, 8], [4, 8], [4, 4]] {
            assert!(!Tag([5, 9]).is(Tag(other)), "{other:?}");
        }
        assert_eq!(Tag([5, 9]).start(), 5);
    }

    #[test]
    fn an_id_survives_the_way_through_the_cookie() {
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            let id = SessionId::from_entropy([byte; 32]);
            let value = id.to_cookie_value();
            assert_eq!(value.len(), ENCODED);
            let read = SentId::parse(value.as_bytes()).unwrap();
            assert_eq!(read.zone_key(&ProviderKey([1; 16])), id.zone_key(&ProviderKey([1; 16])));
        }
    }

    #[test]
    fn an_id_that_nobody_made_proves_nothing() {
        let (here, elsewhere) = ([1; Keyring::SIZE], [2; Keyring::SIZE]);
        let (here, elsewhere) = (Keyring::new(&here), Keyring::new(&elsewhere));
        let id = SessionId::new([7; SessionId::RANDOM], here);
        let value = id.to_cookie_value();
        let is_proven = |value: &[u8]| SentId::parse(value).unwrap().is_proven(here);

        assert!(id.as_sent().is_proven(here) && is_proven(value.as_bytes()));
        assert!(!id.as_sent().is_proven(elsewhere), "another nginx");
        for at in 0..ENCODED {
            for byte in *b"AZaz09-_=.\0\xff" {
                let mut other = value.as_bytes().to_vec();
                if std::mem::replace(&mut other[at], byte) != byte {
                    assert!(!is_proven(&other), "{byte} at {at}");
                }
            }
        }
        assert!(!SessionId::from_entropy([0; 32]).as_sent().is_proven(here));
        assert!(SessionId::new([8; SessionId::RANDOM], here).as_sent().is_proven(here));
    }

    #[test]
    fn an_id_has_one_spelling() {
        // Only four bits of the last character belong to the id; "B" would decode to the same id as
        // "A".
        let of = |value: &str| {
            SentId::parse(value.as_bytes()).map(|id| id.zone_key(&ProviderKey([1; 16])))
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
        // Stores keep these keys: another release of the module finds its sessions by them.
        let value = id.to_cookie_value();
        let key = sha256(&[b"s", &wiki.0[..11], value.as_bytes()]);
        assert_eq!(id.zone_key(&wiki), key);
    }

    #[test]
    fn a_tag_depends_on_every_byte_of_the_id_and_of_the_secret() {
        let value = SessionId::from_entropy([7; 32]).to_cookie_value();
        let sent = SentId::parse(value.as_bytes()).unwrap();
        let random: [u8; TagSecret::SIZE] = std::array::from_fn(|at| (at * at + 7 * at) as u8 | 1);
        let tag = |sent: SentId<'_>| sent.tag(&TagSecret::new(random));
        assert!(tag(sent).is(tag(sent)));
        for at in 0..43 {
            let mut other = value.as_bytes().to_vec();
            other[at] ^= 1;
            let other = tag(SentId::parse(&other).unwrap());
            assert!(!other.is(tag(sent)), "byte {at}");
            assert!(other.0[0] != tag(sent).0[0] && other.0[1] != tag(sent).0[1], "byte {at}");
        }
        for at in (0..TagSecret::SIZE).step_by(16) {
            let mut other = random;
            other[at + 7] ^= 1;
            assert!(!sent.tag(&TagSecret::new(other)).is(tag(sent)), "byte {at}");
        }
    }
}
