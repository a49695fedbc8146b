//! Requests for new settings when the current ones turn out to be outdated: authentik does not
//! announce every change.

use std::sync::Arc;

use gate::hash::sha256;
use gate::outpost::SettingsCall;
use gate::provider::Provider;
use gate::store::Key;

use super::{Called, NUMBER, call, directory, last_call};
use crate::authentik::core_server::Cause;
use crate::authentik::lease;
use crate::ngx::Zone;

/// Requests the settings, unless this was just done for this provider and cause with the current
/// settings. Returns the request to wait for.
pub(crate) fn called_for(zone: Zone, provider: &Provider, cause: Cause) -> Option<Called> {
    let lease = of_these_settings(SettingsCall::key(provider, cause));
    match lease::take(zone, lease, SettingsCall::ONCE_IN) {
        true => call(),
        false => last_call(),
    }
}

/// A lease tied to the current settings: the next ones may be outdated as well, whatever was found
/// out about these. Only authentik can change the settings, so clients cannot cause more questions
/// this way.
pub(crate) fn of_these_settings(lease: Key) -> Key {
    sha256(&[
        b"authentik lease of one state of the settings v1",
        &lease,
        &NUMBER.get().to_le_bytes(),
    ])
}

/// The outpost's current version of a provider, if it differs from this one.
pub(crate) fn newest(provider: &Arc<Provider>) -> Option<Arc<Provider>> {
    let directory = directory()?;
    let newest = directory.by_key(provider.key)?;
    (!Arc::ptr_eq(newest, provider)).then(|| Arc::clone(newest))
}
