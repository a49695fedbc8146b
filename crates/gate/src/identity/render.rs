//! Writes a session record at sign-in, so that requests need not.

use super::SessionView;
use super::extra::{BasicAttributes, Extra, extra_headers};
use super::record::{BY_CREDENTIALS, DATA_AT, MAGIC, SLOTS_AT, SUPERUSER, Slot};
use crate::headers::HeaderEncoding;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::text::push_clean;
use crate::time::UnixTime;
use crate::token::VerifiedClaims;

/// A session, ready to be stored.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The record for [`SessionView::over`](super::SessionView::over). Contains the token.
    pub record: Secret,
    /// When the session expires.
    pub expires: UnixTime,
}

/// How long a session lasts, and what prolongs it.
#[derive(Clone, Copy, Debug)]
pub struct Life<'t> {
    /// When the user signed in.
    pub signed_in: UnixTime,
    /// When the access token was obtained.
    pub access_since: UnixTime,
    /// When the session expires.
    pub expires: UnixTime,
    /// The refresh token, if authentik issued one.
    pub refresh_token: Option<&'t Secret>,
    /// Whether the client presented credentials instead of signing in at authentik.
    pub is_by_credentials: bool,
}

impl Life<'_> {
    /// The life of what credentials prove, which is never renewed: it lasts as long as the token.
    #[must_use]
    pub fn of_access_token(claims: &VerifiedClaims, now: UnixTime) -> Self {
        Self {
            signed_in: now,
            access_since: now,
            expires: claims.exp,
            refresh_token: None,
            is_by_credentials: true,
        }
    }
}

/// Renders the identity that the claims prove, with the token that contained them.
///
/// Header values are the raw UTF-8 of the claims without control characters; claims that identify
/// the user have none (`token::claims`). `basic` names the attributes for HTTP Basic to the
/// application, if the provider sends it.
#[must_use]
pub fn render(
    claims: &VerifiedClaims,
    provider: &Provider,
    raw_token: &[u8],
    basic: Option<BasicAttributes<'_>>,
    life: Life<'_>,
) -> Rendered {
    let extras = extra_headers(claims, basic);
    let superuser = if claims.proxy.is_superuser { SUPERUSER } else { 0 };
    let by_credentials = if life.is_by_credentials { BY_CREDENTIALS } else { 0 };
    let flags = superuser | by_credentials;
    let mut record = Record::begin(&life, claims.exp, provider, flags, extras.len());
    let refresh_token = life.refresh_token.map(Secret::expose).unwrap_or_default();
    // Growing would leave copies of the tokens in freed memory.
    record.bytes.reserve(raw_token.len() + refresh_token.len() + 8192);

    // In the order of `Slot`.
    record.text(Slot::Username, claims.preferred_username.as_bytes());
    record.slot(Slot::Groups, |bytes| push_joined(bytes, &claims.groups));
    record.slot(Slot::Entitlements, |bytes| push_joined(bytes, &claims.entitlements));
    record.text(Slot::Email, claims.email.as_bytes());
    record.text(Slot::Name, claims.name.as_bytes());
    record.text(Slot::Uid, claims.sub.as_bytes());
    record.text(Slot::Jwt, raw_token);
    record.slot(Slot::Sid, |bytes| bytes.extend_from_slice(claims.sid.as_bytes()));
    record.slot(Slot::GroupList, |bytes| push_list(bytes, &claims.groups));
    record.slot(Slot::EntitlementList, |bytes| push_list(bytes, &claims.entitlements));
    record.text(Slot::BackendOverride, whole(&claims.proxy.backend_override));
    record.text(Slot::HostHeader, whole(&claims.proxy.host_header));
    record.slot(Slot::Extras, |bytes| extras.iter().for_each(|extra| push_extra(bytes, extra)));
    let encoded = encoded(&record, &extras);
    record.slot(Slot::Encoded, |bytes| bytes.extend_from_slice(encoded.expose()));
    record.slot(Slot::RefreshToken, |bytes| bytes.extend_from_slice(refresh_token));

    Rendered { record: record.finish(), expires: life.expires }
}

/// The host that a request goes to, or an unusable one: without its control characters it would be
/// another host.
fn whole(host: &str) -> &[u8] {
    const UNUSABLE: &[u8] = b"?";
    if host.bytes().any(|byte| byte.is_ascii_control()) { UNUSABLE } else { host.as_bytes() }
}

