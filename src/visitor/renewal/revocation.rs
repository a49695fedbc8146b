//! Revoking refresh tokens that nobody will use any more (RFC 7009), in the background.

use std::sync::Arc;

use authentik_io::pool::Cancel;
use gate::provider::Provider;
use gate::question::RevokeToken;
use gate::secret::Secret;

use crate::authentik::asking::Caller;
use crate::authentik::core_server;
use crate::authentik::threads::{Errand, Line};
use crate::ngx::log::{self, Level};
use crate::ngx::{Zone, now};

/// Revokes a refresh token; does nothing if it is empty. If authentik does not answer, the token
/// expires by itself.
pub(crate) fn revoke(zone: Zone, provider: &Arc<Provider>, refresh_token: &[u8]) {
    if refresh_token.is_empty() {
        return;
    }
    let Some(endpoints) = core_server::endpoints_at_hand(zone, provider) else { return };
    if endpoints.revocation.is_none() {
        return;
    }
    let (asked, time) = (Arc::clone(provider), now());
    let question = RevokeToken { token: Secret::new(refresh_token) };
    let errand = Errand {
        line: Line::Credentials,
        provider: Some(&provider.key),
        sender: None,
        ticket: None,
        cancel: Cancel::default(),
    };
    errand.hand_over(move |client, deadline| {
        let caller = Caller { client, provider: &asked, endpoints: &endpoints, time, deadline };
        let failed = caller.ask(&question).err();
        Box::new(move || {
            let Some(error) = failed else { return };
            let name = &asked.name;
            log::cycle(
                Level::Notice,
                format_args!("refresh token not revoked, provider: \"{name}\": {error}"),
            );
        })
    });
}
