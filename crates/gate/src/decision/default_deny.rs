//! Whatever is wrong with a request, it is admitted only if something explicitly admits it.

use super::*;
use crate::paths::{PathFacts, Subject};

struct Closed(Sender);

impl RequestFacts for Closed {
    fn sender(&self) -> Sender {
        self.0
    }
    fn path(&self) -> PathFacts<'_> {
        PathFacts { normalized: b"/closed", raw: b"/closed", subject: Subject::Path }
    }
}

#[test]
fn s50_no_reason_lets_anybody_in_unless_the_location_says_so() {
    // CVE-2026-54730, CVE-2026-49443 (authentik): a stage that was submitted counted as passed.
    let open = UnauthPaths::compile(&["^/public/".to_owned()]).unwrap();
    let mut reason = Some(Reason::NoSession);
    let mut reasons = 0;
    while let Some(present) = reason {
        reasons += 1;
        for unauthenticated in
            [Unauthenticated::Auto, Unauthenticated::Redirect, Unauthenticated::Refuse]
        {
            for (sender, intercept_header_auth) in [
                (Sender::Navigation, true),
                (Sender::Submission, true),
                (Sender::Frame, true),
                (Sender::Program, true),
                (Sender::Nobody, true),
                (Sender::Navigation, false),
            ] {
                let policy = Policy {
                    provider_paths: &open,
                    location_paths: Some(&open),
                    require: None,
                    unauthenticated,
                    intercept_header_auth,
                    open_directory: None,
                    refusal_begins_sign_in: false,
                };
                let (request, effort) = (&Closed(sender), &Effort::default());
                let facts = Facts { request, visitor: Visitor::Stranger(present), effort };
                let verdict = decide(&policy, facts);
                let refused =
                    matches!(verdict, Verdict::Refuse(_) | Verdict::SignIn(_) | Verdict::Invite(_));
                assert!(refused, "{present:?} {unauthenticated:?} {sender:?}: {verdict:?}");
            }
        }
        assert!(present.reply().status >= 400, "{present:?} is answered with a success");
        reason = following(present);
    }
    assert!(reasons >= 30, "{reasons}");
}

/// Visits each reason once. A new reason does not compile until it is added here.
fn following(reason: Reason) -> Option<Reason> {
    Some(match reason {
        Reason::NoSession => Reason::UnknownSession,
        Reason::UnknownSession => Reason::RecheckDue,
        Reason::RecheckDue => Reason::SessionEnded,
        Reason::SessionEnded => Reason::RenewalRefused,
        Reason::RenewalRefused => Reason::CredentialsRejected,
        Reason::CredentialsRejected => Reason::NotPermitted,
        Reason::NotPermitted => Reason::BackendOverride,
        Reason::BackendOverride => Reason::UnknownHost,
        Reason::UnknownHost => Reason::NoSettings,
        Reason::NoSettings => Reason::StateMalformed,
        Reason::StateMalformed => Reason::StateForeign,
        Reason::StateForeign => Reason::StateExpired,
        Reason::StateExpired => Reason::StateNoCookie,
        Reason::StateNoCookie => Reason::StateMismatch,
        Reason::StateMismatch => Reason::CodeMissing,
        Reason::CodeMissing => Reason::AuthorizeError,
        Reason::AuthorizeError => Reason::CodeRejected,
        Reason::CodeRejected => Reason::Superseded,
        Reason::Superseded => Reason::ClientRejected,
        Reason::ClientRejected => Reason::TokenSignature,
        Reason::TokenSignature => Reason::TokenIssuer,
        Reason::TokenIssuer => Reason::TokenAudience,
        Reason::TokenAudience => Reason::TokenTime,
        Reason::TokenTime => Reason::TokenNonce,
        Reason::TokenNonce => Reason::TokenUsername,
        Reason::TokenUsername => Reason::TokenMalformed,
        Reason::TokenMalformed => Reason::CoreUnreachable,
        Reason::CoreUnreachable => Reason::CoreTimeout,
        Reason::CoreTimeout => Reason::CoreGarbage,
        Reason::CoreGarbage => Reason::CoreMismatch,
        Reason::CoreMismatch => Reason::Overloaded,
        Reason::Overloaded => Reason::ZoneFull,
        Reason::ZoneFull => Reason::SignInLoop,
        Reason::SignInLoop => Reason::ForwardUrl,
        Reason::ForwardUrl => Reason::Unasked,
        Reason::Unasked => Reason::LinkTooLong,
        Reason::LinkTooLong => Reason::LogoutToken,
        Reason::LogoutToken => Reason::StoreUnreachable,
        Reason::StoreUnreachable => Reason::Internal,
        Reason::Internal => return None,
    })
}
