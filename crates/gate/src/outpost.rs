//! The outpost: providers that an administrator manages in authentik instead of in nginx.
//!
//! One process of an nginx asks authentik's API ([`Snapshot`] is what a refresh brings), and every
//! worker makes its providers of what was brought.

mod board;
mod directory;
mod snapshot;
mod tenure;
pub mod vault;

pub use board::{Board, TooLarge};
pub use directory::Directory;
pub use snapshot::{Certificate, OidcConfiguration, Outpost, ProviderConfig, Snapshot, Unusable};
pub use tenure::{Candidate, LOST_AFTER, Tenure};
