//! The providers that the configuration defines. Found by name and by client, since each block and each
//! use looks for one, and there may be thousands.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use gate::provider::Provider;

use super::doubts::Uses;
use crate::ngx::Place;

/// A provider and where it is defined.
pub(crate) struct Defined {
    pub(crate) provider: Arc<Provider>,
    pub(super) place: Place,
    pub(super) uses: Uses,
}

/// All of them, in file order.
#[derive(Default)]
pub(crate) struct Definitions {
    all: Vec<Defined>,
    by_name: HashMap<String, usize>,
    by_client: HashMap<String, Namesakes>,
}

/// The first provider with a client id, and the first one with another issuer than that has.
struct Namesakes {
    first: usize,
    elsewhere: Option<usize>,
}

impl Deref for Definitions {
    type Target = [Defined];

    fn deref(&self) -> &[Defined] {
        &self.all
    }
}

impl Definitions {
    pub(super) fn named(&self, name: &str) -> Option<&Defined> {
        self.all.get(*self.by_name.get(name)?)
    }

    pub(super) fn named_mut(&mut self, name: &str) -> Option<&mut Defined> {
        self.all.get_mut(*self.by_name.get(name)?)
    }

    /// The first one with the client id of this provider, but another issuer.
    pub(super) fn of_same_client(&self, provider: &Provider) -> Option<&Defined> {
        let namesakes = self.by_client.get(&provider.client_id)?;
        let first = self.all.get(namesakes.first)?;
        if first.provider.issuer != provider.issuer {
            return Some(first);
        }
        self.all.get(namesakes.elsewhere?)
    }

    /// Its name must be new.
    pub(super) fn add(&mut self, provider: Arc<Provider>, place: Place) {
        let at = self.all.len();
        self.by_name.insert(provider.name.clone(), at);
        let first = self.by_client.get(&provider.client_id).and_then(|it| self.all.get(it.first));
        let is_elsewhere = first.is_some_and(|first| first.provider.issuer != provider.issuer);
        let namesakes = self.by_client.entry(provider.client_id.clone());
        let namesakes = namesakes.or_insert(Namesakes { first: at, elsewhere: None });
        if is_elsewhere {
            namesakes.elsewhere.get_or_insert(at);
        }
        self.all.push(Defined { provider, place, uses: Uses::default() });
    }
}
