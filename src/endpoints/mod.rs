//! `/outpost.goauthentik.io/…`: answered in post-read, whichever location would match.

mod callback;
pub(crate) mod sign_in;
mod sign_out;
mod start;

use std::sync::Arc;

use gate::endpoint::{Endpoint, endpoint};
use gate::provider::Provider;
use gate::response::Response;

use crate::answers;
use crate::ngx::{Fault, Flow, Request};

/// Answers the request if it is for one of the endpoints.
pub(crate) fn dispatch(r: &mut Request<'_>) -> Result<Flow, Fault> {
    // What is remembered counts: the query was hidden when the endpoint was first reached.
    let query = match r.existing_state().and_then(|state| state.query.get()) {
        Some(kept) => r.recall(kept),
        None => r.query(),
    };
    let path = r.path();
    let providers = &r.server().providers;
    let found = providers.iter().find_map(|provider| {
        let prefix = &provider.external.endpoints_path;
        endpoint(path, query, prefix).map(|endpoint| (endpoint, provider))
    });
    let Some((endpoint, provider)) = found else { return Ok(Flow::Next) };
    if r.existing_state().is_none_or(|state| state.query.get().is_none()) {
        answers::note(r, "endpoint", None)?;
        r.state()?.query.set(Some(r.remember(query)));
        r.hide_query()?;
    }
    works_for(r, provider)?;
    match endpoint {
        Endpoint::Ping => Ok(Flow::Answer(Response::empty(204))),
        Endpoint::Start => start::start(r, provider, query),
        Endpoint::Callback => callback::callback(r, provider, query),
        Endpoint::SignOut => sign_out::sign_out(r, provider),
    }
}

/// Notes whose endpoint it is, for `$authentik_provider` and the log: no location was chosen yet, and
/// perhaps only one of them has a provider.
fn works_for(r: &Request<'_>, provider: &Arc<Provider>) -> Result<(), Fault> {
    let at = r.server().providers.iter().position(|known| Arc::ptr_eq(known, provider));
    r.state()?.endpoint_of.set(at);
    Ok(())
}

/// The provider of this server that a state names, else `default`.
fn provider_of_state<'p>(
    r: &Request<'p>,
    state: &[u8],
    default: &'p Arc<Provider>,
) -> &'p Arc<Provider> {
    let tag = gate::login::provider_tag_of_state(state);
    let providers = &r.server().providers;
    let named = providers.iter().find(|p| tag.is_some() && p.key.0.first_chunk() == tag.as_ref());
    named.unwrap_or(default)
}
