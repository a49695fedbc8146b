//! The only way to a verdict, for visitors' requests and for questions from other proxies:
//! identity, policy, decision.

use std::sync::Arc;

use gate::decision::{Verdict, Visitor};
use gate::identity::SessionView;
use gate::lifetimes::{self, Due};
use gate::paths::Effort;
use gate::provider::Provider;
use gate::reason::Reason;

use super::answers;
use crate::authentik::asking::Put;
use crate::ngx::{Fault, Request, kept, now};
use crate::visitor::header_auth::{self, Identified};
use crate::visitor::recheck::{self, Recheck};
use crate::visitor::renewal::{self, KeptUp};

/// How often a request looks up a session that others change at the same time.
const MOST_LOOKUPS: usize = 4;

/// What [`of_due`] has led to.
enum Seen<'r> {
    Verdict(Verdict<'r>),
    Waiting,
    /// The session was renewed or has ended since it was looked up.
    Changed,
}

/// The verdict of `judge` on a visitor for whose session something is due.
#[cold]
fn of_due<'r>(
    r: &mut Request<'r>,
    provider: &'r Arc<Provider>,
    session: SessionView<'r>,
    judge: impl Fn(&Request<'r>, Visitor<'r>) -> Verdict<'r>,
) -> Result<Seen<'r>, Fault> {
    if lifetimes::due(session, &provider.terms, now(), || true) == Due::Recheck {
        let verdict = judge(r, Visitor::Recheck(session));
        if let Verdict::SignIn(Reason::RecheckDue) | Verdict::Refuse(Reason::RecheckDue) = verdict {
            match recheck::begin(r, provider, session)? {
                Recheck::Now => return Ok(Seen::Verdict(verdict)),
                Recheck::Waiting => return Ok(Seen::Waiting),
                Recheck::NotYet => {}
            }
        }
    }
    let visitor = match renewal::keep_up(r, provider, session)? {
        KeptUp::Counts => Visitor::Known(session),
        KeptUp::Waiting => return Ok(Seen::Waiting),
        KeptUp::Changed => return Ok(Seen::Changed),
        KeptUp::Lost(reason) => {
            // Neither variables nor log lines may name the owner.
            r.forget(kept::RECORD);
            Visitor::Stranger(reason)
        }
    };
    Ok(Seen::Verdict(judge(r, visitor)))
}

/// The verdict of `decide` on the visitor. `None` while the request waits for the store of sessions,
/// or for authentik's answer about its credentials or its session.
pub(crate) fn verdict<'r>(
    r: &mut Request<'r>,
    provider: &'r Arc<Provider>,
    decide: impl Fn(&Request<'r>, Visitor<'r>, &Effort<'r>) -> Verdict<'r>,
) -> Result<Option<Verdict<'r>>, Fault> {
    let judge = |r: &Request<'r>, visitor| {
        let effort = Effort::default();
        let verdict = decide(r, visitor, &effort);
        answers::warn_of_pattern(r, &effort);
        verdict
    };
    let Some(mut identified) = header_auth::identify(r, provider)? else { return Ok(None) };
    for _ in 0..MOST_LOOKUPS {
        let Identified { visitor: Visitor::Known(session), is_calm: false } = identified else {
            break;
        };
        match of_due(r, provider, session, judge)? {
            Seen::Verdict(verdict) => return Ok(Some(verdict)),
            Seen::Waiting => return Ok(None),
            Seen::Changed => match header_auth::identify(r, provider)? {
                Some(again) => identified = again,
                None => return Ok(None),
            },
        }
    }
    let visitor = match identified {
        Identified { is_calm: false, .. } => {
            r.forget(kept::RECORD);
            Visitor::Stranger(Reason::CoreTimeout)
        }
        Identified { visitor: Visitor::Stranger(reason), .. } => {
            Visitor::Stranger(renewal::why_gone(r, reason))
        }
        Identified { visitor, .. } => {
            renewal::found(r);
            visitor
        }
    };
    let verdict = judge(r, visitor);
    if !matches!(verdict, Verdict::Ask) {
        return Ok(Some(verdict));
    }
    Ok(match header_auth::ask(r, provider)? {
        Put::Waiting => None,
        Put::Refused(reason) => Some(judge(r, Visitor::Stranger(reason))),
    })
}
