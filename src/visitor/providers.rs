//! Which provider a request belongs to: the one its location names, or the outpost's for its host.

use std::sync::Arc;

use gate::forward::ForwardUrl;
use gate::outpost::Directory;
pub(crate) use gate::outpost::{Chosen, OfHost};
use gate::provider::{Provider, ProviderKey};

use crate::conf::{Auto, Protection};
use crate::ngx::{Fault, Request, host};
use crate::outpost;

/// The outpost's answer for a host that another proxy asks about, looked up once.
pub(crate) struct OfForwarded {
    of_url: OfHost,
    asked_at: Option<ProviderKey>,
}

/// What protects the location that nginx chose.
pub(crate) fn of_location<'r>(r: &Request<'r>) -> Result<Chosen<'r>, Fault> {
    match r.location().protection() {
        Protection::Off => Ok(Chosen::Off),
        Protection::By(provider) => Ok(Chosen::Provider(provider)),
        Protection::Auto(auto) => look_up(r, *auto, true),
    }
}

/// The outpost's provider for the requested host, whose endpoints must respond. If other proxies
/// ask this server, their visitors arrive under the proxies' hosts.
pub(crate) fn of_host<'r>(r: &Request<'r>, auto: Auto) -> Result<Chosen<'r>, Fault> {
    look_up(r, auto, !r.server().asked_by_proxies)
}

/// Only the requested host counts, no other header. Looked up once, so that a request that waits
/// sees the same settings from beginning to end.
fn look_up<'r>(r: &Request<'r>, auto: Auto, by_name: bool) -> Result<Chosen<'r>, Fault> {
    let state = r.state()?;
    if state.of_host.get().is_none() {
        let Some(directory) = outpost::directory() else { return Ok(Chosen::NotYet) };
        let asked = host::asked(r);
        let name = asked.host();
        let found = directory.find(name, asked.port(), || r.local_port());
        let is_named = r.server().names.cover(name);
        let _ = state.of_host.set(OfHost::new(&directory, found, is_named));
    }
    Ok(chosen(state.of_host.get(), auto, by_name))
}

/// The location's provider for the host that another proxy asks about.
pub(crate) fn of_forwarded<'r>(r: &Request<'r>, url: &ForwardUrl<'_>) -> Result<Chosen<'r>, Fault> {
    let auto = match r.location().protection() {
        Protection::Off => return Ok(Chosen::Off),
        Protection::By(provider) => return Ok(Chosen::Provider(provider)),
        Protection::Auto(auto) => *auto,
    };
    let of_forwarded = &r.state()?.of_forwarded;
    if of_forwarded.get().is_none() {
        let Some(directory) = outpost::directory() else { return Ok(Chosen::NotYet) };
        let found = directory.find_told(url.host(), url.port());
        let of_url = OfHost::new(&directory, found, true);
        // `Host $host` has no port.
        let asked = host::asked(r);
        let asked_at = directory.find_told(asked.host(), asked.port().or(url.port()));
        let asked_at = asked_at.map(|provider| provider.key);
        let _ = of_forwarded.set(Box::new(OfForwarded { of_url, asked_at }));
    }
    Ok(chosen(of_forwarded.get().map(|found| &found.of_url), auto, true))
}

/// The provider whose host is in the `Host` of a question, from this directory.
pub(crate) fn asked<'d>(r: &Request<'_>, directory: &'d Directory) -> Option<&'d Arc<Provider>> {
    let asked = host::asked(r);
    directory.find_told(asked.host(), asked.port()).or(directory.only())
}

/// The provider whose host is in the `Host` of the question, once [`of_forwarded`] has looked it
/// up.
pub(crate) fn asked_at(r: &Request<'_>) -> Option<ProviderKey> {
    r.existing_state()?.of_forwarded.get()?.asked_at
}

fn chosen(of_host: Option<&OfHost>, auto: Auto, by_name: bool) -> Chosen<'_> {
    of_host.map_or(Chosen::NotYet, |of_host| of_host.choose(by_name, auto.or_single))
}

/// Whether the provider is one of the outpost's, rather than defined in this server's
/// configuration.
pub(crate) fn is_of_outpost(r: &Request<'_>, provider: &Provider) -> bool {
    !r.server().providers.iter().any(|own| own.key == provider.key)
}

/// The provider that this request is about: at an endpoint, the endpoint's, otherwise the
/// location's; only if known without a lookup.
pub(crate) fn known<'r>(r: &Request<'r>) -> Option<&'r Arc<Provider>> {
    let state = r.existing_state();
    let of_host = state.and_then(|state| state.of_host.get());
    if let Some(key) = state.and_then(|state| state.endpoint_of.get()) {
        let of_forwarded = state.and_then(|state| state.of_forwarded.get());
        let found = of_host.into_iter().chain(of_forwarded.map(|found| &found.of_url));
        let found = found.flat_map(OfHost::candidates);
        return r.server().providers.iter().chain(found).find(|provider| provider.key == key);
    }
    match (r.location().protection(), of_host) {
        (Protection::By(provider), _) => Some(provider),
        (Protection::Auto(auto), Some(_)) => match chosen(of_host, *auto, true) {
            Chosen::Provider(provider) | Chosen::InDoubt(provider) => Some(provider),
            Chosen::Off | Chosen::Nobody | Chosen::NotYet => None,
        },
        (Protection::Off | Protection::Auto(_), _) => None,
    }
}
