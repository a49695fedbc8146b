//! Who sends a request, and which provider it belongs to.
//!
//! | module | has |
//! |---|---|
//! | [`providers`] | the provider of a request: by its location, or by its host |
//! | [`sessions`] | the gate's table, joined to the mapped zone |
//! | [`known`] | sessions as this worker remembers them |
//! | [`header_auth`] | Bearer and Basic, checked with authentik |
//! | [`random`] | random bytes |
//! | [`told`] | what applications are told of a visitor: the identity headers |
//! | [`sweep`] | expired records go in time |

pub(crate) mod header_auth;
pub(crate) mod known;
pub(crate) mod providers;
pub(crate) mod random;
pub(crate) mod sessions;
pub(crate) mod sweep;
pub(crate) mod told;
