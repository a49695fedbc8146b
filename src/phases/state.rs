//! What the module remembers of a request between callbacks. Lives in the request's pool.

use std::cell::{Cell, OnceCell, RefCell};

use gate::provider::ProviderKey;
use gate::store::Key;

use crate::authentik::lease::Scout;
use crate::endpoints::exchange::{Exchanged, Interest};
use crate::endpoints::second_look::SecondLook;
use crate::request::answers::Decided;
use crate::visitor::providers::{OfForwarded, OfHost};

/// One per request that needs it. Cells, because nothing of nginx's is exclusive.
#[derive(Default)]
pub(crate) struct RequestState {
    /// The provider that the endpoint works for.
    pub(crate) endpoint_of: Cell<Option<ProviderKey>>,
    /// Identity headers are on the request.
    pub(crate) headers_set: Cell<bool>,
    /// How the request was decided.
    pub(crate) decided: Cell<Decided>,
    /// What came of this request's exchange.
    pub(crate) exchanged: RefCell<Option<Box<Exchanged>>>,
    /// authentik has changed since this sign-in began, it seems.
    pub(crate) second_look: RefCell<Option<Box<SecondLook>>>,
    /// The provider whose visitor was signed out.
    pub(crate) signed_out: Cell<Option<ProviderKey>>,
    /// How far the zone was looked through for the sessions that an administrator ends, and how many
    /// were ended.
    pub(crate) ending: Cell<Option<(u32, u32)>>,
    /// Keys were found to be outdated by the logout token that it brought.
    pub(crate) outdated_keys: Cell<bool>,
    /// The outpost's provider for the host.
    pub(crate) of_host: OnceCell<OfHost>,
    /// The outpost's provider for the host that another proxy asks about. Boxed, as most requests
    /// have none: with a larger state the request's pool would need another block.
    pub(crate) of_forwarded: OnceCell<Box<OfForwarded>>,
    /// It asked what its `Authorization` header is worth.
    pub(crate) asked_credentials: Cell<bool>,
    /// Where the zone has what authentik said of the header that was taken away.
    pub(crate) consumed: Cell<Option<Key>>,
    /// When the request began to wait for somebody else's question, by the clock of leases.
    pub(crate) waits_since: Cell<Option<u64>>,
    /// Set while it looks for all that wait for the same.
    pub(crate) scout: Cell<Option<Box<Scout>>>,
    /// Set while its exchange is under way.
    pub(crate) exchange: RefCell<Option<Interest>>,
    /// It has been through thread and wake-up.
    #[cfg(feature = "suspend-all")]
    pub(crate) was_suspended: Cell<bool>,
}
