//! The providers of the configuration in use, for its successor.
//!
//! They are known to the master, which reads every configuration; workers inherit what it derived
//! from them. They are not in shared memory, and a new master does not know them.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use gate::provider::Provider;

use super::{Defined, MainConf};
use crate::ngx::now;

/// By name.
static IN_USE: LazyLock<Mutex<HashMap<String, Arc<Provider>>>> = LazyLock::new(Mutex::default);

/// Succeeds the block of this name, if there is one for the same provider.
pub(super) fn succeed(provider: &mut Provider) {
    let in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(previous) = in_use.get(&provider.name) {
        provider.succeed(previous, now());
    }
}

/// A configuration was read without errors and is used from now on; `None` without `http`.
pub(crate) fn replace(conf: Option<&MainConf>) {
    let providers = conf.into_iter().flat_map(|conf| conf.providers.iter());
    let providers = providers.map(|defined| Arc::clone(&defined.provider));
    let providers = providers.map(|provider| (provider.name.clone(), provider)).collect();
    *IN_USE.lock().unwrap_or_else(PoisonError::into_inner) = providers;
}

/// Drops a configuration and its secrets, even if the module is not in the next one or nginx exits,
/// when nobody would [`replace`] them.
pub(super) fn forget(conf: &MainConf) {
    let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    for Defined { provider, .. } in conf.providers.iter() {
        if in_use.get(&provider.name).is_some_and(|it| Arc::ptr_eq(it, provider)) {
            in_use.remove(&provider.name);
        }
    }
    in_use.shrink_to_fit();
}
