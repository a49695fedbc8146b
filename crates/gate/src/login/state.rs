//! The `state` parameter: `<8 hex digits of the provider>.<base64url of nonce and sealed payload>`.
//!
//! It is sealed, not just signed: the return target may be private, and the state appears in the
//! logs of authentik and everything in between.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{aead, hmac};

use super::{StateFlaw, hex, unhex};
use crate::provider::{LoginKey, Provider};
use crate::store::Key;
use crate::time::UnixTime;

const VERSION: u8 = 1;
/// With a session that the sign-in replaces.
const VERSION_WITH_FORMER: u8 = 2;

/// Longest target that a state carries, in bytes: it makes authentik's URL longer, and some servers
/// between browser and authentik accept only 4 kB.
pub(super) const MAX_CARRIED: usize = 2048;

/// Longest state, in characters: tag and dot, then 4 for 3 bytes of nonce, payload and seal.
const MAX_STATE: usize = 9 + (NONCE + PAYLOAD_HEAD + FORMER + MAX_CARRIED + 16).div_ceil(3) * 4;
const NONCE: usize = aead::NONCE_LEN;
/// Version, attempt, tag, issue time, proof.
const PAYLOAD_HEAD: usize = 1 + 1 + 4 + 8 + 32;
/// Key of the session that is replaced.
const FORMER: usize = 32;

const KEY_LABEL: &[u8] = b"ngx_http_authentik_module state key v1\0";
const AAD_LABEL: &[u8] = b"ngx_http_authentik_module state v1\0";

/// What a state carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignIn {
    pub(super) tag: [u8; 4],
    pub(super) binding_proof: [u8; 32],
    pub(super) issued: UnixTime,
    pub(super) attempt: u8,
    /// See [`super::Opened::former`].
    pub(super) former: Option<Key>,
    /// A URL of ours, or one of the placeholders in [`super`].
    pub(super) target: String,
}

/// The provider tag in a state (the first four bytes of its key), for a server that uses several
/// providers. Unverified until the state is opened.
#[must_use]
pub fn provider_tag_of_state(state: &[u8]) -> Option<[u8; 4]> {
    split(state).map(|(tag, _)| tag)
}

impl SignIn {
    /// Encrypts and authenticates, with a nonce that must be random.
    pub(super) fn seal(&self, provider: &Provider, nonce: [u8; NONCE]) -> Option<String> {
        let mut sealed = self.to_payload();
        sealing_key(&provider.login_key)?
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                associated_data(provider),
                &mut sealed,
            )
            .ok()?;
        let body = URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat());
        Some(format!("{}.{body}", hex(tag_of(provider))))
    }

    /// Reverses [`Self::seal`]; says which key succeeded.
    pub(super) fn open<'p>(
        provider: &'p Provider,
        state: &[u8],
        now: UnixTime,
    ) -> Result<(Self, &'p LoginKey), StateFlaw> {
        let (claimed, body) = split(state).ok_or(StateFlaw::Malformed)?;
        if claimed != tag_of(provider) {
            return Err(StateFlaw::ForeignProvider);
        }
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| StateFlaw::Malformed)?;
        let (nonce, sealed) = body.split_first_chunk::<NONCE>().ok_or(StateFlaw::Malformed)?;
        let mut opened = provider.login_keys(now).filter_map(|key| {
            let nonce = aead::Nonce::assume_unique_for_key(*nonce);
            let mut sealed = sealed.to_vec();
            let opener = sealing_key(key)?;
            let payload = opener.open_in_place(nonce, associated_data(provider), &mut sealed);
            payload.ok().map(|payload| (Self::of_payload(payload), key))
        });
        let (sign_in, key) = opened.next().ok_or(StateFlaw::BadSeal)?;
        Ok((sign_in.ok_or(StateFlaw::Malformed)?, key))
    }

    fn to_payload(&self) -> Vec<u8> {
        let Self { tag, binding_proof, issued, attempt, former, target } = self;
        let (version, former) = match former {
            None => (VERSION, &[][..]),
            Some(former) => (VERSION_WITH_FORMER, &former[..]),
        };
        let (head, issued) = ([version, *attempt], issued.0.to_be_bytes());
        [&head[..], tag, &issued, binding_proof, former, target.as_bytes()].concat()
    }

    fn of_payload(payload: &[u8]) -> Option<Self> {
        let (&[version, attempt], rest) = payload.split_first_chunk()?;
        let (tag, rest) = rest.split_first_chunk()?;
        let (issued, rest) = rest.split_first_chunk()?;
        let (binding_proof, rest) = rest.split_first_chunk()?;
        let (former, target) = match version {
            VERSION => (None, rest),
            VERSION_WITH_FORMER => {
                let (former, target) = rest.split_first_chunk()?;
                (Some(*former), target)
            }
            _ => return None,
        };
        Some(Self {
            tag: *tag,
            binding_proof: *binding_proof,
            issued: UnixTime(u64::from_be_bytes(*issued)),
            attempt,
            former,
            target: std::str::from_utf8(target).ok()?.to_owned(),
        })
    }
}

