//! Session records: made from claims, and read from memory that somebody else may have written.

use std::collections::HashSet;
use std::sync::LazyLock;

use authentik_gate::cookie::SessionId;
use authentik_gate::fixtures;
use authentik_gate::headers::{HEADERS, HeaderEncoding, folds_to};
use authentik_gate::identity::{
    BasicAttributes, Life, OwnedRecord, SessionView, is_of_user, is_sealed, open as unseal,
    open_unasked, opened_of, provider_of, render, seal, seal_for_store, with_refresh_token,
};
use authentik_gate::keyring::Keyring;
use authentik_gate::provider::Provider;
use authentik_gate::secret::Secret;
use authentik_gate::store::Key;
use authentik_gate::token::{VerifiedClaims, from_introspection};
use serde_json::{Map, Value};

use crate::fixtures::{KEYRING, NOW};

/// Headers that say where a message goes and ends, or whose session it is.
const NEVER_SET: [&str; 6] =
    ["host", "content-length", "transfer-encoding", "connection", "cookie", "proxy"];

/// What holds for claims that were accepted, and for the session that they open. `members` are the
/// claims as sent.
pub(crate) fn open(claims: &VerifiedClaims, provider: &Provider, members: &Map<String, Value>) {
    assert!(!claims.sub.is_empty() && !claims.preferred_username.is_empty());
    assert!(claims.exp > NOW);
    let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
    assert_eq!((claims.sub.as_str(), claims.sid.as_str()), (text("sub"), text("sid")));
    assert_eq!(claims.preferred_username, text("preferred_username"));

    let basic = BasicAttributes { user: "user", password: "password" };
    let life = Life::of_access_token(claims, NOW);
    let record = render(claims, provider, b"the.raw.token", Some(basic), life).record;
    let view = SessionView::over(record.expose()).expect("a record that is no session");
    read(view);
    assert_eq!((view.provider(), view.expires()), (provider.key, claims.exp));
    assert_eq!(view.is_superuser(), claims.proxy.is_superuser);
    // The application is told exactly who it is: nobody becomes somebody else on the way.
    assert_eq!(view.username(), claims.preferred_username.as_bytes());
    assert_eq!((view.uid(), view.sid()), (claims.sub.as_bytes(), claims.sid.as_bytes()));
    assert_eq!(view.user_headers()[0], claims.preferred_username.as_bytes());
    assert_eq!(view.user_headers()[3], claims.email.as_bytes());
    for group in &claims.groups {
        assert!(view.is_in_group(group.as_bytes()));
    }
    for name in ["admins", "", "staff"] {
        let has = claims.groups.iter().any(|group| group == name);
        assert_eq!(view.is_in_group(name.as_bytes()), has, "{name:?}");
        let has = claims.entitlements.iter().any(|entitlement| entitlement == name);
        assert_eq!(view.has_entitlement(name.as_bytes()), has, "{name:?}");
    }
    for encoding in [HeaderEncoding::Latin1, HeaderEncoding::Percent] {
        for value in view.user_headers_in(encoding) {
            assert!(!value.iter().any(u8::is_ascii_control), "a header that ends early");
        }
    }
    let mut names = HashSet::new();
    for extra in view.extra_headers() {
        assert!(!extra.value.iter().any(u8::is_ascii_control), "a header that ends early");
        assert!(!extra.name.is_empty() && extra.name.is_ascii());
        assert!(extra.name.iter().all(|byte| byte.is_ascii_graphic() && !b":_()<>".contains(byte)));
        assert_eq!(extra.name.to_ascii_lowercase(), extra.lowercase);
        assert!(names.insert(extra.lowercase), "set twice");
        assert!(!NEVER_SET.iter().any(|name| folds_to(extra.name, name.as_bytes())));
        let disguised = HEADERS.iter().any(|(_, identity)| {
            folds_to(extra.name, identity.as_bytes()) && extra.lowercase != identity.as_bytes()
        });
        assert!(!disguised, "an identity header in another spelling");
        assert!(view.overrides(extra.lowercase));
    }
    assert!(names.len() <= 128);
    let renewed = with_refresh_token(view, &Secret::new("the refresh token"));
    let renewed = SessionView::over(renewed.record.expose()).unwrap();
    assert_eq!(renewed.refresh_token(), b"the refresh token");
    assert_eq!((renewed.username(), renewed.token()), (view.username(), view.token()));
}

