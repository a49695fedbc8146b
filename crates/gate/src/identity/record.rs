//! The byte format of a session record, and the view that reads it.
//!
//! Numbers are little-endian, because a record may be moved to another host. Every text is followed
//! by a NUL byte, not counted in its length, which parts of nginx expect.
//!
//! ```text
//!   0  magic, 4 bytes
//!   4  length of the record, u32
//!   8  expires, u64
//!  16  provider key, 16 bytes
//!  32  flags, u32
//!  36  number of extra headers, u32
//!  40  when the user signed in, u64
//!  48  when the access token expires, u64
//!  56  when the access token was obtained, u64
//!  64  per slot: offset u32, length u32
//! 184  the slots' bytes
//! ```
//!
//! A list contains, per item, its length as u32 and its bytes. An extra header contains the lengths
//! of name and value as u32, then name, name in lower case and value, each with its NUL. A value in
//! another encoding contains the number of its header (first the user's, then the extra ones), the
//! encoding and its length as u32, then the value with its NUL; in the order of the headers, and
//! only if it differs.

use crate::headers::HeaderEncoding;
use crate::headers::{USER_HEADERS, folds_to};
use crate::provider::ProviderKey;
use crate::time::UnixTime;

/// Changes with the layout: records with another layout are not sessions.
pub(super) const MAGIC: [u8; 4] = *b"aks3";

/// Offset of the table of slots.
pub(super) const SLOTS_AT: usize = 64;

/// Offset of the first slot's bytes.
pub(super) const DATA_AT: usize = SLOTS_AT + 8 * Slot::COUNT;

/// [`SessionView::is_superuser`].
pub(super) const SUPERUSER: u32 = 1;

/// [`SessionView::is_by_credentials`].
pub(super) const BY_CREDENTIALS: u32 = 2;

/// The parts of variable length. The first seven are the user's headers, in order.
#[derive(Clone, Copy)]
pub(super) enum Slot {
    Username,
    Groups,
    Entitlements,
    Email,
    Name,
    Uid,
    Jwt,
    Sid,
    GroupList,
    EntitlementList,
    BackendOverride,
    HostHeader,
    Extras,
    Encoded,
    RefreshToken,
}

impl Slot {
    pub(super) const COUNT: usize = Self::RefreshToken as usize + 1;

    pub(super) const USER: [Self; USER_HEADERS] = [
        Self::Username,
        Self::Groups,
        Self::Entitlements,
        Self::Email,
        Self::Name,
        Self::Uid,
        Self::Jwt,
    ];
}

/// A session, read in place. Copying the view copies a reference.
#[derive(Clone, Copy)]
pub struct SessionView<'r> {
    record: &'r [u8],
}

/// A header beyond the twelve, applied after them: it replaces one with the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtraHeader<'r> {
    /// As sent.
    pub name: &'r [u8],
    /// In lower case, as nginx hashes it.
    pub lowercase: &'r [u8],
    /// May be empty. Followed by a NUL byte.
    pub value: &'r [u8],
}

impl<'r> SessionView<'r> {
    /// Checks that the bytes are a complete record in this layout; `None` if they are not a
    /// session.
    #[must_use]
    pub fn over(record: &'r [u8]) -> Option<Self> {
        let length = usize::try_from(u32_at(record, 4)?).ok()?;
        if !record.starts_with(&MAGIC) || length != record.len() {
            return None;
        }
        let view = Self { record };
        for slot in 0..Slot::COUNT {
            view.checked_slot(slot)?;
        }
        let announced = usize::try_from(u32_at(record, 36)?).ok()?;
        (view.extra_headers().count() == announced).then_some(view)
    }

    /// The same for a record that [`Self::over`] has already checked.
    #[inline]
    pub(super) fn over_checked(record: &'r [u8]) -> Self {
        Self { record }
    }

