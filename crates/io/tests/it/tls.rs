//! Whose certificate is accepted.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use authentik_gate::http::TransportError;
use authentik_gate::provider::Trust;
use authentik_io::client::Client;
use authentik_io::tls::check_authorities;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::peer::{Answer, Peer, fetch, fetch_with, form, get, read_request, text};

pub(crate) struct Authority {
    certificate: Certificate,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self { certificate: params.self_signed(&key).unwrap(), key }
    }

    fn pem(&self) -> String {
        pem("CERTIFICATE", self.certificate.der())
    }

    pub(crate) fn trusted(&self) -> Trust {
        trust(&self.certificate)
    }

    /// A TLS peer with a certificate for `name`; it hears how each connection began.
    fn peer(&self, name: &str, years: std::ops::Range<i32>) -> Peer {
        let config = self.server(name, years);
        Peer::start(move |stream| answer(config.clone(), stream))
    }

    /// The TLS settings of a server with a certificate for `name`.
    pub(crate) fn server(&self, name: &str, years: std::ops::Range<i32>) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.certificate, &self.key).unwrap();
        server_config(&certificate, &key)
    }
}

/// A server's own certificate that nobody else has signed, as `openssl req -x509` makes it.
struct Own {
    certificate: Certificate,
    key: KeyPair,
}

impl Own {
    fn new(name: &str, is_ca: IsCa, years: std::ops::Range<i32>) -> Self {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = is_ca;
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let key = KeyPair::generate().unwrap();
        Self { certificate: params.self_signed(&key).unwrap(), key }
    }

    fn trusted(&self) -> Trust {
        trust(&self.certificate)
    }

    fn peer(&self) -> Peer {
        let config = server_config(&self.certificate, &self.key);
        Peer::start(move |stream| answer(config.clone(), stream))
    }
}

fn trust(certificate: &Certificate) -> Trust {
    Trust::Authorities(pem("CERTIFICATE", certificate.der()).into_bytes().into())
}

fn server_config(certificate: &Certificate, key: &KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    Arc::new(config)
}

fn answer(config: Arc<ServerConfig>, mut socket: TcpStream) -> String {
    let mut tls = ServerConnection::new(config).unwrap();
    if tls.complete_io(&mut socket).is_err() {
        return "refused".into();
    }
    let mut stream = StreamOwned::new(tls, socket);
    read_request(&mut stream);
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    format!("{:?}", stream.conn.handshake_kind().unwrap())
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64_STANDARD.encode(der))
}

fn ask(peer: &Peer, trust: &Trust) -> Answer {
    fetch(&form(format!("https://localhost:{}/", peer.port())), trust)
}

pub(crate) const VALID: std::ops::Range<i32> = 2020..2120;

#[test]
fn only_a_certificate_of_the_given_authorities_for_this_name_and_time_is_accepted() {
    let (ours, other) = (Authority::new(), Authority::new());
    let both = Trust::Authorities((other.pem() + &ours.pem()).into_bytes().into());
    for (what, peer, trust, accepted) in [
        ("own authority", ours.peer("localhost", VALID), ours.trusted(), true),
        ("one of two authorities", ours.peer("localhost", VALID), both, true),
        ("other authority", other.peer("localhost", VALID), ours.trusted(), false),
        ("other name", ours.peer("sso.example.com", VALID), ours.trusted(), false),
        ("expired", ours.peer("localhost", 2020..2021), ours.trusted(), false),
        ("not yet valid", ours.peer("localhost", 2110..2120), ours.trusted(), false),
        ("unknown to the system", ours.peer("localhost", VALID), Trust::System, false),
        ("anything", other.peer("sso.example.com", 2020..2021), Trust::Anything, true),
    ] {
        match ask(&peer, &trust) {
            Ok(response) => assert!(accepted && text(&response) == "{}", "{what}"),
            Err(TransportError::Tls(why)) => {
                assert!(!accepted && !why.is_empty(), "{what}: {why}");
                assert_eq!(peer.heard(1), ["refused"], "{what}: nothing was sent");
            }
            Err(error) => panic!("{what}: {error:?}"),
        }
    }
}

#[test]
fn a_trusted_certificate_is_accepted_as_the_servers_own_if_name_and_dates_are_right() {
    let authority = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = |is_ca: &IsCa, name, years| Own::new(name, is_ca.clone(), years);
    for is_ca in [authority.clone(), IsCa::ExplicitNoCa, IsCa::NoCa] {
        let right = own(&is_ca, "localhost", VALID);
        assert!(ask(&right.peer(), &right.trusted()).is_ok(), "{is_ca:?}");
        for (named, wrong) in [
            ("not for localhost", own(&is_ca, "sso.example.com", VALID)),
            ("expired on 2021-01-01", own(&is_ca, "localhost", 2020..2021)),
            ("not valid before 2110-01-01", own(&is_ca, "localhost", 2110..2120)),
        ] {
            refused(&wrong.peer(), &wrong.trusted(), named);
        }
    }
    // Another one of the same kind is trusted: the name of the issuer is the same, the key is not.
    let (ours, other) = (own(&authority, "localhost", VALID), own(&authority, "localhost", VALID));
    refused(&ours.peer(), &other.trusted(), "(CA:TRUE)");
    let (ours, other) =
        (own(&IsCa::NoCa, "localhost", VALID), own(&IsCa::NoCa, "localhost", VALID));
    refused(&ours.peer(), &other.trusted(), "not signed by the authority");
}

