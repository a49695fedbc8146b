//! Settings on disk: sealed, so that the file alone is of no use.
//!
//! ChaCha20-Poly1305 (RFC 8439) with a key derived from the outpost's token (HKDF-SHA256, RFC
//! 5869): anybody who can read the token file can get the same from authentik anyway.

use ring::{aead, hkdf};

use crate::secret::Secret;

/// First line of the file.
const MAGIC: &[u8] = b"authentik outpost settings v1\n";

/// Length of a nonce in bytes; random, since a file is written only rarely.
pub const NONCE: usize = aead::NONCE_LEN;

/// The contents of the file. `None` if the cipher fails, which never happens in practice.
#[must_use]
pub fn seal(document: &Secret, token: &Secret, nonce: [u8; NONCE]) -> Option<Vec<u8>> {
    let mut sealed = document.expose().to_vec();
    let unique = aead::Nonce::assume_unique_for_key(nonce);
    key(token)?.seal_in_place_append_tag(unique, aead::Aad::from(MAGIC), &mut sealed).ok()?;
    Some([MAGIC, &nonce, &sealed].concat())
}

/// Reverses [`seal`]. `None` for anything that was not sealed with this token.
#[must_use]
pub fn open(file: &[u8], token: &Secret) -> Option<Secret> {
    let (nonce, sealed) = file.strip_prefix(MAGIC)?.split_first_chunk::<NONCE>()?;
    let nonce = aead::Nonce::assume_unique_for_key(*nonce);
    let mut opened = sealed.to_vec();
    let document = key(token)?.open_in_place(nonce, aead::Aad::from(MAGIC), &mut opened).ok()?;
    Some(Secret::new(&*document))
}

fn key(token: &Secret) -> Option<aead::LessSafeKey> {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"ngx_http_authentik_module outpost state v1");
    let key = salt.extract(token.expose());
    let key = key.expand(&[b"file"], &aead::CHACHA20_POLY1305).ok()?;
    Some(aead::LessSafeKey::new(aead::UnboundKey::from(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_opens_what_was_sealed_with_it() {
        let (document, token) = (Secret::new("client_secret=x"), Secret::new("token"));
        let file = seal(&document, &token, [7; NONCE]).unwrap();
        assert!(!file.windows(13).any(|part| part == b"client_secret"));
        assert_eq!(open(&file, &token).unwrap(), document);
        assert!(open(&file, &Secret::new("another")).is_none());
        assert!(open(b"", &token).is_none());
        for at in 0..file.len() {
            let mut other = file.clone();
            other[at] ^= 1;
            assert!(open(&other, &token).is_none(), "byte {at}");
            assert!(open(&file[..at], &token).is_none(), "cut at {at}");
        }
    }
}
