//! A session record as stored in shared memory: sealed.
//!
//! Two parties can open it: the browser, which has the session's id, and the processes of this
//! nginx, which ask authentik about sessions without their visitors. Neither the id nor the
//! processes' key is stored with the record: whoever reads only the zone sees the length of a
//! record, its expiry and its provider. In a store outside nginx's memory, only the browser can.
//!
//! ```text
//!   0  magic, 4 bytes
//!   4  version, who can open it (a bit each), 0, 0
//!   8  expires, u64
//!  16  provider key, 16 bytes
//!  32  what the user is called here, 16 bytes
//!  48  salt, 16 bytes
//!  64  when the session was opened, in milliseconds, u64
//!  72  the data key, wrapped for each who can open it, 48 bytes
//!      the record, sealed with the data key: 16 bytes more than it has
//! ```
//!
//! Numbers are little-endian, because a record may be moved to another host. All sealing is
//! ChaCha20-Poly1305 (RFC 8439), with the record's key in the zone and all preceding bytes as
//! associated data: a record is worthless under another key, and so is a header in front of another
//! record. Each key seals only once, so the nonce is always 0: the data key is random, and the
//! wrapping keys are derived (HKDF-SHA256, RFC 5869) with the salt. The id's
//! [`zone_key`](crate::cookie::SentId::zone_key) is an independent function of it, and reveals
//! nothing about this one.

use ring::{aead, hkdf};
use zeroize::Zeroizing;

use super::owner::name_of;
use super::{OwnedRecord, SessionView};
use crate::cookie::SentId;
use crate::keyring::Keyring;
use crate::provider::ProviderKey;
use crate::store::Key;

/// No unsealed record starts like this.
const MAGIC: [u8; 4] = *b"aksl";
/// Version of this layout.
const VERSION: u8 = 2;

mod at {
    pub(super) const VERSION: usize = 4;
    pub(super) const OPENERS: usize = 5;
    pub(super) const UNUSED: usize = 6;
    pub(super) const PROVIDER: usize = 16;
    pub(super) const NAME: usize = 32;
    pub(super) const SALT: usize = 48;
    pub(super) const OPENED: usize = 64;
    pub(super) const WRAPS: usize = 72;
}

const DATA_KEY: usize = 32;
const SALT: usize = at::OPENED - at::SALT;
const TAG: usize = 16;
const WRAP: usize = DATA_KEY + TAG;

/// Who can open a record. The wrapped keys are in this order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opener {
    /// Whoever has the session's id.
    Id = 1,
    /// The processes of this nginx.
    Processes = 2,
}

/// Random bytes needed by [`seal`].
pub const ENTROPY: usize = DATA_KEY + SALT;

/// Seals a record of a session opened then, in milliseconds since 1970, to be stored under this key.
/// Whoever has `id` (if any) can open it; the processes
/// with the keyring always can. `None` if it is not a record.
#[must_use]
pub fn seal(
    record: &[u8],
    key: &Key,
    id: Option<SentId<'_>>,
    keyring: Keyring<'_>,
    opened: u64,
    entropy: [u8; ENTROPY],
) -> Option<Vec<u8>> {
    let by_id = id.map(|id| (Opener::Id, id.value()));
    let by_processes = (Opener::Processes, keyring.of_records());
    match by_id {
        Some(by_id) => sealed_for(&[by_id, by_processes], record, key, keyring, opened, entropy),
        None => sealed_for(&[by_processes], record, key, keyring, opened, entropy),
    }
}

/// Seals a record to be stored outside nginx's memory: only whoever has the id can open it, not even
/// the processes, and so nobody who has the store and all keys of nginx.
#[must_use]
pub fn seal_for_store(
    record: &[u8],
    key: &Key,
    id: SentId<'_>,
    keyring: Keyring<'_>,
    opened: u64,
    entropy: [u8; ENTROPY],
) -> Option<Vec<u8>> {
    sealed_for(&[(Opener::Id, id.value())], record, key, keyring, opened, entropy)
}

