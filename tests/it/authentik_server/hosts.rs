//! Which host goes where (docs/protocol.md §1.2): issuer, `Host`, `X-Forwarded-Proto`.

use super::{FRONT, TRUSTED, asked, assert_claims, behind, connected, open, ready, sample};
use crate::harness::parameter;

/// One way to connect.
struct Row {
    url: String,
    keys: String,
    sub_path: &'static str,
    /// Whether the module connects through the front, rather than directly.
    asks_front: bool,
    /// Whether browsers connect to the front.
    sees_front: bool,
    /// `X-Forwarded-Proto` of the token request.
    proto: &'static [&'static str],
}

/// Standalone, with a different host for browsers, and both below a sub-path.
fn rows() -> [Row; 4] {
    let browser = format!("browser_url {FRONT}; {TRUSTED}");
    let row = |url: &str, keys: &str, sub_path, asks_front, sees_front| Row {
        url: url.to_owned(),
        keys: keys.to_owned(),
        sub_path,
        asks_front,
        sees_front,
        proto: if sees_front { &["https"] } else { &[] },
    };
    [
        row("%%SSO%%", "", "", false, false),
        row("%%SSO%%", &browser, "", false, true),
        row("%%SSO%%", &browser, "/auth", false, true),
        row(&format!("{FRONT}/auth"), TRUSTED, "/auth", true, true),
    ]
}

#[test]
fn issuer_and_host_follow_what_the_browser_sees() {
    for Row { url, keys, sub_path, asks_front, sees_front, proto } in rows() {
        let about = format!("{url} {keys} {sub_path}");
        let builder = behind(&sample(), &connected(&url, &keys));
        let builder =
            builder.settings(move |settings, _| sub_path.clone_into(&mut settings.sub_path));
        let site = ready(builder.start());
        let host = |front: bool| match front {
            true => format!("127.0.0.1:{}", site.other_address().port()),
            false => format!("127.0.0.1:{}", site.sso.port()),
        };

        let location = site.navigate("/page").send().location().to_owned();
        let scheme = if sees_front { "https" } else { "http" };
        let seen = host(sees_front);
        let begin = format!("{scheme}://{seen}{sub_path}/application/o/authorize/?");
        assert!(location.starts_with(&begin), "{about}: {location}");
        // Signed in, so the token's issuer is the expected one.
        let trail = open(&site, &format!("{}/page", site.url()));
        assert!(trail.contains("\nHTTP/1.1 200"), "{about}: {trail}");
        assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"), "{about}");

        let token = asked(&site, &format!("{sub_path}/application/o/token/"));
        assert_eq!(token.len(), 1, "{about}");
        assert_claims(&token[0], &seen, proto);
        let by_nginx: &[&str] = if asks_front { &["https"] } else { &[] };
        for list in asked(&site, &format!("{sub_path}/api/v3/outposts/")) {
            assert_claims(&list, &host(asks_front), by_nginx);
        }
    }
}

#[test]
fn the_redirect_uri_is_the_one_that_authentik_registered() {
    // docs/protocol.md §1.3: the stored value for each way to write external_host.
    for (external_host, path) in [
        ("http://wiki.test:PORT", ""),
        ("http://wiki.test:PORT/", ""),
        ("http://wiki.test:PORT/app/", "/app"),
        ("http://wiki.test:PORT/app", ""),
        ("http://WIKI.test:PORT", ""),
    ] {
        let builder = behind(&sample(), &connected("%%SSO%%", ""));
        let site = ready(
            builder
                .settings(move |settings, ports| {
                    let typed = external_host.replace("PORT", &ports.main.to_string());
                    settings.providers[0].set_external_host(&typed);
                })
                .start(),
        );
        let location = site.navigate("/app/page").send().location().to_owned();
        let redirect_uri = parameter(&location, "redirect_uri").expect("a redirect URI");
        let stored = site.sso.provider("wiki").expect("the provider").redirect_uris;
        assert!(stored.contains(&redirect_uri), "{external_host}: {redirect_uri} in {stored:?}");
        let expected = format!("{path}/outpost.goauthentik.io/callback?");
        assert!(redirect_uri.contains(&expected), "{external_host}: {redirect_uri}");

        let trail = open(&site, &format!("{}/app/page", site.url()));
        assert!(trail.contains("\nHTTP/1.1 200"), "{external_host}: {trail}");
        assert_eq!(site.app.last().target, "/app/page", "{external_host}");
    }
}