fn split(state: &[u8]) -> Option<([u8; 4], &[u8])> {
    if state.len() > MAX_STATE {
        return None;
    }
    let (tag, rest) = state.split_at_checked(8)?;
    Some((unhex(tag)?, rest.strip_prefix(b".")?))
}

fn tag_of(provider: &Provider) -> [u8; 4] {
    provider.key.0.first_chunk().copied().unwrap_or_default()
}

/// A separate key: the login key itself is used for HMAC.
fn sealing_key(login_key: &LoginKey) -> Option<aead::LessSafeKey> {
    let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &login_key.0), KEY_LABEL);
    let key = aead::UnboundKey::new(&aead::CHACHA20_POLY1305, key.as_ref()).ok()?;
    Some(aead::LessSafeKey::new(key))
}

/// Two providers may share a secret, but their states are not interchangeable.
fn associated_data(provider: &Provider) -> aead::Aad<Vec<u8>> {
    aead::Aad::from([AAD_LABEL, &provider.key.0].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{other_provider, provider};

    const NOW: UnixTime = UnixTime(1_795_352_157);

    fn open(provider: &Provider, state: impl AsRef<[u8]>) -> Result<SignIn, StateFlaw> {
        SignIn::open(provider, state.as_ref(), NOW).map(|(sign_in, _)| sign_in)
    }

    fn sign_in(target: &str) -> SignIn {
        SignIn {
            tag: [0, 1, 2, 255],
            binding_proof: [9; 32],
            issued: NOW,
            attempt: 1,
            former: None,
            target: target.to_owned(),
        }
    }

    #[test]
    fn a_session_that_is_replaced_travels_along() {
        let target = "a".repeat(MAX_CARRIED);
        let with = SignIn { former: Some([7; 32]), ..sign_in(&target) };
        let state = with.seal(&provider(), [3; NONCE]).unwrap();
        assert_eq!(open(&provider(), state.as_bytes()), Ok(with.clone()));
        let payload = with.to_payload();
        assert_eq!(SignIn::of_payload(&payload[..PAYLOAD_HEAD + FORMER - 1]), None);
    }

    #[test]
    fn a_state_opens_to_what_was_sealed_and_shows_nothing_of_it() {
        let target = "https://ext.example/wiki/secret-plan";
        let state = sign_in(target).seal(&provider(), [3; NONCE]).unwrap();
        assert_eq!(open(&provider(), state.as_bytes()), Ok(sign_in(target)));
        assert!(state.starts_with("39eda669."), "{state}");
        assert!(state.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
        assert!(!state.contains(&URL_SAFE_NO_PAD.encode("secret-plan")[2..12]));
    }

    #[test]
    fn the_longest_target_fits_and_nothing_longer_is_read() {
        let state = sign_in(&"a".repeat(MAX_CARRIED)).seal(&provider(), [3; NONCE]).unwrap();
        assert!(open(&provider(), state.as_bytes()).is_ok());
        let longer =
            sign_in(&"a".repeat(MAX_CARRIED + FORMER + 3)).seal(&provider(), [3; NONCE]).unwrap();
        assert_eq!(open(&provider(), longer.as_bytes()), Err(StateFlaw::Malformed));
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let state = sign_in("https://ext.example/").seal(&provider(), [3; NONCE]).unwrap();
        for at in 0..state.len() {
            let mut changed = state.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            assert!(open(&provider(), &changed).is_err(), "character {at}");
            assert!(open(&provider(), &state.as_bytes()[..at]).is_err(), "length {at}");
        }
        assert!(open(&provider(), format!("{state}A").as_bytes()).is_err());
    }

    #[test]
    fn flaws_are_told_apart() {
        let state = sign_in("https://ext.example/").seal(&provider(), [3; NONCE]).unwrap();
        let foreign = sign_in("https://ext.example/").seal(&other_provider(), [3; NONCE]).unwrap();
        let relabelled = foreign.replace("ef1048ea", "39eda669");
        let upper = state.replacen("39eda669", "39EDA669", 1);
        for (state, flaw) in [
            ("", StateFlaw::Malformed),
            ("39eda669", StateFlaw::Malformed),
            ("39eda669.", StateFlaw::Malformed),
            ("39eda669.AAAA", StateFlaw::Malformed),
            ("39eda669.!!!!", StateFlaw::Malformed),
            ("+44ea687.AAAA", StateFlaw::Malformed),
            (&upper, StateFlaw::Malformed),
            (&foreign, StateFlaw::ForeignProvider),
            (&relabelled, StateFlaw::BadSeal),
            (&format!("39eda669.{}", "A".repeat(200)), StateFlaw::BadSeal),
        ] {
            assert_eq!(open(&provider(), state.as_bytes()), Err(flaw), "{state}");
        }
        assert_eq!(open(&provider(), b"39eda669.\xff\xff"), Err(StateFlaw::Malformed));
    }

    #[test]
    fn a_relabelled_state_does_not_open_though_the_secret_is_the_same() {
        // Keys depend on the client; if they were equal, the associated data would still differ.
        let ours = provider();
        let twin =
            crate::provider::Provider { login_key: LoginKey(ours.login_key.0), ..other_provider() };
        let foreign = sign_in("https://ext.example/").seal(&twin, [3; NONCE]).unwrap();
        assert!(open(&twin, foreign.as_bytes()).is_ok());
        let label = |provider: &crate::provider::Provider| {
            let tag = provider.key.0.iter().take(4);
            tag.map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let relabelled = foreign.replace(&label(&twin), &label(&ours));
        assert_ne!(relabelled, foreign);
        assert_eq!(open(&ours, relabelled.as_bytes()), Err(StateFlaw::BadSeal));
        assert_ne!(provider().login_key.0, other_provider().login_key.0);
    }

    #[test]
    fn a_payload_of_another_version_is_not_read() {
        let mut payload = sign_in("https://ext.example/").to_payload();
        assert!(SignIn::of_payload(&payload).is_some());
        payload[0] = VERSION_WITH_FORMER + 1;
        assert_eq!(SignIn::of_payload(&payload), None);
        assert_eq!(SignIn::of_payload(&payload[..PAYLOAD_HEAD - 1]), None);
    }

    #[test]
    fn the_provider_tag_is_readable_without_a_key() {
        let state = sign_in("https://ext.example/").seal(&provider(), [3; NONCE]).unwrap();
        assert_eq!(provider_tag_of_state(state.as_bytes()), Some([0x39, 0xed, 0xa6, 0x69]));
        for state in ["", "39eda66", "39eda669", "39eda669x", "g9eda669.", "39EDA669."] {
            assert_eq!(provider_tag_of_state(state.as_bytes()), None, "{state}");
        }
    }
}
