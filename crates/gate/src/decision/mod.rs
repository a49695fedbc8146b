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
    /// `intercept_header_auth`: who sends wrong credentials gets 401, not a redirect.
    pub intercept_header_auth: bool,
    /// A directory that is open as well: the endpoints, when another proxy asks about them.
    pub open_directory: Option<&'a str>,
}

/// `authentik_unauthenticated auto | redirect | 401 | pass`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unauthenticated {
    /// A redirect for navigations, a page with a link for persons whom a redirect does not help, 401
    /// for everything else.
    #[default]
    Auto,
    /// A redirect for everybody; 401 for what browsers send unasked.
    Redirect,
    /// Always 401.
    Refuse,
    /// Let it through without an identity.
    Pass,
}

/// What is known when a request is judged.
pub struct Facts<'q, 'a, R: RequestFacts> {
    /// The request.
    pub request: &'q R,
    /// Who sends it.
    pub visitor: Visitor<'a>,
    /// What patterns may cost.
    pub effort: &'q Effort<'a>,
}

/// Who sends a request, as far as that is known without asking authentik.
#[derive(Clone, Copy)]
pub enum Visitor<'a> {
    /// Whose session this is, or whose credentials were asked about already.
    Known(SessionView<'a>),
    /// Somebody with credentials that authentik may know.
    Unverified,
    /// Nobody known, and why.
    Stranger(Reason),
}

/// The answer.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// Ask authentik about the credentials, then judge again.
    Ask,
    /// Let it through, with or without an identity.
    Admit(Permit<'a>),
    /// Send the browser to authentik.
    SignIn(Reason),
    /// Answer with the reason's status and a page that shows a person the way to authentik.
    Invite(Reason),
    /// Answer with the reason's status.
    Refuse(Reason),
    /// A known visitor who may not: answer 403, tell the log which rule is not met.
    Forbid(&'a Rule),
}

/// Leave to pass, and the only key to the identity headers. Made here and nowhere else.
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
    /// The identity to tell the application, or why there is none to tell.
    ///
    /// # Errors
    /// The grounds on which the request passes without one.
    pub fn identity(&self) -> Result<&SessionView<'a>, Grounds> {
        match &self.0 {
            PermitKind::Identity(session) => Ok(session),
            PermitKind::Unauthenticated(grounds) => Err(*grounds),
        }
    }
}

impl Permit<'_> {
    /// Whether it speaks for the visitor where one module that admits is enough (`satisfy any`). An
    /// open path is open; `pass` has no opinion, else strangers would get past all who refuse them.
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
        // A location names no host: its patterns see the path in every mode.
        let location_covers = |paths: &'a UnauthPaths| paths.cover(&path.path_only(), effort);
        policy.provider_paths.cover(&path, effort)
            || policy.location_paths.is_some_and(location_covers)
            || policy.open_directory.is_some_and(|directory| path.is_under(directory))
    };
    // First who it is: a known visitor keeps the identity on unauthenticated paths too.
    let reason = match visitor {
        Visitor::Known(session) => {
            let unmet = policy.require.and_then(|require| require.unmet_by(&session));
            return match unmet {
                // What strangers may see is not closed to those who are known.
                Some(rule) if !is_open() => Verdict::Forbid(rule),
                _ => Verdict::Admit(Permit(PermitKind::Identity(session))),
            };
        }
        Visitor::Unverified => None,
        Visitor::Stranger(reason) => Some(reason),
    };
    // Before authentik is asked: what is open does not depend on it, and the credentials may be the
    // application's own.
    if is_open() {
        return Verdict::Admit(Permit(PermitKind::Unauthenticated(Grounds::Path)));
    }
    let Some(reason) = reason else { return Verdict::Ask };
    // Wrong credentials are answered, not redirected; and where authentik is away there is nowhere to
    // send anybody.
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
