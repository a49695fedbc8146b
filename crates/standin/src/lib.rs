//! A stand-in authentik and a sample application, for tests, demo and benchmark.
//!
//! Written from recordings of a real authentik 2026.2.2, and on purpose without any code of the
//! gate: a shared mistake would cancel out. Everything here blocks and runs on threads of its own;
//! dropping a server stops it.
//!
//! ```no_run
//! use authentik_standin::{Application, Endpoint, Fault, ProviderSettings, Settings, Standin};
//!
//! let standin = Standin::start(Settings {
//!     providers: vec![ProviderSettings::wiki("http://127.0.0.1:8080")],
//!     ..Settings::default()
//! });
//! let application = Application::start(None);
//! standin.fault(Endpoint::Token, Fault::WrongSignature);
//! // … a request through nginx …
//! assert_eq!(standin.count("/application/o/token/"), 1);
//! assert_eq!(application.hits(), 0);
//! ```
//!
//! An outpost of its own reads its providers here with [`OUTPOST_TOKEN`] and listens to the web
//! socket: see [`Standin::update_provider`], [`Standin::push_session_end`],
//! [`Standin::connections`].

mod application;
mod application_page;
mod call;
mod claims;
mod core;
mod endpoints;
mod fault;
mod json;
mod keys;
mod logout;
mod outpost;
mod pages;
mod recorder;
mod reply;
mod server;
mod settings;
mod standin;
mod tap;
mod users;

pub use application::Application;
pub use claims::subject;
pub use fault::{Endpoint, Fault};
pub use logout::LogoutTry;
pub use outpost::{
    CertificateSettings, EMBEDDED_OUTPOST, Hello, Mode, OUTPOST_PK, OUTPOST_TOKEN,
    OutpostConnection, OutpostSettings, ProxySettings,
};
pub use recorder::Seen;
pub use settings::{
    IssuerMode, LogoutMethod, ProviderSettings, Settings, Signing, User, WIKI_CLIENT_ID,
    WIKI_CLIENT_SECRET, WIKI_SLUG, redirect_uris,
};
pub use standin::Standin;
