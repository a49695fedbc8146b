//! The outpost: providers that are managed in authentik instead of in nginx.
//!
//! One process of nginx calls authentik's API ([`Call`]) and is told about changes through a WebSocket
//! ([`Message`]); every worker creates its providers from what a refresh returned ([`Snapshot`]).

mod backoff;
mod board;
mod choice;
mod directory;
mod error;
mod event;
mod gap;
mod listener;
mod message;
mod origin;
mod provider;
mod rest;
mod settings;
mod settings_call;
mod snapshot;
mod tenure;
mod unusable;
pub mod vault;

pub use backoff::{Reconnect, Schedule, WalkAgain, refresh_interval};
pub(crate) use board::HEADER as BOARD_HEADER;
pub use board::{Board, ROOM as BOARD_ROOM, TooLarge};
pub use choice::{Chosen, OfHost};
pub use directory::Directory;
pub use error::RefreshError;
pub use event::Misconfiguration;
pub use gap::{AfterGap, AtGapsEnd, Gap, may_have_been_missed};
pub use listener::Listener;
pub use message::{Message, hello, read_message};
pub use origin::{Origin, Provenance};
pub use rest::{ProviderPage, read_fingerprint, read_instances, read_pem, read_providers};
pub use settings::{Call, OutpostSettings};
pub use settings_call::SettingsCall;
pub use snapshot::{Certificate, OidcConfiguration, Outpost, ProviderConfig, Snapshot};
pub use tenure::{Candidate, LOST_AFTER, Tenure, may_leave};
pub use unusable::Unusable;
