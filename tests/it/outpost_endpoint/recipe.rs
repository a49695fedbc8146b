//! A second nginx, without the module, with authentik's recipe for `auth_request`; and a proxy that
//! passes on responses like Traefik and Caddy.

use authentik_standin::Mode;

use super::{OUTPOST, connected};
use crate::harness::{Browser, Front, Site, eventually};

/// authentik's documentation of its nginx integration, "standalone nginx", unchanged except for
/// host names.
pub(crate) fn recipe(host: &str, sign_in: &str) -> String {
    format!(
        r#"
    map $http_host $ak_http_host {{ default $http_host; "" $host; }}
    server {{
        listen %%LISTEN%%;
        server_name _;

        # Increase buffer size for large headers
        proxy_buffers 8 16k;
        proxy_buffer_size 32k;

        location / {{
            proxy_pass http://%%APP%%;

            ##############################
            # authentik-specific config
            ##############################
            auth_request     /outpost.goauthentik.io/auth/nginx;
            error_page       401 = @goauthentik_proxy_signin;
            auth_request_set $auth_cookie $upstream_http_set_cookie;
            add_header       Set-Cookie $auth_cookie;

            # translate headers from the outposts back to the actual upstream
            auth_request_set $authentik_username $upstream_http_x_authentik_username;
            auth_request_set $authentik_groups $upstream_http_x_authentik_groups;
            auth_request_set $authentik_entitlements $upstream_http_x_authentik_entitlements;
            auth_request_set $authentik_email $upstream_http_x_authentik_email;
            auth_request_set $authentik_name $upstream_http_x_authentik_name;
            auth_request_set $authentik_uid $upstream_http_x_authentik_uid;

            proxy_set_header X-authentik-username $authentik_username;
            proxy_set_header X-authentik-groups $authentik_groups;
            proxy_set_header X-authentik-entitlements $authentik_entitlements;
            proxy_set_header X-authentik-email $authentik_email;
            proxy_set_header X-authentik-name $authentik_name;
            proxy_set_header X-authentik-uid $authentik_uid;
        }}

        # all requests to /outpost.goauthentik.io must be accessible without authentication
        location /outpost.goauthentik.io {{
            proxy_pass              http://%%OUTPOST%%/outpost.goauthentik.io;
            # ensure the host of this vserver matches your external URL you've configured
            # in authentik
            proxy_set_header        Host {host};
            proxy_set_header        X-Original-URL $scheme://$http_host$request_uri;
            add_header              Set-Cookie $auth_cookie;
            auth_request_set        $auth_cookie $upstream_http_set_cookie;
            proxy_pass_request_body off;
            proxy_set_header        Content-Length "";
        }}

        # Special location for when the /auth endpoint returns a 401,
        # redirect to the /start URL which initiates SSO
        location @goauthentik_proxy_signin {{
            internal;
            add_header Set-Cookie $auth_cookie;
            return 302 {sign_in}/outpost.goauthentik.io/start?rd=$scheme://$http_host$request_uri;
        }}
    }}"#
    )
}

/// An outpost whose provider `wiki` is at the address of the second nginx.
fn outpost(domain: bool) -> Site {
    let builder = connected().server(OUTPOST).settings(move |settings, ports| {
        let wiki = &mut settings.providers[0];
        wiki.proxy.skip_path_regex = "^/public/".to_owned();
        wiki.set_external_host(&format!("http://wiki.test:{}", ports.other));
        if domain {
            wiki.set_external_host(&format!("http://auth.example.test:{}", ports.other));
            wiki.proxy.mode = Mode::ForwardDomain;
            wiki.proxy.cookie_domain = "example.test".to_owned();
            wiki.proxy.skip_path_regex = "^http://[^/?]*/public/".to_owned();
        }
    });
    // This nginx is not one of the provider's sites: all hosts of its own are unknown.
    let site = builder.start();
    let host = site.other_address().port();
    let host =
        if domain { format!("any.example.test:{host}") } else { format!("wiki.test:{host}") };
    let ask = site
        .get("/outpost.goauthentik.io/auth/nginx")
        .host("outpost.internal")
        .header("X-Original-URL", format!("http://{host}/"));
    eventually("the settings arrive", || crate::outpost::all_workers_say(&site, &ask, 401));
    site
}

pub(super) fn at(site: &Site, host: &str, target: &str) -> String {
    format!("http://{host}:{}{target}", site.other_address().port())
}

/// A complete visit: refused, signed in and back on the page, identified to the application, signed
/// out.
pub(super) fn visit(site: &Site, host: &str) -> Browser {
    let mut browser = Browser::new(&at(site, host, ""));
    browser.become_user("bob");

    let stranger = browser.fetch("/page");
    assert_eq!(stranger.status(), 302, "the recipe redirects everybody");
    assert_eq!(site.app.hits(), 0);

    let trail = browser.open("/page?x=1");
    assert_eq!(trail.status(), 200, "{trail:#?}");
    assert_eq!(trail.address().as_str(), at(site, host, "/page?x=1"));
    assert_eq!(site.app.hits(), 1);
    let told = site.app.last();
    assert_eq!(told.header("X-authentik-username"), Some("bob"));
    assert_eq!(told.header("X-authentik-email"), Some("bob@example.test"));
    for name in ["groups", "entitlements", "name", "uid"] {
        let value = told.header(&format!("X-authentik-{name}"));
        assert!(value.is_some_and(|value| !value.is_empty()), "{name}");
    }

    let forged = browser.get("/page").header("X-authentik-username", "root");
    assert_eq!(forged.status(), 200);
    assert_eq!(site.app.last().header("X-authentik-username"), Some("bob"));
    browser
}

