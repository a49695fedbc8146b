//! `/outpost.goauthentik.io/…`: answered in post-read, whichever location would match.

mod backchannel;
pub(crate) mod callback;
pub(crate) mod exchange;
pub(crate) mod forward;
mod frontchannel;
pub(crate) mod second_look;
pub(crate) mod sign_in;
mod sign_out;
mod start;

use std::sync::Arc;

use gate::endpoint::{Endpoint, InDoubt, endpoint, may_be_endpoint};
use gate::provider::{ENDPOINTS_PATH, Provider};
use gate::reason::Reason;
use gate::response::Response;
use gate::status::Status;

use crate::conf::Auto;
use crate::ngx::host::authority;
use crate::ngx::{Fault, Flow, Request, kept, sender};
use crate::request::answers;
use crate::visitor::providers::{self, Chosen};
use crate::visitor::sessions::{self, Standing};

/// Answers the request if it is for one of the endpoints.
pub(crate) fn dispatch(r: &mut Request<'_>) -> Result<Flow, Fault> {
    // The remembered query counts: it was hidden when the endpoint was first reached.
    let kept = r.recall(kept::QUERY);
    let query = kept.unwrap_or_else(|| r.query());
    let (endpoint, provider) = match addressed(r, query)? {
        Addressed::To(endpoint, provider) => (endpoint, provider),
        Addressed::ToKnown(endpoint, provider) => match sessions::seek(r, provider)? {
            Some(Standing::SignedIn(_)) => (endpoint, provider),
            // Signed out by this request, which has waited since.
            Some(Standing::Stranger(_)) if r.state()?.signed_out.get().is_some() => {
                (endpoint, provider)
            }
            Some(Standing::Stranger(reason @ Reason::StoreUnreachable)) => {
                return answers::refusal(r, reason).map(Flow::Answer);
            }
            Some(Standing::Stranger(_)) => {
                return answers::refusal(r, Reason::NoSettings).map(Flow::Answer);
            }
            None => return Ok(Flow::Suspended),
        },
        Addressed::Elsewhere => return Ok(Flow::Next),
        Addressed::Ping => return Ok(Flow::Answer(Response::empty(204))),
        Addressed::Nobody => return answers::unknown_host(r, authority(r)?).map(Flow::Answer),
        Addressed::NotYet => return answers::refusal(r, Reason::NoSettings).map(Flow::Answer),
    };
    if kept.is_none() {
        answers::note(r, Status::Endpoint, None)?;
        r.remember(kept::QUERY, query)?;
        r.hide_query()?;
    }
    works_for(r, provider)?;
    act(r, endpoint, provider, query)
}

/// Runs the endpoint, if a person or program actually asked for it.
pub(crate) fn act<'r>(
    r: &mut Request<'r>,
    endpoint: Endpoint,
    provider: &'r Arc<Provider>,
    query: &[u8],
) -> Result<Flow, Fault> {
    if !endpoint.acts_for(sender::of(r)) {
        return answers::unasked(r, provider, endpoint, query).map(Flow::Answer);
    }
    match endpoint {
        Endpoint::Ping => Ok(Flow::Answer(Response::empty(204))),
        Endpoint::Start => start::start(r, provider, query),
        Endpoint::Callback => callback::callback(r, provider, query),
        Endpoint::SignOut => sign_out::sign_out(r, provider, query),
        Endpoint::BackchannelLogout => backchannel::backchannel(r, provider),
        Endpoint::FrontchannelLogout => frontchannel::frontchannel(r, provider, query),
    }
}

/// Records the endpoint's provider for `$authentik_provider` and the log: no location is chosen
/// yet, and perhaps only one of them has a provider.
pub(crate) fn works_for(r: &Request<'_>, provider: &Arc<Provider>) -> Result<(), Fault> {
    r.state()?.endpoint_of.set(Some(provider.key));
    Ok(())
}

/// What a request is for.
enum Addressed<'r> {
    /// This endpoint of this provider.
    To(Endpoint, &'r Arc<Provider>),
    /// This endpoint of this provider, but only for a visitor who is signed in.
    ToKnown(Endpoint, &'r Arc<Provider>),
    /// No endpoint.
    Elsewhere,
    /// The health endpoint of a host without provider: that of this nginx.
    Ping,
    /// An endpoint on a host that the outpost does not know.
    Nobody,
    /// An endpoint, while the outpost's providers are unknown.
    NotYet,
}

fn addressed<'r>(r: &Request<'r>, query: &[u8]) -> Result<Addressed<'r>, Fault> {
    let path = r.path();
    let found = r.server().providers.iter().find_map(|provider| {
        let prefix = &provider.external.endpoints_path;
        endpoint(path, query, prefix).map(|endpoint| Addressed::To(endpoint, provider))
    });
    match (found, r.server().auto) {
        (Some(found), _) => Ok(found),
        // Most requests are for no endpoint of any provider: no need to look it up.
        (None, Some(auto)) if may_be_endpoint(path, query) => of_host(r, auto, query),
        (None, _) => Ok(Addressed::Elsewhere),
    }
}

fn of_host<'r>(r: &Request<'r>, auto: Auto, query: &[u8]) -> Result<Addressed<'r>, Fault> {
    let at = |prefix: &str| endpoint(r.path(), query, prefix);
    Ok(match (providers::of_host(r, auto)?, at(ENDPOINTS_PATH)) {
        (Chosen::Provider(provider), _) => match at(&provider.external.endpoints_path) {
            Some(endpoint) => Addressed::To(endpoint, provider),
            None => Addressed::Elsewhere,
        },
        (Chosen::InDoubt(provider), _) => match at(&provider.external.endpoints_path) {
            Some(endpoint) => match endpoint.in_doubt() {
                InDoubt::Acts => Addressed::To(endpoint, provider),
                InDoubt::ActsForKnown => Addressed::ToKnown(endpoint, provider),
                InDoubt::Waits => Addressed::NotYet,
            },
            None => Addressed::Elsewhere,
        },
        (Chosen::Off, _) | (_, None) => Addressed::Elsewhere,
        (Chosen::Nobody | Chosen::NotYet, Some(Endpoint::Ping)) => Addressed::Ping,
        (Chosen::Nobody, Some(_)) => Addressed::Nobody,
        (Chosen::NotYet, Some(_)) => Addressed::NotYet,
    })
}

/// Every provider with endpoints on this server, the current one first.
fn providers_here<'r>(
    r: &Request<'r>,
    at_hand: &'r Arc<Provider>,
) -> Result<impl Iterator<Item = &'r Arc<Provider>>, Fault> {
    let of_host = match r.server().auto {
        Some(auto) => providers::of_host(r, auto)?,
        None => Chosen::Off,
    };
    let of_host = match of_host {
        Chosen::Provider(provider) | Chosen::InDoubt(provider) => Some(provider),
        Chosen::Off | Chosen::Nobody | Chosen::NotYet => None,
    };
    let others = r.server().providers.iter().chain(of_host);
    let others = others.filter(move |other| !Arc::ptr_eq(other, at_hand));
    Ok(std::iter::once(at_hand).chain(others))
}

/// The provider of this server that a state names, otherwise `default`.
fn provider_of_state<'r>(
    r: &Request<'r>,
    state: &[u8],
    default: &'r Arc<Provider>,
) -> Result<&'r Arc<Provider>, Fault> {
    let tag = gate::login::provider_tag_of_state(state);
    let named = |p: &&Arc<Provider>| tag.is_some() && p.key.0.first_chunk() == tag.as_ref();
    Ok(providers_here(r, default)?.find(named).unwrap_or(default))
}
