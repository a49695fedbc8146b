//! When to ask authentik about credentials again, because our settings may be outdated.
//!
//! authentik does not announce a new client secret (docs/protocol.md §2.3). A client with the old one
//! is told that every token is inactive (§5.1), as if all were invented. So an inactive token is a
//! reason to ask, at most once a minute for a provider across all workers, whether authentik knows us.
//! If it does not, or if the token for a password does not fit, an outpost's settings are fetched, and
//! authentik is asked again with them.

use crate::hash::sha256;
use crate::provider::Provider;
use crate::question::{CoreError, ExchangeCode};
use crate::secret::Secret;
use crate::store::Key;
use crate::token::TokenFlaw;

/// Which question about the same credentials it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// What the credentials are worth.
    First,
    /// They are worth nothing, it seems: whether authentik knows us.
    Client,
    /// What they are worth, with newer settings.
    Last,
}

/// What may turn a no into a yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recourse {
    /// Newer settings: they are to be called for.
    Settings,
    /// To know whether authentik knows us. Settings are waited for if somebody else has called for them.
    Client,
}

/// What may help against this error in this round; `None` if it counts.
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

/// What finds out whether authentik knows us. A code that nobody has is refused for the code's sake if our
/// secret is right, for ours if it is not (docs/protocol.md §4.4).
#[must_use]
pub fn probe() -> ExchangeCode {
    ExchangeCode { code: Secret::new(NO_CODE), verifier: Secret::new(NO_CODE) }
}

/// No code of authentik's: it is too short.
const NO_CODE: &str = "is-this-client-known";

/// What remains to be said of credentials that were worth nothing, when [`probe`] came back: that authentik
/// does not know us, else the same as before.
#[must_use]
pub fn after_doubt(probed: Option<CoreError>) -> CoreError {
    probed.filter(CoreError::is_about_client).unwrap_or(INACTIVE)
}

/// What authentik says about a token that is invalid, and to a client that is unknown.
const INACTIVE: CoreError = CoreError::BadToken(TokenFlaw::Inactive);

/// Whether authentik knows us is not certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It is being asked.
    Open,
    /// It was asked lately.
    Lately,
}

impl Doubt {
    /// Credentials wait so long for what comes of a doubt, in seconds.
    pub const WAIT: u64 = 5;

    /// How long the lease lasts, in seconds.
    #[must_use]
    pub fn life(self) -> u64 {
        match self {
            Self::Open => Self::WAIT,
            Self::Lately => 60,
        }
    }

    /// Names the lease.
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