pub(super) fn sign_out(site: &Site, browser: &mut Browser) {
    let away = browser.step("/outpost.goauthentik.io/sign_out");
    assert_eq!(away.status(), 302, "{away:#?}");
    assert!(away.location().contains("/end-session/"), "{}", away.location());
    site.app.forget();
    assert_eq!(browser.fetch("/page").status(), 302);
    assert_eq!(site.app.hits(), 0);
}

pub(super) fn open_paths(site: &Site, host: &str) {
    site.app.forget();
    let browser = Browser::new(&at(site, host, ""));
    for (target, open) in [
        ("/public/a", true),
        ("/public/../page", false),
        ("/public/%2e%2e/page", false),
        ("/public/..%2fpage", false),
        ("/page?/public/", false),
    ] {
        site.app.forget();
        let request = browser.get("/").target(target);
        let attack = request
            .header("X-Original-URI", "/public/a")
            .header("X-Original-URL", at(site, host, "/public/a"))
            .header("X-Forwarded-Uri", "/public/a");
        assert_eq!(attack.status() == 200, open, "{target}");
        assert_eq!(site.app.hits(), u64::from(open), "{target}");
        if open {
            let told = site.app.last().header("X-authentik-username").map(str::to_owned);
            assert!(told.as_deref().is_none_or(is_nobody), "{told:?}");
        }
    }
}

/// Whether there is no name: empty, or Caddy's placeholder, which remains if the outpost sends
/// nothing.
pub(super) fn is_nobody(told: &str) -> bool {
    told.is_empty() || told.starts_with("{http.reverse_proxy.header.")
}

#[test]
fn the_auth_request_recipe_works_unchanged_for_one_application() {
    let site = outpost(false);
    let with_host = recipe("$ak_http_host", "");
    // As in docs/outpost-for-others.md.
    let safe = recipe("$host:$server_port", "")
        .replace("$scheme://$http_host", "$scheme://$host:$server_port");
    for recipe in [with_host, safe] {
        let _front = Front::start(&site, &recipe);
        let mut browser = visit(&site, "wiki.test");
        sign_out(&site, &mut browser);
        open_paths(&site, "wiki.test");
        site.app.forget();
    }
}

#[test]
fn the_auth_request_recipe_works_unchanged_for_a_domain() {
    let site = outpost(true);
    let authentication = at(&site, "auth.example.test", "");
    for host in ["$ak_http_host", "$host"] {
        let _front = Front::start(&site, &recipe(host, &authentication));
        let mut browser = visit(&site, "wiki.example.test");

        site.app.forget();
        let elsewhere = browser.open(&at(&site, "files.example.test", "/"));
        assert_eq!(elsewhere.status(), 200, "one sign-in for all hosts");
        assert_eq!(elsewhere.addresses().len(), 1, "{:?}", elsewhere.addresses());
        sign_out(&site, &mut browser);
        open_paths(&site, "wiki.example.test");
        site.app.forget();
    }
}

/// Every response goes to the browser: everything is protected, including the callback. After a
/// yes, a real proxy would continue to the application; here its headers are shown.
const HANDS_ON: &str = r#"
    server {
        listen %%LISTEN%%;
        location / {
            set $proxy %%PROXY%%; # with a variable the path is sent as it stands
            proxy_pass http://%%OUTPOST%%/outpost.goauthentik.io/auth/$proxy;
            proxy_set_header Host outpost.internal;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Forwarded-Uri $request_uri;
        }
    }"#;

/// The same for Envoy: the request's own host, and its target after a prefix.
const ENVOY: &str = r#"
    server {
        listen %%LISTEN%%;
        location / {
            proxy_pass http://%%OUTPOST%%/outpost.goauthentik.io/auth/envoy$request_uri;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-Proto $scheme;
        }
    }"#;

#[test]
fn a_proxy_that_guards_everything_gets_its_visitors_in_and_out() {
    let site = outpost(false);
    for proxy in ["traefik", "caddy", "envoy"] {
        let http = if proxy == "envoy" { ENVOY } else { HANDS_ON };
        let _front = Front::start(&site, &http.replace("%%PROXY%%", proxy));
        let mut browser = Browser::new(&at(&site, "wiki.test", ""));
        browser.become_user("bob");

        let trail = browser.open("/page?x=1");
        assert_eq!(trail.status(), 200, "{proxy}: {trail:#?}");
        assert_eq!(trail.address().as_str(), at(&site, "wiki.test", "/page?x=1"), "{proxy}");
        assert_eq!(trail.page().header("X-authentik-username"), Some("bob"), "{proxy}");

        let away = browser.step("/any/page?X-authentik-logout=true");
        assert_eq!(away.status(), 302, "{proxy}: {away:#?}");
        assert!(away.location().contains("/end-session/"), "{proxy}: {}", away.location());
        let again = browser.step("/page");
        assert!(again.location().contains("/application/o/authorize/?"), "{proxy}");
    }
    assert_eq!(site.app.hits(), 0);
}