#[test]
fn a_servers_certificate_can_be_trusted_without_its_authority() {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "localhost");
    let (authority, key) = (Authority::new(), KeyPair::generate().unwrap());
    let certificate = params.signed_by(&key, &authority.certificate, &authority.key).unwrap();
    let pinned = Own { certificate, key };
    assert!(ask(&pinned.peer(), &pinned.trusted()).is_ok());
    refused(&authority.peer("localhost", VALID), &pinned.trusted(), "unknown authority");
}

#[test]
fn what_is_no_tls_of_today_is_named() {
    let web = Peer::start(|mut stream| {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").unwrap();
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
        String::new()
    });
    assert_said(&ask(&web, &Trust::Anything), "plain http");
    // An alert "protocol_version" (RFC 8446 section 6).
    let old = Peer::start(|mut stream| {
        stream.write_all(&[0x15, 3, 1, 0, 2, 2, 70]).unwrap();
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
        String::new()
    });
    assert_said(&ask(&old, &Trust::Anything), "TLS 1.2");
}

fn refused(peer: &Peer, trust: &Trust, named: &str) {
    assert_said(&ask(peer, trust), named);
    assert_eq!(peer.heard(1), ["refused"], "{named}: nothing was sent");
}

fn assert_said(answer: &Answer, named: &str) {
    let said = matches!(answer, Err(TransportError::Tls(why)) if why.contains(named));
    assert!(said, "{named}: {answer:?}");
}

#[test]
fn trusting_anything_for_one_provider_is_not_trusting_it_for_others() {
    let ours = Authority::new();
    let peer = ours.peer("localhost", VALID);
    let request = form(format!("https://localhost:{}/", peer.port()));
    let client = Client::new();
    let ask = |trust: &Trust| fetch_with(&client, Duration::from_secs(5), &request, trust);
    assert!(ask(&Trust::Anything).is_ok());
    assert!(matches!(ask(&Trust::System), Err(TransportError::Tls(_))));
    assert!(matches!(ask(&Authority::new().trusted()), Err(TransportError::Tls(_))));
    assert!(ask(&ours.trusted()).is_ok());
}

#[test]
fn the_second_connection_resumes_the_session_of_the_first() {
    let ours = Authority::new();
    let peer = ours.peer("localhost", VALID);
    let request = get(format!("https://localhost:{}/", peer.port()));
    let client = Client::new();
    for count in 1..=2 {
        fetch_with(&client, Duration::from_secs(5), &request, &ours.trusted()).unwrap();
        peer.heard(count);
    }
    assert_eq!(peer.heard(2), ["Full", "Resumed"]);
}

#[test]
fn tls_and_plain_http_do_not_mix() {
    let plain = Peer::start(|mut stream| {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").unwrap();
        // Closing with the ClientHello unread would reset the connection before we are read.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
        String::new()
    });
    let error = ask(&plain, &Trust::Anything).unwrap_err();
    assert!(matches!(error, TransportError::Tls(_)), "{error:?}");

    let tls = Authority::new().peer("localhost", VALID);
    let error = fetch(&form(tls.url("/")), &Trust::Anything).unwrap_err();
    assert!(matches!(error, TransportError::Protocol(_)), "{error:?}");
}

#[test]
fn a_bundle_of_authorities_is_counted_or_its_mistake_named() {
    let (one, two) = (Authority::new().pem(), Authority::new().pem());
    let key = pem("PRIVATE KEY", &Authority::new().key.serialize_der());
    for (bundle, verdict) in [
        (one.clone(), Ok(1)),
        (format!("# ours\n{one}\n{key}{two}"), Ok(2)),
        (String::new(), Err("holds no certificate")),
        ("not PEM at all".into(), Err("holds no certificate")),
        (key, Err("holds a private key and no certificate")),
        (one.clone() + &pem("CERTIFICATE", b"junk"), Err("certificate 2 is not a certificate")),
        (
            one.clone() + "-----BEGIN CERTIFICATE-----\nAAAA\n",
            Err("certificate 2 is not well-formed"),
        ),
        (
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".into(),
            Err("certificate 1 is not well-formed"),
        ),
    ] {
        match (check_authorities(bundle.as_bytes()), verdict) {
            (Ok(count), expected) => assert_eq!(Ok(count), expected, "{bundle}"),
            (Err(why), expected) => assert!(why.starts_with(expected.unwrap_err()), "{why}"),
        }
    }
}

#[test]
fn with_a_broken_bundle_nobody_is_asked() {
    let peer = Authority::new().peer("localhost", VALID);
    let error = ask(&peer, &Trust::Authorities(Arc::from(&b"junk"[..]))).unwrap_err();
    assert!(matches!(error, TransportError::Tls(_)), "{error:?}");
    assert_eq!(peer.heard(0).len(), 0);
}
