//! Requests for new settings when the current ones turn out to be outdated: authentik does not
//! announce every change.

use std::sync::Arc;

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
    let lease = of_these_settings(&SettingsCall::key(provider, cause));
    match lease::take(zone, lease, SettingsCall::ONCE_IN) {
        true => call(),
        false => last_call(),
    }
}

/// The key of a lease that counts for the current settings only.
pub(crate) fn of_these_settings(lease: &Key) -> Key {
    SettingsCall::within(NUMBER.get(), lease)
}

/// The outpost's current version of a provider, if it differs from this one.
pub(crate) fn newest(provider: &Arc<Provider>) -> Option<Arc<Provider>> {
    let directory = directory()?;
    let newest = directory.by_key(provider.key)?;
    (!Arc::ptr_eq(newest, provider)).then(|| Arc::clone(newest))
}
