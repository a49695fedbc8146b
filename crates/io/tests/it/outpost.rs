//! What an outpost asks authentik, and what it does when there is no usable answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use authentik_gate::outpost::{RefreshError, Snapshot};
use authentik_gate::provider::Trust;
use authentik_gate::secret::Secret;
use authentik_io::outpost::{Agent, Events};
use authentik_io::pool::spawn_plainly;
use authentik_standin::{
    CertificateSettings, Endpoint, Fault, OUTPOST_PK, OUTPOST_TOKEN, OutpostSettings as Instance,
    ProviderSettings, Settings, Standin,
};
use rcgen::{CertificateParams, KeyPair};

use crate::diary::{Diary, Event, identity, settings, settled, start};
use crate::tls::pem;

#[test]
fn everything_is_loaded_with_the_token_and_one_host_header() {
    let standin = Standin::start(Settings { sub_path: "/auth".into(), ..Settings::default() });
    let (_agent, diary) = start(&standin);
    let snapshot = diary.snapshot(0);
    assert_eq!(snapshot.outpost.pk, OUTPOST_PK);
    assert_eq!(snapshot.outpost.refresh_interval_s, 300);
    let [wiki] = snapshot.providers.as_slice() else { panic!("{snapshot:?}") };
    assert_eq!(wiki.assigned_application_slug, "wiki");
    assert_eq!(wiki.oidc_configuration.issuer, standin.issuer("wiki"));

    diary.connected(0);
    for request in standin.requests() {
        let all = |name: &str| -> Vec<&str> {
            let named = request.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
            named.map(|(_, value)| value.as_str()).collect()
        };
        assert_eq!(all("host"), [standin.address().to_string()], "{}", request.path);
        assert_eq!(all("authorization"), [format!("Bearer {OUTPOST_TOKEN}")]);
        assert!(all("user-agent")[0].starts_with("goauthentik.io/outpost/"));
        assert!(all("x-forwarded-proto").is_empty());
        assert!(request.path.starts_with("/auth/"), "{}", request.path);
    }
}

#[test]
fn a_change_is_told_within_three_seconds_and_its_twin_message_costs_no_more() {
    let standin = Standin::start(Settings::default());
    let (_agent, diary) = start(&standin);
    settled(&diary);
    // On a busy machine the twin may come late and count for itself, but not each time.
    let mut seen = Vec::new();
    for pattern in ["^/one$", "^/two$", "^/three$"] {
        let (from, asked) = (diary.len(), standin.count("/api/v3/outposts/proxy/"));
        let changed = Instant::now();
        standin.update_provider("wiki", |wiki| wiki.proxy.skip_path_regex = pattern.into());
        diary.snapshot_where(from, |new| new.providers[0].skip_path_regex == pattern);
        let took = changed.elapsed();
        std::thread::sleep(Duration::from_secs(4));
        // Soon, and once settled.
        seen.push((took, standin.count("/api/v3/outposts/proxy/") - asked));
        if took < Duration::from_secs(3) && seen.last().is_some_and(|(_, asked)| *asked == 2) {
            return;
        }
    }
    panic!("never within three seconds and by two questions: {seen:?}");
}

#[test]
fn a_page_that_fails_fails_the_refresh_and_the_retry_brings_all() {
    let providers = ProviderSettings::many(150, |n| format!("https://app{n}.example.com"));
    let standin = Standin::start(Settings { providers, ..Settings::default() });
    standin.fault_times(Endpoint::ProvidersPage(2), Fault::HtmlError(500), 1);
    let (_agent, diary) = start(&standin);
    let error = diary.failure(0);
    assert_eq!(error.to_string(), "authentik answered 500 for the providers");
    assert_eq!(diary.count(|event| matches!(event, Event::Refreshed(_))), 0);
    let snapshot = diary.snapshot(0);
    assert_eq!((snapshot.providers.len(), snapshot.unusable.len()), (150, 0));
}

