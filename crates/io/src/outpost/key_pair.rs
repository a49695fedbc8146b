//! Whether a certificate and a private key belong together.

use authentik_gate::outpost::Certificate;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Checks a pair before it is used: nginx logs an error for a key that it cannot load, or that does
/// not belong to the certificate (`ngx_ssl_connection_certificate`).
///
/// # Errors
/// What is wrong with it, as a sentence without a trailing period.
pub(super) fn check(pair: &Certificate) -> Result<(), &'static str> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pair.certificate.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| BAD_CHAIN)?;
    if chain.is_empty() {
        return Err(BAD_CHAIN);
    }
    let key = PrivateKeyDer::from_pem_slice(pair.key.expose()).map_err(|_| BAD_KEY)?;
    let key = ring::default_provider().key_provider.load_private_key(key).map_err(|_| BAD_KEY)?;
    // Compares public keys; one that cannot be compared counts as different.
    CertifiedKey::new(chain, key).keys_match().map_err(|_| "its private key is of another one")
}

const BAD_CHAIN: &str = "it is not a certificate in PEM form";
const BAD_KEY: &str = "its private key cannot be used: unencrypted PEM is expected, RSA of 2048 to \
                       4096 bits, ECDSA P-256 or P-384, or Ed25519";
