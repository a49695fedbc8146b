//! Claiming an identity: headers that applications mistake for the module's.

use super::{assert_untouched, spellings};
use crate::harness::{
    Builder, Cgi, IDENTITY_HEADERS, Protocol, Received, Site, eventually, listen_http2,
};

#[test]
fn s03_no_spelling_of_the_forwarded_host_reaches_the_application_beside_the_true_one() {
    // CVE-2026-39858, GHSA-5m6w-wvh7-57vm: `X_Forwarded_Proto` was accepted as `X-Forwarded-Proto`.
    let site = proxied().start();
    let alice = site.signed_in();
    let host = site.url().replace("http://", "");
    for request in [site.get("/public/x"), alice.get("/")] {
        let request = spellings("X-Forwarded-Host").iter().fold(request, |request, spelling| {
            request.header(spelling, "evil.test").header(spelling, "second.test")
        });
        assert_eq!(request.status(), 200);
        let received = site.app.last();
        assert_eq!(folding_to(&received, "x-forwarded-host"), [host.as_str()]);
    }
}

#[test]
fn s18_no_alias_of_a_header_reaches_an_application_that_folds_names() {
    // GHSA-f59h-q822-g45g: `Remote_Groups` became the CGI variable of `Remote-Groups`.
    for (protocol, directive) in [
        (Protocol::Fastcgi, "fastcgi_pass"),
        (Protocol::Scgi, "scgi_pass"),
        (Protocol::Uwsgi, "uwsgi_pass"),
    ] {
        let cgi = Cgi::start(protocol);
        let site = folding(&format!("{directive} {};", cgi.address())).start();
        let alice = site.signed_in();
        for (request, username) in
            [(site.get("/public/x"), vec![]), (alice.get("/public/x"), vec!["alice"])]
        {
            let forged = ["Remote-Groups", "X-authentik-username", "X-authentik-groups"]
                .iter()
                .flat_map(|name| spellings(name))
                .fold(request, |request, spelling| request.header(&spelling, "akadmin"));
            assert_eq!(forged.status(), 200, "{directive}");

            assert_eq!(cgi.last("HTTP_REMOTE_GROUPS"), [""; 0], "{directive}");
            assert_eq!(cgi.last("HTTP_X_AUTHENTIK_USERNAME"), username, "{directive}");
            let groups = cgi.last("HTTP_X_AUTHENTIK_GROUPS");
            assert_eq!(groups, vec![""; username.len()], "{directive}: alice has none");
        }
    }
}

#[test]
fn s18_no_alias_of_a_header_reaches_a_grpc_application() {
    // A second nginx server in place of the gRPC application passes on what it received.
    let listen = listen_http2("");
    let site = folding("grpc_pass grpc://127.0.0.1:%%PORT2%%;")
        .http(&format!(
            "server {{
                 {listen} underscores_in_headers on;
                 location / {{ proxy_pass http://app; }}
             }}"
        ))
        .start();
    let alice = site.signed_in();
    for (request, usernames) in
        [(site.get("/public/x"), vec![]), (alice.get("/public/x"), vec!["alice"])]
    {
        let forged = ["Remote-Groups", "X-authentik-username"]
            .iter()
            .flat_map(|name| spellings(name))
            .fold(request, |request, spelling| request.header(&spelling, "akadmin"));
        assert_eq!(forged.status(), 200);

        let received = site.app.last();
        assert_eq!(folding_to(&received, "x-authentik-username"), usernames);
        assert_eq!(folding_to(&received, "remote-groups"), [""; 0]);
    }
}