/// The openers with their secrets, in the order of their numbers.
fn sealed_for(
    secrets: &[(Opener, &[u8])],
    record: &[u8],
    key: &Key,
    keyring: Keyring<'_>,
    opened: u64,
    entropy: [u8; ENTROPY],
) -> Option<Vec<u8>> {
    let view = SessionView::over(record)?;
    let entropy = Zeroizing::new(entropy);
    let (data_key, salt) = entropy.split_at_checked(DATA_KEY)?;

    let mut sealed = Vec::with_capacity(at::WRAPS + 2 * WRAP + record.len() + TAG);
    sealed.extend_from_slice(&MAGIC);
    let openers = secrets.iter().map(|(opener, _)| *opener as u8).sum();
    sealed.extend_from_slice(&[VERSION, openers, 0, 0]);
    sealed.extend_from_slice(&view.expires().0.to_le_bytes());
    sealed.extend_from_slice(&view.provider().0);
    sealed.extend_from_slice(&name_of(view.username(), keyring));
    sealed.extend_from_slice(salt);
    sealed.extend_from_slice(&opened.to_le_bytes());
    for (opener, secret) in secrets {
        let wrapping = wrapping_key(*opener, secret, salt)?;
        let context = [sealed.get(..at::WRAPS)?, key].concat();
        push_sealed(&mut sealed, &wrapping, &context, data_key)?;
    }
    let context = [sealed.as_slice(), key].concat();
    push_sealed(&mut sealed, &aead_key(data_key)?, &context, record)?;
    Some(sealed)
}

/// Opens a record sealed for this id. `None` for anything else: it is not a session.
#[must_use]
pub fn open(sealed: &[u8], key: &Key, id: SentId<'_>) -> Option<OwnedRecord> {
    opened(sealed, key, Opener::Id, id.value())
}

/// The same for a process of the nginx that sealed it.
#[must_use]
pub fn open_unasked(sealed: &[u8], key: &Key, keyring: Keyring<'_>) -> Option<OwnedRecord> {
    opened(sealed, key, Opener::Processes, keyring.of_records())
}

fn opened(sealed: &[u8], key: &Key, opener: Opener, secret: &[u8]) -> Option<OwnedRecord> {
    let openers = openers_of(sealed)?;
    // Those with lower numbers come first.
    let before = (openers & (opener as u8 - 1)).count_ones() as usize;
    if openers & opener as u8 == 0 {
        return None;
    }
    let payload_at = at::WRAPS + WRAP * openers.count_ones() as usize;
    let salt = sealed.get(at::SALT..at::OPENED)?;

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

/// Whether this starts like a sealed record, of any version.
#[must_use]
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Whether it is sealed in another version of the layout: by another version of this module.
#[must_use]
pub fn is_of_another_version(sealed: &[u8]) -> bool {
    is_sealed(sealed) && sealed.get(at::VERSION).is_some_and(|version| *version != VERSION)
}

/// Who can open it, as bits. `None` if it is not sealed, or in another version.
fn openers_of(sealed: &[u8]) -> Option<u8> {
    const ALL: u8 = Opener::Id as u8 | Opener::Processes as u8;
    let head = [at::VERSION, at::OPENERS, at::UNUSED, at::UNUSED + 1];
    let [version, openers, rest @ ..] = head.map(|at| sealed.get(at).copied());
    let openers = openers.filter(|openers| *openers != 0 && openers & !ALL == 0)?;
    (is_sealed(sealed) && version == Some(VERSION) && rest == [Some(0); 2]).then_some(openers)
}

/// The provider of the sealed session with this beginning; `None` if it is not one.
#[must_use]
pub fn provider_of(beginning: &[u8]) -> Option<ProviderKey> {
    openers_of(beginning)?;
    beginning.get(at::PROVIDER..)?.first_chunk().copied().map(ProviderKey)
}

/// When the sealed session with this beginning was opened, in milliseconds since 1970; `None` if it
/// is not one.
#[must_use]
pub fn opened_of(beginning: &[u8]) -> Option<u64> {
    openers_of(beginning)?;
    beginning.get(at::OPENED..)?.first_chunk().copied().map(u64::from_le_bytes)
}

/// Whether the sealed session with this beginning belongs to the user with this name: see
/// [`name_of`].
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

/// Always the same: each key seals only once.
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
