//! One ureq agent per way of judging authentik's certificate.

use authentik_gate::provider::Trust;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use ureq::Agent;
use ureq::config::Config;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    ConnectionDetails, Connector, RustlsConnector, TcpConnector, Transport,
};

/// An agent that does HTTP/1.1 over TCP or TLS and nothing else: no proxy, redirect or cookie.
///
/// # Errors
/// The authorities hold a mistake, in words for the administrator.
pub(super) fn agent(trust: &Trust) -> Result<Agent, String> {
    let tls = TlsConfig::builder().provider(TlsProvider::Rustls);
    let tls = match trust {
        Trust::System => tls.root_certs(RootCerts::PlatformVerifier),
        Trust::Authorities(pem) => {
            let roots = authorities(pem)?;
            let roots = roots.iter().map(|root| Certificate::from_der(root).to_owned());
            tls.root_certs(RootCerts::from(roots.collect::<Vec<_>>()))
        }
        Trust::Anything => tls.disable_verification(true),
    };
    let config = Config::builder()
        .tls_config(tls.build())
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .max_idle_connections(0)
        .max_response_header_size(MAX_HEADER)
        .input_buffer_size(2 * MAX_HEADER)
        .output_buffer_size(MAX_HEADER)
        .build();
    let connector = ().chain(TcpConnector::default()).chain(KeptTls::default());
    Ok(Agent::with_parts(config, connector, DefaultResolver::default()))
}

/// Counts the certificate authorities in a PEM bundle, for `nginx -t`: every certificate in it
/// must be one that TLS can use.
///
/// # Errors
/// What is wrong with the bundle, as a sentence without a final stop.
pub fn check_authorities(pem: &[u8]) -> Result<usize, String> {
    authorities(pem).map(|roots| roots.len())
}

pub(crate) fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut store = RootCertStore::empty();
    let mut roots = Vec::new();
    for (number, root) in (1..).zip(CertificateDer::pem_slice_iter(pem)) {
        let wrong = |what: &str| format!("certificate {number} {what}");
        let root = root.map_err(|_| wrong("is not well-formed PEM"))?;
        store.add(root.clone()).map_err(|_| wrong("is not a certificate that TLS can use"))?;
        roots.push(root);
    }
    if roots.is_empty() {
        return Err(
            "holds no certificate; a PEM file with \"BEGIN CERTIFICATE\" is expected".into()
        );
    }
    Ok(roots)
}

/// Keeps the TLS configuration for all requests of the agent: roots that were read from disk, and
/// tickets to resume sessions.
///
/// ureq does so only for requests without settings of their own, and each of ours has its
/// deadline. The TLS settings never differ within an agent.
#[derive(Debug, Default)]
struct KeptTls(RustlsConnector);

impl<In: Transport> Connector<In> for KeptTls {
    type Out = <RustlsConnector as Connector<In>>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let details = ConnectionDetails {
            uri: details.uri,
            addrs: details.addrs.clone(),
            config: details.config,
            request_level: false,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        self.0.connect(&details, chained)
    }
}

/// Bytes of the longest response header; also the size of buffers, which each request allocates.
const MAX_HEADER: usize = 32 * 1024;
