//! Why a TLS connection failed, in a sentence that names the cause and the fix.

use authentik_gate::time::utc;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, Error};

use super::verifier::is_an_authority;
use crate::client::error::plain;

/// The sentence for the log, without a trailing period: one printable line of limited length.
#[expect(clippy::wildcard_enum_match_arm, reason = "rustls::Error is non-exhaustive")]
pub(crate) fn words(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(flaw) => certificate(flaw),
        Error::NoCertificatesPresented => "it shows no certificate".to_owned(),
        Error::InvalidMessage(_) => {
            "it does not answer in TLS; is this a port for plain http, or another service?"
                .to_owned()
        }
        Error::PeerIncompatible(_) => too_old().to_owned(),
        Error::AlertReceived(alert) => refused(*alert),
        _ => plain(&error.to_string()),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "rustls::CertificateError is non-exhaustive")]
fn certificate(flaw: &CertificateError) -> String {
    use CertificateError as Flaw;
    match flaw {
        Flaw::UnknownIssuer => "its certificate is signed by an unknown authority; name that \
                                authority, or the certificate itself, in ssl_trusted_certificate"
            .to_owned(),
        Flaw::NotValidForNameContext { expected, presented } => other_name(expected, presented),
        Flaw::NotValidForName => "its certificate is for another name; use the name that it is \
                                  for in the URL, or renew it with this one"
            .to_owned(),
        Flaw::ExpiredContext { not_after, .. } => {
            format!("its certificate has expired on {}; renew it there", date(*not_after))
        }
        Flaw::Expired => "its certificate has expired; renew it there".to_owned(),
        Flaw::NotValidYetContext { not_before, time } => format!(
            "its certificate is not valid before {}; the clock of this machine says {}: is it right?",
            date(*not_before),
            date(*time)
        ),
        Flaw::NotValidYet => {
            "its certificate is not valid yet; is the clock of this machine right?".to_owned()
        }
        Flaw::InvalidPurpose | Flaw::InvalidPurposeContext { .. } => {
            "its certificate is not one for servers (extended key usage); install one that is"
                .to_owned()
        }
        Flaw::Revoked => "its certificate is revoked; install a new one there".to_owned(),
        Flaw::BadEncoding => "its certificate cannot be read".to_owned(),
        Flaw::BadSignature => "its certificate is not signed by the authority that it names; is \
                               the file in ssl_trusted_certificate an old one of the same name?"
            .to_owned(),
        Flaw::Other(other) if is_an_authority(other.0.as_ref()) => {
            "its certificate is that of an authority (CA:TRUE) and is not trusted itself; name it \
             in ssl_trusted_certificate, or install one that an authority has signed"
                .to_owned()
        }
        _ => plain(&format!("its certificate is refused: {flaw}")),
    }
}

fn other_name(expected: &ServerName<'_>, presented: &[String]) -> String {
    const SHOWN: usize = 5;
    // webpki writes `DnsName("sso.example.com")` and `IpAddress(127.0.0.1)`.
    let bare = |name: &String| {
        let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
        inside.unwrap_or(name).trim_matches('"').to_owned()
    };
    let mut names: Vec<String> = presented.iter().take(SHOWN).map(bare).collect();
    if presented.len() > SHOWN {
        names.push(format!("{} more", presented.len() - SHOWN));
    }
    let names = if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") };
    let expected = expected.to_str();
    plain(&format!(
        "its certificate is for {names} and not for {expected}; use a name that it is for in the \
         URL, or renew it with this one"
    ))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "AlertDescription is non-exhaustive")]
fn refused(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::ProtocolVersion
        | AlertDescription::HandshakeFailure
        | AlertDescription::InsufficientSecurity => too_old().to_owned(),
        AlertDescription::UnrecognisedName => {
            "it serves no host of this name; does the URL name the host that it has a certificate \
             for?"
                .to_owned()
        }
        AlertDescription::CertificateRequired => {
            "it wants a certificate of the client, which this module has not; let it serve this \
             machine without one"
                .to_owned()
        }
        _ => plain(&format!("it refused the connection: {alert:?}")),
    }
}

fn too_old() -> &'static str {
    "there is no common ground: this side speaks TLS 1.2 and 1.3 with the ciphers of today; \
     enable one of these there"
}

fn date(time: UnixTime) -> String {
    utc(time.as_secs())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    fn said(flaw: CertificateError) -> String {
        words(&Error::InvalidCertificate(flaw))
    }

    #[test]
    fn each_cause_is_named_with_its_cure() {
        let name = ServerName::try_from("sso.test").unwrap();
        let names = |count: usize| (0..count).map(|n| format!("DnsName(\"h{n}.test\")")).collect();
        let not_for = |presented| CertificateError::NotValidForNameContext {
            expected: name.clone(),
            presented,
        };
        for (flaw, parts) in [
            (
                CertificateError::UnknownIssuer,
                &["unknown authority", "ssl_trusted_certificate"][..],
            ),
            (not_for(names(1)), &["is for h0.test and not for sso.test", "URL"]),
            (not_for(vec!["IpAddress(127.0.0.1)".into()]), &["for 127.0.0.1 and not"]),
            (not_for(names(7)), &["h4.test, 2 more and not for"]),
            (not_for(vec![]), &["no name at all"]),
            (
                CertificateError::ExpiredContext {
                    time: at(951_868_800),
                    not_after: at(951_782_400),
                },
                &["expired on 2000-02-29 00:00:00 UTC", "renew"],
            ),
            (
                CertificateError::NotValidYetContext { time: at(0), not_before: at(951_782_400) },
                &["2000-02-29", "clock", "1970-01-01"],
            ),
        ] {
            let said = said(flaw);
            for part in parts {
                assert!(said.contains(part), "{part}: {said}");
            }
        }
    }

    #[test]
    fn names_in_a_certificate_cannot_write_a_line_of_their_own() {
        let said = said(CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("sso.test").unwrap(),
            presented: vec!["DnsName(\"a\n[alert] b\")".into(), "x".repeat(10_000)],
        });
        assert!(!said.contains('\n') && said.len() < 1000, "{said}");
    }
}
