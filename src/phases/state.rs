//! The module's state of a request between callbacks, in the request's pool.

use std::cell::{Cell, OnceCell, RefCell};

use gate::provider::ProviderKey;
use gate::store::Key;

use crate::authentik::lease::Scout;
use crate::endpoints::callback::Arriving;
use crate::endpoints::exchange::{Exchanged, Interest};
use crate::endpoints::second_look::SecondLook;
use crate::request::answers::Decided;
use crate::storage::fetch::Asked;
use crate::visitor::providers::{OfForwarded, OfHost};
use crate::visitor::tally::Counting;

/// One per request that needs it. Cells, because nothing in nginx is exclusive.
#[derive(Default)]
pub(crate) struct RequestState {
    /// The provider that the endpoint belongs to.
    pub(crate) endpoint_of: Cell<Option<ProviderKey>>,
    /// Identity headers are set.
    pub(crate) headers_set: Cell<bool>,
    /// How the request was decided.
    pub(crate) decided: Cell<Decided>,
    /// The result of this request's exchange.
    pub(crate) exchanged: RefCell<Option<Box<Exchanged>>>,
    /// Set if authentik seems to have changed since this sign-in began.
    pub(crate) second_look: RefCell<Option<Box<SecondLook>>>,
    /// The request sends its visitor, who has a session, to sign in again.
    pub(crate) rechecks: Cell<bool>,
    /// What this request has asked the store of sessions.
    pub(crate) asked_store: Cell<Option<Box<Asked>>>,
    /// A completed sign-in whose session is being written to the store.
    pub(crate) arriving: Cell<Option<Box<Arriving>>>,
    /// How many sessions this request has ended in the zone, while the store is told.
    pub(crate) ended: Cell<Option<u32>>,
    /// How many the store has ended.
    pub(crate) ended_in_store: Cell<u32>,
    /// The task that tells the store.
    pub(crate) telling: Cell<Option<u64>>,
    /// The provider whose visitor was signed out.
    pub(crate) signed_out: Cell<Option<ProviderKey>>,
    /// For sessions being ended by an administrator: the position in the zone, and how many were
    /// ended.
    pub(crate) ending: Cell<Option<(u32, u32)>>,
    /// For the status: sessions being counted.
    pub(crate) counting: Cell<Option<Box<Counting>>>,
    /// The logout token of this request has marked the keys as outdated.
    pub(crate) outdated_keys: Cell<bool>,
    /// The outpost's provider for the host.
    pub(crate) of_host: OnceCell<OfHost>,
    /// The outpost's provider for the host that another proxy asks about. Boxed, since most
    /// requests have none: with a larger state, the request's pool would need another block.
    pub(crate) of_forwarded: OnceCell<Box<OfForwarded>>,
    /// This request has asked authentik about its `Authorization` header.
    pub(crate) asked_credentials: Cell<bool>,
    /// The key in the zone of authentik's answer about the header that was removed.
    pub(crate) consumed: Cell<Option<Key>>,
    /// When the request began to wait for somebody else's question, by the clock of leases.
    pub(crate) waits_since: Cell<Option<u64>>,
    /// Set while this request is the scout for others.
    pub(crate) scout: Cell<Option<Box<Scout>>>,
    /// The key of the session for whose renewal the request waits.
    pub(crate) renewing: Cell<Option<Box<Key>>>,
    /// Set while its exchange is in progress.
    pub(crate) exchange: RefCell<Option<Interest>>,
    /// The request has been suspended and woken.
    #[cfg(feature = "suspend-all")]
    pub(crate) was_suspended: Cell<bool>,
}
