//! Exchanges a code for tokens and verifies them, on a thread of the client.

use std::sync::Arc;
use std::time::Instant;

use authentik_io::client::Client;
use gate::login::Proof;
use gate::provider::Provider;
use gate::question::{Endpoints, ExchangeCode};
use gate::secret::Secret;
use gate::time::UnixTime;
use gate::token::Keys;

use crate::authentik::asking::Caller;

/// Everything needed without the request.
pub(in crate::endpoints) struct Exchange {
    pub(in crate::endpoints) provider: Arc<Provider>,
    pub(in crate::endpoints) endpoints: Endpoints,
    pub(in crate::endpoints) keys: Keys,
    pub(in crate::endpoints) code: Secret,
    pub(in crate::endpoints) verifier: Secret,
    pub(in crate::endpoints) nonce: Secret,
    pub(in crate::endpoints) time: UnixTime,
}

impl Exchange {
    /// Asks authentik who has signed in, and verifies the answer.
    pub(in crate::endpoints) fn carry_out(self, client: &Client, deadline: Instant) -> Proof {
        let Self { provider, endpoints, keys, code, verifier, nonce, time } = self;
        let caller = Caller { client, provider: &provider, endpoints: &endpoints, time, deadline };
        match caller.ask(&ExchangeCode { code, verifier }) {
            Ok(tokens) => Proof::of(tokens, &nonce, &provider, &keys, time),
            Err(error) => Proof::Nothing(error),
        }
    }
}
