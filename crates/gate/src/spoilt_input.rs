//! Feeds every parser of input from strangers or authentik with corrupted input: nothing panics,
//! and nothing corrupted is ever believed. The bytes are the same in each run.

use crate::cookie::{self, SentId, SessionId};
use crate::destination::Destination;
use crate::fixtures::{self, member, recorded};
use crate::identity::{Life, SessionView, render};
use crate::keyring::Keyring;
use crate::login::{Callback, Entropy, Start};
use crate::paths::{Effort, PathFacts, Subject, UnauthPaths};
use crate::query::CallbackQuery;
use crate::question::Endpoints;
use crate::redirect::RedirectTarget;
use crate::secret::Secret;
use crate::store::Key;
use crate::testing::{domain_provider, provider};
use crate::time::UnixTime;
use crate::token::{Expected, KeySet, Keys, from_introspection, verify};

/// Seconds after the recording of the ten-year tokens.
const NOW: UnixTime = UnixTime(1_795_311_600);

/// Corrupted inputs per good one.
const ROUNDS: usize = 1_500;

#[test]
fn s49_a_spoilt_token_or_key_set_proves_nothing() {
    let client = fixtures::provider("p-proxy");
    let keys = Keys::Shared(client.client_secret.clone());
    let token = member("token_response_hs256_bob.json", "access_token").into_bytes();
    let expected = Expected::of(&client, None);
    assert!(verify(&token, &expected, &keys, NOW).is_ok());
    each_spoilt(&token, |bytes| assert!(verify(bytes, &expected, &keys, NOW).is_err()));

    let rsa = fixtures::provider("p-rs256");
    let signed = member("token_response_rs256_bob.json", "access_token");
    let foreign = recorded("jwks_jwe.json");
    each_spoilt(recorded("jwks_rs256.json").as_bytes(), |bytes| {
        if let Ok(set) = KeySet::parse(bytes) {
            let _ = verify(signed.as_bytes(), &Expected::of(&rsa, None), &Keys::Public(set), NOW);
        }
    });
    each_spoilt(foreign.as_bytes(), |bytes| {
        if let Ok(set) = KeySet::parse(bytes) {
            let keys = Keys::Public(set);
            assert!(verify(signed.as_bytes(), &Expected::of(&rsa, None), &keys, NOW).is_err());
        }
    });
}

#[test]
fn s49_what_authentik_answers_may_be_anything() {
    let client = fixtures::provider("p-proxy");
    each_spoilt(recorded("introspection_active_hs256.json").as_bytes(), |bytes| {
        if let Ok(claims) = from_introspection(bytes, &client.client_id, NOW) {
            assert!(!claims.sub.is_empty() && claims.exp > NOW);
            assert!(SessionView::over(&record(&claims, &client)).is_some());
        }
    });
    each_spoilt(recorded("introspection_inactive.json").as_bytes(), |bytes| {
        assert!(from_introspection(bytes, &client.client_id, NOW).is_err());
    });
    each_spoilt(recorded("openid_configuration_rs256.json").as_bytes(), |bytes| {
        let _ = Endpoints::parse(bytes, &client);
    });
    // An array in place of an object (mod_auth_openidc, August 2026), and other values.
    let good = recorded("introspection_active_hs256.json");
    assert!(from_introspection(good.as_bytes(), &client.client_id, NOW).is_ok());
    for answer in [format!("[{good}]"), format!("{good}{good}"), format!("\"{good}\"")] {
        assert!(from_introspection(answer.as_bytes(), &client.client_id, NOW).is_err());
    }
    for answer in [r#"{"active":true}"#, "\"active\"", "true", "null", "[]", "", "{}"] {
        assert!(from_introspection(answer.as_bytes(), &client.client_id, NOW).is_err());
    }
}

