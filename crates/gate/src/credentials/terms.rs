//! How long authentik's answer about credentials is valid, and why credentials are rejected.

use super::Credentials;
use crate::question::{CoreError, Cure};
use crate::reason::Reason;
use crate::time::UnixTime;
use crate::token::TokenFlaw;

/// How long a yes is valid, in seconds (docs/protocol.md §5.3).
const YES_KEPT: u64 = 60;
/// How long a no is valid, in seconds.
const NO_KEPT: u64 = 10;
/// How long authentik is considered unreachable, in seconds: effectively between one and two.
const AWAY_KEPT: u64 = 2;

/// How many seconds a yes is valid, for credentials that expire at `expires`.
#[must_use]
pub fn yes_counts_for(expires: UnixTime, now: UnixTime) -> u64 {
    expires.since(now).min(YES_KEPT)
}

/// How many seconds this error is valid as an answer: only briefly if the next attempt may get a
/// different one.
#[must_use]
pub fn no_counts_for(error: &CoreError) -> u64 {
    let is_passing = error.cure() == Cure::Later || error.is_about_keys();
    if is_passing { AWAY_KEPT } else { NO_KEPT }
}

/// The reason that was stored in place of an answer.
#[must_use]
pub fn reason_of(code: &[u8]) -> Reason {
    Reason::from_code(code).unwrap_or(Reason::CredentialsRejected)
}

impl Credentials {
    /// Why the credentials are rejected: they are wrong, or it is not their fault. Clients must not
    /// conclude that they are wrong if authentik is unreachable or the settings do not match.
    #[must_use]
    pub fn refusal(&self, error: &CoreError) -> Reason {
        let are_wrong = match error {
            CoreError::Unreachable(_)
            | CoreError::Unavailable { .. }
            | CoreError::Garbled { .. }
            | CoreError::Misplaced { .. }
            | CoreError::Misconfigured(_) => false,
            CoreError::Rejected { .. } => error.cure() != Cure::Later && !error.is_about_client(),
            CoreError::BadToken(TokenFlaw::Inactive) => true,
            // A bearer token came from the client; the one for a password came from authentik.
            CoreError::BadToken(_) => matches!(self, Self::Bearer(_)),
        };
        if are_wrong { Reason::CredentialsRejected } else { Reason::from(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yes_is_believed_for_a_minute_and_never_beyond_its_end() {
        for (expires, seconds) in [(1000, 0), (999, 0), (1001, 1), (1060, 60), (5000, 60)] {
            assert_eq!(yes_counts_for(UnixTime(expires), UnixTime(1000)), seconds, "{expires}");
        }
    }

    #[test]
    fn an_error_that_may_pass_is_believed_shortly() {
        let about = "introspection_endpoint";
        let rejected =
            CoreError::Rejected { error: "invalid_grant".into(), description: String::new() };
        for (error, seconds) in [
            (rejected, NO_KEPT),
            (TokenFlaw::Inactive.into(), NO_KEPT),
            (TokenFlaw::Audience.into(), NO_KEPT),
            (CoreError::Misplaced { about, status: 404 }, NO_KEPT),
            (CoreError::Unavailable { about, status: 503 }, AWAY_KEPT),
            (TokenFlaw::Signature.into(), AWAY_KEPT),
        ] {
            assert_eq!(no_counts_for(&error), seconds, "{error}");
        }
    }

    #[test]
    fn a_code_that_nobody_knows_gets_nobody_in() {
        assert_eq!(reason_of(b"core-timeout"), Reason::CoreTimeout);
        assert_eq!(reason_of(b"of a later version"), Reason::CredentialsRejected);
    }

    #[test]
    fn credentials_are_wrong_only_if_it_is_they_that_are_refused() {
        let bearer = Credentials::parse(b"Bearer abc").unwrap();
        let basic = Credentials::parse(b"Basic Zm9vOmJhcg==").unwrap();
        let rejected = |error: &str| CoreError::Rejected {
            error: error.to_owned(),
            description: String::new(),
        };
        let about = "introspection_endpoint";
        for (error, of_bearer, of_basic) in [
            (rejected("invalid_grant"), "credentials-rejected", "credentials-rejected"),
            (rejected("invalid_client"), "client-rejected", "client-rejected"),
            (rejected("server_error"), "core-unreachable", "core-unreachable"),
            (TokenFlaw::Inactive.into(), "credentials-rejected", "credentials-rejected"),
            (TokenFlaw::Audience.into(), "credentials-rejected", "token-audience"),
            (TokenFlaw::Signature.into(), "credentials-rejected", "token-signature"),
            (CoreError::Unavailable { about, status: 503 }, "core-unreachable", "core-unreachable"),
            (CoreError::Misplaced { about, status: 404 }, "core-mismatch", "core-mismatch"),
            (CoreError::unknown_endpoint(about), "core-mismatch", "core-mismatch"),
        ] {
            assert_eq!(bearer.refusal(&error).code(), of_bearer, "{error}");
            assert_eq!(basic.refusal(&error).code(), of_basic, "{error}");
        }
    }
}