/// The session with another refresh token, and otherwise unchanged.
#[must_use]
pub fn with_refresh_token(session: SessionView<'_>, refresh_token: &Secret) -> Rendered {
    // The refresh token is the last of a record: see `render`.
    let kept = session.bytes().len() - session.refresh_token().len() - 1;
    let mut bytes = Vec::with_capacity(kept + refresh_token.expose().len() + 1);
    bytes.extend_from_slice(session.bytes().get(..kept).unwrap_or_default());
    let mut record = Record { bytes };
    record.slot(Slot::RefreshToken, |bytes| bytes.extend_from_slice(refresh_token.expose()));
    Rendered { record: record.finish(), expires: session.expires() }
}

struct Record {
    bytes: Vec<u8>,
}

impl Record {
    fn begin(
        life: &Life<'_>,
        access_until: UnixTime,
        provider: &Provider,
        flags: u32,
        extras: usize,
    ) -> Self {
        let mut bytes = Vec::with_capacity(DATA_AT);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[0; 4]); // the length, see `finish`
        bytes.extend_from_slice(&life.expires.0.to_le_bytes());
        bytes.extend_from_slice(&provider.key.0);
        bytes.extend_from_slice(&flags.to_le_bytes());
        bytes.extend_from_slice(&number(extras));
        bytes.extend_from_slice(&life.signed_in.0.to_le_bytes());
        bytes.extend_from_slice(&access_until.0.to_le_bytes());
        bytes.extend_from_slice(&life.access_since.0.to_le_bytes());
        bytes.resize(DATA_AT, 0);
        Self { bytes }
    }

    fn text(&mut self, slot: Slot, text: &[u8]) {
        self.slot(slot, |bytes| push_clean(bytes, text));
    }

    fn slot(&mut self, slot: Slot, write: impl FnOnce(&mut Vec<u8>)) {
        let offset = self.bytes.len();
        write(&mut self.bytes);
        let length = self.bytes.len() - offset;
        self.bytes.push(0);
        let at = SLOTS_AT + 8 * slot as usize;
        self.put(at, number(offset));
        self.put(at + 4, number(length));
    }

    /// What was written to a slot before.
    fn written(&self, slot: Slot) -> &[u8] {
        let at = SLOTS_AT + 8 * slot as usize;
        let number = |at: usize| {
            let bytes = self.bytes.get(at..).and_then(|rest| rest.first_chunk());
            bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
        };
        let (offset, length) = (number(at), number(at + 4));
        self.bytes.get(offset..).and_then(|rest| rest.get(..length)).unwrap_or_default()
    }

    fn finish(mut self) -> Secret {
        let length = number(self.bytes.len());
        self.put(4, length);
        Secret::new(self.bytes)
    }

    fn put(&mut self, at: usize, number: [u8; 4]) {
        if let Some(place) = self.bytes.get_mut(at..at + 4) {
            place.copy_from_slice(&number);
        }
    }
}

/// A length. Beyond `u32`, which no token of limited size reaches, the record is not a session.
fn number(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

/// Items joined with `|`, unescaped (docs/protocol.md §7.1).
fn push_joined(bytes: &mut Vec<u8>, items: &[String]) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            bytes.push(b'|');
        }
        push_clean(bytes, item.as_bytes());
    }
}

fn push_list(bytes: &mut Vec<u8>, items: &[String]) {
    for item in items {
        bytes.extend_from_slice(&number(item.len()));
        bytes.extend_from_slice(item.as_bytes());
    }
}

/// The header values in the encodings in which they differ. All encodings, not only those in use
/// now: a session outlives the configuration, and few values are not plain ASCII.
fn encoded(record: &Record, extras: &[Extra]) -> Secret {
    let user = Slot::USER.iter().map(|slot| record.written(*slot));
    let mut bytes = Vec::new();
    for (header, value) in user.chain(extras.iter().map(|extra| extra.value.as_slice())).enumerate()
    {
        for encoding in HeaderEncoding::OTHERS {
            if let Some(value) = encoding.encode(value) {
                bytes.extend_from_slice(&number(header));
                bytes.extend_from_slice(&number(encoding as usize));
                bytes.extend_from_slice(&number(value.len()));
                bytes.extend_from_slice(&value);
                bytes.push(0);
            }
        }
    }
    Secret::new(bytes)
}

fn push_extra(bytes: &mut Vec<u8>, extra: &Extra) {
    bytes.extend_from_slice(&number(extra.name.len()));
    bytes.extend_from_slice(&number(extra.value.len()));
    for part in [extra.name.as_bytes(), extra.name.to_ascii_lowercase().as_bytes(), &extra.value] {
        bytes.extend_from_slice(part);
        bytes.push(0);
    }
}
