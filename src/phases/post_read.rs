//! Post-read: before rewrite rules and access modules see the request.

use super::claims::{remove_claimed_headers, settle_host};
use crate::endpoints;
use crate::endpoints::forward;
use crate::ngx::{Fault, Flow, Request};

/// Strips what clients claim, sets `Host` to the host that is checked, then passes requests to the
/// module's own endpoints.
///
/// Stripping happens only here: with `satisfy any`, nginx skips our access handler once another
/// module admits the request, and rewrite rules read headers even earlier.
pub(crate) fn post_read(r: &mut Request<'_>) -> Result<Flow, Fault> {
    let server = r.server();
    if !r.is_main() || !server.uses_module() {
        return Ok(Flow::Next);
    }
    if r.is_suspended() {
        return Ok(Flow::Suspended);
    }
    #[cfg(feature = "suspend-all")]
    crate::testing::defect::at(r, "post-read");
    remove_claimed_headers(r)?;
    settle_host(r)?;
    if server.asked_by_proxies {
        if let Some(refusal) = forward::refuse_climbing(r)? {
            return Ok(refusal);
        }
    }
    endpoints::dispatch(r)
}
