//! Why a token was refused.

use std::fmt;

use crate::provider::cure_of_other;
use crate::reason::Reason;
use crate::text::loggable;

/// Why a token was refused. `Display` is a sentence for the log, with the remedy where there is
/// one; it contains no part of the token but the issuer and the algorithm it claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenFlaw {
    /// More than [`MAX_TOKEN`](super::MAX_TOKEN) bytes.
    TooLong,
    /// Not a compact JWS; the part that is malformed.
    Malformed(&'static str),
    /// A JWE (five parts): the provider has an encryption key.
    Encrypted,
    /// It has critical extensions (`crit`), or its `typ` is of another kind.
    UnknownKind,
    /// Signed with another algorithm than the key's, or with none.
    Algorithm {
        /// What the token claims.
        found: String,
    },
    /// No key has the token's `kid`.
    UnknownKey,
    /// Several keys match.
    AmbiguousKey,
    /// The signature does not match the key.
    Signature,
    /// From another issuer.
    Issuer {
        /// What the token claims.
        found: String,
        /// What the provider is configured with.
        expected: String,
    },
    /// For another client.
    Audience,
    /// From another login.
    Nonce,
    /// It has no user name.
    NoUserName,
    /// A claim is missing.
    Missing(&'static str),
    /// A claim has the wrong JSON type or an impossible value.
    WrongType(&'static str),
    /// A claim that identifies the user would change as a header value.
    Unsendable(&'static str),
    /// `exp` is not in the future.
    Expired {
        /// By how much.
        seconds_ago: u64,
    },
    /// `nbf` or `iat` is more than five minutes ahead.
    NotYetValid {
        /// The claim.
        claim: &'static str,
        /// By how much.
        seconds_ahead: u64,
    },
    /// authentik says that the presented token is not, or no longer, valid.
    Inactive,
    /// It lacks the logout event.
    NoLogout,
    /// It has a claim that a logout token must not have.
    Unwanted(&'static str),
    /// `iat` is too old for a logout token.
    Stale {
        /// Its age.
        seconds_ago: u64,
    },
}

impl From<&TokenFlaw> for Reason {
    fn from(flaw: &TokenFlaw) -> Self {
        match flaw {
            TokenFlaw::TooLong
            | TokenFlaw::Malformed(_)
            | TokenFlaw::Encrypted
            | TokenFlaw::UnknownKind
            | TokenFlaw::Missing(_)
            | TokenFlaw::WrongType(_)
            | TokenFlaw::Unsendable(_)
            | TokenFlaw::Inactive
            | TokenFlaw::NoLogout
            | TokenFlaw::Unwanted(_) => Self::TokenMalformed,
            TokenFlaw::Algorithm { .. }
            | TokenFlaw::UnknownKey
            | TokenFlaw::AmbiguousKey
            | TokenFlaw::Signature => Self::TokenSignature,
            TokenFlaw::Issuer { .. } => Self::TokenIssuer,
            TokenFlaw::Audience => Self::TokenAudience,
            TokenFlaw::Nonce => Self::TokenNonce,
            TokenFlaw::NoUserName => Self::TokenUsername,
            TokenFlaw::Expired { .. } | TokenFlaw::NotYetValid { .. } | TokenFlaw::Stale { .. } => {
                Self::TokenTime
            }
        }
    }
}

impl TokenFlaw {
    pub(super) fn issuer(found: &str, expected: &str) -> Self {
        Self::Issuer { found: loggable(found, 256), expected: loggable(expected, 256) }
    }

    pub(super) fn algorithm(found: &str) -> Self {
        Self::Algorithm { found: loggable(found, 16) }
    }

    /// Whether the keys may have changed, so that refetching them may help.
    #[must_use]
    pub fn is_about_keys(&self) -> bool {
        match self {
            Self::Algorithm { .. } | Self::UnknownKey | Self::AmbiguousKey | Self::Signature => {
                true
            }
            Self::TooLong
            | Self::Malformed(_)
            | Self::Encrypted
            | Self::UnknownKind
            | Self::Issuer { .. }
            | Self::Audience
            | Self::Nonce
            | Self::NoUserName
            | Self::Missing(_)
            | Self::WrongType(_)
            | Self::Unsendable(_)
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::Inactive
            | Self::NoLogout
            | Self::Unwanted(_)
            | Self::Stale { .. } => false,
        }
    }

    /// Whether signing in again can help without a change to a setting or clock.
    #[must_use]
    pub fn concerns_this_login_only(&self) -> bool {
        match self {
            Self::Nonce | Self::Inactive => true,
            Self::TooLong
            | Self::Malformed(_)
            | Self::Encrypted
            | Self::UnknownKind
            | Self::Algorithm { .. }
            | Self::UnknownKey
            | Self::AmbiguousKey
            | Self::Signature
            | Self::Issuer { .. }
            | Self::Audience
            | Self::NoUserName
            | Self::Missing(_)
            | Self::WrongType(_)
            | Self::Unsendable(_)
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::NoLogout
            | Self::Unwanted(_)
            | Self::Stale { .. } => false,
        }
    }
}

impl fmt::Display for TokenFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the token is longer than 128 KiB"),
            Self::Malformed(part) => write!(f, "the token is malformed ({part})"),
            Self::Encrypted => f.write_str(
                "the token is encrypted; remove the encryption key from the provider in authentik",
            ),
            Self::UnknownKind => f.write_str("the token is of an unknown type (typ or crit)"),
            Self::Algorithm { found } => {
                write!(
                    f,
                    "the token is signed with \"{found}\", which does not fit the provider's key"
                )?;
                f.write_str(match found.as_str() {
                    "RS256" | "ES256" => {
                        "; if endpoints are set by hand, write jwks_uri <URL> too"
                    }
                    "HS256" => {
                        "; compare jwks_uri, if it is written here, with the provider's page in \
                         authentik"
                    }
                    _ => "",
                })
            }
            Self::UnknownKey => f.write_str(
                "the token is signed with a key that authentik does not publish; compare jwks_uri, if \
                 it is written here, with the provider's page in authentik",
            ),
            Self::AmbiguousKey => f.write_str("several keys fit the token"),
            Self::Signature => f.write_str(
                "the token's signature is wrong; compare client_secret, and jwks_uri if it is written \
                 here, with the provider's page in authentik",
            ),
            Self::Issuer { found, expected } => write!(
                f,
                "the token's issuer is \"{found}\", configured is issuer \"{expected}\"; {}",
                cure_of_other(found, expected)
            ),
            Self::Audience => f.write_str("the token is not for this client_id"),
            Self::Nonce => f.write_str("the token belongs to another sign-in"),
            Self::NoUserName => f.write_str(
                "the token has no preferred_username; ask for the scope profile, and let the \
                 provider in authentik have its scope mapping",
            ),
            Self::Missing(claim) => write!(f, "the token has no {claim}"),
            Self::WrongType(claim) => write!(f, "the token's {claim} has the wrong type"),
            Self::Unsendable(claim) => write!(
                f,
                "the token's {claim} has an invisible character, or a space at either end, which a \
                 header cannot carry as it is; rename it in authentik"
            ),
            Self::Expired { seconds_ago } => {
                write!(f, "the token expired {seconds_ago} s ago; compare the clocks")
            }
            Self::NotYetValid { claim, seconds_ahead } => {
                write!(f, "the token's {claim} is {seconds_ahead} s ahead; compare the clocks")
            }
            Self::Inactive => f.write_str("authentik says that the token is not valid"),
            Self::NoLogout => f.write_str("the token is not about a logout"),
            Self::Unwanted(claim) => write!(f, "the token has a {claim}, which no logout token has"),
            Self::Stale { seconds_ago } => {
                write!(f, "the token was issued {seconds_ago} s ago; compare the clocks")
            }
        }
    }
}
