//! Who sends a request, and waits for the answer.

use gate::network::client_network;
use gate::sender::{Sender, SenderHints};

use super::Request;

/// What kind of client it is.
pub(crate) fn of(r: &Request<'_>) -> Sender {
    Sender::of(&hints(r))
}

/// What tells it, gathered in one walk over the headers.
pub(crate) fn hints<'r>(r: &Request<'r>) -> SenderHints<'r> {
    let hints = SenderHints::gather(r.method(), r.headers());
    match r.location().asked_by() {
        Some(_) => hints.behind_proxy(),
        None => hints,
    }
}

/// Where it is, for what is shared between senders: as the realip module has left it. `None` on a local
/// socket, where whoever is behind it cannot be told apart.
pub(crate) fn network(r: &Request<'_>) -> Option<u64> {
    r.peer_address().map(client_network)
}
