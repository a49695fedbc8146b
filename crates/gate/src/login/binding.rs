//! Binds a sign-in to one browser: 32 random bytes in a cookie, and values derived from them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use zeroize::{Zeroize, Zeroizing};

use super::{STATE_LIFE, hex, unhex};
use crate::cookie;
use crate::provider::{LoginKey, Provider};
use crate::secret::Secret;
use crate::time::UnixTime;

/// Name of a login cookie, without the tag.
const COOKIE_PREFIX: &str = "authentik_login_";

/// Maximum number of sign-ins in progress per browser: 5 × about 80 bytes are safe even for servers
/// with a limit of 8 kB for headers.
const MAX_OUTSTANDING: usize = 5;

/// Maximum number of login cookies examined, and deleted, per response.
const MAX_SEEN: usize = 64;
const MAX_EVICTED: usize = 16;

const PROOF: &[u8] = b"ngx_http_authentik_module binding proof v1\0";
const PKCE: &[u8] = b"ngx_http_authentik_module pkce v1\0";
const NONCE: &[u8] = b"ngx_http_authentik_module nonce v1\0";
const LINK_KEY: &[u8] = b"ngx_http_authentik_module link key v1\0";
const LINK_SEAL: &[u8] = b"ngx_http_authentik_module link seal v1\0";

/// The browser's half of a sign-in, which is secret.
pub(super) struct Binding {
    bytes: [u8; 32],
    key: hmac::Key,
}

/// Why a browser's cookies do not prove that it began a sign-in.
pub(super) enum Unproven {
    /// The sign-in's cookie is missing.
    NoCookie,
    /// The cookie has other contents.
    Mismatch,
}

impl Binding {
    pub(super) fn new(bytes: [u8; 32], key: &LoginKey) -> Self {
        Self { bytes, key: hmac::Key::new(hmac::HMAC_SHA256, &key.0) }
    }

    /// The binding that matches the proof, among the cookies of that name.
    pub(super) fn find(
        cookies: &[&[u8]],
        name: &str,
        proof: &[u8; 32],
        key: &LoginKey,
    ) -> Result<Self, Unproven> {
        let values = cookies.iter().flat_map(|header| cookie::values(header, name.as_bytes()));
        let mut values = values.take(cookie::MAX_CANDIDATES).peekable();
        if values.peek().is_none() {
            return Err(Unproven::NoCookie);
        }
        values
            .filter_map(|value| Self::of_cookie(value, key))
            .find(|binding| binding.has_proof(proof))
            .ok_or(Unproven::Mismatch)
    }

    /// What the state carries in place of the binding: derived from it, useless to a reader.
    pub(super) fn proof(&self) -> [u8; 32] {
        self.derive_bytes(PROOF)
    }

    /// Key under which the zone keeps this sign-in's link.
    pub(super) fn link_key(&self) -> [u8; 32] {
        self.derive_bytes(LINK_KEY)
    }

    /// The key that the link is sealed with.
    pub(super) fn link_seal(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.derive_bytes(LINK_SEAL))
    }

    /// Compares in constant time.
    fn has_proof(&self, proof: &[u8; 32]) -> bool {
        hmac::verify(&self.key, &[PROOF, &self.bytes].concat(), proof).is_ok()
    }

    /// PKCE code verifier, 43 characters (RFC 7636 §4.1).
    pub(super) fn verifier(&self) -> Secret {
        Secret::new(URL_SAFE_NO_PAD.encode(self.derive(PKCE)))
    }

    /// `nonce` of the authorization request, 43 characters.
    pub(super) fn nonce(&self) -> Secret {
        Secret::new(URL_SAFE_NO_PAD.encode(self.derive(NONCE)))
    }

    pub(super) fn set_cookie(&self, provider: &Provider, tag: [u8; 4], now: UnixTime) -> String {
        let value = format!("{}.{}", base36(now.0), URL_SAFE_NO_PAD.encode(self.bytes));
        cookie::set(provider, &cookie_name(provider, tag), &value, STATE_LIFE)
    }

    fn of_cookie(value: &[u8], key: &LoginKey) -> Option<Self> {
        let (_, encoded) = split_value(value)?;
        let mut binding = Self::new([0; 32], key);
        let written = URL_SAFE_NO_PAD.decode_slice(encoded, &mut binding.bytes).ok()?;
        (written == binding.bytes.len()).then_some(binding)
    }

    fn derive_bytes(&self, label: &[u8]) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.derive(label).as_ref());
        bytes
    }

    fn derive(&self, label: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(label);
        context.update(&self.bytes);
        context.sign()
    }
}

impl Drop for Binding {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// Name of a sign-in's cookie.
pub(super) fn cookie_name(provider: &Provider, tag: [u8; 4]) -> String {
    format!("{}{COOKIE_PREFIX}{}", provider.cookie_prefix, hex(tag))
}

/// `Set-Cookie` values that delete the oldest login cookies, so that one more does not exceed
/// [`MAX_OUTSTANDING`]. Malformed ones count as oldest.
pub(super) fn evict_oldest(provider: &Provider, cookies: &[&[u8]]) -> Vec<String> {
    let mut outstanding: Vec<(u64, [u8; 4])> = cookies
        .iter()
        .flat_map(|header| cookie::pairs(header))
        .filter_map(|(name, value)| {
            let name = name.strip_prefix(provider.cookie_prefix.as_bytes())?;
            let tag = unhex(name.strip_prefix(COOKIE_PREFIX.as_bytes())?)?;
            Some((split_value(value).map_or(0, |(issued, _)| issued), tag))
        })
        .take(MAX_SEEN)
        .collect();
    outstanding.sort_unstable();
    let excess = (outstanding.len() + 1).saturating_sub(MAX_OUTSTANDING).min(MAX_EVICTED);
    let oldest = outstanding.iter().take(excess);
    oldest.map(|(_, tag)| cookie::delete(provider, &cookie_name(provider, *tag))).collect()
}

/// Issue time and encoded binding.
fn split_value(value: &[u8]) -> Option<(u64, &str)> {
    let (issued, encoded) = std::str::from_utf8(value).ok()?.split_once('.')?;
    Some((u64::from_str_radix(issued, 36).ok()?, encoded))
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits
            .extend(u32::try_from(number % 36).ok().and_then(|digit| char::from_digit(digit, 36)));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base36_is_read_back() {
        for number in [0, 1, 35, 36, 1_795_352_157, u64::MAX] {
            assert_eq!(u64::from_str_radix(&base36(number), 36), Ok(number));
        }
    }

    #[test]
    fn what_is_derived_differs_by_use_binding_and_key() {
        let of = |bytes, key| {
            let binding = Binding::new([bytes; 32], &LoginKey([key; 32]));
            [binding.verifier(), binding.nonce(), Secret::new(binding.proof())]
        };
        let mut all = [of(1, 1), of(2, 1), of(1, 2)].concat();
        all.sort_by(|a, b| a.expose().cmp(b.expose()));
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
