//! The whole policy of a location, as one pure function.

use crate::identity::SessionView;
use crate::paths::{Effort, UnauthPaths};
use crate::reason::Reason;
use crate::request::RequestFacts;
use crate::require::{Requirements, Rule};
use crate::sender::Sender;

/// What a location asks of a visitor. Borrowed from configuration and provider.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// The provider's own unauthenticated paths.
    pub provider_paths: &'a UnauthPaths,
    /// `authentik_unauth_paths` of the location.
    pub location_paths: Option<&'a UnauthPaths>,
    /// `authentik_require`.
    pub require: Option<&'a Requirements>,
    /// `authentik_unauthenticated`.
    pub unauthenticated: Unauthenticated,
    /// `intercept_header_auth`: wrong credentials are answered with 401, not a redirect.
    pub intercept_header_auth: bool,
    /// A directory that is open too: the endpoints, in forward authentication.
    pub open_directory: Option<&'a str>,
    /// The proxy that asks begins a sign-in when it is told no.
    pub refusal_begins_sign_in: bool,
}

/// `authentik_unauthenticated auto | redirect | 401 | pass`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unauthenticated {
    /// A redirect for navigations, a page with a link where a redirect does not help, 401 for
    /// everything else.
    #[default]
    Auto,
    /// A redirect for everybody, but 401 for requests that browsers send on their own.
    Redirect,
    /// Always 401.
    Refuse,
    /// Let it through without an identity.
    Pass,
}

impl Policy<'_> {
    /// Whether a stranger who opens a page is sent to authentik.
    fn signs_in(&self) -> bool {
        match self.unauthenticated {
            Unauthenticated::Auto | Unauthenticated::Redirect => true,
            Unauthenticated::Refuse => self.refusal_begins_sign_in,
            Unauthenticated::Pass => false,
        }
    }
}

/// What is known about a request when it is judged.
pub struct Facts<'q, 'a, R: RequestFacts> {
    /// The request.
    pub request: &'q R,
    /// Who sent it.
    pub visitor: Visitor<'a>,
    /// The budget for pattern matching.
    pub effort: &'q Effort<'a>,
}

/// Who sent a request, as far as is known without asking authentik.
#[derive(Clone, Copy)]
pub enum Visitor<'a> {
    /// The owner of a session, or of credentials that authentik has already checked.
    Known(SessionView<'a>),
    /// The owner of a session who is to go through authentik again, as soon as that disturbs
    /// nothing: see [`lifetimes`](crate::lifetimes).
    Recheck(SessionView<'a>),
    /// A client with credentials that authentik may know.
    Unverified,
    /// An unknown client, and why.
    Stranger(Reason),
}

/// The decision.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// Ask authentik about the credentials, then decide again.
    Ask,
    /// Let the request through, with or without an identity.
    Admit(Permit<'a>),
    /// Send the browser to authentik.
    SignIn(Reason),
    /// Answer with the reason's status and a page that links to authentik.
    Invite(Reason),
    /// Answer with the reason's status.
    Refuse(Reason),
    /// Answer 403 to a known user who fails a requirement; the log names the rule.
    Forbid(&'a Rule),
}

/// Permission to pass, and the only source of the identity headers. Created only in this module.
#[derive(Debug)]
pub struct Permit<'a>(PermitKind<'a>);

#[derive(Debug)]
enum PermitKind<'a> {
    Identity(SessionView<'a>),
    Unauthenticated(Grounds),
}

/// Why a request without an identity passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grounds {
    /// An unauthenticated path.
    Path,
    /// `authentik_unauthenticated pass`.
    Pass,
}

impl<'a> Permit<'a> {
    /// The identity to pass to the application.
    ///
    /// # Errors
    /// The grounds on which the request passes without an identity.
    pub fn identity(&self) -> Result<&SessionView<'a>, Grounds> {
        match &self.0 {
            PermitKind::Identity(session) => Ok(session),
            PermitKind::Unauthenticated(grounds) => Err(*grounds),
        }
    }
}

impl Permit<'_> {
    /// Whether this counts as a vote under `satisfy any`. An open path does; `pass` abstains, as it
    /// would otherwise override every other access module.
    #[must_use]
    pub fn is_vote(&self) -> bool {
        self.identity().err() != Some(Grounds::Pass)
    }
}

/// The policy, in the order it applies.
#[must_use]
pub fn decide<'a>(policy: &Policy<'a>, facts: Facts<'_, 'a, impl RequestFacts>) -> Verdict<'a> {
    let Facts { request, visitor, effort } = facts;
    let is_open = || {
        let path = request.path();
        // A location names no host, so its patterns see the path in every mode.
        let location_covers = |paths: &'a UnauthPaths| paths.cover(&path.path_only(), effort);
        policy.provider_paths.cover(&path, effort)
            || policy.location_paths.is_some_and(location_covers)
            || policy.open_directory.is_some_and(|directory| path.is_under(directory))
    };
    // Identify the visitor first: known users keep their identity on unauthenticated paths too.
    let reason = match visitor {
        Visitor::Recheck(_) if request.is_navigation() && policy.signs_in() && !is_open() => {
            return match policy.unauthenticated {
                Unauthenticated::Auto | Unauthenticated::Redirect => {
                    Verdict::SignIn(Reason::RecheckDue)
                }
                Unauthenticated::Refuse | Unauthenticated::Pass => {
                    Verdict::Refuse(Reason::RecheckDue)
                }
            };
        }
        Visitor::Known(session) | Visitor::Recheck(session) => {
            let unmet = policy.require.and_then(|require| require.unmet_by(&session));
            return match unmet {
                // What is open to strangers is open to known users.
                Some(rule) if !is_open() => Verdict::Forbid(rule),
                _ => Verdict::Admit(Permit(PermitKind::Identity(session))),
            };
        }
        Visitor::Unverified => None,
        Visitor::Stranger(reason) => Some(reason),
    };
    // Checked before authentik is asked: open paths do not depend on it, and the credentials may be
    // the application's own.
    if is_open() {
        return Verdict::Admit(Permit(PermitKind::Unauthenticated(Grounds::Path)));
    }
    let Some(reason) = reason else { return Verdict::Ask };
    // Wrong credentials are answered, not redirected. And while authentik is down, there is nowhere
    // to redirect to.
    let unknown = reason == Reason::CredentialsRejected && policy.intercept_header_auth;
    let away = reason.reply().status == 503;
    if (unknown || away) && policy.unauthenticated != Unauthenticated::Pass {
        return Verdict::Refuse(reason);
    }
    match policy.unauthenticated {
        Unauthenticated::Pass => Verdict::Admit(Permit(PermitKind::Unauthenticated(Grounds::Pass))),
        Unauthenticated::Refuse => Verdict::Refuse(reason),
        Unauthenticated::Redirect => match request.sender() {
            Sender::Navigation | Sender::Submission | Sender::Frame | Sender::Program => {
                Verdict::SignIn(reason)
            }
            Sender::Nobody => Verdict::Refuse(reason),
        },
        Unauthenticated::Auto => match request.sender() {
            Sender::Navigation => Verdict::SignIn(reason),
            Sender::Submission | Sender::Frame => Verdict::Invite(reason),
            Sender::Program | Sender::Nobody => Verdict::Refuse(reason),
        },
    }
}

#[cfg(test)]
mod default_deny;

#[cfg(test)]
mod tests;
