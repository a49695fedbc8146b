//! `nginx-conf/front-controllers.conf` and the recipes of docs/recipes.md, unchanged.

use crate::harness::{Cgi, Protocol, Site};

/// The sample's server with this name, with our application and a directory of files.
fn server(name: &str, cgi: &Cgi) -> String {
    let sample = include_str!("../../nginx-conf/front-controllers.conf");
    let after = sample.split_once(&format!("server_name {name};")).expect("the server").1;
    let body = after.split("\n}\n").next().expect("its end");
    let own = ["ssl_certificate", "ssl_certificate_key", "authentik_provider", "root"];
    let lines = body.lines().filter(|line| {
        let directive = line.split_whitespace().next().unwrap_or_default();
        !own.contains(&directive)
    });
    let lines: String = lines.map(|line| format!("{line}\n")).collect();
    let lines = lines.replace("unix:/run/php/php-fpm.sock", &cgi.address().to_string());
    assert!(lines.contains("try_files $uri @front;"), "{lines}");
    format!("authentik_provider wiki; root %%PREFIX%%/site;\n{lines}")
}

/// The script and the address that the application receives, or the status if it is not reached.
fn asked(site: &Site, cgi: &Cgi, target: &str, status: u16) -> Option<(String, String)> {
    let before = cgi.count();
    let answer = site.get(target).send();
    assert_eq!(answer.status(), status, "{target}: {}", answer.text());
    let told = |name: &str| cgi.last(name).pop().unwrap_or_default();
    (cgi.count() > before).then(|| {
        let script = told("SCRIPT_FILENAME");
        let script = script.split_once("/site").map_or(script.as_str(), |(_, script)| script);
        (script.to_owned(), told("REQUEST_URI"))
    })
}

fn site(name: &str, cgi: &Cgi) -> Site {
    Site::builder()
        .server(&server(name, cgi))
        .file("fastcgi_params", FASTCGI_PARAMS)
        .file("site/index.php", "")
        .file("site/public/style.css", "body {}")
        .file("site/wp-login.php", "")
        .file("site/wp-content/uploads/evil.php", "")
        .file("site/remote.php", "")
        .file("site/config/config.php", "")
        .start()
}

/// Results for the three applications: an address, the status for a stranger, and the script that
/// runs for them.
#[test]
fn an_open_address_is_open_behind_a_front_controller_and_no_other_is() {
    for (name, rows) in [
        (
            "php.example.com",
            &[
                ("/public/page?x=1", 200, Some("/index.php")),
                ("/hook/a", 200, Some("/index.php")),
                ("/public/style.css", 200, None),
                ("/", 401, None),
                ("/private", 401, None),
                ("/private?/public/", 401, None),
                ("/index.php", 403, None),
                ("/index.php/public/x", 403, None),
                ("/public/../private", 401, None),
                ("/public/index.php", 403, None),
            ][..],
        ),
        (
            "wordpress.example.com",
            &[
                ("/about/us", 200, Some("/index.php")),
                ("/", 401, None),
                ("/wp-login.php", 401, None),
                ("/wp-admin/", 401, None),
                ("/index.php", 401, None),
                ("/?p=/about/", 401, None),
                ("/wp-content/uploads/evil.php", 403, None),
            ],
        ),
        (
            "nextcloud.example.com",
            &[
                ("/s/abcdef", 200, Some("/index.php")),
                ("/index.php/s/abcdef", 200, Some("/index.php")),
                ("/remote.php/dav/files/bob/", 200, Some("/remote.php")),
                ("/index.php/login/v2", 200, Some("/index.php")),
                ("/", 401, None),
                ("/apps/files/", 401, None),
                ("/index.php/apps/files/", 401, None),
                ("/config/config.php", 403, None),
                ("/s/../apps/files/", 401, None),
            ],
        ),
    ] {
        let cgi = Cgi::start(Protocol::Fastcgi);
        let site = site(name, &cgi);
        for (target, status, script) in rows {
            let found = asked(&site, &cgi, target, *status);
            let expected = script.map(|script| (script.to_owned(), (*target).to_owned()));
            assert_eq!(found, expected, "{name} {target}");
        }
        // The application receives the name of a known visitor, at open and closed addresses.
        let alice = site.signed_in();
        let open = rows[0].0;
        for target in [open, "/some/page"] {
            assert_eq!(alice.get(target).status(), 200, "{name} {target}");
            assert_eq!(cgi.last("HTTP_X_AUTHENTIK_USERNAME"), ["alice"], "{name} {target}");
        }
    }
}

