//! The exchange of a code for tokens, and what they prove: on a thread of the client.

use std::sync::Arc;
use std::time::Instant;

use authentik_io::client::Client;
use gate::identity::{BasicAttributes, render};
use gate::provider::Provider;
use gate::question::{CoreError, Endpoints, ExchangeCode, Tokens};
use gate::secret::Secret;
use gate::time::UnixTime;
use gate::token::{Expected, Keys, verify};

use super::Exchanged;
use crate::authentik::asking::Caller;

/// All that is needed away from the request.
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
    /// Asks authentik who has signed in, and verifies what it says.
    pub(in crate::endpoints) fn carry_out(self, client: &Client, deadline: Instant) -> Exchanged {
        let Self { provider, endpoints, keys, code, verifier, nonce, time } = self;
        let caller = Caller { client, provider: &provider, endpoints: &endpoints, time, deadline };
        match caller.ask(&ExchangeCode { code, verifier }) {
            Ok(tokens) => judge(&provider, tokens, &nonce, &keys, time),
            Err(error) => Exchanged::Failed(error),
        }
    }
}

/// What the tokens prove, if the key is at hand.
pub(in crate::endpoints) fn judge(
    provider: &Provider,
    tokens: Tokens,
    nonce: &Secret,
    keys: &Keys,
    time: UnixTime,
) -> Exchanged {
    // Always expected: an unreadable nonce of ours matches none.
    let expected = Expected::of(provider, Some(nonce.expose_str().unwrap_or_default()));
    let token = tokens.access_token.expose();
    match verify(token, &expected, keys, time) {
        Ok(claims) => {
            let basic = provider.basic_auth.as_ref();
            let basic = basic.map(|(user, password)| BasicAttributes { user, password });
            Exchanged::SignedIn(render(&claims, provider, token, basic))
        }
        Err(flaw) if flaw.is_about_keys() => Exchanged::OtherKeys(tokens, flaw),
        Err(flaw) => Exchanged::Failed(CoreError::from(flaw)),
    }
}
