//! A TLS handshake by the openssl command: which protocol, which certificate.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

/// Performs a handshake; `arguments` are those of `openssl s_client`. Returns the server's
/// certificate as PEM.
///
/// # Errors
/// The output of openssl if the handshake failed.
pub(crate) fn handshake(address: SocketAddr, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &address.to_string()])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is installed: apt-get install openssl");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let certificate = said.find(BEGIN).zip(said.find(END));
    match certificate.and_then(|(from, to)| said.get(from..to + END.len())) {
        Some(pem) => Ok(format!("{pem}\n")),
        None => Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr))),
    }
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
