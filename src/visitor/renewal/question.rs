//! Asking authentik for new tokens, on a thread.

use std::sync::Arc;
use std::time::Instant;

use authentik_io::client::Client;
use authentik_io::pool::Cancel;
use authentik_store::{Fault, Row};
use gate::cookie::SentId;
use gate::http::TransportError;
use gate::identity::{OwnedRecord, Rendered};
use gate::lifetimes::{self, Due};
use gate::provider::Provider;
use gate::question::{
    CoreError, Endpoints, RefreshTokens, RevokeToken, Signing, Tokens, discovery_request,
    keys_request, read_document,
};
use gate::reason::Reason;
use gate::renewal::Renewed;
use gate::secret::Secret;
use gate::store::Key;
use gate::time::UnixTime;
use gate::token::Keys;
use nginx::suspend::Ticket;

use super::outcome;
use crate::authentik::asking::Caller;
use crate::authentik::threads::{Errand, Line};
use crate::ngx::now;
use crate::storage::renewal::{Access, Found};

/// A session to be renewed.
pub(super) struct Case {
    pub(super) provider: Arc<Provider>,
    pub(super) is_of_outpost: bool,
    /// Its key in the zone.
    pub(super) key: Key,
    /// The value of its cookie.
    pub(super) id: Secret,
    /// As it is in the zone.
    pub(super) former: OwnedRecord,
    /// When the session was opened, in milliseconds since 1970.
    pub(super) opened: u64,
    /// The store that other hosts may use too.
    pub(super) store: Option<Access>,
    pub(super) sender: Option<u64>,
    /// The request that waits, if one does.
    pub(super) ticket: Option<Ticket>,
    /// The settings have been refreshed for it already.
    pub(super) is_last: bool,
}

impl Case {
    /// Whether the session still is to be renewed, as it is in the zone.
    pub(super) fn is_due(&self) -> Due {
        lifetimes::due(self.former.view(), &self.provider.terms, now(), || false)
    }

    /// Passes the question to a thread. Returns whether it was accepted.
    pub(super) fn submit(self, (endpoints, keys): (Endpoints, Keys)) -> bool {
        let (key, time) = (self.provider.key, now());
        let errand = Errand {
            line: if self.ticket.is_some() { Line::SignIns } else { Line::Credentials },
            provider: Some(&key),
            sender: self.sender,
            ticket: self.ticket,
            // Asked for all requests of the session, even if this one ends.
            cancel: Cancel::default(),
        };
        errand.hand_over(move |client, deadline| {
            let ask = || self.ask(client, deadline, &endpoints, &keys, time);
            let (renewed, stored) = self.carry_out(deadline, ask);
            Box::new(move || outcome::settle(self, renewed, stored))
        })
    }

    /// Asks authentik, unless another host has.
    fn carry_out(&self, deadline: Instant, ask: impl FnOnce() -> Renewed) -> (Renewed, InStore) {
        let (Some(store), Some(id)) = (&self.store, SentId::parse(self.id.expose())) else {
            return (ask(), InStore::Nothing);
        };
        let old = self.former.view().refresh_token();
        let held = match store.begin(&self.key, id, old, deadline) {
            Found::Ours(held) => Some(held),
            Found::Away => None,
            Found::Newer(stored) => return taken_over(&stored),
            Found::Busy => return (Renewed::NotNow(timeout()), InStore::Nothing),
        };
        let mut renewed = ask();
        let written = match &renewed {
            Renewed::GoesOn(rendered) | Renewed::OtherKeys(rendered, _) => {
                match store.write(id, rendered, self.opened) {
                    Ok(true) => InStore::Written,
                    Ok(false) => InStore::Ended,
                    Err((row, fault)) => InStore::Later(row, fault),
                }
            }
            Renewed::Ended(end) if end.reason == Reason::RenewalRefused => {
                // Another host may have been faster while the store could not be asked.
                match store.newer(&self.key, id, old) {
                    Ok(Some(stored)) => {
                        let (newer, written) = taken_over(&stored);
                        renewed = newer;
                        written
                    }
                    Ok(None) | Err(_) => InStore::Nothing,
                }
            }
            Renewed::Ended(_) | Renewed::NotNow(_) => InStore::Nothing,
        };
        if let Some(held) = held {
            store.end(&held);
        }
        (renewed, written)
    }

    fn ask(
        &self,
        client: &Client,
        deadline: Instant,
        endpoints: &Endpoints,
        keys: &Keys,
        time: UnixTime,
    ) -> Renewed {
        let (provider, former) = (&*self.provider, self.former.view());
        let caller = Caller { client, provider, endpoints, time, deadline };
        let refresh_token = Secret::new(former.refresh_token());
        let answer = caller.ask(&RefreshTokens { refresh_token });
        let judge = |answer, keys: &Keys| Renewed::of(answer, former, provider, keys, time);
        let renewed = judge(answer.clone(), keys);
        let Ok(tokens) = answer else { return renewed };
        match renewed {
            Renewed::OtherKeys(..) => match current_keys(caller) {
                Ok(keys) => judge(Ok(tokens), &keys),
                Err(_) => renewed,
            },
            Renewed::Ended(_) => {
                revoke(caller, &tokens);
                renewed
            }
            Renewed::GoesOn(_) | Renewed::NotNow(_) => renewed,
        }
    }
}

/// What has become of the session in the store.
pub(super) enum InStore {
    /// Nothing, or there is none.
    Nothing,
    /// It has the new record.
    Written,
    /// The session has ended meanwhile.
    Ended,
    /// It could not take the new record.
    Later(Option<Box<Row>>, Fault),
}

/// The record that another host has got.
fn taken_over(record: &OwnedRecord) -> (Renewed, InStore) {
    let expires = record.view().expires();
    let record = Secret::new(record.bytes());
    (Renewed::GoesOn(Rendered { record, expires }), InStore::Written)
}

fn timeout() -> CoreError {
    CoreError::Unreachable(TransportError::Timeout)
}

/// The keys that authentik publishes now. The known ones are refetched for all others later.
fn current_keys(caller: Caller<'_>) -> Result<Keys, CoreError> {
    let Caller { client, provider, deadline, .. } = caller;
    let endpoints = match Endpoints::given(provider) {
        Some(given) => given,
        None => {
            let response = client.fetch(&discovery_request(provider)?, &provider.trust, deadline);
            read_document(provider, response.as_ref())?
        }
    };
    match endpoints.signing {
        Signing::ClientSecret => Ok(Keys::shared(provider)),
        Signing::PublishedKeys => {
            let request = keys_request(provider, &endpoints)?;
            let response = client.fetch(&request, &provider.trust, deadline);
            Ok(Keys::published(read_document(provider, response.as_ref())?, provider))
        }
    }
}

/// Nobody will use the new refresh token. If this fails, it expires by itself.
fn revoke(caller: Caller<'_>, tokens: &Tokens) {
    if let Some(token) = tokens.refresh_token.clone() {
        let _ = caller.ask(&RevokeToken { token });
    }
}