#[test]
fn s49_what_a_browser_sends_may_be_anything() {
    let (provider, domain) = (provider(), domain_provider());
    let target =
        RedirectTarget::parse(&format!("/page?x={}", "1".repeat(3000)), &provider).unwrap();
    let target = Destination::Page(target);
    let entropy = Entropy::new(&[7; 48]).unwrap();
    let start = Start::new(&provider, &target, entropy, NOW, 0, &[], None).unwrap();
    let header = start.set_cookies[0].split(';').next().unwrap().to_owned();
    let url = start.authorize_url("https://sso.example/").unwrap();
    let state = url.rsplit_once("state=").unwrap().1.to_owned();
    let opens = |state: &[u8], header: &[u8]| {
        let kept = |_: &Key| start.link.as_ref().map(|link| link.sealed.clone());
        Callback::open(&provider, state, &[header], NOW, kept)
    };
    assert!(opens(state.as_bytes(), header.as_bytes()).is_ok());
    each_spoilt(state.as_bytes(), |bytes| assert!(opens(bytes, header.as_bytes()).is_err()));
    each_spoilt(&start.link.as_ref().unwrap().sealed, |bytes| {
        let kept = |_: &Key| Some(bytes.to_vec());
        let opened = Callback::open(&provider, state.as_bytes(), &[header.as_bytes()], NOW, kept);
        assert_eq!(opened.unwrap().destination, Destination::Lost);
    });
    each_spoilt(header.as_bytes(), |bytes| {
        let _ = opens(state.as_bytes(), bytes);
        let _ = cookie::without_own(bytes, &mut vec![0; bytes.len()]);
    });
    let keyring = Keyring::new(&[5; Keyring::SIZE]);
    let id = SessionId::new([9; SessionId::RANDOM], keyring);
    let (value, whose) = (id.to_cookie_value(), crate::provider::ProviderKey([1; 16]));
    each_spoilt(value.as_bytes(), |bytes| {
        let is_proven = SentId::parse(bytes).is_some_and(|read| read.is_proven(keyring));
        assert_eq!(is_proven, bytes == value.as_bytes());
        let read = SentId::parse(bytes).map(|read| read.zone_key(&whose));
        assert_eq!(read == Some(id.zone_key(&whose)), bytes == value.as_bytes(), "one spelling");
    });
    each_spoilt(url.split_once('?').unwrap().1.as_bytes(), |bytes| {
        let _ = CallbackQuery::parse(bytes);
    });
    each_spoilt(b"https://app.example.com:8443/page/../x?rd=//evil.org\\@a#b", |bytes| {
        let rd = String::from_utf8_lossy(bytes);
        for provider in [&provider, &domain] {
            if let Ok(target) = RedirectTarget::parse(&rd, provider) {
                assert_eq!(RedirectTarget::parse(target.as_str(), provider), Ok(target.clone()));
            }
        }
        let _ = RedirectTarget::of_request(&domain, bytes, bytes);
    });
}

#[test]
fn s49_patterns_and_paths_may_be_anything() {
    let rules = UnauthPaths::compile(&["^/public/".to_owned()]).unwrap();
    each_spoilt(b"/public/%2e%2e/a;b%5c/../c%00?x", |bytes| {
        let path = PathFacts { normalized: bytes, raw: bytes, subject: Subject::Path };
        assert!(
            !rules.cover(&path, &Effort::default()) || bytes.starts_with(b"/public/"),
            "{}",
            bytes.escape_ascii()
        );
    });
    each_spoilt(br"^/(?i:a|[b-d]{2,3})+\d\pL\Q*\E(?P<n>x)*$", |bytes| {
        let pattern = String::from_utf8_lossy(bytes).into_owned();
        if let Ok(rules) = UnauthPaths::compile(&[pattern]) {
            let path = b"/public/page";
            let path = PathFacts { normalized: path, raw: path, subject: Subject::Path };
            let _ = rules.cover(&path, &Effort::default());
        }
    });
    let record = {
        let client = fixtures::provider("p-proxy");
        let answer = recorded("introspection_active_hs256.json");
        record(&from_introspection(answer.as_bytes(), &client.client_id, NOW).unwrap(), &client)
    };
    each_spoilt(&record, |bytes| {
        if let Some(view) = SessionView::over(bytes) {
            let _ = (view.user_headers(), view.sid(), view.is_in_group(b"staff"));
            let _ = (view.has_entitlement(b"e"), view.extra_headers().count(), view.token());
            let _ = view.user_headers_in(crate::identity::HeaderEncoding::Latin1);
            let _ = view.extra_headers_in(crate::identity::HeaderEncoding::Percent).count();
        }
    });
}

fn record(claims: &crate::token::VerifiedClaims, provider: &crate::provider::Provider) -> Vec<u8> {
    let token = Secret::new("token");
    let life = Life::of_access_token(claims, NOW);
    render(claims, provider, token.expose(), None, life).record.expose().to_vec()
}

/// Flips bits, replaces bytes, and cuts, doubles or swaps parts; never yields the input itself.
fn each_spoilt(good: &[u8], mut check: impl FnMut(&[u8])) {
    const ODD: &[u8] = b"\0\r\n\t \"'\\/;:=&%#?.,{}[]()*+-_@~^$|\x7f\x80\xc0\xe2\xff09AZaz";
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ good.len() as u64);
    for _ in 0..ROUNDS {
        let mut bytes = good.to_vec();
        for _ in 0..=random.below(3) {
            if bytes.is_empty() {
                break;
            }
            let (at, other) = (random.below(bytes.len()), random.below(bytes.len()));
            match random.below(7) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at] = ODD[random.below(ODD.len())],
                2 => bytes.insert(at, ODD[random.below(ODD.len())]),
                3 => bytes.truncate(at),
                4 => drop(bytes.drain(at.min(other)..at.max(other))),
                5 => bytes.extend_from_within(at.min(other)..at.max(other)),
                _ => bytes.swap(at, other),
            }
        }
        if bytes != good {
            check(&bytes);
        }
    }
}

/// Marsaglia's xorshift64: the same numbers each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % limit
    }
}
