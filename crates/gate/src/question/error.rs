//! Why authentik gave no usable answer, and what can be done about it.

use std::fmt;

use crate::http::TransportError;
use crate::reason::Reason;
use crate::text::loggable;
use crate::token::TokenFlaw;

/// Why there is no answer. `Display` is a sentence for the log, with the remedy where there is one;
/// it contains no code, token, secret or password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoreError {
    /// No usable response.
    Unreachable(TransportError),
    /// authentik is up but cannot answer now (5xx, 429).
    Unavailable {
        /// The setting with the URL.
        about: &'static str,
        /// Its status.
        status: u16,
    },
    /// Not the expected response: HTML, broken JSON, missing members.
    Garbled {
        /// The setting with the URL.
        about: &'static str,
    },
    /// A status that suggests a wrong URL: redirects, 404, 405.
    Misplaced {
        /// The setting with the URL.
        about: &'static str,
        /// Its status.
        status: u16,
    },
    /// authentik refused (RFC 6749 §5.2).
    Rejected {
        /// `error`, e.g. `invalid_grant`.
        error: String,
        /// `error_description`, truncated.
        description: String,
    },
    /// The configuration contradicts authentik.
    Misconfigured(String),
    /// authentik sent an unacceptable token.
    BadToken(TokenFlaw),
}

impl From<&CoreError> for Reason {
    fn from(error: &CoreError) -> Self {
        match (error, error.cure()) {
            (CoreError::Unreachable(TransportError::Timeout), _) => Self::CoreTimeout,
            (CoreError::Unreachable(TransportError::Overloaded), _) => Self::Overloaded,
            (CoreError::Garbled { .. } | CoreError::Unreachable(TransportError::TooLarge), _) => {
                Self::CoreGarbage
            }
            (CoreError::Unreachable(_) | CoreError::Unavailable { .. }, _)
            | (CoreError::Rejected { .. }, Cure::Later) => Self::CoreUnreachable,
            (CoreError::Rejected { .. }, Cure::SignInAgain) => Self::CodeRejected,
            (CoreError::Rejected { .. }, Cure::Administrator) => Self::ClientRejected,
            (CoreError::Misplaced { .. } | CoreError::Misconfigured(_), _) => Self::CoreMismatch,
            (CoreError::BadToken(flaw), _) => Self::from(flaw),
        }
    }
}

/// What can be done, and hence what the visitor is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cure {
    /// Retry later: 503 with `Retry-After`.
    Later,
    /// Another login may succeed at once.
    SignInAgain,
    /// Nothing, until somebody changes a setting.
    Administrator,
}

impl CoreError {
    /// What can be done about it.
    #[must_use]
    pub fn cure(&self) -> Cure {
        match self {
            Self::Unreachable(_) | Self::Unavailable { .. } | Self::Garbled { .. } => Cure::Later,
            Self::Misplaced { .. } | Self::Misconfigured(_) => Cure::Administrator,
            Self::Rejected { error, .. } => match error.as_str() {
                "invalid_grant" => Cure::SignInAgain,
                "temporarily_unavailable" | "server_error" => Cure::Later,
                _ => Cure::Administrator,
            },
            Self::BadToken(flaw) if flaw.concerns_this_login_only() => Cure::SignInAgain,
            Self::BadToken(_) => Cure::Administrator,
        }
    }

    /// Whether our client credentials may have changed in authentik. The code is still valid
    /// (docs/protocol.md §4.4).
    #[must_use]
    pub fn is_about_client(&self) -> bool {
        matches!(self, Self::Rejected { error, .. } if error == "invalid_client")
    }

    /// Whether the code or refresh token itself was refused (docs/protocol.md §4.4, §4.8).
    #[must_use]
    pub fn is_about_grant(&self) -> bool {
        matches!(self, Self::Rejected { error, .. } if error == "invalid_grant")
    }

    /// Whether the application's issuer may have changed in authentik.
    #[must_use]
    pub fn is_about_issuer(&self) -> bool {
        matches!(self, Self::BadToken(TokenFlaw::Issuer { .. }))
    }

    /// Whether the signing keys may have changed in authentik.
    #[must_use]
    pub fn is_about_keys(&self) -> bool {
        matches!(self, Self::BadToken(flaw) if flaw.is_about_keys())
    }

    pub(super) fn rejected(error: &str, description: &str) -> Self {
        Self::Rejected { error: loggable(error, 64), description: loggable(description, 200) }
    }

    pub(crate) fn unknown_endpoint(setting: &str) -> Self {
        Self::Misconfigured(format!("{setting} is not known; write {setting} <URL>;"))
    }
}

impl From<TokenFlaw> for CoreError {
    fn from(flaw: TokenFlaw) -> Self {
        Self::BadToken(flaw)
    }
}

impl fmt::Display for CoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => error.fmt(f),
            Self::Unavailable { about, status } => {
                write!(f, "authentik answered {status} ({about})")
            }
            Self::Garbled { about } => {
                write!(f, "authentik's answer cannot be understood ({about})")
            }
            Self::Misplaced { about, status } => write!(
                f,
                "authentik answered {status}; compare {about} with what the provider's page in \
                 authentik shows"
            ),
            Self::Rejected { error, description } if error == "invalid_client" => write!(
                f,
                "authentik rejected the client: {error}, {description}; compare client_id, \
                 client_secret and external_host with the provider's page in authentik"
            ),
            Self::Rejected { error, description } => {
                write!(f, "authentik rejected it: {error}, {description}")
            }
            Self::Misconfigured(sentence) => f.write_str(sentence),
            Self::BadToken(flaw) => flaw.fmt(f),
        }
    }
}
