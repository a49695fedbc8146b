//! The outpost: providers that an administrator manages in authentik instead of in nginx.
//!
//! One process of an nginx asks authentik's API ([`Snapshot`] is what a refresh brings), and every
//! worker makes its providers of what was brought.

mod snapshot;

pub use snapshot::{Certificate, OidcConfiguration, Outpost, ProviderConfig, Snapshot, Unusable};
