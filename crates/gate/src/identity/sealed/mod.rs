//! A session's record as it stands in shared memory: sealed.
//!
//! Two can open it: who has the session's id, which is the browser, and the processes of this nginx,
//! which ask authentik about sessions without their visitors. Neither the id nor the processes' key is
//! where the record is: who reads that alone has the length of a record, its end and its provider.
//!
//! ```text
//!   0  magic, 4 bytes
//!   4  version, who can open it (a bit each), 0, 0
//!   8  expires, u64
//!  16  provider key, 16 bytes
//!  32  what the user is called here, 16 bytes
//!  48  salt, 16 bytes
//!  64  the data key, wrapped for each who can open it, 48 bytes
//!      the record, sealed with the data key: 16 bytes more than it has
//! ```
//!
//! Numbers are little-endian, because a record may travel to another host. All sealing is
//! ChaCha20-Poly1305 (RFC 8439), with the key under which the record stands and all that precedes as
//! associated data: a record is worth nothing under another key, a header nothing before another
//! record. Each key seals once, so that the nonce is always 0: the data key is random, and what wraps it
//! is derived (HKDF-SHA256, RFC 5869) with the salt. The id's [`zone_key`](crate::cookie::SentId::zone_key)
//! is another function of it, and says nothing of this one.

use ring::{aead, hkdf};
use zeroize::Zeroizing;

use super::owner::name_of;
use super::{OwnedRecord, SessionView};
use crate::cookie::SentId;
use crate::keyring::Keyring;
use crate::provider::ProviderKey;
use crate::store::Key;

/// No record before it was sealed begins so.
const MAGIC: [u8; 4] = *b"aksl";
/// Of this layout.
const VERSION: u8 = 1;

mod at {
    pub(super) const VERSION: usize = 4;
    pub(super) const OPENERS: usize = 5;
    pub(super) const UNUSED: usize = 6;
    pub(super) const PROVIDER: usize = 16;
    pub(super) const NAME: usize = 32;
    pub(super) const SALT: usize = 48;
    pub(super) const WRAPS: usize = 64;
}

const DATA_KEY: usize = 32;
const SALT: usize = at::WRAPS - at::SALT;
const TAG: usize = 16;
const WRAP: usize = DATA_KEY + TAG;

/// Who can open a record. The order is that of the wraps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opener {
    /// Who has the session's id.
    Id = 1,
    /// The processes of this nginx.
    Processes = 2,
}

/// Random bytes that [`seal`] takes.
pub const ENTROPY: usize = DATA_KEY + SALT;

/// Seals a record that stands under this key. With an `id`, who has it can open it; the processes that
/// have the keyring can always. `None` where it is no record.
#[must_use]
pub fn seal(
    record: &[u8],
    key: &Key,
    id: Option<SentId<'_>>,
    keyring: Keyring<'_>,
    entropy: [u8; ENTROPY],
) -> Option<Vec<u8>> {
    let view = SessionView::over(record)?;
    let entropy = Zeroizing::new(entropy);
    let (data_key, salt) = entropy.split_at_checked(DATA_KEY)?;
    let by_id = id.map(|id| (Opener::Id, id.value()));
    let by_processes = (Opener::Processes, keyring.of_records());
    let secrets = || by_id.into_iter().chain([by_processes]);

    let mut sealed = Vec::with_capacity(at::WRAPS + 2 * WRAP + record.len() + TAG);
    sealed.extend_from_slice(&MAGIC);
    let openers = secrets().map(|(opener, _)| opener as u8).sum();
    sealed.extend_from_slice(&[VERSION, openers, 0, 0]);
    sealed.extend_from_slice(&view.expires().0.to_le_bytes());
    sealed.extend_from_slice(&view.provider().0);
    sealed.extend_from_slice(&name_of(view.username(), keyring));
    sealed.extend_from_slice(salt);
    for (opener, secret) in secrets() {
        let wrapping = wrapping_key(opener, secret, salt)?;
        let context = [sealed.get(..at::WRAPS)?, key].concat();
        push_sealed(&mut sealed, &wrapping, &context, data_key)?;
    }
    let context = [sealed.as_slice(), key].concat();
    push_sealed(&mut sealed, &aead_key(data_key)?, &context, record)?;
    Some(sealed)
}

/// Opens what was sealed for who has this id. `None` for anything else: it is no session.
#[must_use]
pub fn open(sealed: &[u8], key: &Key, id: SentId<'_>) -> Option<OwnedRecord> {
    opened(sealed, key, Opener::Id, id.value())
}

