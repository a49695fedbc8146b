//! Which provider a request belongs to: the one its location names, or the outpost's for its host.

use std::sync::Arc;

use gate::provider::Provider;

use crate::conf::{Auto, Protection};
use crate::ngx::{Fault, Request};
use crate::outpost;

/// What protects a request.
pub(crate) enum Chosen<'r> {
    /// Nothing does: `authentik_provider off`.
    Off,
    /// This provider.
    Provider(&'r Arc<Provider>),
    /// The outpost has none for the host.
    Nobody,
    /// authentik was not reached since nginx was started, so nothing is known of its providers.
    NotYet,
}

/// The outpost's answer for the host of a request. Looked up once, so that a request that waits sees
/// one state of the settings from beginning to end.
pub(crate) struct OfHost {
    found: Option<Arc<Provider>>,
    only: Option<Arc<Provider>>,
}

/// What protects the location that nginx chose.
pub(crate) fn of_location<'r>(r: &Request<'r>) -> Result<Chosen<'r>, Fault> {
    match r.location().protection() {
        Protection::Off => Ok(Chosen::Off),
        Protection::By(provider) => Ok(Chosen::Provider(provider)),
        Protection::Auto(auto) => of_host(r, *auto),
    }
}

/// The outpost's provider for the host that was asked for. Only `Host` counts, no header beside it.
pub(crate) fn of_host<'r>(r: &Request<'r>, auto: Auto) -> Result<Chosen<'r>, Fault> {
    let state = r.state()?;
    if state.of_host.get().is_none() {
        let Some(directory) = outpost::directory() else { return Ok(Chosen::NotYet) };
        let found = directory.find(r.server_name(), port(r.host())).cloned();
        let only = directory.only().filter(|_| found.is_none()).cloned();
        let _ = state.of_host.set(OfHost { found, only });
    }
    Ok(chosen(state.of_host.get(), auto))
}

fn chosen(of_host: Option<&OfHost>, auto: Auto) -> Chosen<'_> {
    let Some(OfHost { found, only }) = of_host else { return Chosen::NotYet };
    let single = only.as_ref().filter(|_| auto.or_single);
    found.as_ref().or(single).map_or(Chosen::Nobody, Chosen::Provider)
}

/// The provider this request is about: at an endpoint the one it works for, else the location's; as
/// far as it is known without looking anything up.
pub(crate) fn known<'r>(r: &Request<'r>) -> Option<&'r Arc<Provider>> {
    let state = r.existing_state();
    let of_host = state.and_then(|state| state.of_host.get());
    if let Some(key) = state.and_then(|state| state.endpoint_of.get()) {
        let found =
            of_host.into_iter().flat_map(|of_host| of_host.found.iter().chain(&of_host.only));
        return r.server().providers.iter().chain(found).find(|provider| provider.key == key);
    }
    match (r.location().protection(), of_host) {
        (Protection::By(provider), _) => Some(provider),
        (Protection::Auto(auto), Some(_)) => match chosen(of_host, *auto) {
            Chosen::Provider(provider) => Some(provider),
            Chosen::Off | Chosen::Nobody | Chosen::NotYet => None,
        },
        (Protection::Off | Protection::Auto(_), _) => None,
    }
}

/// The port in a `Host` header that nginx accepted; `None` where there is none.
fn port(host: &[u8]) -> Option<u16> {
    let at = host.iter().rposition(|byte| *byte == b':')?;
    let digits = host.get(at + 1..)?;
    // "[::1]" ends in no digits.
    std::str::from_utf8(digits).ok()?.parse().ok()
}
