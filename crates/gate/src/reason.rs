//! Why a request was refused: one table from reason to response.

use crate::wording::Text;

/// Why a request was refused or a sign-in failed.
///
/// Every reason has a heading in `docs/reasons.md` (checked by `ci/drift.sh`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The request carries no session cookie of this provider.
    NoSession,
    /// It carries one, but there is no such session in the zone: expired, signed out, evicted,
    /// forged.
    UnknownSession,
    /// The last sign-in was longer ago than `recheck`: authentik is asked again.
    RecheckDue,
    /// A renewal showed that the session has ended at authentik, or belongs to another user.
    SessionEnded,
    /// authentik refused to renew the session.
    RenewalRefused,
    /// authentik does not know the credentials in `Authorization`.
    CredentialsRejected,
    /// The visitor is signed in but does not meet an `authentik_require`.
    NotPermitted,
    /// The user's `backend_override` is not a usable URL.
    BackendOverride,
    /// The outpost has no provider for the requested host.
    UnknownHost,
    /// The outpost's providers are unknown: authentik has not been reached since nginx started.
    NoSettings,
    /// The `state` parameter is missing, repeated or not one of ours.
    StateMalformed,
    /// The state was made for another provider, or sealed with another key.
    StateForeign,
    /// The state is older than ten minutes.
    StateExpired,
    /// The browser did not send the cookie that belongs to the state.
    StateNoCookie,
    /// The cookie that belongs to the state does not match: another browser's state.
    StateMismatch,
    /// The callback carries no `code`, or more than one.
    CodeMissing,
    /// authentik returned an error instead of a code.
    AuthorizeError,
    /// authentik refused the code: used, expired or issued to another client.
    CodeRejected,
    /// The same sign-in came back twice; the other request gets the answer.
    Superseded,
    /// authentik refused this client: client id, secret or redirect URI do not match its settings.
    ClientRejected,
    /// The token's signature is wrong or its algorithm is not the provider's.
    TokenSignature,
    /// The token was not issued by the configured issuer.
    TokenIssuer,
    /// The token was issued for another client.
    TokenAudience,
    /// The token has expired or is from the future.
    TokenTime,
    /// The token does not belong to this sign-in.
    TokenNonce,
    /// The token has no user name.
    TokenUsername,
    /// The token cannot be parsed or lacks a required part.
    TokenMalformed,
    /// authentik cannot be reached or answers with a server error.
    CoreUnreachable,
    /// authentik did not answer in time.
    CoreTimeout,
    /// authentik's response does not follow the protocol.
    CoreGarbage,
    /// authentik's response contradicts the configuration: another issuer, a missing endpoint.
    CoreMismatch,
    /// Too many sign-ins are already waiting in this worker.
    Overloaded,
    /// The session did not fit into the shared zone.
    ZoneFull,
    /// Sign-ins fail repeatedly: stopped to avoid a loop.
    SignInLoop,
    /// A proxy in forward authentication does not say which page was requested, or is not trusted.
    ForwardUrl,
    /// A browser sent, on its own, what only a person should: a speculative load, part of a page, a
    /// frame.
    Unasked,
    /// The visitor is signed in, but the original link was too long to be kept.
    LinkTooLong,
    /// authentik reports the end of a session, but the token is invalid.
    LogoutToken,
    /// The request carries the cookie of a session that is not in this nginx's memory, and the
    /// store of sessions cannot be asked.
    StoreUnreachable,
    /// Something broke inside the module. Must be last: a test relies on it.
    Internal,
}

/// Severity of the log line, by who is responsible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The visitor: expected in daily use.
    Info,
    /// authentik or the configuration.
    Error,
    /// This module.
    Crit,
}

/// The response for a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Severity of the log line.
    pub level: Level,
    /// The word in the log, in `$authentik_reason` and on the page.
    pub code: &'static str,
    /// Heading shown to the visitor.
    pub title: Text,
    /// Text shown to the visitor. Reveals nothing that an attacker could use.
    pub sentence: Text,
}

impl Reason {
    /// Each once, in order.
    pub const ALL: [Self; 40] = [
        Self::NoSession,
        Self::UnknownSession,
        Self::RecheckDue,
        Self::SessionEnded,
        Self::RenewalRefused,
        Self::CredentialsRejected,
        Self::NotPermitted,
        Self::BackendOverride,
        Self::UnknownHost,
        Self::NoSettings,
        Self::StateMalformed,
        Self::StateForeign,
        Self::StateExpired,
        Self::StateNoCookie,
        Self::StateMismatch,
        Self::CodeMissing,
        Self::AuthorizeError,
        Self::CodeRejected,
        Self::Superseded,
        Self::ClientRejected,
        Self::TokenSignature,
        Self::TokenIssuer,
        Self::TokenAudience,
        Self::TokenTime,
        Self::TokenNonce,
        Self::TokenUsername,
        Self::TokenMalformed,
        Self::CoreUnreachable,
        Self::CoreTimeout,
        Self::CoreGarbage,
        Self::CoreMismatch,
        Self::Overloaded,
        Self::ZoneFull,
        Self::SignInLoop,
        Self::ForwardUrl,
        Self::Unasked,
        Self::LinkTooLong,
        Self::LogoutToken,
        Self::StoreUnreachable,
        Self::Internal,
    ];

