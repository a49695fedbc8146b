use super::*;

const PK: &str = "bc877cc5-da6f-4ce5-bd31-4b05a396e9d8";
const INSTANCE: &str = "cdd64127-9aea-424a-b229-8530dae45ceb";

fn settings(url: &str) -> OutpostSettings {
    OutpostSettings::new(url, None, Secret::new("t0ken"), Trust::System).unwrap()
}

#[test]
fn every_call_has_its_url_below_the_one_given() {
    // docs/protocol.md §1.1, §2.2.
    let pair = format!("api/v3/crypto/certificatekeypairs/{PK}/");
    for (typed, base) in [
        ("https://sso.example.com", "https://sso.example.com/"),
        ("https://SSO.example.com:443/", "https://sso.example.com/"),
        ("http://127.0.0.1:9000/auth", "http://127.0.0.1:9000/auth/"),
        ("http://[::1]:9000/a/b/", "http://[::1]:9000/a/b/"),
    ] {
        for (call, path) in [
            (Call::Instances, "api/v3/outposts/instances/"),
            (Call::Providers { page: 7 }, "api/v3/outposts/proxy/?page=7&page_size=100"),
            (Call::KeyPair(PK), &pair),
            (Call::Certificate(PK), &format!("{pair}view_certificate/")),
            (Call::PrivateKey(PK), &format!("{pair}view_private_key/")),
        ] {
            let request = settings(typed).request(call).unwrap();
            assert_eq!(request.url, format!("{base}{path}"));
            assert_eq!(request.bearer, Some(Secret::new("t0ken")));
            assert_eq!((request.method, request.claimed), (Method::Get, None));
        }
    }
}

#[test]
fn the_web_socket_is_beside_the_api_and_names_both_ends() {
    // docs/protocol.md §3.1.
    for (typed, base) in [
        ("https://sso.example.com", "wss://sso.example.com/"),
        ("http://127.0.0.1:9000/auth", "ws://127.0.0.1:9000/auth/"),
    ] {
        let url = settings(typed).socket_url(PK, 3, INSTANCE).unwrap();
        assert_eq!(
            url.as_str(),
            format!("{base}ws/outpost/{PK}/?attempt=3&instance_uuid={INSTANCE}")
        );
    }
}

#[test]
fn what_is_no_uuid_gets_into_no_url() {
    let settings = settings("https://sso.example.com");
    for name in [
        "",
        "x",
        "../../../admin/?x=",
        "bc877cc5-da6f-4ce5-bd31-4b05a396e9d8/",
        "bc877cc5-da6f-4ce5-bd31-4b05a396e9d",
        "bc877cc5xda6f-4ce5-bd31-4b05a396e9d8",
        "bc877cc5-da6f-4ce5-bd31-4b05a396e9d#",
        "bc877cc5-da6f-4ce5-bd31-4b05a396eé",
    ] {
        assert!(settings.socket_url(name, 0, INSTANCE).is_none(), "{name}");
        assert!(settings.socket_url(PK, 0, name).is_none(), "{name}");
        assert!(settings.request(Call::KeyPair(name)).is_none(), "{name}");
        assert!(settings.request(Call::PrivateKey(name)).is_none(), "{name}");
    }
}

#[test]
fn a_mistake_names_its_key_and_its_cure() {
    let long = format!("https://{}", "a".repeat(2048));
    let good = "https://sso.example.com";
    for (url, browser_url, token, key, says) in [
        ("", None, "t", "authentik_outpost", "e.g. https://"),
        ("sso.example.com", None, "t", "authentik_outpost", "e.g. https://"),
        ("ws://sso.example.com", None, "t", "authentik_outpost", "not an http or https URL"),
        ("unix:///run/authentik.sock", None, "t", "authentik_outpost", "not an http or https"),
        ("https://u:p@sso.example.com", None, "t", "authentik_outpost", "user name or password"),
        ("https://sso.example.com/?a=b", None, "t", "authentik_outpost", "query or fragment"),
        ("https://sso.example.com/#a", None, "t", "authentik_outpost", "query or fragment"),
        ("https://$host", None, "t", "authentik_outpost", "variables do not work"),
        (&long, None, "t", "authentik_outpost", "longer than 2048"),
        (good, Some(""), "t", "browser_url", "e.g. https://"),
        (good, Some("https://login.example.com/?a"), "t", "browser_url", "query or fragment"),
        (
            good,
            Some("https://login.example.com/x"),
            "t",
            "browser_url",
            "https://login.example.com",
        ),
        (good, None, "", "token", "is empty; copy the token"),
        (good, None, "a b", "token", "copy the token"),
        (good, None, "a\n", "token", "copy the token"),
        (good, None, "\u{e9}", "token", "copy the token"),
    ] {
        let made = OutpostSettings::new(url, browser_url, Secret::new(token), Trust::System);
        let error = made.expect_err(url);
        assert_eq!(error.key, key, "{url}");
        assert!(error.message.contains(says), "{url}: {}", error.message);
    }
}

#[test]
fn the_token_is_not_printed() {
    let settings = settings("https://sso.example.com");
    let request = settings.request(Call::Instances);
    assert!(!format!("{settings:?} {request:?}").contains("t0ken"));
}
