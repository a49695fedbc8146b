//! Why a request was refused: one table from reason to response.

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
    pub title: &'static str,
    /// Text shown to the visitor. Reveals nothing that an attacker could use.
    pub sentence: &'static str,
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
            Self::NoSession => (401, Info, "no-session", SIGN_IN, NEEDS_SESSION),
            Self::UnknownSession => (401, Info, "unknown-session", SIGN_IN, NEEDS_SESSION),
            Self::RecheckDue => (401, Info, "recheck-due", SIGN_IN, ASKED_AGAIN),
            Self::SessionEnded => (401, Info, "session-ended", SIGN_IN, NEEDS_SESSION),
            Self::RenewalRefused => (401, Info, "renewal-refused", SIGN_IN, NEEDS_SESSION),
            Self::CredentialsRejected => {
                (401, Info, "credentials-rejected", SIGN_IN, BAD_CREDENTIALS)
            }
            Self::NotPermitted => (403, Info, "not-permitted", FORBIDDEN, NOT_FOR_YOU),
            Self::BackendOverride => (502, Error, "backend-override", BAD_BACKEND, NO_BACKEND),
            Self::UnknownHost => (400, Info, "unknown-host", NOBODYS, NO_PROVIDER),
            Self::NoSettings => (503, Error, "no-settings", AWAY, NOTHING_KNOWN),
            Self::StateMalformed => (400, Info, "state-malformed", AGAIN, BROKEN_LINK),
            Self::StateForeign => (400, Info, "state-foreign", AGAIN, BROKEN_LINK),
            Self::StateExpired => (400, Info, "state-expired", AGAIN, TOO_LATE),
            Self::StateNoCookie => (400, Info, "state-no-cookie", AGAIN, NO_COOKIE),
            Self::StateMismatch => (400, Info, "state-mismatch", AGAIN, BROKEN_LINK),
            Self::CodeMissing => (400, Info, "code-missing", AGAIN, BROKEN_LINK),
            Self::AuthorizeError => (400, Info, "authorize-error", AGAIN, NOT_SIGNED_IN),
            Self::CodeRejected => (400, Info, "code-rejected", AGAIN, TOO_LATE),
            Self::Superseded => (400, Info, "superseded", UNDER_WAY, ELSEWHERE),
            Self::ClientRejected => (502, Error, "client-rejected", BROKEN, SETTINGS),
            Self::TokenSignature => (502, Error, "token-signature", BROKEN, SETTINGS),
            Self::TokenIssuer => (502, Error, "token-issuer", BROKEN, SETTINGS),
            Self::TokenAudience => (502, Error, "token-audience", BROKEN, SETTINGS),
            Self::TokenTime => (502, Error, "token-time", BROKEN, SETTINGS),
            Self::TokenNonce => (502, Error, "token-nonce", BROKEN, SETTINGS),
            Self::TokenUsername => (502, Error, "token-username", BROKEN, NO_USER_NAME),
            Self::TokenMalformed => (502, Error, "token-malformed", BROKEN, SETTINGS),
            Self::CoreUnreachable => (503, Error, "core-unreachable", AWAY, RETRY),
            Self::CoreTimeout => (503, Error, "core-timeout", AWAY, RETRY),
            Self::CoreGarbage => (503, Error, "core-garbage", AWAY, RETRY),
            Self::CoreMismatch => (502, Error, "core-mismatch", BROKEN, SETTINGS),
            Self::Overloaded => (503, Error, "overloaded", AWAY, RETRY),
            Self::ZoneFull => (503, Error, "zone-full", AWAY, RETRY),
            Self::SignInLoop => (400, Error, "sign-in-loop", LOOP, LOOPING),
            Self::ForwardUrl => (500, Error, "forward-url", BROKEN, NO_FORWARD_URL),
            Self::Unasked => (403, Info, "unasked", NOTHING_DONE, NOT_OPENED),
            // If the visitor is signed in, the status is 200: see `Destination::arrive`.
            Self::LinkTooLong => (414, Info, "link-too-long", SIGNED_IN, LONG_LINK),
            Self::LogoutToken => (400, Error, "logout-token", NOTHING_ENDED, NO_LOGOUT),
            Self::StoreUnreachable => (503, Error, "store-unreachable", UNCHECKED, NOT_LOOKED_UP),
            Self::Internal => (500, Crit, "internal", BROKEN, INTERNAL),
        };
        Reply { status, level, code, title, sentence }
    }
}

const SIGN_IN: &str = "Please sign in";
const NEEDS_SESSION: &str = "You need to sign in to see this page.";
const ASKED_AGAIN: &str = "Your last sign-in was a while ago.";
const BAD_CREDENTIALS: &str = "The credentials that you sent are not valid.";
const FORBIDDEN: &str = "Not permitted";
const NOT_FOR_YOU: &str = "You are signed in, but you do not have access to this page.";
const BAD_BACKEND: &str = "No server is available for you";
const NO_BACKEND: &str = "The server for your account is not configured correctly.";
const NOBODYS: &str = "This address is not configured";
const NO_PROVIDER: &str = "There is no application at this address.";
const NOTHING_KNOWN: &str = "This site has just started and cannot reach the sign-in service yet. \
                             Please try again in a moment.";
const AGAIN: &str = "Please sign in again";
const BROKEN_LINK: &str = "This sign-in does not belong to this browser, or the link is damaged.";
const TOO_LATE: &str = "This sign-in took too long or was already used.";
const UNDER_WAY: &str = "You are being signed in";
const ELSEWHERE: &str = "This sign-in was sent twice, and the other request continues. If nothing \
                         happens, please try again.";
const NO_COOKIE: &str = "Your browser did not return the cookie for this sign-in. Allow cookies \
                         for this site, then try again.";
const NOT_SIGNED_IN: &str = "The sign-in was not completed.";
const BROKEN: &str = "Sign-in is not possible";
const SETTINGS: &str = "The settings of the sign-in service and of this site do not match. \
                        Administrators find the cause in the error log.";
const NO_USER_NAME: &str = "The sign-in service did not say who you are. Administrators find the \
                            cause in the error log.";
const NO_FORWARD_URL: &str = "The proxy that asks did not say which page it is asking about.";
const NOTHING_DONE: &str = "Nothing was done";
const NOT_OPENED: &str = "This address works only if a person opens it.";
const SIGNED_IN: &str = "You are signed in";
const LONG_LINK: &str = "The link that you followed is too long to be remembered during a sign-in.";
const NOTHING_ENDED: &str = "No session was ended";
const NO_LOGOUT: &str = "The logout token was refused.";
const UNCHECKED: &str = "Your session cannot be checked right now";
const NOT_LOOKED_UP: &str = "You are probably signed in, but this site cannot look it up at the \
                             moment. Please try again shortly.";
const INTERNAL: &str = "Something went wrong on this site.";
const AWAY: &str = "The sign-in service is not available";
const RETRY: &str = "You are not signed in, and the sign-in service is not responding right now. \
                     Please try again in a moment.";
const LOOP: &str = "Sign-in does not work";
const LOOPING: &str = "Several sign-ins in a row ended without a session, so this one was \
                       stopped. Check that cookies are allowed for this site; administrators find \
                       the cause in the error log.";

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
