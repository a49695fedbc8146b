//! Why a refresh failed.

use std::fmt;

use crate::http::TransportError;
use crate::text::loggable;

/// Why a refresh failed. `Display` is a sentence for the log, with the remedy where there is one;
/// it contains no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshError {
    /// No usable response.
    Unreachable(TransportError),
    /// 401 or 403: a wrong token also gives 403 (docs/protocol.md §2.1).
    Denied {
        /// What was requested.
        about: &'static str,
        /// The status.
        status: u16,
        /// authentik's message, truncated; may be empty.
        detail: String,
    },
    /// The token is valid but has no outpost.
    NoOutpost,
    /// The token sees more than one outpost, so it is not an outpost's.
    SeveralOutposts(usize),
    /// The outpost is for another protocol.
    NotProxy {
        /// Its name.
        name: String,
        /// Its type.
        kind: String,
    },
    /// authentik is up but cannot answer now (5xx, 429).
    Unavailable {
        /// What was requested.
        about: &'static str,
        /// The status.
        status: u16,
    },
    /// Any other status.
    Unexpected {
        /// What was requested.
        about: &'static str,
        /// The status.
        status: u16,
        /// authentik's message, truncated; may be empty.
        detail: String,
    },
    /// Not the expected JSON.
    Garbled {
        /// What was requested.
        about: &'static str,
    },
    /// More providers or bytes than the limit.
    TooMuch,
}

impl RefreshError {
    /// Whether retrying soon is pointless: the token or the outpost has to be changed.
    #[must_use]
    pub fn needs_administrator(&self) -> bool {
        match self {
            Self::Denied { .. }
            | Self::NoOutpost
            | Self::SeveralOutposts(_)
            | Self::NotProxy { .. } => true,
            Self::Unreachable(_)
            | Self::Unavailable { .. }
            | Self::Unexpected { .. }
            | Self::Garbled { .. }
            | Self::TooMuch => false,
        }
    }

    /// Whether authentik says that the token is not a proxy outpost's. A refusal does not say that:
    /// it may be temporary.
    #[must_use]
    pub fn is_of_another(&self) -> bool {
        match self {
            Self::SeveralOutposts(_) | Self::NotProxy { .. } => true,
            Self::Denied { .. }
            | Self::NoOutpost
            | Self::Unreachable(_)
            | Self::Unavailable { .. }
            | Self::Unexpected { .. }
            | Self::Garbled { .. }
            | Self::TooMuch => false,
        }
    }
}

impl From<TransportError> for RefreshError {
    fn from(error: TransportError) -> Self {
        Self::Unreachable(error)
    }
}

impl fmt::Display for RefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => error.fmt(f),
            Self::Denied { about, status, detail } => write!(
                f,
                "authentik refuses the token ({status} for {about}{}{}): either it is wrong or it \
                 is not the token of an outpost's own service account; {COPY_TOKEN}",
                if detail.is_empty() { "" } else { ", " },
                loggable(detail, MAX_DETAIL)
            ),
            Self::NoOutpost => {
                write!(f, "no outpost belongs to the token; {COPY_TOKEN}")
            }
            Self::SeveralOutposts(count) => write!(
                f,
                "the token sees {count} outposts, so it is not that of one outpost's service \
                 account; {COPY_TOKEN}"
            ),
            Self::NotProxy { name, kind } => write!(
                f,
                "the token belongs to \"{}\", an outpost of type {}; create one of type Proxy",
                loggable(name, MAX_DETAIL),
                loggable(kind, MAX_DETAIL)
            ),
            Self::Unavailable { about, status } => {
                write!(f, "authentik answered {status} for {about}")
            }
            Self::Unexpected { about, status, detail } => write!(
                f,
                "authentik answered {status} for {about}{}{}",
                if detail.is_empty() { "; is the URL right?" } else { ": " },
                loggable(detail, MAX_DETAIL)
            ),
            Self::Garbled { about } => {
                write!(f, "authentik's answer for {about} cannot be understood")
            }
            Self::TooMuch => f.write_str("the outpost has more providers than can be loaded"),
        }
    }
}

const COPY_TOKEN: &str =
    "copy the one that authentik shows under Applications, Outposts, View Deployment Info";

pub(super) const MAX_DETAIL: usize = 120;