#[test]
fn whatever_comes_instead_of_an_answer_is_a_failure_with_its_reason() {
    for (at, fault, says) in [
        (Endpoint::Instances, Fault::HtmlError(502), "authentik answered 502 for the outpost"),
        (Endpoint::Instances, Fault::NotJson, "answer for the outpost cannot be understood"),
        (Endpoint::Providers, Fault::Truncated, "ended before the answer was complete"),
        (Endpoint::Providers, Fault::Garbage, "is not HTTP"),
        (Endpoint::Providers, Fault::Hangup, "is not HTTP"),
        (Endpoint::Providers, Fault::HtmlError(404), "is the URL right?"),
        (Endpoint::Providers, Fault::HugeBody(17 << 20), "is too long"),
    ] {
        let standin = Standin::start(Settings::default());
        standin.fault_times(at, fault.clone(), 1);
        let (agent, diary) = start(&standin);
        let error = diary.failure(0).to_string();
        assert!(error.contains(says), "{fault:?}: {error}");
        agent.stop();
    }
}

#[test]
fn a_wrong_token_is_explained_and_authentik_is_left_alone() {
    let instance = Instance { token: Some("another".into()), ..Instance::default() };
    let standin = Standin::start(Settings { outposts: vec![instance], ..Settings::default() });
    let (agent, diary) = start(&standin);
    let error = diary.failure(0);
    assert!(error.to_string().contains("Token invalid/expired"), "{error}");
    assert!(error.to_string().contains("service account"), "{error}");
    for _ in 0..20 {
        agent.refresh_now();
        std::thread::sleep(Duration::from_millis(200));
    }
    // Three seconds after the first, and six after that.
    let asked = standin.requests().len();
    assert!(asked <= 2, "asked {asked} times: only by time, and no web sockets");
}

#[test]
fn an_update_is_followed_although_authentik_refused_the_token_for_a_moment() {
    let standin = Standin::start(Settings::default());
    let (_agent, diary) = start(&standin);
    settled(&diary);
    for fault in [Fault::Status(403), Fault::NoOutposts] {
        // Long enough refused for the next attempt by time to be far.
        standin.fault(Endpoint::Instances, fault.clone());
        for _ in 0..4 {
            let from = diary.len();
            standin.push_update();
            assert!(diary.failure(from).needs_administrator(), "{fault:?}");
        }
        standin.clear_faults();
        let from = diary.len();
        standin.update_provider("wiki", |wiki| wiki.proxy.skip_path_regex = format!("{fault:?}"));
        diary.snapshot_where(from, |new| new.providers[0].skip_path_regex == format!("{fault:?}"));
    }
}

const PAIR: &str = "bd1be30d-caa4-40d6-8a08-419a42b720cb";

/// A certificate and its key, PEM.
fn key_pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::default().self_signed(&key).unwrap();
    (pem("CERTIFICATE", certificate.der()), pem("PRIVATE KEY", &key.serialize_der()))
}

fn with_certificate((certificate_pem, key_pem): (String, String)) -> Standin {
    let certificate =
        CertificateSettings { pk: PAIR.into(), name: "web".into(), certificate_pem, key_pem };
    let mut settings = Settings { certificates: vec![certificate], ..Settings::default() };
    settings.providers[0].proxy.certificate = Some(PAIR.into());
    Standin::start(settings)
}

#[test]
fn a_certificate_is_read_again_only_when_it_is_another() {
    let (certificate, key) = key_pair();
    let standin = with_certificate((certificate.clone(), key.clone()));
    let (agent, diary) = start(&standin);
    let [pair] = diary.snapshot(0).certificates.try_into().unwrap();
    assert_eq!((pair.pk.as_str(), pair.certificate), (PAIR, certificate));
    assert_eq!(pair.key, Secret::new(key));
    settled(&diary);
    let keys = format!("/api/v3/crypto/certificatekeypairs/{PAIR}/view_private_key/");
    assert_eq!(standin.count(&keys), 1, "two refreshes, one certificate");

    let from = diary.len();
    let (certificate, key) = key_pair();
    standin.update_certificate(PAIR, &certificate, &key);
    let renewed = Secret::new(key);
    diary.snapshot_where(from, |new| new.certificates[0].key == renewed);
    assert_eq!(standin.count(&keys), 2);
    agent.stop();
}

