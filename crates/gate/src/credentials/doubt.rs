//! When to ask authentik about credentials again because our settings may be outdated.
//!
//! authentik does not announce a new client secret (docs/protocol.md §2.3). A client with the old
//! one is told that every token is inactive (§5.1), as if all were invalid. So an inactive token is
//! a reason to check, at most once a minute per provider across all workers, whether authentik
//! still accepts our client. If it does not, or if the token for a password is not valid for us,
//! the outpost's settings are fetched and authentik is asked again with them.

use crate::hash::sha256;
use crate::provider::Provider;
use crate::question::{CoreError, ExchangeCode};
use crate::secret::Secret;
use crate::store::Key;
use crate::token::TokenFlaw;

/// Which question about the same credentials this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// Are the credentials valid?
    First,
    /// They seem invalid: does authentik accept our client?
    Client,
    /// Are they valid with newer settings?
    Last,
}

/// What may turn a no into a yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recourse {
    /// Newer settings: request them.
    Settings,
    /// A check whether authentik accepts our client. Also waits for settings if somebody else has
    /// requested them.
    Client,
}

/// What may help against this error in this round; `None` if the error is final.
#[must_use]
pub fn recourse(round: Round, error: &CoreError) -> Option<Recourse> {
    let is_refused = *error == INACTIVE && round == Round::First;
    let is_ours = error.is_about_client() || error.is_about_keys();
    match round {
        Round::Last => None,
        Round::First | Round::Client if is_ours => Some(Recourse::Settings),
        Round::First | Round::Client => is_refused.then_some(Recourse::Client),
    }
}

/// The question whether authentik accepts our client. A code that does not exist is rejected as
/// such if our secret is right, otherwise the client is rejected (docs/protocol.md §4.4).
#[must_use]
pub fn probe() -> ExchangeCode {
    ExchangeCode { code: Secret::new(NO_CODE), verifier: Secret::new(NO_CODE) }
}

/// Never one of authentik's codes: it is too short.
const NO_CODE: &str = "is-this-client-known";

/// The final error for credentials that seemed invalid, after [`probe`]: that authentik does not
/// accept our client, otherwise the same as before.
#[must_use]
pub fn after_doubt(probed: Option<CoreError>) -> CoreError {
    probed.filter(CoreError::is_about_client).unwrap_or(INACTIVE)
}

/// authentik's response about an invalid token, and to an unknown client.
const INACTIVE: CoreError = CoreError::BadToken(TokenFlaw::Inactive);

/// It is uncertain whether authentik accepts our client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The check is under way.
    Open,
    /// It was checked recently.
    Lately,
}

impl Doubt {
    /// How long credentials wait for the outcome of a check, in seconds.
    pub const WAIT: u64 = 5;

    /// Duration of the lease, in seconds.
    #[must_use]
    pub fn life(self) -> u64 {
        match self {
            Self::Open => Self::WAIT,
            Self::Lately => 60,
        }
    }

    /// Key of the lease.
    #[must_use]
    pub fn key(self, provider: &Provider) -> Key {
        sha256(&[b"authentik doubt of the client v1", &[self as u8], &provider.key.0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn authentik_is_asked_once_more_where_that_may_help() {
        use Recourse::{Client, Settings};
        let rejected = |error: &str| CoreError::Rejected {
            error: error.to_owned(),
            description: String::new(),
        };
        let unavailable = CoreError::Unavailable { about: "token_endpoint", status: 503 };
        for (error, first, client) in [
            (INACTIVE, Some(Client), None),
            (rejected("invalid_client"), Some(Settings), Some(Settings)),
            (TokenFlaw::Signature.into(), Some(Settings), Some(Settings)),
            (TokenFlaw::UnknownKey.into(), Some(Settings), Some(Settings)),
            (TokenFlaw::Audience.into(), None, None),
            (rejected("invalid_grant"), None, None),
            (unavailable, None, None),
        ] {
            assert_eq!(recourse(Round::First, &error), first, "{error}");
            assert_eq!(recourse(Round::Client, &error), client, "{error}");
            assert_eq!(recourse(Round::Last, &error), None, "{error}");
        }
    }

    #[test]
    fn a_doubt_ends_with_what_authentik_says_of_us_and_nothing_else() {
        let rejected = |error: &str| CoreError::Rejected {
            error: error.to_owned(),
            description: String::new(),
        };
        let unknown = rejected("invalid_client");
        assert_eq!(after_doubt(Some(unknown.clone())), unknown);
        for other in [None, Some(rejected("invalid_grant")), Some(TokenFlaw::Audience.into())] {
            assert_eq!(after_doubt(other), INACTIVE);
        }
    }

    #[test]
    fn each_provider_has_doubts_of_its_own() {
        let (one, other) = (testing::provider(), testing::other_provider());
        let keys = [Doubt::Open, Doubt::Lately].map(|doubt| [doubt.key(&one), doubt.key(&other)]);
        let mut keys = keys.concat();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 4);
    }
}
