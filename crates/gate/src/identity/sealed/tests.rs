//! A sealed record is a session in one place, for those who can open it, and nothing else.

use serde_json::json;

use super::*;
use crate::cookie::SessionId;
use crate::fixtures::provider;
use crate::identity::{Life, render};
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::from_introspection;

const HERE: Keyring<'_> = Keyring::new(&[1; Keyring::SIZE]);
const ELSEWHERE: Keyring<'_> = Keyring::new(&[2; Keyring::SIZE]);
const TOKEN: &[u8] = b"the.access.token-that-nobody-shall-see";

struct Session {
    record: Secret,
    id: SessionId,
    key: Key,
}

impl Session {
    fn new() -> Self {
        let provider = provider("p-proxy");
        let answer = json!({"active": true, "client_id": provider.client_id, "exp": 2_000,
            "sub": "the-subject", "sid": "the-session", "preferred_username": "the-user",
            "email": "mail@example.com"});
        let claims =
            from_introspection(answer.to_string().as_bytes(), &provider.client_id, UnixTime(1_000))
                .unwrap();
        let id = SessionId::from_entropy([3; 32]);
        let record = render(
            &claims,
            &provider,
            TOKEN,
            None,
            Life::of_access_token(&claims, UnixTime(1_000)),
        )
        .record;
        Self { record, key: id.zone_key(&provider.key), id }
    }

    fn whole(&self) -> Vec<u8> {
        self.record.expose().to_vec()
    }

    fn sealed(&self) -> Vec<u8> {
        self.sealed_with(true)
    }

    fn sealed_with(&self, id: bool) -> Vec<u8> {
        let id = id.then(|| self.id.as_sent());
        seal(self.record.expose(), &self.key, id, HERE, OPENED, entropy()).unwrap()
    }

    fn sealed_for_store(&self) -> Vec<u8> {
        let id = self.id.as_sent();
        seal_for_store(self.record.expose(), &self.key, id, HERE, OPENED, entropy()).unwrap()
    }

    /// As seen by both parties that can open it.
    fn opened(&self, sealed: &[u8]) -> [Option<Vec<u8>>; 2] {
        let by_id = open(sealed, &self.key, self.id.as_sent());
        let by_nginx = open_unasked(sealed, &self.key, HERE);
        [by_id, by_nginx].map(|record| record.map(|record| record.bytes().to_vec()))
    }
}

/// Bytes as varied as random ones.
const OPENED: u64 = 1_795_366_194_123;

fn entropy() -> [u8; ENTROPY] {
    std::array::from_fn(|at| (at * 37 + 11) as u8)
}

#[test]
fn browser_and_nginx_open_what_was_sealed_for_them() {
    let session = Session::new();
    let whole = session.whole();

    assert_eq!(session.opened(&session.sealed()), [Some(whole.clone()), Some(whole.clone())]);
    assert_eq!(session.opened(&session.sealed_with(false)), [None, Some(whole)]);
    assert_eq!(session.opened(&session.sealed_for_store()), [Some(session.whole()), None]);
    assert!(seal(b"no record", &session.key, None, HERE, OPENED, entropy()).is_none());
}

#[test]
fn a_spoilt_byte_anywhere_is_no_session() {
    let session = Session::new();
    for sealed in [session.sealed(), session.sealed_with(false), session.sealed_for_store()] {
        for at in 0..sealed.len() {
            for bit in [1, 0x80] {
                let mut spoilt = sealed.clone();
                spoilt[at] ^= bit;
                assert_eq!(session.opened(&spoilt), [None, None], "byte {at}");
            }
            assert_eq!(session.opened(&sealed[..at]), [None, None], "cut at {at}");
        }
        let longer = [&sealed[..], &[0]].concat();
        assert_eq!(session.opened(&longer), [None, None]);
    }
    assert_eq!(session.opened(session.record.expose()), [None, None], "not sealed");
    assert_eq!(session.opened(b""), [None, None]);
}

#[test]
fn nobody_else_opens_it_and_in_no_other_place() {
    let session = Session::new();
    let (sealed, id) = (session.sealed(), session.id.as_sent());
    let other = SessionId::from_entropy([4; 32]);
    let key = other.zone_key(&provider("p-proxy").key);
    let shop = session.id.zone_key(&ProviderKey([9; 16]));

    assert!(open(&sealed, &session.key, other.as_sent()).is_none(), "another id");
    assert!(open_unasked(&sealed, &session.key, ELSEWHERE).is_none(), "another nginx");
    for (key, what) in [(key, "another place"), (shop, "another provider")] {
        assert!(open(&sealed, &key, id).is_none(), "{what}");
        assert!(open_unasked(&sealed, &key, HERE).is_none(), "{what}");
    }
    // A reader of the zone knows the record's key, which is a hash of the id.
    let value: String = session.key.iter().map(|byte| char::from(b'a' + byte % 26)).collect();
    let guess = format!("{value:a<43}");
    assert!(open(&sealed, &session.key, SentId::parse(guess.as_bytes()).unwrap()).is_none());
}