#[test]
fn s19_of_every_header_we_own_every_spelling_is_removed() {
    // CVE-2025-64484, GHSA-vjrc-mh2v-45x6: only the exact spelling was removed.
    let site = Site::start(
        "underscores_in_headers on;
         large_client_header_buffers 4 32k;
         authentik_identity_headers Remote-User X-Department;
         authentik_provider wiki;
         location / { proxy_pass http://app; }
         location /pass/ { authentik_unauthenticated pass; proxy_pass http://app; }",
    );
    let zoe = site.signed_in_as("zoe"); // has `additionalHeaders`
    let additional = ["X-User-Header", "X-Group-Header", "X-Null", "x-lower-case"];
    for name in IDENTITY_HEADERS.iter().chain(&["Remote-User", "X-Department"]).chain(&additional) {
        let folded = name.to_ascii_lowercase();
        let forged = |request| {
            spellings(name).iter().fold(request, |request: crate::harness::Request, spelling| {
                request.header(spelling, "akadmin")
            })
        };

        assert_eq!(forged(zoe.get("/")).status(), 200, "{name}");
        let values = site.app.last();
        let values = folding_to(&values, &folded);
        assert!(values.len() <= 1 && !values.contains(&"akadmin"), "{name}: {values:?}");

        if !additional.contains(name) {
            assert_eq!(forged(site.get("/pass/")).status(), 200, "{name}");
            assert_eq!(folding_to(&site.app.last(), &folded), [""; 0], "{name}");
        }
    }
}

#[test]
fn s20_a_twin_is_removed_whichever_comes_first() {
    // authentik #17650: `x_foo` was kept if `x-foo` was present.
    let site = Site::start(
        "underscores_in_headers on;
         authentik_provider wiki;
         authentik_unauth_paths ^/public/;
         location / { proxy_pass http://app; }",
    );
    let alice = site.signed_in();
    let (dash, underscore) = ("x-authentik-username", "x_authentik_username");
    for names in [
        [dash, underscore].as_slice(),
        &[underscore, dash],
        &[underscore, dash, underscore],
        &[dash, underscore, dash],
        &[underscore, underscore],
        &["x-authentik_username", "x_authentik-username"],
    ] {
        for (request, left) in [(site.get("/public/"), vec![]), (alice.get("/"), vec!["alice"])] {
            let request = names.iter().fold(request, |request, name| {
                request.header(name, "akadmin").header("X-Between", "kept")
            });
            assert_eq!(request.status(), 200, "{names:?}");
            let received = site.app.last();
            assert_eq!(folding_to(&received, dash), left, "{names:?}");
            assert_eq!(received.all("X-Between").len(), names.len(), "{names:?}");
        }
    }
}

#[test]
fn s21_no_shortcut_skips_the_removal() {
    // mod_auth_openidc, August 2026: OPTIONS and the redirect URI skipped it. For other locations,
    // see `a_client_copy_of_an_identity_header_never_reaches_the_application_in_any_spelling`.
    let site = Site::builder()
        .http(
            "server {
                 listen 127.0.0.1:%%PORT2%%;
                 location / { add_header X-Accel-Redirect /inner/; return 200; }
             }",
        )
        .file("html/page.html", "<!--# include virtual=\"/inner/\" -->")
        .server(
            "underscores_in_headers on;
             authentik_provider wiki;
             authentik_identity_headers Remote-User;
             location / { error_page 401 403 = @open; proxy_pass http://app; }
             location @open { authentik_provider off; proxy_pass http://app; }
             location /inner/ { internal; authentik_provider off; proxy_pass http://app; }
             location /accel/ { authentik_provider off; proxy_pass http://127.0.0.1:%%PORT2%%; }
             location /moved/ { authentik_provider off; error_page 404 405 = /inner/;
                                root %%PREFIX%%/none; }
             location /page.html { authentik_provider off; ssi on; root %%PREFIX%%/html; }
             location /asked/ { authentik_provider off; auth_request /inner/;
                                proxy_pass http://app; }
             location /copied/ { authentik_provider off; mirror /inner/; proxy_pass http://app; }",
        )
        .start();
    for path in
        ["/refused", "/accel/", "/moved/x", "/page.html", "/asked/", "/copied/", "/accel/?a=b"]
    {
        for method in ["GET", "OPTIONS", "HEAD", "POST"] {
            if path == "/page.html" && method != "GET" {
                continue; // nginx serves files to GET only, and includes parts for it only
            }
            site.app.forget();
            let forged = forge(site.request(method, path)).status();
            // nginx does not wait for a mirror.
            let expected = if matches!(path, "/copied/" | "/asked/") { 2 } else { 1 };
            let what = format!("{method} {path}: {forged}");
            eventually(&what, || site.app.received().len() == expected);
            for received in site.app.received() {
                assert_no_claim(&received, &what);
            }
        }
    }
}

#[test]
fn s21_claims_do_not_survive_our_own_endpoints() {
    let site = Site::start(
        "authentik_provider wiki;
         authentik_identity_headers Remote-User;
         error_page 400 401 502 = @open;
         location / { proxy_pass http://app; }
         location @open { authentik_provider off; proxy_pass http://app; }",
    );
    for path in [
        "/outpost.goauthentik.io/callback",
        "/outpost.goauthentik.io/callback?code=x&state=y",
        "/any?X-authentik-auth-callback=true",
        "/any?X-authentik-logout=true",
        "/outpost.goauthentik.io/start?rd=/",
        "/outpost.goauthentik.io/sign_out",
        "/outpost.goauthentik.io/ping",
    ] {
        for method in ["GET", "POST", "OPTIONS"] {
            forge(site.request(method, path)).status();
            if site.app.hits() > 0 {
                assert_no_claim(&site.app.last(), &format!("{method} {path}"));
            }
        }
    }
    assert_untouched(&site, "the endpoints answer themselves");
}

#[test]
fn s23_on_an_open_path_of_proxy_mode_no_claim_reaches_the_internal_host() {
    // authentik's own proxy passed on the client's claims there.
    let site = proxied().start();
    for method in ["GET", "POST", "OPTIONS"] {
        for name in IDENTITY_HEADERS {
            for spelling in spellings(name) {
                let request = site.request(method, "/public/x").header(&spelling, "akadmin");
                assert_eq!(request.status(), 200, "{method} {spelling}");
                assert_eq!(site.app.last().identity_headers(), [], "{method} {spelling}");
            }
        }
    }
}

fn proxied() -> Builder {
    Site::builder().provider("mode proxy; internal_host http://%%APP%%/;").server(
        "underscores_in_headers on;
         authentik_provider wiki;
         authentik_unauth_paths ^/public/;
         location / {
             proxy_pass $authentik_upstream$request_uri;
             proxy_set_header Host $authentik_upstream_host;
         }",
    )
}

/// `/public/` leads to an application that folds header names, everything else to the usual one.
fn folding(pass: &str) -> Builder {
    Site::builder().server(&format!(
        "underscores_in_headers on;
         authentik_provider wiki;
         authentik_identity_headers Remote-Groups;
         authentik_unauth_paths ^/public/;
         location / {{ proxy_pass http://app; }}
         location /public/ {{ {pass} }}"
    ))
}

fn forge(request: crate::harness::Request) -> crate::harness::Request {
    ["X-authentik-username", "X_authentik_groups", "Remote-User", "remote_user"]
        .iter()
        .fold(request, |request, name| request.header(name, "akadmin"))
}

fn assert_no_claim(received: &Received, what: &str) {
    assert_eq!(received.identity_headers(), [], "{what}");
    assert_eq!(folding_to(received, "remote-user"), [""; 0], "{what}");
}

/// Values of all headers whose names an application may fold to this one.
fn folding_to<'r>(received: &'r Received, name: &str) -> Vec<&'r str> {
    let fold = |name: &str| name.to_ascii_lowercase().replace('_', "-");
    let same = |header: &&(String, String)| fold(&header.0) == fold(name);
    received.headers.iter().filter(same).map(|(_, value)| value.as_str()).collect()
}
