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
use crate::ngx::{Fault, Request, now};
use crate::visitor::header_auth::{self, Identified};
use crate::visitor::recheck::{self, Recheck};

/// The verdict of `judge` on a visitor for whose session something is due. `None` while the request
/// waits.
#[cold]
fn of_due<'r>(
    r: &mut Request<'r>,
    provider: &'r Arc<Provider>,
    session: SessionView<'r>,
    judge: impl Fn(&Request<'r>, Visitor<'r>) -> Verdict<'r>,
) -> Result<Option<Verdict<'r>>, Fault> {
    if lifetimes::due(session, &provider.terms, now(), || true) == Due::Recheck {
        let verdict = judge(r, Visitor::Recheck(session));
        if let Verdict::SignIn(Reason::RecheckDue) | Verdict::Refuse(Reason::RecheckDue) = verdict {
            match recheck::begin(r, provider, session)? {
                Recheck::Now => return Ok(Some(verdict)),
                Recheck::Waiting => return Ok(None),
                Recheck::NotYet => {}
            }
        }
    }
    Ok(Some(judge(r, Visitor::Known(session))))
}

/// The verdict of `decide` on the visitor. `None` while the request waits for the store of sessions,
/// or for authentik's answer about its credentials.
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
    let Some(Identified { visitor, is_calm }) = header_auth::identify(r, provider)? else {
        return Ok(None);
    };
    if let (Visitor::Known(session), false) = (visitor, is_calm) {
        return of_due(r, provider, session, judge);
    }
    let verdict = judge(r, visitor);
    if !matches!(verdict, Verdict::Ask) {
        return Ok(Some(verdict));
    }
    Ok(match header_auth::ask(r, provider)? {
        Put::Waiting => None,
        Put::Refused(reason) => Some(judge(r, Visitor::Stranger(reason))),
    })
}
