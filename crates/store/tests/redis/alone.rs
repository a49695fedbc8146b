//! One server, with and without a password and TLS; and that a file does the same.

use std::fs;

use authentik_gate::provider::Trust;
use authentik_store::redis::{Settings, commands};
use authentik_store::{End, Ended, Place};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

use super::conformance::{self, row};
use super::server::{PASSWORD, Running, password, start};
use super::{now, open, setup_fault};

#[test]
fn a_file_conforms() {
    let directory = std::env::temp_dir().join(format!("authentik-conforms-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    conformance::all(&|name| Place::File(directory.join(name)).open().unwrap().store);
    fs::remove_dir_all(&directory).unwrap();
}

/// A user of the module who may do what the documentation lists, and nothing else.
fn with_user(program: &'static str) -> (Running, impl Fn(&str) -> Settings) {
    let commands = commands(&authentik_store::redis::Kind::Alone);
    let lines = format!("requirepass other\nuser app on >{PASSWORD} ~app:* {commands}\n");
    let server = start(program, &lines);
    let base = server.settings("app");
    let settings = move |name: &str| Settings {
        user: Some("app".to_owned()),
        password: password(PASSWORD),
        prefix: format!("app:{name}:"),
        ..base.clone()
    };
    (server, settings)
}

#[test]
fn redis_conforms_with_a_user_that_may_do_no_more_than_it_needs() {
    let (_server, settings) = with_user("redis-server");
    conformance::all(&|name| open(settings(name)));
}

/// `ci/unit.sh` leaves it out where Debian has no Valkey.
#[test]
fn valkey_conforms_with_a_user_that_may_do_no_more_than_it_needs() {
    let (_server, settings) = with_user("valkey-server");
    conformance::all(&|name| open(settings(name)));
}

#[test]
fn what_a_user_may_not_do_is_named_with_the_cure() {
    let (server, settings) = with_user("redis-server");
    let admin = |command: &str| {
        let said = server.command(&format!("AUTH other\r\n{command}"));
        assert!(said.starts_with("+OK\r\n+OK"), "{said}");
    };
    let wrong = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings("x");
        change(&mut settings);
        let fault = setup_fault(open(settings).put(&row(1), now()));
        assert!(!fault.contains(PASSWORD) && !fault.contains("geheim"), "{fault}");
        assert!(fault.starts_with(&format!("127.0.0.1:{}: ", server.port)), "{fault}");
        fault
    };
    let fault = wrong(&|settings| settings.password = password("wrong"));
    assert!(fault.contains("refuses the password of the user \"app\""), "{fault}");
    let fault = wrong(&|settings| (settings.user, settings.password) = (None, None));
    assert!(fault.contains("password_file="), "{fault}");
    let fault = wrong(&|settings| settings.prefix = "others:".to_owned());
    assert!(fault.contains("keys that begin with \"others:\""), "{fault}");
    let fault = wrong(&|settings| settings.database = 3);
    assert!(fault.contains("\"select\"") && fault.contains("ACL SETUSER app ~"), "{fault}");
    admin("ACL SETUSER app -getrange");
    let fault = wrong(&|_| {});
    // Versions differ in whether they name it.
    assert!(fault.contains("all commands") || fault.contains("\"getrange\""), "{fault}");
    assert!(fault.contains("+getrange"), "{fault}");
    admin("ACL SETUSER app +getrange -xadd");
    let end = End { ended: Ended::Session([1; 32]), at: 0 };
    let ended = open(settings("x")).end(&end, now());
    assert!(setup_fault(ended).contains("\"xadd\""));
}

#[test]
fn a_password_alone_and_a_database_of_its_own() {
    let server = start("redis-server", &format!("requirepass {PASSWORD}\n"));
    let settings =
        |database| Settings { database, password: password(PASSWORD), ..server.settings("a") };
    assert!(open(settings(3)).put(&row(1), now()).unwrap());
    assert_eq!(open(settings(3)).get(&[1; 32], now()).unwrap(), Some(row(1)));
    assert_eq!(open(settings(0)).get(&[1; 32], now()).unwrap(), None, "of another database");
    let fault = setup_fault(open(settings(300)).get(&[1; 32], now()));
    assert!(fault.contains("database 300"), "{fault}");
}

#[test]
fn redis_conforms_over_tls_and_other_certificates_are_refused() {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = ca.self_signed(&ca_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &ca, &ca_key).unwrap();
    let files = std::env::temp_dir().join(format!("authentik-tls-{}", std::process::id()));
    fs::create_dir_all(&files).unwrap();
    fs::write(files.join("crt"), certificate.pem()).unwrap();
    fs::write(files.join("key"), key.serialize_pem()).unwrap();
    let (path, any) = (files.display(), "port 0\ntls-port PORT\ntls-auth-clients no\n");
    let server =
        start("redis-server", &format!("{any}tls-cert-file {path}/crt\ntls-key-file {path}/key\n"));
    let settings = |name: &str, trust| Settings { tls: trust, ..server.settings(name) };
    let trusted = Some(Trust::Authorities(ca.pem().into_bytes().into()));
    conformance::all(&|name| open(settings(name, trusted.clone())));
    let any = settings("any", Some(Trust::Anything));
    assert_eq!(open(any).get(&[1; 32], now()).unwrap(), None);

    let other = CertificateParams::default().self_signed(&key).unwrap();
    let wrong = settings("x", Some(Trust::Authorities(other.pem().into_bytes().into())));
    let fault = setup_fault(open(wrong).get(&[1; 32], now()));
    assert!(fault.contains("ssl_trusted_certificate"), "{fault}");
    let mut wrong = settings("x", trusted.clone());
    wrong.servers[0].host = "localhost".to_owned();
    let fault = setup_fault(open(wrong).get(&[1; 32], now()));
    assert!(fault.contains("127.0.0.1 and not for localhost"), "{fault}");
    let nonsense = Place::Redis(std::sync::Arc::new(settings(
        "x",
        Some(Trust::Authorities(b"nonsense".as_slice().into())),
    )));
    assert!(setup_fault(nonsense.open().map(|_| ())).contains("no certificate"));

    // One of the two speaks TLS.
    let plain = open(settings("x", None)).get(&[1; 32], now()).unwrap_err().to_string();
    assert!(plain.contains("rediss://"), "{plain}");
    let plainly = start("redis-server", "");
    let fault = open(Settings { tls: trusted, ..plainly.settings("x") }).get(&[1; 32], now());
    let said = fault.unwrap_err().to_string();
    assert!(said.contains("TLS"), "{said}");
    fs::remove_dir_all(files).unwrap();
}
