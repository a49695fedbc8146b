//! Whose record it is: what sign-outs and session ends match.

use super::SessionView;
use crate::hash;
use crate::store::Owner;

/// The owner of a session's record.
#[must_use]
pub fn owner_of(record: &[u8]) -> Owner {
    match SessionView::over(record) {
        Some(view) => Owner { subject: subject_of(view.uid()), sid: sid_of(view.sid()) },
        None => Owner::NOBODY,
    }
}

/// What a user is called in the zone.
#[must_use]
pub fn subject_of(uid: &[u8]) -> [u8; 16] {
    owner_hash(b"sub", uid)
}

/// What a session at authentik is called in the zone.
#[must_use]
pub fn sid_of(sid: &[u8]) -> [u8; 16] {
    owner_hash(b"sid", sid)
}

/// All zeros, which nothing matches, for an empty value: two users without one have nothing in
/// common (docs/protocol.md §3.2).
fn owner_hash(label: &[u8], value: &[u8]) -> [u8; 16] {
    match value {
        [] => [0; 16],
        _ => hash::first(&hash::sha256(&[label, value])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_name_belongs_to_nobody() {
        assert_eq!((subject_of(b""), sid_of(b"")), (Owner::NOBODY.subject, Owner::NOBODY.sid));
        assert_eq!(owner_of(b"no record"), Owner::NOBODY);
    }

    #[test]
    fn a_user_and_a_session_of_the_same_name_are_two() {
        assert_ne!(subject_of(b"a"), sid_of(b"a"));
        assert_ne!(subject_of(b"a"), subject_of(b"b"));
        assert_eq!(subject_of(b"a"), subject_of(b"a"));
    }
}
