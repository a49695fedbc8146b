//! Parts of the settings that are not served.

use serde::{Deserialize, Serialize};

use super::settings::is_uuid;

/// End of a remark about a certificate whose predecessor is still in use.
pub(super) const FORMER_STAYS: &str = "; the previous one is still in use";

/// A provider that is not served, or a certificate that keeps providers from being served.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unusable {
    /// The provider's name, or whatever could be read of it, or `certificate UUID`.
    pub name: String,
    /// Why, as a sentence without a trailing period.
    pub why: String,
    /// The provider's public URL if it could be read: nobody else answers for its host.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub external_host: String,
}

impl Unusable {
    /// Whether it is a certificate, with its UUID in the name.
    #[must_use]
    pub fn is_certificate(&self) -> bool {
        self.name.strip_prefix("certificate ").is_some_and(is_uuid)
    }

    /// Whether it takes nothing away: the previous certificate is still in use. authentik announces a
    /// certificate seconds before it hands it out, so this usually passes.
    #[must_use]
    pub fn has_substitute(&self) -> bool {
        self.why.ends_with(FORMER_STAYS)
    }

    /// Creates one without a host.
    #[must_use]
    pub fn new(name: String, why: String) -> Self {
        Self { name, why, external_host: String::new() }
    }
}