#[test]
fn a_certificate_that_is_not_handed_out_keeps_no_provider_from_being_served() {
    let standin = with_certificate(key_pair());
    standin.fault(Endpoint::Certificates, Fault::Status(404));
    let (_agent, diary) = start(&standin);
    let snapshot = diary.snapshot(0);
    assert_eq!((snapshot.providers.len(), snapshot.certificates.len()), (1, 0));
    assert_eq!(snapshot.unusable[0].name, format!("certificate {PAIR}"));
}

#[test]
fn a_certificate_that_is_not_granted_yet_is_asked_for_again_soon_without_an_update() {
    let standin = with_certificate(key_pair());
    standin.fault_times(Endpoint::Certificates, Fault::Status(404), 2);
    let (_agent, diary) = start(&standin);
    assert_eq!(diary.snapshot(0).certificates.len(), 0);
    // The refresh after the connection is the second without it, the next one by time has it.
    let later = diary.snapshot_where(0, |snapshot| !snapshot.certificates.is_empty());
    assert_eq!(later.unusable, []);
}

#[test]
fn a_key_pair_that_nginx_would_complain_of_is_left_out_and_named() {
    let (certificate, key) = key_pair();
    let (other, _) = key_pair();
    let nonsense = pem("PRIVATE KEY", b"nonsense");
    let encrypted = pem("ENCRYPTED PRIVATE KEY", b"nonsense");
    for (certificate, key, says) in [
        (other.as_str(), key.as_str(), "of another one"),
        (&certificate, &nonsense, "cannot be used"),
        (&certificate, &encrypted, "cannot be used"),
        (&certificate, "no PEM", "cannot be understood"),
        (&certificate, &certificate, "cannot be used"),
        (&nonsense, &key, "not a certificate"),
        ("no PEM", &key, "cannot be understood"),
    ] {
        let standin = with_certificate((certificate.to_owned(), key.to_owned()));
        let (agent, diary) = start(&standin);
        let snapshot = diary.snapshot(0);
        assert_eq!((snapshot.providers.len(), snapshot.certificates.len()), (1, 0), "{says}");
        let [unusable] = snapshot.unusable.try_into().unwrap();
        assert_eq!(unusable.name, format!("certificate {PAIR}"));
        assert!(unusable.why.contains(says), "{says}: {}", unusable.why);
        agent.stop();
    }
}

#[test]
fn a_certificate_that_cannot_be_asked_for_now_fails_the_refresh() {
    let standin = with_certificate(key_pair());
    standin.fault_times(Endpoint::Certificates, Fault::HtmlError(503), 1);
    let (_agent, diary) = start(&standin);
    assert!(diary.failure(0).to_string().contains("answered 503 for the certificate"));
    assert_eq!(diary.snapshot(0).certificates.len(), 1);
}

/// Does not survive the first refresh.
#[derive(Default)]
struct Clumsy {
    diary: Diary,
    refreshes: AtomicUsize,
}

impl Events for Clumsy {
    fn refreshed(&self, snapshot: Snapshot) {
        assert!(self.refreshes.fetch_add(1, Ordering::SeqCst) > 0, "on purpose");
        self.diary.refreshed(snapshot);
    }

    fn refresh_failed(&self, _: &RefreshError) {}

    fn connected(&self, _: u32) {}

    fn disconnected(&self, _: &str, _: Duration) {}

    fn session_ended(&self, _: &str) {}
}

#[test]
fn a_panic_in_what_is_done_with_an_event_does_not_end_the_refreshing() {
    let standin = Standin::start(Settings::default());
    let clumsy = Arc::new(Clumsy::default());
    let settings = settings(&standin.base_url(), Trust::System);
    let agent = Agent::start(settings, identity(), clumsy.clone(), spawn_plainly).unwrap();
    agent.refresh_now();
    assert_eq!(clumsy.diary.snapshot(0).providers.len(), 1);
}
