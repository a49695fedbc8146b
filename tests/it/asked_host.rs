//! Which host a request is for: everybody is told the host that was checked.

use authentik_standin::{Mode, ProviderSettings};

use crate::domain_level;
use crate::harness::{
    Builder, Cgi, Connection, Curl, Protocol, Site, TempDir, http2, listen_http2,
};
use crate::outpost::started;

const PROXY: &str = "authentik_provider wiki;
     location / {
         proxy_pass $authentik_upstream$request_uri;
         proxy_set_header Host $authentik_upstream_host;
     }";

fn proxied() -> Builder {
    Site::builder().server(PROXY).provider("mode proxy; internal_host http://%%APP%%;")
}

#[test]
fn an_application_in_proxy_mode_is_told_the_host_of_the_absolute_form() {
    let site = proxied().start();
    let alice = site.signed_in();
    let own = site.url().replace("http://", "");
    for (target, host, told) in [
        (format!("http://{own}/page"), "files.test", own.as_str()),
        (format!("http://WIKI.test:{}/page", site.address().port()), &own, &own),
        ("http://wiki.test/page".to_owned(), "wiki.test:1", "wiki.test"),
        ("http://wiki.test:81?page".to_owned(), "files.test:82", "wiki.test:81"),
        ("/page".to_owned(), "WIKI.test.:83", "wiki.test:83"),
        ("/page".to_owned(), "wiki.test:", "wiki.test"),
    ] {
        let request = alice.get("/").target(&target).host(host);
        let request = request.header("X-Forwarded-Host", "files.test");
        assert_eq!(request.status(), 200, "{target} {host}");
        let received = site.app.last();
        assert_eq!(received.all("X-Forwarded-Host"), [told], "{target} {host}");
        assert_eq!(received.all("Host"), [told], "{target} {host}");
    }
}

#[test]
fn an_application_in_proxy_mode_is_told_the_providers_host_where_a_client_names_none() {
    let site = proxied().start();
    let cookie = site.signed_in().cookie_header().expect("a session");
    let mut connection = Connection::open(site.address());
    connection.send(format!("GET /page HTTP/1.0\r\nCookie: {cookie}\r\n\r\n"));
    assert_eq!(connection.response().status(), 200);
    let own = site.url().replace("http://", "");
    assert_eq!(site.app.last().all("X-Forwarded-Host"), [own.as_str()]);
    assert_eq!(site.app.last().all("Host"), [own.as_str()]);
}

/// Two applications behind one server: `open.example.test` is open, the others are for users of the
/// domain's provider.
fn wildcard(location: &str) -> Site {
    let server = format!(
        "listen 127.0.0.1:%%PORT2%%;
         server_name *.example.test;
         authentik_provider auto;
         add_header X-Worker $pid always;
         add_header X-Host $http_host always;
         {location}"
    );
    let builder = Site::builder()
        .http(&format!("{} server {{ {server} }}", crate::outpost::CONNECTED))
        .server("authentik_provider auto; add_header X-Worker $pid always; location / { }")
        .settings(|settings, ports| {
            let host = format!("http://open.example.test:{}", ports.other);
            let mut open = ProviderSettings::new("open", &host);
            open.proxy.skip_path_regex = "^/public/".to_owned();
            settings.providers.push(open);
            let host = format!("http://auth.example.test:{}", ports.other);
            let mut domain = ProviderSettings::new("domain", &host);
            domain.proxy.mode = Mode::ForwardDomain;
            domain.proxy.cookie_domain = "example.test".to_owned();
            settings.providers.push(domain);
        });
    started(builder)
}

/// Ways for a client to name a second host besides the one that is checked: target and `Host`.
fn disguises(port: u16) -> [(String, String); 4] {
    let open = format!("open.example.test:{port}");
    let secret = format!("secret.example.test:{port}");
    [
        (format!("http://{open}/public/x"), secret.clone()),
        (format!("http://{open}/public/x"), "secret.example.test".to_owned()),
        ("/public/x".to_owned(), open.clone()),
        (format!("http://OPEN.example.test:{port}/public/x"), secret),
    ]
}

