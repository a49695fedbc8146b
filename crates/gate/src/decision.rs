//! The whole policy of a location, as one pure function.

use crate::identity::SessionView;
use crate::paths::UnauthPaths;
use crate::reason::Reason;
use crate::request::{RequestFacts, Sender};

/// What a location asks of a visitor. Borrowed from configuration and provider.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// The provider's own unauthenticated paths.
    pub provider_paths: &'a UnauthPaths,
    /// `authentik_unauth_paths` of the location.
    pub location_paths: Option<&'a UnauthPaths>,
    /// `authentik_unauthenticated`.
    pub unauthenticated: Unauthenticated,
}

/// `authentik_unauthenticated auto | redirect | 401 | pass`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unauthenticated {
    /// A redirect for navigations, 401 for everything else.
    #[default]
    Auto,
    /// Always a redirect.
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
    /// Its session, or why there is none.
    pub session: Result<SessionView<'a>, Reason>,
}

/// The answer.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// Let it through, with or without an identity.
    Admit(Permit<'a>),
    /// Send the browser to authentik.
    SignIn(Reason),
    /// Answer with the reason's status.
    Refuse(Reason),
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

/// The policy, in the order it applies.
#[must_use]
pub fn decide<'a>(policy: &Policy<'_>, facts: Facts<'_, 'a, impl RequestFacts>) -> Verdict<'a> {
    let Facts { request, session } = facts;
    // First who it is: a known visitor keeps the identity on unauthenticated paths too.
    let reason = match session {
        Ok(session) => return Verdict::Admit(Permit(PermitKind::Identity(session))),
        Err(reason) => reason,
    };
    let provider_covers = |paths: &UnauthPaths| !paths.is_empty() && paths.cover(&request.path());
    // A location names no host: its patterns see the path in every mode.
    let location_covers =
        |paths: &UnauthPaths| !paths.is_empty() && paths.cover(&request.path().path_only());
    if provider_covers(policy.provider_paths) || policy.location_paths.is_some_and(location_covers)
    {
        return Verdict::Admit(Permit(PermitKind::Unauthenticated(Grounds::Path)));
    }
    match policy.unauthenticated {
        Unauthenticated::Pass => Verdict::Admit(Permit(PermitKind::Unauthenticated(Grounds::Pass))),
        Unauthenticated::Redirect => Verdict::SignIn(reason),
        Unauthenticated::Refuse => Verdict::Refuse(reason),
        Unauthenticated::Auto => match request.sender() {
            Sender::Navigation => Verdict::SignIn(reason),
            Sender::Program => Verdict::Refuse(reason),
        },
    }
}
