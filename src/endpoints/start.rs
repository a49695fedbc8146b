//! `/outpost.goauthentik.io/start?rd=…`: starts a sign-in that ends at `rd`; with
//! `prompt=login`, one for which authentik always asks.

use std::sync::Arc;

use gate::destination::Destination;
use gate::login::Prompt;
use gate::provider::Provider;

use super::sign_in;
use crate::ngx::{Fault, Flow, Request};

/// A rejected target is not an error: the sign-in then ends at `external_host` (docs/protocol.md
/// §4.2).
pub(super) fn start(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    query: &[u8],
) -> Result<Flow, Fault> {
    sign_in::begin(r, provider, &Destination::of_start(provider, query), Prompt::of_start(query), 0)
        .map(Flow::from)
}
