//! nginx in place of authentik's proxy outpost: `nginx-conf/outpost.conf`, unchanged.

use std::net::SocketAddr;

use authentik_standin::{CertificateSettings, Mode, ProviderSettings};

use crate::harness::{
    Connection, Request, Site, TempDir, certificate, eventually, free_port, handshake, parameter,
};

const PAIR: &str = "11111111-1111-4111-8111-111111111111";

/// The contents of the sample's `http { }`, with this machine's addresses and files.
fn sample(metrics: u16) -> String {
    let text = include_str!("../../nginx-conf/outpost.conf");
    let from = text.find("http {\n").expect("a whole nginx.conf") + "http {\n".len();
    let mut local = text[from..].trim_end().strip_suffix('}').expect("its end").to_owned();
    let metrics = format!("listen 127.0.0.1:{metrics};");
    let include = concat!(env!("CARGO_MANIFEST_DIR"), "/nginx-conf/proxy-mode.conf");
    for (written, here) in [
        ("https://sso.example.com", "%%SSO%%"),
        ("/etc/nginx/authentik/token", "%%TOKEN%%"),
        ("/var/lib/nginx/authentik", "%%PREFIX%%/state"),
        ("/etc/nginx/authentik/default.pem", "%%PREFIX%%/default.pem"),
        ("/etc/nginx/authentik/default.key", "%%PREFIX%%/default.key"),
        ("/etc/nginx/authentik/proxy-mode.conf", include),
        ("listen 9000 ", "listen 127.0.0.1:%%PORT%% "),
        ("listen 9443 ", "listen 127.0.0.1:%%PORT2%% "),
        ("listen 127.0.0.1:9300;", &metrics),
    ] {
        assert_eq!(local.matches(written).count(), 1, "{written:?}");
        local = local.replace(written, here);
    }
    local
}

/// Certificate and key, PEM.
type Pair = (String, String);

fn pair(name: &str) -> Pair {
    let directory = TempDir::new();
    let (certificate, key) = certificate(name, "127.0.0.1", &directory);
    let read = |path| std::fs::read_to_string(path).expect("a PEM file");
    (read(certificate), read(key))
}

/// `app.test` in proxy mode with its own certificate, `single.test` behind another proxy.
fn start(metrics: u16, own: &Pair, default: &Pair) -> Site {
    let (certificate_pem, key_pem) = own.clone();
    Site::builder()
        .without_provider()
        .workers(1)
        .file("default.pem", &default.0)
        .file("default.key", &default.1)
        .http(&sample(metrics))
        .server("server_name other.test; location / { proxy_pass http://app; }")
        .settings(move |settings, ports| {
            let host = format!("http://app.test:{}", ports.main);
            let mut app = ProviderSettings::new("app", &host);
            app.proxy.mode = Mode::Proxy;
            // The application, which answers for a name that the outpost does not have.
            app.proxy.internal_host = format!("http://127.0.0.1:{}", ports.main);
            app.host_header = Some("other.test".to_owned());
            app.proxy.certificate = Some(PAIR.to_owned());
            let single = format!("http://single.test:{}", ports.main);
            settings.providers.extend([app, ProviderSettings::new("single", &single)]);
            settings.certificates.push(CertificateSettings {
                pk: PAIR.to_owned(),
                name: "app".to_owned(),
                certificate_pem: certificate_pem.clone(),
                key_pem: key_pem.clone(),
            });
        })
        .start()
}

#[test]
fn one_file_is_a_whole_outpost() {
    let (own, default) = (pair("app.test"), pair("default.test"));
    let metrics = free_port();
    let site = start(metrics, &own, &default);
    let host = format!("app.test:{}", site.address().port());
    ready(&site, &host);

    // Proxy mode on 9000.
    let mut browser = site.browser();
    let trail = browser.open(&format!("http://{host}/page?x"));
    assert_eq!(trail.status(), 200, "{trail:#?}");
    assert_eq!(site.app.last().target, "/page?x");
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));

    // A host whose application is behind another proxy has no application here.
    site.app.forget();
    let nowhere = browser.open(&format!("http://single.test:{}/", site.address().port()));
    assert_eq!((nowhere.status(), site.app.hits()), (500, 0));

    // Certificates on 9443.
    let shown = |name: &str| handshake(site.other_address(), &["-servername", name]);
    assert_eq!(shown("app.test"), Ok(own.0));
    assert_eq!(shown("unknown.test"), Ok(default.0));

    // Forward auth, for the provider of the host in question.
    let about = format!("http://wiki.test:{}/page", site.address().port());
    let ask = site.get("/outpost.goauthentik.io/auth/nginx").host("outpost.internal");
    assert_eq!(ask.clone().header("X-Original-URL", &about).status(), 401);
    assert_eq!(ask.status(), 500, "which page?");
    let start = site.get("/outpost.goauthentik.io/start").host(&host).send();
    assert_eq!(parameter(start.location(), "client_id").as_deref(), Some("app-client-id"));
    assert_eq!(site.get("/outpost.goauthentik.io/ping").host("outpost.internal").status(), 204);

    // 9300.
    let address = SocketAddr::from(([127, 0, 0, 1], metrics));
    assert!(Connection::try_open(address).is_ok());
    let get = |target: &str| Request::new(address, "GET", "localhost", target).send();
    assert!(get("/metrics").text().contains("\nauthentik_outpost_connection{"));
    assert_eq!(get("/outpost.goauthentik.io/ping").status(), 204);
}

fn ready(site: &Site, host: &str) {
    eventually("the settings arrive", || site.get("/").host(host).status() == 401);
}
