//! Who sends a request and waits for the response.

use gate::network::client_network;
use gate::sender::{Sender, SenderHints};

use super::Request;

/// The kind of client.
pub(crate) fn of(r: &Request<'_>) -> Sender {
    Sender::of(&hints(r))
}

/// The evidence for it, gathered in one pass over the headers.
pub(crate) fn hints<'r>(r: &Request<'r>) -> SenderHints<'r> {
    let hints = SenderHints::gather(r.method(), r.headers());
    match r.location().asked_by() {
        Some(_) => hints.behind_proxy(),
        None => hints,
    }
}

/// The client's network, for limits per client: from the address as left by the realip module.
/// `None` for a unix socket, where clients cannot be told apart.
pub(crate) fn network(r: &Request<'_>) -> Option<u64> {
    r.peer_address().map(client_network)
}
