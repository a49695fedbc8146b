//! TLS to authentik, for HTTP and the WebSocket alike.

mod authorities;
pub(crate) mod flaw;
mod verifier;

use std::sync::Arc;

use authentik_gate::provider::Trust;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, Error};

pub use authorities::check_authorities;
use verifier::{Anything, Listed};

/// The settings for connections that verify certificates this way. Reads the system's certificates
/// from disk if they are trusted.
///
/// # Errors
/// The authorities are invalid, or the system has none, in words for the administrator.
pub(crate) fn client_config(trust: &Trust) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let config = match trust {
        Trust::System => listed(system()?, &provider),
        Trust::Authorities(pem) => listed(authorities::read(pem)?, &provider),
        Trust::Anything => builder(&provider).map(|builder| {
            let verifier = Arc::new(Anything(Arc::clone(&provider)));
            builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
        }),
    };
    config.map(Arc::new).map_err(|error| error.to_string())
}

fn listed(
    trusted: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<ClientConfig, Error> {
    let verifier = Arc::new(Listed::new(trusted, provider)?);
    let builder = builder(provider)?.dangerous().with_custom_certificate_verifier(verifier);
    Ok(builder.with_no_client_auth())
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;

fn builder(provider: &Arc<CryptoProvider>) -> Result<Builder, Error> {
    ClientConfig::builder_with_provider(Arc::clone(provider)).with_safe_default_protocol_versions()
}

/// The certificates that the operating system trusts. Unreadable ones are ignored.
fn system() -> Result<Vec<CertificateDer<'static>>, String> {
    let found = rustls_native_certs::load_native_certs().certs;
    if found.is_empty() {
        return Err("the system has no certificate authorities; install the package \
                    ca-certificates, or name one in ssl_trusted_certificate"
            .to_owned());
    }
    Ok(found)
}
