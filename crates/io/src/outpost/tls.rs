//! TLS for the WebSocket, judged as the REST calls are.

use std::sync::Arc;

use authentik_gate::provider::Trust;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::client::tls::authorities;

/// The settings of a connection that judges certificates this way.
///
/// # Errors
/// The authorities hold a mistake, or the system has none, in words for the administrator.
pub(super) fn client_config(trust: &Trust) -> Result<Arc<ClientConfig>, String> {
    let words = |error: Error| error.to_string();
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(words)?;
    let builder = match trust {
        Trust::System => builder.with_platform_verifier().map_err(words)?,
        Trust::Authorities(pem) => {
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(authorities(pem)?);
            builder.with_root_certificates(store)
        }
        Trust::Anything => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anything(provider)))
        }
    };
    Ok(Arc::new(builder.with_no_client_auth()))
}

/// `ssl_verify off`: any certificate will do, but its key must be there.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
