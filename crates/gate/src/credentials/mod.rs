//! Header authentication: an `Authorization` header in place of a session (docs/protocol.md §5.1,
//! §5.2).
//!
//! | module | contains |
//! |---|---|
//! | this | what credentials are, and the key under which their answer is stored |
//! | `proof` | what authentik is asked about them, and what its answers prove |
//! | `terms` | how long an answer is valid, and why credentials are rejected |
//! | `doubt` | when authentik is asked once more |

mod doubt;
mod proof;
mod terms;

pub use doubt::{Doubt, Recourse, Round, after_doubt, probe, recourse};
pub use proof::{Inquiry, of_password, of_token};
pub use terms::{no_counts_for, reason_of, yes_counts_for};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::cookie::SessionId;
use crate::hash;
use crate::keyring::Keyring;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::Key;

/// Longest header that is parsed, in bytes. nginx's own limit is 8 kB unless it is raised.
const LONGEST: usize = 16 * 1024;

/// Credentials as sent, not yet checked.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A token of this provider.
    Bearer(Secret),
    /// User name and app password.
    Basic {
        /// As sent.
        username: Secret,
        /// As sent.
        password: Secret,
    },
}

impl Credentials {
    /// Parses the value of an `Authorization` header. `None` for another scheme, or anything that
    /// authentik could not check: it is meant for the application.
    #[must_use]
    pub fn parse(header: &[u8]) -> Option<Self> {
        if header.len() > LONGEST {
            return None;
        }
        if let Some(token) = after_scheme(header, b"bearer ") {
            return (!token.is_empty()).then(|| Self::Bearer(Secret::new(token)));
        }
        let encoded = after_scheme(header, b"basic ")?.trim_ascii();
        let decoded = Secret::new(STANDARD.decode(encoded).ok()?);
        decoded.expose_str()?;
        let mut parts = decoded.expose().splitn(2, |byte| *byte == b':');
        let (username, password) = (parts.next()?, parts.next()?);
        Some(Self::Basic { username: Secret::new(username), password: Secret::new(password) })
    }
}

/// Whether the header contains a token.
pub(crate) fn is_bearer(header: &[u8]) -> bool {
    after_scheme(header, b"bearer ").is_some()
}

/// The key in the zone for what is known about these credentials: keyed, so that nobody who reads
/// the zone can try passwords against it, and bound to the provider. It does not depend on how the
/// header spells them.
#[must_use]
pub fn zone_key(provider: &Provider, label: &[u8], credentials: &Credentials) -> Key {
    keyed_hash(provider, label, credentials, &[])
}

/// The session id of these credentials with the provider. The zone only holds the salt: without the
/// credentials nobody can compute the id.
#[must_use]
pub fn session_id(
    provider: &Provider,
    credentials: &Credentials,
    salt: &Salt,
    keyring: Keyring<'_>,
) -> SessionId {
    let random = keyed_hash(provider, b"session id", credentials, salt);
    SessionId::new(hash::first(&random), keyring)
}

/// Makes each session of the same credentials a different one: an id that has ended stays dead.
pub type Salt = [u8; 32];

fn keyed_hash(provider: &Provider, label: &[u8], credentials: &Credentials, salt: &[u8]) -> Key {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &provider.login_key.0);
    let mut context = hmac::Context::with_key(&key);
    let (scheme, first, second): (_, _, &[u8]) = match credentials {
        Credentials::Bearer(token) => (&b"bearer"[..], token.expose(), &[]),
        Credentials::Basic { username, password } => {
            (&b"basic"[..], username.expose(), password.expose())
        }
    };
    for part in [b"header authentication", label, &provider.key.0, salt, scheme, first, second] {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    hash::first(context.sign().as_ref())
}

