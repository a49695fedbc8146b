//! The only way to a verdict, for visitors' requests and for questions from other proxies:
//! identity, policy, decision.

use std::sync::Arc;

use gate::decision::{Verdict, Visitor};
use gate::paths::Effort;
use gate::provider::Provider;

use super::answers;
use crate::authentik::asking::Put;
use crate::ngx::{Fault, Request};
use crate::visitor::header_auth;

/// The verdict of `decide` on the visitor. `None` while the request waits for authentik's answer
/// about its credentials.
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
    let visitor = header_auth::identify(r, provider)?;
    let verdict = judge(r, visitor);
    if !matches!(verdict, Verdict::Ask) {
        return Ok(Some(verdict));
    }
    Ok(match header_auth::ask(r, provider)? {
        Put::Waiting => None,
        Put::Refused(reason) => Some(judge(r, Visitor::Stranger(reason))),
    })
}