/// Reads everything that a request may read.
fn read(view: SessionView<'_>) {
    let _ = (view.signed_in(), view.access_until(), view.access_since(), view.is_superuser());
    let _ = (view.is_by_credentials(), view.user_headers(), view.token(), view.refresh_token());
    let _ = (view.is_in_group(b"staff"), view.has_entitlement(b"e"), view.has_extra_headers());
    let _ = (view.backend_override(), view.host_header(), view.overrides(b"x-shared"));
    for encoding in [HeaderEncoding::Utf8, HeaderEncoding::Latin1, HeaderEncoding::Percent] {
        let _ = (view.user_headers_in(encoding), view.extra_headers_in(encoding).count());
    }
}

struct Session {
    whole: Vec<u8>,
    id: SessionId,
    key: Key,
    sealed: Vec<u8>,
    stored: Vec<u8>,
}

static SESSION: LazyLock<Session> = LazyLock::new(|| {
    let provider = fixtures::provider("p-proxy");
    let answer = fixtures::recorded("introspection_active_hs256.json").as_bytes();
    let claims = from_introspection(answer, &provider.client_id, NOW).unwrap();
    let life = Life::of_access_token(&claims, NOW);
    let record = render(&claims, &provider, b"the.raw.token", None, life).record;
    let id = SessionId::new([9; SessionId::RANDOM], KEYRING);
    let key = id.zone_key(&provider.key);
    let whole = record.expose().to_vec();
    let entropy = [3; 48];
    let sealed = seal(&whole, &key, Some(id.as_sent()), KEYRING, NOW.0 * 1000, entropy).unwrap();
    let stored = seal_for_store(&whole, &key, id.as_sent(), KEYRING, 7, entropy).unwrap();
    Session { whole, id, key, sealed, stored }
});

/// A record, sealed or not, as the zone or a store returns it: only what was sealed for this id and
/// key opens, and whatever is taken for a record can be read.
pub(crate) fn session_record(data: &[u8]) {
    let Session { whole, id, key, sealed, stored } = &*SESSION;
    for record in [data.to_vec(), patched(whole, data)] {
        let view = SessionView::over(&record);
        if let Some(view) = view {
            read(view);
            assert_eq!(view.bytes(), record);
        }
        assert_eq!(OwnedRecord::new(record.clone()).is_some(), view.is_some());
    }
    for genuine in [sealed, stored] {
        for bytes in [data.to_vec(), patched(genuine, data)] {
            let opened = unseal(&bytes, key, id.as_sent());
            assert_eq!(opened.is_some(), bytes == *sealed || bytes == *stored, "forged");
            assert!(opened.is_none_or(|opened| opened.bytes() == whole));
            let unasked = open_unasked(&bytes, key, KEYRING);
            assert_eq!(unasked.is_some(), bytes == *sealed, "forged");
            let other = Keyring::new(&[6; Keyring::SIZE]);
            assert!(open_unasked(&bytes, key, other).is_none());
            assert!(unseal(&bytes, &[0; 32], id.as_sent()).is_none(), "under another key");
            let is_one = provider_of(&bytes).is_some();
            assert!(!is_one || is_sealed(&bytes));
            assert!(is_one || opened_of(&bytes).is_none());
            assert!(!is_of_user(&bytes, &[0; 16]), "nobody has sessions");
        }
    }
}

/// Some bytes replaced: the input is a list of places (two bytes) and values (one).
fn patched(good: &[u8], data: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for patch in data.chunks_exact(3).take(64) {
        let at = usize::from(u16::from_le_bytes([patch[0], patch[1]]));
        let length = bytes.len();
        bytes[at % length] ^= patch[2];
    }
    bytes
}