fn after_scheme<'h>(header: &'h [u8], scheme: &[u8]) -> Option<&'h [u8]> {
    let (found, rest) = header.split_at_checked(scheme.len())?;
    found.eq_ignore_ascii_case(scheme).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Settings;
    use crate::testing;
    use crate::time::UnixTime;

    #[test]
    fn only_what_authentik_can_check_is_taken_for_credentials() {
        // Vectors: docs/protocol.md §7.3; RFC 7617 §2.
        for (header, expected) in [
            ("Bearer abc", "bearer abc"),
            ("bEaReR a b", "bearer a b"),
            ("Bearer", "none"),
            ("Bearer ", "none"),
            ("Basic Zm9vOmJhcg==", "basic foo bar"),
            ("basic Zm9vOmJhcg==", "basic foo bar"),
            ("Basic YTpiOmM=", "basic a b:c"),
            ("Basic Zm9v", "none"),
            ("Basic !!!", "none"),
            ("Basic /zr/", "none"),
            ("Digest username=\"x\"", "none"),
            ("Basic", "none"),
            ("", "none"),
        ] {
            let text = |secret: &Secret| secret.expose_str().unwrap().to_owned();
            let found = match Credentials::parse(header.as_bytes()) {
                None => "none".to_owned(),
                Some(Credentials::Bearer(token)) => format!("bearer {}", text(&token)),
                Some(Credentials::Basic { username, password }) => {
                    format!("basic {} {}", text(&username), text(&password))
                }
            };
            assert_eq!(found, expected, "{header}");
        }
    }

    #[test]
    fn an_endless_header_is_nobody_s() {
        let header = format!("Bearer {}", "x".repeat(LONGEST));
        assert!(Credentials::parse(header.as_bytes()).is_none());
    }

    #[test]
    fn the_same_credentials_at_another_provider_have_another_key() {
        let bearer = Credentials::parse(b"Bearer abc").unwrap();
        let key = |provider: &Provider, label: &[u8]| zone_key(provider, label, &bearer);
        let (one, other) = (testing::provider(), testing::other_provider());
        assert_eq!(key(&one, b"answer"), key(&one, b"answer"));
        assert_ne!(key(&one, b"answer"), key(&other, b"answer"));
        assert_ne!(key(&one, b"answer"), key(&one, b"lease"));

        // Answers from before a secret was changed are no longer valid, not even for a while.
        let renewed = Some(Secret::new("renewed"));
        let renewed = Settings { client_secret: renewed, ..testing::settings() };
        let mut renewed = Provider::new(renewed).unwrap();
        renewed.succeed(&one, UnixTime(1_795_352_157));
        assert!(renewed.login_keys(UnixTime(1_795_352_157)).count() == 2);
        assert_ne!(key(&renewed, b"answer"), key(&one, b"answer"));
    }

    #[test]
    fn credentials_have_one_key_however_they_are_spelled() {
        let provider = testing::provider();
        let key = |header: &str| {
            zone_key(&provider, b"answer", &Credentials::parse(header.as_bytes()).unwrap())
        };
        // "foo:bar" and "foob:ar".
        let one = key("Basic Zm9vOmJhcg==");
        for (header, same) in [
            ("basic Zm9vOmJhcg==", true),
            ("Basic   Zm9vOmJhcg== ", true),
            ("Basic Zm9vYjphcg==", false),
            ("Basic Zm9vOmJheg==", false),
            ("Bearer foobar", false),
        ] {
            assert_eq!(key(header) == one, same, "{header}");
        }
        assert_eq!(key("Bearer abc"), key("bEARER abc"));
    }

    #[test]
    fn the_session_of_credentials_depends_on_them_the_provider_and_the_salt() {
        let (one, other) = (testing::provider(), testing::other_provider());
        let [abc, abd] =
            ["Bearer abc", "Bearer abd"].map(|h| Credentials::parse(h.as_bytes()).unwrap());
        let value = |provider, credentials, salt| {
            let keyring = Keyring::new(&[1; Keyring::SIZE]);
            session_id(provider, credentials, &[salt; 32], keyring).to_cookie_value().to_string()
        };
        let id = value(&one, &abc, 1);
        assert_eq!(id, value(&one, &abc, 1));
        for another in [value(&other, &abc, 1), value(&one, &abd, 1), value(&one, &abc, 2)] {
            assert_ne!(id, another);
        }
    }
}