/// The same for a process of the nginx that has sealed it.
#[must_use]
pub fn open_unasked(sealed: &[u8], key: &Key, keyring: Keyring<'_>) -> Option<OwnedRecord> {
    opened(sealed, key, Opener::Processes, keyring.of_records())
}

fn opened(sealed: &[u8], key: &Key, opener: Opener, secret: &[u8]) -> Option<OwnedRecord> {
    let openers = openers_of(sealed)?;
    // Those of lower numbers come first.
    let before = (openers & (opener as u8 - 1)).count_ones() as usize;
    if openers & opener as u8 == 0 {
        return None;
    }
    let payload_at = at::WRAPS + WRAP * openers.count_ones() as usize;
    let salt = sealed.get(at::SALT..at::WRAPS)?;

    let wrapping = wrapping_key(opener, secret, salt)?;
    let context = [sealed.get(..at::WRAPS)?, key].concat();
    let mut wrapped = Zeroizing::new([0; WRAP]);
    wrapped.copy_from_slice(sealed.get(at::WRAPS + WRAP * before..)?.get(..WRAP)?);
    let data_key = open_in_place(&wrapping, &context, wrapped.as_mut_slice())?;

    let context = [sealed.get(..payload_at)?, key].concat();
    let mut record = sealed.get(payload_at..)?.to_vec();
    let length = open_in_place(&aead_key(data_key)?, &context, &mut record)?.len();
    record.truncate(length);
    OwnedRecord::new(record)
}

/// Whether it begins as what was sealed does, of whatever version.
#[must_use]
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Who can open it, by their bits. `None` where it was not sealed, or by another version.
fn openers_of(sealed: &[u8]) -> Option<u8> {
    const ALL: u8 = Opener::Id as u8 | Opener::Processes as u8;
    let head = [at::VERSION, at::OPENERS, at::UNUSED, at::UNUSED + 1];
    let [version, openers, rest @ ..] = head.map(|at| sealed.get(at).copied());
    let openers = openers.filter(|openers| *openers != 0 && openers & !ALL == 0)?;
    (is_sealed(sealed) && version == Some(VERSION) && rest == [Some(0); 2]).then_some(openers)
}

/// The provider of the sealed session that begins so; `None` where that is no beginning of one.
#[must_use]
pub fn provider_of(beginning: &[u8]) -> Option<ProviderKey> {
    openers_of(beginning)?;
    beginning.get(at::PROVIDER..)?.first_chunk().copied().map(ProviderKey)
}

/// Whether the sealed session that begins so is of the user who is called that: see [`name_of`].
#[must_use]
pub fn is_of_user(beginning: &[u8], name: &[u8; 16]) -> bool {
    let is_same = |found: &[u8]| *name != [0; 16] && found == name;
    openers_of(beginning).and_then(|_| beginning.get(at::NAME..at::SALT)).is_some_and(is_same)
}

fn wrapping_key(opener: Opener, secret: &[u8], salt: &[u8]) -> Option<aead::LessSafeKey> {
    let label: [&[u8]; 1] = [match opener {
        Opener::Id => b"authentik session record, by its id",
        Opener::Processes => b"authentik session record, by nginx",
    }];
    let key = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let key = key.expand(&label, &aead::CHACHA20_POLY1305).ok()?;
    Some(aead::LessSafeKey::new(key.into()))
}

fn aead_key(key: &[u8]) -> Option<aead::LessSafeKey> {
    let key = aead::UnboundKey::new(&aead::CHACHA20_POLY1305, key).ok()?;
    Some(aead::LessSafeKey::new(key))
}

/// Always the same: each key seals once.
fn nonce() -> aead::Nonce {
    aead::Nonce::assume_unique_for_key([0; aead::NONCE_LEN])
}

fn push_sealed(
    to: &mut Vec<u8>,
    key: &aead::LessSafeKey,
    context: &[u8],
    secret: &[u8],
) -> Option<()> {
    let from = to.len();
    to.extend_from_slice(secret);
    let in_place = to.get_mut(from..)?;
    let tag = key.seal_in_place_separate_tag(nonce(), aead::Aad::from(context), in_place).ok()?;
    to.extend_from_slice(tag.as_ref());
    Some(())
}

fn open_in_place<'b>(
    key: &aead::LessSafeKey,
    context: &[u8],
    sealed: &'b mut [u8],
) -> Option<&'b [u8]> {
    let opened = key.open_in_place(nonce(), aead::Aad::from(context), sealed).ok()?;
    Some(opened)
}

#[cfg(test)]
mod tests;
