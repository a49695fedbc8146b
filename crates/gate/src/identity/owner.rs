//! The owner of a record, which sign-outs and session ends match.
//!
//! Shared memory only contains keyed hashes of the values in tokens: see [`Keyring`].

use super::SessionView;
use crate::keyring::Keyring;
use crate::store::Owner;

/// The owner of a session record.
#[must_use]
pub fn owner_of(record: &[u8], keyring: Keyring<'_>) -> Owner {
    match SessionView::over(record) {
        Some(view) => {
            Owner { subject: subject_of(view.uid(), keyring), sid: sid_of(view.sid(), keyring) }
        }
        None => Owner::NOBODY,
    }
}

/// A user's name in the zone, by `sub`. All zeros, which match nothing, if it is empty.
#[must_use]
pub fn subject_of(uid: &[u8], keyring: Keyring<'_>) -> [u8; 16] {
    keyring.name(b"sub", uid)
}

/// The name in the zone of a session at authentik, by `sid`.
#[must_use]
pub fn sid_of(sid: &[u8], keyring: Keyring<'_>) -> [u8; 16] {
    keyring.name(b"sid", sid)
}

/// A user's name in the zone, by user name.
#[must_use]
pub fn name_of(username: &[u8], keyring: Keyring<'_>) -> [u8; 16] {
    keyring.name(b"username", username)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYRING: Keyring<'_> = Keyring::new(&[7; Keyring::SIZE]);

    #[test]
    fn what_has_no_name_belongs_to_nobody() {
        let nameless = (subject_of(b"", KEYRING), sid_of(b"", KEYRING));
        assert_eq!(nameless, (Owner::NOBODY.subject, Owner::NOBODY.sid));
        assert_eq!(owner_of(b"no record", KEYRING), Owner::NOBODY);
    }

    #[test]
    fn a_user_and_a_session_of_the_same_name_are_two() {
        let subject = |uid: &[u8]| subject_of(uid, KEYRING);
        assert_ne!(subject(b"a"), sid_of(b"a", KEYRING));
        assert_ne!(subject(b"a"), name_of(b"a", KEYRING));
        assert_ne!(subject(b"a"), subject(b"b"));
        assert_eq!(subject(b"a"), subject(b"a"));
    }
}
