//! The file named by `ssl_trusted_certificate`.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Counts the certificates in a PEM bundle, for `nginx -t`: each must be usable for TLS.
///
/// # Errors
/// What is wrong with the bundle, as a sentence without a trailing period.
pub fn check_authorities(pem: &[u8]) -> Result<usize, String> {
    read(pem).map(|roots| roots.len())
}

pub(super) fn read(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut store = RootCertStore::empty();
    let mut roots = Vec::new();
    for (number, root) in (1..).zip(CertificateDer::pem_slice_iter(pem)) {
        let wrong = |what: &str| format!("certificate {number} {what}");
        let root = root.map_err(|_| wrong("is not well-formed PEM"))?;
        store.add(root.clone()).map_err(|_| wrong("is not a certificate that TLS can use"))?;
        roots.push(root);
    }
    if roots.is_empty() { Err(of_another_kind(pem).to_owned()) } else { Ok(roots) }
}

/// What a file without certificates is instead, and how to get the right one.
fn of_another_kind(file: &[u8]) -> &'static str {
    /// An ASN.1 sequence with a two-byte length: the beginning of DER certificates and PKCS #12
    /// files.
    const DER: &[u8] = &[0x30, 0x82];
    let has = |text: &str| file.windows(text.len()).any(|part| part == text.as_bytes());
    if has("PRIVATE KEY-----") {
        "holds a private key and no certificate; give the certificate, and keep the key where it is"
    } else if has("-----BEGIN CERTIFICATE REQUEST-----") {
        "holds a certificate request; give the certificate that was issued for it"
    } else if has("-----BEGIN TRUSTED CERTIFICATE-----") {
        "holds an OpenSSL \"TRUSTED CERTIFICATE\"; convert it: openssl x509 -in FILE -out FILE.pem"
    } else if has("-----BEGIN PKCS7-----") {
        "holds PKCS #7; convert it: openssl pkcs7 -print_certs -in FILE -out FILE.pem"
    } else if file.starts_with(DER) {
        "is not PEM but DER or PKCS #12; convert it: openssl x509 -inform DER -in FILE -out \
         FILE.pem, or openssl pkcs12 -nokeys -in FILE -out FILE.pem"
    } else {
        "holds no certificate; a PEM file with \"BEGIN CERTIFICATE\" is expected"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_wrong_kind_is_named_with_its_cure() {
        let pem = |label| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        for (file, named) in [
            (pem("PRIVATE KEY").as_bytes(), "private key"),
            (pem("EC PRIVATE KEY").as_bytes(), "private key"),
            (pem("CERTIFICATE REQUEST").as_bytes(), "certificate request"),
            (pem("TRUSTED CERTIFICATE").as_bytes(), "openssl x509 -in"),
            (pem("PKCS7").as_bytes(), "openssl pkcs7"),
            (b"\x30\x82\x01\x0a\x02\x82", "-inform DER"),
            (b"", "holds no certificate"),
            (b"hello", "holds no certificate"),
        ] {
            let said = check_authorities(file).unwrap_err();
            assert!(said.contains(named), "{named}: {said}");
        }
    }
}
