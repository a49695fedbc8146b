//! Providers for the tests of this crate, and of others with the feature `testing`.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "this is test code")]

use crate::page::Occasion;
use crate::provider::{Mode, Provider, Settings};
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::wording::Language;

/// A page in English.
pub const OCCASION: Occasion<'static> = Occasion {
    language: Language::English,
    time: UnixTime(1_795_366_194),
    request: "444535f9378a3dfa1b8604bc9e05a303",
};

/// Settings of `https://ext.example`, mode `forward_single`.
pub fn settings() -> Settings {
    Settings {
        name: "wiki".into(),
        issuer: "https://sso.example.com/application/o/wiki/".into(),
        client_id: "client-123".into(),
        client_secret: Some(Secret::new("secret")),
        external_host: "https://ext.example".into(),
        ..Settings::default()
    }
}

/// The provider of `https://ext.example`, mode `forward_single`.
pub fn provider() -> Provider {
    Provider::new(settings()).unwrap()
}

/// The same at another public URL.
pub fn provider_at(external_host: &str) -> Provider {
    Provider::new(Settings { external_host: external_host.into(), ..settings() }).unwrap()
}

/// Another client of the same host with the same secret.
pub fn other_provider() -> Provider {
    Provider::new(Settings { client_id: "test-client".into(), ..settings() }).unwrap()
}

/// `forward_domain` over `example.com`, signing in at `https://auth.example.com`.
pub fn domain_provider() -> Provider {
    Provider::new(Settings {
        mode: Mode::ForwardDomain,
        external_host: "https://auth.example.com".into(),
        cookie_domain: Some(".example.com".into()),
        ..settings()
    })
    .unwrap()
}
