//! A link that is too long to travel through authentik is kept in the zone until its browser
//! returns.
//!
//! Browsers keep cookies of up to 4 kB, and servers accept 8 kB of cookies or URL: neither has room
//! for a link of 8 kB. Key and seal are derived from the binding, which only the browser's login
//! cookie contains. So a reader of the zone learns only the link's length, and a reader of the
//! state cannot retrieve it. The link is checked again when it is opened, like any target; security
//! does not depend on the seal.

use ring::aead;

use super::STATE_LIFE;
use super::binding::Binding;
use crate::provider::Provider;
use crate::redirect::RedirectTarget;
use crate::store::Key;
use crate::time::UnixTime;

/// A link to be stored in the zone, in the strangers' share.
#[derive(Debug, PartialEq, Eq)]
pub struct KeptLink {
    /// Where the returning browser finds it.
    pub key: Key,
    /// Can be opened by that browser only.
    pub sealed: Vec<u8>,
    /// When the state expires too.
    pub expires: UnixTime,
}

impl KeptLink {
    /// `None` if sealing fails, which it never does.
    pub(super) fn new(
        provider: &Provider,
        binding: &Binding,
        target: &RedirectTarget,
        now: UnixTime,
    ) -> Option<Self> {
        let sealed = seal(provider, binding, target.as_str())?;
        let expires = now.plus(STATE_LIFE + 1);
        Some(Self { key: binding.link_key(), sealed, expires })
    }
}

pub(super) fn seal(provider: &Provider, binding: &Binding, link: &str) -> Option<Vec<u8>> {
    let mut sealed = link.as_bytes().to_vec();
    let key = sealing_key(binding)?;
    key.seal_in_place_append_tag(nonce(), associated_data(provider), &mut sealed).ok()?;
    Some(sealed)
}

/// Opens what was sealed for this sign-in.
pub(super) fn open(provider: &Provider, binding: &Binding, mut sealed: Vec<u8>) -> Option<String> {
    let key = sealing_key(binding)?;
    let link = key.open_in_place(nonce(), associated_data(provider), &mut sealed).ok()?;
    String::from_utf8(link.to_vec()).ok()
}

fn sealing_key(binding: &Binding) -> Option<aead::LessSafeKey> {
    let key =
        aead::UnboundKey::new(&aead::CHACHA20_POLY1305, binding.link_seal().as_slice()).ok()?;
    Some(aead::LessSafeKey::new(key))
}

/// Constant: the key belongs to one sign-in, which seals one link.
fn nonce() -> aead::Nonce {
    aead::Nonce::assume_unique_for_key([0; aead::NONCE_LEN])
}

fn associated_data(provider: &Provider) -> aead::Aad<[u8; 16]> {
    aead::Aad::from(provider.key.0)
}
