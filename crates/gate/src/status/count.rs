//! What is counted, and in which slot of a worker's counters ([`crate::shared_words`]).

use crate::sync::{AtomicU64, Ordering};

use crate::reason::Reason;
use crate::shared_words::{COUNTERS, SEAT};

/// How a request was decided, `$authentik_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Let through with an identity.
    Known,
    /// Let through without an identity, by an unauthenticated path.
    UnauthPath,
    /// Let through without an identity, by `authentik_unauthenticated pass`.
    Pass,
    /// For one of the module's endpoints; a more specific status may follow.
    Endpoint,
    /// Sent to authentik to sign in.
    SignIn,
    /// Came back from authentik with a session.
    SignedIn,
    /// Ended all sessions of its user.
    SignedOut,
    /// Not let through.
    Refused,
    /// A sign-in that failed.
    Failed,
}

impl Status {
    /// Each once, in the order of their slots.
    pub const ALL: [Self; 9] = [
        Self::Known,
        Self::UnauthPath,
        Self::Pass,
        Self::Endpoint,
        Self::SignIn,
        Self::SignedIn,
        Self::SignedOut,
        Self::Refused,
        Self::Failed,
    ];

    /// The word in `$authentik_status`, in the log and in metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::UnauthPath => "unauth_path",
            Self::Pass => "pass",
            Self::Endpoint => "endpoint",
            Self::SignIn => "sign_in",
            Self::SignedIn => "signed_in",
            Self::SignedOut => "signed_out",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// A short description.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Known => "Admitted with a session or credentials",
            Self::UnauthPath => "Admitted by an unauthenticated path",
            Self::Pass => "Admitted by \"authentik_unauthenticated pass\"",
            Self::Endpoint => "For the endpoints of sign-in and sign-out",
            Self::SignIn => "Redirected to authentik to sign in",
            Self::SignedIn => "Returned from authentik with a session",
            Self::SignedOut => "Signed out",
            Self::Refused => "Refused",
            Self::Failed => "Failed sign-ins",
        }
    }
}

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Requests with this status.
    Status(Status),
    /// Requests with this reason.
    Reason(Reason),
    /// Session lookups in the zone.
    Lookup,
    /// Session cookies not created by this nginx.
    ForeignCookie,
    /// Questions to the store of sessions.
    StoreQuestion,
    /// Sessions that wait for the store: rises and falls.
    StoreBacklog,
    /// Sessions that were renewed.
    Renewal,
    /// Sessions that ended at a renewal.
    RefusedRenewal,
    /// Renewals without a usable answer from authentik.
    FailedRenewal,
}

impl Counter {
    /// The slot in a worker's counters.
    #[must_use]
    pub const fn slot(self) -> usize {
        match self {
            Self::Status(status) => status as usize,
            Self::Reason(reason) => FIRST_REASON + reason as usize,
            Self::Lookup => LOOKUP,
            Self::ForeignCookie => FOREIGN_COOKIE,
            Self::StoreQuestion => STORE_QUESTION,
            Self::StoreBacklog => STORE_BACKLOG,
            Self::Renewal => RENEWAL,
            Self::RefusedRenewal => REFUSED_RENEWAL,
            Self::FailedRenewal => FAILED_RENEWAL,
        }
    }
}

/// Leaves room for more statuses.
const FIRST_REASON: usize = 16;

const LOOKUP: usize = FIRST_REASON - 1;
const FOREIGN_COOKIE: usize = FIRST_REASON - 2;
const RENEWAL: usize = FIRST_REASON - 3;
const REFUSED_RENEWAL: usize = FIRST_REASON - 4;
const FAILED_RENEWAL: usize = FIRST_REASON - 5;

const _: () = assert!(Status::ALL.len() <= FAILED_RENEWAL);
const _: () = assert!(Status::ALL.len() <= SEAT);
// From the end, to leave room for more reasons.
const STORE_QUESTION: usize = COUNTERS - 1;
const STORE_BACKLOG: usize = COUNTERS - 2;

const _: () = assert!(FIRST_REASON + Reason::ALL.len() <= super::duration::FIRST);

/// Counts a decision; `counters` are those of the current worker.
#[inline]
pub fn count(counters: &[AtomicU64], status: Status, reason: Option<Reason>) {
    add(counters, Counter::Status(status));
    if let Some(reason) = reason {
        add(counters, Counter::Reason(reason));
    }
}

/// Counts a session lookup in the zone.
pub fn count_lookup(counters: &[AtomicU64]) {
    add(counters, Counter::Lookup);
}

/// Counts a session cookie not created by this nginx.
pub fn count_foreign_cookie(counters: &[AtomicU64]) {
    add(counters, Counter::ForeignCookie);
}

/// Counts a question to the store of sessions.
pub fn count_store_question(counters: &[AtomicU64]) {
    add(counters, Counter::StoreQuestion);
}

/// Sets how many sessions of this worker wait for the store.
pub fn set_store_backlog(counters: &[AtomicU64], length: u64) {
    if let Some(slot) = counters.get(Counter::StoreBacklog.slot()) {
        slot.store(length, Ordering::Relaxed);
    }
}

/// Counts the outcome of a renewal: [`Counter::Renewal`], [`Counter::RefusedRenewal`] or
/// [`Counter::FailedRenewal`].
pub fn count_renewal(counters: &[AtomicU64], outcome: Counter) {
    add(counters, outcome);
}

#[inline]
fn add(counters: &[AtomicU64], counter: Counter) {
    if let Some(slot) = counters.get(counter.slot()) {
        slot.fetch_add(1, Ordering::Relaxed);
    }
}
