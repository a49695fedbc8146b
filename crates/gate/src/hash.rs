//! Hashes as arrays of a fixed length.

use ring::digest;

/// SHA-256 of the concatenated parts. A part of variable length must be preceded by its length, or
/// two different lists of parts have the same hash.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    first(context.finish().as_ref())
}

/// The first `N` bytes of a hash.
#[must_use]
pub(crate) fn first<const N: usize>(hash: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.iter_mut().zip(hash).for_each(|(to, from)| *to = *from);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1.
    const ABC: [u8; 8] = [0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea];

    #[test]
    fn parts_are_hashed_as_one_text() {
        assert_eq!(sha256(&[b"abc"])[..8], ABC);
        assert_eq!(sha256(&[b"a", b"", b"bc"]), sha256(&[b"abc"]));
        assert_eq!(first::<8>(&sha256(&[b"abc"])), ABC);
    }
}
