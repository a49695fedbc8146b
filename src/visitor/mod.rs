//! Who sends a request, and which provider it belongs to.
//!
//! | module | has |
//! |---|---|
//! | [`providers`] | the provider of a request: by its location, or by its host |
//! | [`sessions`] | the gate's table in the mapped zone |
//! | [`known`] | sessions that this worker remembers |
//! | [`recheck`] | going through authentik again, after a while |
//! | [`header_auth`] | Bearer and Basic, checked with authentik |
//! | [`told`] | the identity headers, which tell applications about a visitor |
//! | [`tally`] | how many sessions each provider has |
//! | [`sweep`] | removal of expired records |

pub(crate) mod header_auth;
pub(crate) mod known;
pub(crate) mod providers;
pub(crate) mod recheck;
pub(crate) mod renewal;
pub(crate) mod sessions;
pub(crate) mod sweep;
pub(crate) mod tally;
pub(crate) mod told;