#[test]
fn a_later_version_and_openers_that_nobody_knows_are_no_session() {
    let session = Session::new();
    for (at, value) in [(at::VERSION, 0), (at::VERSION, 3), (at::OPENERS, 0), (at::OPENERS, 7)] {
        let mut other = session.sealed();
        other[at] = value;
        assert_eq!(session.opened(&other), [None, None]);
        assert_eq!(provider_of(&other), None);
        assert_eq!(is_of_another_version(&other), at == at::VERSION);
        assert!(!is_of_user(&other, &name_of(b"the-user", HERE)) && is_sealed(&other));
    }
}

#[test]
fn nothing_of_the_user_can_be_read_in_it() {
    let session = Session::new();
    let sealed = session.sealed();
    let holds = |part: &[u8]| sealed.windows(part.len()).any(|found| found == part);
    let record = session.record.expose();

    for secret in [TOKEN, b"the-subject", b"the-session", b"the-user", b"mail@example.com"] {
        assert!(record.windows(secret.len()).any(|found| found == secret));
        assert!(!holds(secret));
    }
    let wrapped = entropy();
    assert!(!holds(&wrapped[..DATA_KEY]), "the data key");
    assert!(!holds(&session.id.as_sent().value()[..16]), "the id");
    assert!(!holds(&HERE.of_records()[..16]), "the key of the processes");
}

#[test]
fn what_is_in_a_store_is_for_the_browser_alone() {
    let session = Session::new();
    let stored = session.sealed_for_store();
    // Who has the store and every key of nginx: the wrapped key is not that of the processes.
    let mut claimed = stored.clone();
    claimed[at::OPENERS] = Opener::Processes as u8;
    for sealed in [&stored, &claimed] {
        assert!(open_unasked(sealed, &session.key, HERE).is_none());
    }
    // The id opens it without the keyring, which may have changed.
    let opened = open(&stored, &session.key, session.id.as_sent()).unwrap();
    let again = seal(
        opened.bytes(),
        &session.key,
        Some(session.id.as_sent()),
        ELSEWHERE,
        OPENED,
        entropy(),
    );
    assert!(open_unasked(&again.unwrap(), &session.key, ELSEWHERE).is_some());

    let holds = |part: &[u8]| stored.windows(part.len()).any(|found| found == part);
    for secret in [TOKEN, b"the-subject", b"the-session", b"the-user", b"mail@example.com"] {
        assert!(!holds(secret));
    }
    assert!(!holds(&entropy()[..DATA_KEY]), "the data key");
    assert!(is_of_user(&stored, &name_of(b"the-user", HERE)));
    assert_eq!(provider_of(&stored), Some(provider("p-proxy").key));
    assert_eq!(opened_of(&stored), Some(OPENED));
    assert_eq!(opened_of(b"dated"), None);
}

#[test]
fn what_ends_sessions_is_told_by_the_beginning() {
    let session = Session::new();
    let sealed = session.sealed();
    let beginning = &sealed[..crate::store::BEGINNING];

    assert_eq!(provider_of(beginning), Some(provider("p-proxy").key));
    assert!(is_of_user(beginning, &name_of(b"the-user", HERE)));
    for name in [name_of(b"the-use", HERE), name_of(b"the-user", ELSEWHERE), [0; 16]] {
        assert!(!is_of_user(beginning, &name));
    }
    for none in [&sealed[..31], &sealed[1..], b"", b"core-timeout", session.record.expose()] {
        assert_eq!(provider_of(none), None);
        assert!(!is_of_user(none, &name_of(b"the-user", HERE)));
    }
}

#[test]
fn two_seals_have_nothing_in_common() {
    let session = Session::new();
    let other = [0x5a; ENTROPY];
    let other = seal(session.record.expose(), &session.key, None, HERE, !OPENED, other).unwrap();
    let sealed = session.sealed_with(false);
    let same = sealed[at::SALT..].windows(8).any(|part| other.windows(8).any(|o| o == part));
    assert!(!same);
}