#[test]
fn an_application_that_goes_by_host_gets_the_host_that_was_judged() {
    let site = wildcard("location / { proxy_pass http://app; proxy_set_header Host $http_host; }");
    let port = site.other_address().port();
    let open = format!("open.example.test:{port}");
    for (target, host) in disguises(port) {
        let request = site.get(&target).host(&host).to(site.other_address());
        assert_eq!(request.status(), 200, "{target} {host}");
        assert_eq!(site.app.last().all("Host"), [open.as_str()], "{target} {host}");
    }
    site.app.forget();
    // With the hosts swapped, a stranger is refused.
    let target = format!("http://secret.example.test:{port}/public/x");
    assert_eq!(site.get(&target).host(&open).to(site.other_address()).status(), 401);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn an_application_behind_fastcgi_gets_the_host_that_was_judged() {
    let cgi = Cgi::start(Protocol::Fastcgi);
    let site = wildcard(&format!("location / {{ fastcgi_pass {}; }}", cgi.address()));
    let port = site.other_address().port();
    for (target, host) in disguises(port) {
        let request = site.get(&target).host(&host).to(site.other_address());
        assert_eq!(request.status(), 200, "{target} {host}");
        let told = cgi.last("HTTP_HOST");
        assert_eq!(told, [format!("open.example.test:{port}")], "{target} {host}");
    }
}

#[test]
fn what_an_application_would_read_as_another_host_is_not_handed_on() {
    // nginx before 1.29.3 accepts anything after the colon; later versions answer 400.
    let site = Site::start(
        "authentik_provider wiki; authentik_unauth_paths ^/public/;
         location / { proxy_pass http://app; proxy_set_header Host $http_host; }",
    );
    for host in ["wiki.test:@files.test", "wiki.test:x@files.test:80", "wiki.test:99999"] {
        match site.get("/public/x").host(host).status() {
            400 => assert_eq!(site.app.hits(), 0, "{host}"),
            status => {
                assert_eq!(status, 200, "{host}");
                assert_eq!(site.app.last().all("Host"), ["wiki.test"], "{host}");
            }
        }
        site.app.forget();
    }
}

#[test]
fn the_error_page_of_a_request_with_two_hosts_knows_the_first_only() {
    let cgi = Cgi::start(Protocol::Fastcgi);
    let site = Site::start(&format!(
        "authentik_provider wiki;
         error_page 400 /sorry;
         location / {{ fastcgi_pass {}; }}",
        cgi.address()
    ));
    let alice = site.signed_in();
    alice.get("/").host("wiki.test").header("Host", "files.test").send();
    assert_eq!(cgi.last("HTTP_X_AUTHENTIK_USERNAME"), ["alice"]);
    assert_eq!(cgi.last("HTTP_HOST"), ["wiki.test"]);
}

#[test]
fn a_domain_level_sign_in_returns_to_the_host_of_the_absolute_form() {
    let site = domain_level::site();
    let port = site.address().port();
    let page = format!("http://wiki.example.test:{port}/page?x=1");
    for host in ["files.example.test".to_owned(), format!("evilexample.test:{port}")] {
        let mut browser = site.browser();
        let asked = browser.get(&page).navigation().target(&page).host(&host).send();
        let trail = browser.follow(&page, asked);
        assert_eq!(trail.address().as_str(), page, "{host}");
        assert_eq!(trail.status(), 200, "{host}: {trail:#?}");
    }
    let mut browser = site.browser();
    let root = format!("http://wiki.example.test:{port}");
    let asked = browser.get(&root).navigation().target(&format!("{root}?x=1")).send();
    let trail = browser.follow(&root, asked);
    assert_eq!(trail.address().as_str(), format!("{root}/?x=1"), "{trail:#?}");
}

#[test]
fn over_http_2_the_authority_is_the_host() {
    let site = proxied()
        .http(&format!(
            "server {{ {} server_name wiki.test; keepalive_timeout 0; {PROXY} }}",
            listen_http2("")
        ))
        .start();
    let session = site.signed_in().cookie_header().expect("a session");
    let ask = |fields: &[(&str, &[u8])]| {
        let known = [fields, &[("cookie", session.as_bytes())]].concat();
        http2::Http2::begin(site.other_address(), &http2::request(1, &known)).answers()
    };
    let of = |host: &'static [u8]| -> Vec<(&str, &[u8])> {
        vec![(":method", b"GET"), (":scheme", b"http"), (":path", b"/page"), (":authority", host)]
    };
    for (authority, told) in [
        (&b"wiki.test:8443"[..], "wiki.test:8443"),
        (b"WIKI.test.", "wiki.test"),
        (b"wiki.test", "wiki.test"),
    ] {
        let answers = ask(&of(authority));
        assert!(answers.len() == 1 && http2::is_success(&answers[0]), "{told}: {answers:?}");
        assert_eq!(site.app.last().all("X-Forwarded-Host"), [told]);
        assert_eq!(site.app.last().all("Host"), [told]);
    }
    site.app.forget();
    let both = [&of(b"wiki.test")[..], &[("host", b"files.test")]].concat();
    let answers = ask(&both);
    assert!(answers.iter().all(|answer| !http2::is_success(answer)), "{answers:?}");
    assert_eq!(site.app.hits(), 0, "nginx itself refuses two hosts");
}

#[test]
fn over_http_2_a_domain_level_sign_in_returns_to_the_page() {
    let server = |lines: &str| format!("server {{ {} {lines} }}", listen_http2(""));
    let site = Site::builder()
        .http(&format!(
            "authentik_provider domain {{
                 issuer %%SSO%%/application/o/domain/;
                 client_id domain-client-id;
                 client_secret domain-client-secret;
                 external_host http://auth.example.test:%%PORT2%%;
                 mode forward_domain;
                 cookie_domain example.test;
             }} {}",
            server(
                "server_name *.example.test; authentik_provider domain;
                 location / { proxy_pass http://app; }"
            )
        ))
        .settings(|settings, ports| {
            let host = format!("http://auth.example.test:{}", ports.other);
            settings.providers.push(ProviderSettings::new("domain", &host));
        })
        .start();
    let directory = TempDir::new();
    let port = site.other_address().port();
    let page = format!("http://wiki.example.test:{port}/page?x=1");
    let auth = format!("auth.example.test:{port}:127.0.0.1");
    let curl = Curl::new("wiki.example.test", site.other_address(), &directory).with(&[
        "--resolve",
        &auth,
        "--http2-prior-knowledge",
        "-H",
        "Sec-Fetch-Mode: navigate",
    ]);
    let first = curl.run(&page);
    let authorize = location(&first);
    let curl = |arguments: &[&str]| {
        let arguments = [&["--resolve", auth.as_str()], arguments].concat();
        Curl::new("wiki.example.test", site.other_address(), &directory).with(&arguments)
    };
    // authentik does not support HTTP/2.
    let second = curl(&[]).run(authorize);
    let mut callback = location(&second).to_owned();
    if !callback.contains("/callback") {
        let third = curl(&["-L"]).run(&callback);
        callback = location(&third).to_owned();
    }
    let last = curl(&["--http2-prior-knowledge"]).run(&callback);
    assert_eq!(location(&last), page, "{last}");
}

fn location(head: &str) -> &str {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("location:"));
    line.and_then(|line| line.split_once(": ")).map_or("", |(_, url)| url)
}