    /// The record.
    #[must_use]
    pub fn bytes(self) -> &'r [u8] {
        self.record
    }

    /// Whether both views refer to the same bytes in memory.
    #[must_use]
    pub fn is_same(self, other: Self) -> bool {
        std::ptr::eq(self.record, other.record)
    }

    /// The provider that this session is for; it is worthless for any other.
    #[must_use]
    pub fn provider(self) -> ProviderKey {
        let mut key = [0; 16];
        self.record.iter().skip(16).zip(&mut key).for_each(|(from, to)| *to = *from);
        ProviderKey(key)
    }

    /// When the session expires.
    #[must_use]
    pub fn expires(self) -> UnixTime {
        UnixTime(u64_at(self.record, 8).unwrap_or(0))
    }

    /// When the user signed in: renewals do not change it.
    #[must_use]
    pub fn signed_in(self) -> UnixTime {
        UnixTime(u64_at(self.record, 40).unwrap_or(0))
    }

    /// When the access token expires; the session may last longer, see
    /// [`refresh_token`](Self::refresh_token).
    #[must_use]
    pub fn access_until(self) -> UnixTime {
        UnixTime(u64_at(self.record, 48).unwrap_or(0))
    }

    /// When the access token was obtained: at the sign-in, or at the last renewal.
    #[must_use]
    pub fn access_since(self) -> UnixTime {
        UnixTime(u64_at(self.record, 56).unwrap_or(0))
    }

    /// Whether the client presented credentials instead of signing in at authentik.
    #[must_use]
    pub fn is_by_credentials(self) -> bool {
        u32_at(self.record, 32).unwrap_or(0) & BY_CREDENTIALS != 0
    }

    /// Whether this user is a superuser in authentik.
    #[must_use]
    pub fn is_superuser(self) -> bool {
        u32_at(self.record, 32).unwrap_or(0) & SUPERUSER != 0
    }

    /// Values of the user's headers, in the order of the first [`USER_HEADERS`] of
    /// [`HEADERS`](super::HEADERS). Each is followed by a NUL byte.
    #[must_use]
    pub fn user_headers(self) -> [&'r [u8]; USER_HEADERS] {
        Slot::USER.map(|slot| self.slot(slot))
    }

    /// The same in an encoding: plain ASCII values are unchanged.
    #[must_use]
    pub fn user_headers_in(self, encoding: HeaderEncoding) -> [&'r [u8]; USER_HEADERS] {
        let mut values = self.user_headers();
        for (number, value) in self.encoded(encoding) {
            if let Some(plain) = values.get_mut(number) {
                *plain = value;
            }
        }
        values
    }

    /// [`extra_headers`](Self::extra_headers) in an encoding.
    pub fn extra_headers_in(
        self,
        encoding: HeaderEncoding,
    ) -> impl Iterator<Item = ExtraHeader<'r>> {
        let mut encoded = self.encoded(encoding).peekable();
        (USER_HEADERS..).zip(self.extra_headers()).map(move |(number, extra)| {
            while encoded.next_if(|(earlier, _)| *earlier < number).is_some() {}
            match encoded.next_if(|(same, _)| *same == number) {
                Some((_, value)) => ExtraHeader { value, ..extra },
                None => extra,
            }
        })
    }

    /// Numbers and values of the headers that differ in this encoding.
    fn encoded(self, encoding: HeaderEncoding) -> impl Iterator<Item = (usize, &'r [u8])> {
        let mut rest = match encoding {
            HeaderEncoding::Utf8 => &[][..],
            HeaderEncoding::Percent | HeaderEncoding::Latin1 => self.slot(Slot::Encoded),
        };
        std::iter::from_fn(move || {
            loop {
                let number = take_u32(&mut rest)?;
                let of = take_u32(&mut rest)?;
                let length = take_u32(&mut rest)?;
                let value = take_text(&mut rest, length)?;
                if of == encoding as usize {
                    return Some((number, value));
                }
            }
        })
    }

    /// Headers to set after the twelve.
    pub fn extra_headers(self) -> impl Iterator<Item = ExtraHeader<'r>> {
        let mut rest = self.slot(Slot::Extras);
        std::iter::from_fn(move || {
            let name_length = take_u32(&mut rest)?;
            let value_length = take_u32(&mut rest)?;
            Some(ExtraHeader {
                name: take_text(&mut rest, name_length)?,
                lowercase: take_text(&mut rest, name_length)?,
                value: take_text(&mut rest, value_length)?,
            })
        })
    }

    /// Whether there are extra headers.
    #[must_use]
    pub fn has_extra_headers(&self) -> bool {
        !self.slot(Slot::Extras).is_empty()
    }

    /// Whether an application could confuse this name with that of an extra header. Bytes are only
    /// compared if the length matches.
    #[must_use]
    pub fn overrides(self, name: &[u8]) -> bool {
        self.extra_headers().any(|extra| folds_to(name, extra.lowercase))
    }

    /// User name.
    #[must_use]
    pub fn username(self) -> &'r [u8] {
        self.slot(Slot::Username)
    }

    /// `sub`: the value of `X-authentik-uid`, by which sign-outs match.
    #[must_use]
    pub fn uid(self) -> &'r [u8] {
        self.slot(Slot::Uid)
    }

    /// The token, for `id_token_hint` and introspection. Secret.
    #[must_use]
    pub fn token(self) -> &'r [u8] {
        self.slot(Slot::Jwt)
    }

    /// The refresh token, empty if authentik issued none. Secret, and never for the application.
    #[must_use]
    pub fn refresh_token(self) -> &'r [u8] {
        self.slot(Slot::RefreshToken)
    }

    /// The session at authentik, empty if the token had none.
    #[must_use]
    pub fn sid(self) -> &'r [u8] {
        self.slot(Slot::Sid)
    }

    /// Whether the user is in the group; compared byte by byte.
    #[must_use]
    pub fn is_in_group(self, name: &[u8]) -> bool {
        items(self.slot(Slot::GroupList)).any(|group| group == name)
    }

    /// Whether the user has the entitlement; compared byte by byte.
    #[must_use]
    pub fn has_entitlement(self, name: &[u8]) -> bool {
        items(self.slot(Slot::EntitlementList)).any(|entitlement| entitlement == name)
    }

    /// Upstream to use instead of the configured one; empty if not set.
    #[must_use]
    pub fn backend_override(self) -> &'r [u8] {
        self.slot(Slot::BackendOverride)
    }

    /// `Host` to send to the upstream; empty to keep the client's.
    #[must_use]
    pub fn host_header(self) -> &'r [u8] {
        self.slot(Slot::HostHeader)
    }

    /// `over` has checked every slot, so the fallback is never used.
    fn slot(self, slot: Slot) -> &'r [u8] {
        self.checked_slot(slot as usize).unwrap_or_default()
    }

    fn checked_slot(self, slot: usize) -> Option<&'r [u8]> {
        let at = SLOTS_AT + 8 * slot;
        let offset = usize::try_from(u32_at(self.record, at)?).ok()?;
        let length = usize::try_from(u32_at(self.record, at + 4)?).ok()?;
        let end = offset.checked_add(length)?;
        let nul = self.record.get(end)?;
        if offset < DATA_AT || *nul != 0 {
            return None;
        }
        self.record.get(offset..end)
    }
}

/// Tokens and attributes are secret; the rest is personal.
impl std::fmt::Debug for SessionView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionView({} bytes)", self.record.len())
    }
}

fn items(mut list: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = take_u32(&mut list)?;
        let (item, rest) = list.split_at_checked(length)?;
        list = rest;
        Some(item)
    })
}

fn take_u32(rest: &mut &[u8]) -> Option<usize> {
    let (number, behind) = rest.split_first_chunk::<4>()?;
    *rest = behind;
    usize::try_from(u32::from_le_bytes(*number)).ok()
}

/// Takes a text and the NUL after it, which is not part of the result.
fn take_text<'r>(rest: &mut &'r [u8], length: usize) -> Option<&'r [u8]> {
    let (text, behind) = rest.split_at_checked(length)?;
    *rest = behind.strip_prefix(b"\0")?;
    Some(text)
}

fn u32_at(record: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*record.get(at..)?.first_chunk()?))
}

fn u64_at(record: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*record.get(at..)?.first_chunk()?))
}