#[test]
fn a_front_controller_by_address_is_safe_only_as_the_recipe_says() {
    let cgi = Cgi::start(Protocol::Fastcgi);
    let by_address =
        recipe("by-address").replace("unix:/run/php/php-fpm.sock", &cgi.address().to_string());
    let site = Site::builder()
        .server(&format!("authentik_provider wiki; root %%PREFIX%%/site;\n{by_address}"))
        .file("fastcgi_params", FASTCGI_PARAMS)
        .file("site/index.php", "")
        .start();
    for (target, status, script) in [
        ("/public/page", 200, Some("/index.php")),
        ("/private", 401, None),
        ("/index.php", 404, None),
    ] {
        let expected = script.map(|script| (script.to_owned(), target.to_owned()));
        assert_eq!(asked(&site, &cgi, target, status), expected, "{target}");
    }
    let alice = site.signed_in();
    assert_eq!(alice.get("/private").status(), 200);
    assert_eq!(cgi.last("HTTP_X_AUTHENTIK_USERNAME"), ["alice"]);
}

#[test]
fn what_acme_needs_is_open_and_nothing_beside_it() {
    let site = Site::builder()
        .server(&format!(
            "authentik_provider wiki; location / {{ proxy_pass http://app; }}\n{}",
            recipe("acme").replace("/var/www/acme", "%%PREFIX%%/acme")
        ))
        .file("acme/.well-known/acme-challenge/token", "answer")
        .file("acme/secret", "secret")
        .start();
    let answer = site.get("/.well-known/acme-challenge/token").send();
    assert_eq!((answer.status(), answer.text().as_str()), (200, "answer"));
    assert_eq!(site.get("/.well-known/acme-challenge/none").status(), 404);
    for closed in ["/.well-known/", "/secret", "/.well-known/acme-challenge/../../secret"] {
        assert_eq!(site.get(closed).status(), 401, "{closed}");
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_pre_flight_is_answered_and_what_it_asks_for_is_not() {
    let site = Site::builder()
        .http(recipe("cors-http"))
        .server(&format!(
            "authentik_provider wiki; location / {{ proxy_pass http://app; }}\n{}",
            recipe("cors")
        ))
        .start();
    let origin = "https://front.example.com";
    let ask = |method: &str, origin: &str| {
        let request = site.request(method, "/api/list").header("Origin", origin);
        request.header("Access-Control-Request-Method", "POST").send()
    };
    let answer = ask("OPTIONS", origin);
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some(origin));
    assert_eq!(answer.header("Access-Control-Allow-Credentials"), Some("true"));
    // Another site gets no permission.
    let other = ask("OPTIONS", "https://evil.example");
    assert_eq!(other.header("Access-Control-Allow-Origin"), None);
    for method in ["GET", "POST"] {
        assert_eq!(ask(method, origin).status(), 401, "{method}");
    }
    assert_eq!(site.app.hits(), 0);
    assert_eq!(site.signed_in().get("/api/list").header("Origin", origin).status(), 200);
}

#[test]
fn what_a_browser_fetches_without_cookies_for_an_installed_app_is_open() {
    let site = Site::start(&format!(
        "authentik_provider wiki; location / {{ proxy_pass http://app; }}\n{}",
        recipe("pwa")
    ));
    for (target, status) in [
        ("/manifest.json", 200),
        ("/site.webmanifest", 200),
        ("/favicon.ico", 200),
        ("/icons/icon-192.png", 200),
        ("/", 401),
        ("/api/manifest.json", 401),
        ("/private?/manifest.json", 401),
    ] {
        assert_eq!(site.get(target).status(), status, "{target}");
    }
}

/// A block of docs/recipes.md, by the name in the comment before it.
fn recipe(name: &str) -> &'static str {
    let text = include_str!("../../docs/recipes.md");
    let after = text.split_once(&format!("<!-- tested: {name} -->")).expect(name).1;
    let block = after.split_once("```nginx\n").expect("a block").1;
    block.split("```").next().expect("its end")
}

/// The file that comes with nginx.
const FASTCGI_PARAMS: &str = "fastcgi_param QUERY_STRING $query_string;
    fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_param SCRIPT_NAME $fastcgi_script_name;
    fastcgi_param REQUEST_URI $request_uri;
    fastcgi_param DOCUMENT_ROOT $document_root;
    fastcgi_param SERVER_PROTOCOL $server_protocol;";
