//! The outpost side of authentik's core: the API an outpost reads and the web socket it listens to
//! (docs/protocol.md §2, §3).

mod certificates;
mod control;
mod control_page;
mod health;
mod hub;
mod instances;
mod interface;
mod providers;
mod rest;
mod settings;
mod socket;

pub(crate) use control::control;
pub(crate) use hub::Hub;
pub use hub::{Hello, OutpostConnection};
pub(crate) use rest::answer;
pub use settings::{
    CertificateSettings, EMBEDDED_OUTPOST, Mode, OUTPOST_PK, OUTPOST_TOKEN, OutpostSettings,
    ProxySettings,
};
pub(crate) use socket::Handshake;
