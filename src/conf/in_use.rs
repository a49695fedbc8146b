//! The providers of the configuration in use, for its successor.
//!
//! They are known to the master, which reads every configuration; workers inherit what it derived
//! from them. They are not in shared memory, and a new master does not know them.

use std::sync::{Arc, Mutex, PoisonError};

use gate::provider::Provider;

use super::MainConf;
use crate::ngx::now;

static IN_USE: Mutex<Vec<Arc<Provider>>> = Mutex::new(Vec::new());

/// Succeeds the block of this name, if there is one for the same provider.
pub(super) fn succeed(provider: &mut Provider) {
    let in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(previous) = in_use.iter().find(|previous| previous.name == provider.name) {
        provider.succeed(previous, now());
    }
}

/// A configuration was read without errors and is used from now on; `None` without `http`.
pub(crate) fn replace(conf: Option<&MainConf>) {
    let providers = conf.map(|conf| conf.providers.as_slice()).unwrap_or_default();
    let providers = providers.iter().map(|defined| Arc::clone(&defined.provider)).collect();
    *IN_USE.lock().unwrap_or_else(PoisonError::into_inner) = providers;
}

/// Drops a configuration and its secrets, even if the module is not in the next one or nginx exits,
/// when nobody would [`replace`] them.
pub(super) fn forget(conf: &MainConf) {
    let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    in_use.retain(|provider| {
        !conf.providers.iter().any(|defined| Arc::ptr_eq(&defined.provider, provider))
    });
    in_use.shrink_to_fit();
}
