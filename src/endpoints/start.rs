//! `/outpost.goauthentik.io/start?rd=…`: begins a sign-in that ends at `rd`.

use std::sync::Arc;

use gate::provider::Provider;
use gate::query::{Param, param};
use gate::redirect::RedirectTarget;

use super::sign_in;
use crate::ngx::{Fault, Flow, Request};

/// A target that is refused is no error: the sign-in then ends at `external_host`
/// (authentik-outpost.md §5.1).
pub(super) fn start(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    query: &[u8],
) -> Result<Flow, Fault> {
    let target = match param(query, "rd") {
        Param::One(rd) => RedirectTarget::parse(&rd, provider).ok(),
        Param::Absent | Param::Repeated => None,
    };
    let target = target.unwrap_or_else(|| RedirectTarget::external_root(provider));
    sign_in::begin(r, provider, &target, 0).map(Flow::from)
}
