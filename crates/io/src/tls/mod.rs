//! TLS to authentik, for HTTP and the WebSocket alike, and to a session store.

mod authorities;
pub(crate) mod flaw;
mod verifier;

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;

use authentik_gate::provider::Trust;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Error, StreamOwned};

pub use authorities::check_authorities;
use verifier::{Anything, Listed};

/// Opens TLS connections to servers other than authentik.
#[derive(Clone)]
pub struct Connector(Arc<ClientConfig>);

/// A TLS connection over a socket.
pub type Stream<S> = StreamOwned<ClientConnection, S>;

impl Connector {
    /// Reads the system's certificates from disk if they are trusted.
    ///
    /// # Errors
    /// The authorities are invalid, or the system has none, in words for the administrator.
    pub fn new(trust: &Trust) -> Result<Self, String> {
        client_config(trust).map(Self)
    }

    /// A connection to this host, a name or an address without brackets. The first write does the
    /// handshake.
    ///
    /// # Errors
    /// No certificate can be for this name.
    pub fn open<S: Read + Write>(&self, host: &str, socket: S) -> Result<Stream<S>, String> {
        let name = match host.parse::<IpAddr>() {
            Ok(address) => ServerName::IpAddress(address.into()),
            Err(_) => ServerName::try_from(host.to_owned())
                .map_err(|_| "its name cannot stand in a certificate".to_owned())?,
        };
        let session = ClientConnection::new(Arc::clone(&self.0), name)
            .map_err(|error| flaw::words(&error))?;
        Ok(StreamOwned::new(session, socket))
    }
}

/// Why a handshake failed, in a sentence that names the cause and the fix; `None` if it was not for
/// TLS.
#[must_use]
pub fn handshake_flaw(error: &io::Error) -> Option<String> {
    // rustls reports a failed handshake as the io::Error of the socket.
    let inner = error.get_ref()?.downcast_ref::<Error>()?;
    Some(flaw::words(inner))
}

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
