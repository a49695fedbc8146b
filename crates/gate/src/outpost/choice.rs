//! Which of an outpost's providers protects a host.

use std::sync::Arc;

use super::directory::Directory;
use crate::provider::Provider;

/// What protects a request.
#[derive(Clone, Copy, Debug)]
pub enum Chosen<'p> {
    /// Nothing does: `authentik_provider off`.
    Off,
    /// This provider.
    Provider(&'p Arc<Provider>),
    /// This provider, provided that the outpost's new token is for the same outpost, which is not
    /// known yet: existing sessions continue, nothing else is allowed.
    InDoubt(&'p Arc<Provider>),
    /// The outpost has no provider for the host.
    Nobody,
    /// authentik has not been reached since nginx started, so its providers are unknown.
    NotYet,
}

/// The outpost's candidates for the host of a request.
#[derive(Clone, Debug)]
pub struct OfHost {
    found: Option<Arc<Provider>>,
    only: Option<Arc<Provider>>,
    is_named: bool,
    is_doubted: bool,
}

impl OfHost {
    /// `found` is the directory's provider for the host. `is_named` is whether the host matches the
    /// server's names, as opposed to reaching it as the default server.
    #[must_use]
    pub fn new(directory: &Directory, found: Option<&Arc<Provider>>, is_named: bool) -> Self {
        let only = directory.only().cloned();
        Self { found: found.cloned(), only, is_named, is_doubted: directory.is_doubted() }
    }

    /// The providers that may be chosen.
    pub fn candidates(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.found.iter().chain(&self.only)
    }

    /// What protects the host. With `by_name`, a request that reaches the server only by default,
    /// because no `server_name` matches, has no provider: otherwise visitors of any provider could
    /// reach what is behind this one. With `or_single`, an outpost's only provider protects every
    /// host.
    #[must_use]
    pub fn choose(&self, by_name: bool, or_single: bool) -> Chosen<'_> {
        let found = self.found.as_ref().filter(|_| self.is_named || !by_name);
        let single = self.only.as_ref().filter(|_| or_single);
        match (found.or(single), self.is_doubted) {
            (Some(provider), false) => Chosen::Provider(provider),
            (Some(provider), true) => Chosen::InDoubt(provider),
            (None, false) => Chosen::Nobody,
            // The outpost may have got one since.
            (None, true) => Chosen::NotYet,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn what_a_server_answers_by_default_belongs_to_nobody() {
        let provider = Arc::new(testing::provider());
        let of_host = |is_found: bool, is_only: bool, is_named| OfHost {
            found: is_found.then(|| Arc::clone(&provider)),
            only: is_only.then(|| Arc::clone(&provider)),
            is_named,
            is_doubted: false,
        };
        for (of_host, by_name, or_single, is_protected) in [
            (of_host(true, false, true), true, false, true),
            (of_host(true, false, false), true, false, false),
            (of_host(true, false, false), false, false, true),
            (of_host(false, true, true), true, false, false),
            (of_host(false, true, false), true, true, true),
            (of_host(true, true, false), true, true, true),
            (of_host(false, false, true), true, true, false),
        ] {
            let chosen = of_host.choose(by_name, or_single);
            let is_right = match is_protected {
                true => matches!(chosen, Chosen::Provider(_)),
                false => matches!(chosen, Chosen::Nobody),
            };
            assert!(is_right, "{of_host:?} {by_name} {or_single}: {chosen:?}");
            let doubted = OfHost { is_doubted: true, ..of_host };
            let is_right = match is_protected {
                true => matches!(doubted.choose(by_name, or_single), Chosen::InDoubt(_)),
                false => matches!(doubted.choose(by_name, or_single), Chosen::NotYet),
            };
            assert!(is_right, "{doubted:?} {by_name} {or_single}");
        }
    }
}