    /// The word in the log, in `$authentik_reason` and on the page.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.reply().code
    }

    /// The reason with this code.
    #[must_use]
    pub fn from_code(code: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code().as_bytes() == code)
    }

    /// The response. Exhaustive on purpose: a new reason does not compile until it is added here.
    #[must_use]
    pub const fn reply(self) -> Reply {
        use Level::{Crit, Error, Info};
        let (status, level, code, title, sentence) = match self {
            Self::NoSession => (401, Info, "no-session", Text::PleaseSignIn, Text::NeedsSession),
            Self::UnknownSession => {
                (401, Info, "unknown-session", Text::PleaseSignIn, Text::NeedsSession)
            }
            Self::RecheckDue => (401, Info, "recheck-due", Text::PleaseSignIn, Text::AskedAgain),
            Self::SessionEnded => {
                (401, Info, "session-ended", Text::PleaseSignIn, Text::NeedsSession)
            }
            Self::RenewalRefused => {
                (401, Info, "renewal-refused", Text::PleaseSignIn, Text::NeedsSession)
            }
            Self::CredentialsRejected => {
                (401, Info, "credentials-rejected", Text::PleaseSignIn, Text::BadCredentials)
            }
            Self::NotPermitted => (403, Info, "not-permitted", Text::Forbidden, Text::NotForYou),
            Self::BackendOverride => {
                (502, Error, "backend-override", Text::BadBackend, Text::NoBackend)
            }
            Self::UnknownHost => (400, Info, "unknown-host", Text::Nobodys, Text::NoProvider),
            Self::NoSettings => (503, Error, "no-settings", Text::Away, Text::NothingKnown),
            Self::StateMalformed => (400, Info, "state-malformed", Text::Again, Text::BrokenLink),
            Self::StateForeign => (400, Info, "state-foreign", Text::Again, Text::BrokenLink),
            Self::StateExpired => (400, Info, "state-expired", Text::Again, Text::TooLate),
            Self::StateNoCookie => (400, Info, "state-no-cookie", Text::Again, Text::NoCookie),
            Self::StateMismatch => (400, Info, "state-mismatch", Text::Again, Text::BrokenLink),
            Self::CodeMissing => (400, Info, "code-missing", Text::Again, Text::BrokenLink),
            Self::AuthorizeError => (400, Info, "authorize-error", Text::Again, Text::NotSignedIn),
            Self::CodeRejected => (400, Info, "code-rejected", Text::Again, Text::TooLate),
            Self::Superseded => (400, Info, "superseded", Text::UnderWay, Text::Elsewhere),
            Self::ClientRejected => (502, Error, "client-rejected", Text::Broken, Text::Settings),
            Self::TokenSignature => (502, Error, "token-signature", Text::Broken, Text::Settings),
            Self::TokenIssuer => (502, Error, "token-issuer", Text::Broken, Text::Settings),
            Self::TokenAudience => (502, Error, "token-audience", Text::Broken, Text::Settings),
            Self::TokenTime => (502, Error, "token-time", Text::Broken, Text::Settings),
            Self::TokenNonce => (502, Error, "token-nonce", Text::Broken, Text::Settings),
            Self::TokenUsername => (502, Error, "token-username", Text::Broken, Text::NoUserName),
            Self::TokenMalformed => (502, Error, "token-malformed", Text::Broken, Text::Settings),
            Self::CoreUnreachable => (503, Error, "core-unreachable", Text::Away, Text::Retry),
            Self::CoreTimeout => (503, Error, "core-timeout", Text::Away, Text::Retry),
            Self::CoreGarbage => (503, Error, "core-garbage", Text::Away, Text::Retry),
            Self::CoreMismatch => (502, Error, "core-mismatch", Text::Broken, Text::Settings),
            Self::Overloaded => (503, Error, "overloaded", Text::Away, Text::Retry),
            Self::ZoneFull => (503, Error, "zone-full", Text::Away, Text::Retry),
            Self::SignInLoop => (400, Error, "sign-in-loop", Text::Loop, Text::Looping),
            Self::ForwardUrl => (500, Error, "forward-url", Text::Broken, Text::NoForwardUrl),
            Self::Unasked => (403, Info, "unasked", Text::NothingDone, Text::NotOpened),
            // If the visitor is signed in, the status is 200: see `Destination::arrive`.
            Self::LinkTooLong => (414, Info, "link-too-long", Text::SignedIn, Text::LongLink),
            Self::LogoutToken => (400, Error, "logout-token", Text::NothingEnded, Text::NoLogout),
            Self::StoreUnreachable => {
                (503, Error, "store-unreachable", Text::Unchecked, Text::NotLookedUp)
            }
            Self::Internal => (500, Crit, "internal", Text::Broken, Text::Internal),
        };
        Reply { status, level, code, title, sentence }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_who_must_sign_in_is_never_told_with_a_success() {
        for reason in [Reason::NoSession, Reason::UnknownSession, Reason::Internal] {
            assert!(reason.reply().status >= 400);
        }
    }

    #[test]
    fn the_list_of_all_reasons_has_all() {
        for (at, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, at);
        }
        assert_eq!(Reason::ALL.len(), Reason::Internal as usize + 1);
    }

    #[test]
    fn a_code_is_that_of_one_reason() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code().as_bytes()), Some(reason));
        }
        assert_eq!(Reason::from_code(b""), None);
        assert_eq!(Reason::from_code(b"no-such-reason"), None);
    }

    #[test]
    fn an_absent_store_is_answered_with_503() {
        assert_eq!(Reason::StoreUnreachable.reply().status, 503);
    }

    #[test]
    fn an_absent_core_is_answered_with_503() {
        for reason in [Reason::CoreUnreachable, Reason::CoreTimeout, Reason::Overloaded] {
            assert_eq!(reason.reply().status, 503);
        }
    }
}
