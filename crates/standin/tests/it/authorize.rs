//! Sign-in as recorded: docs/protocol.md §4.3 and §10.1.

use authentik_standin::ProviderSettings;

use crate::client::{get, post};
use crate::{CALLBACK, authorize, authorize_url, member_of, standin, standin_for, started};

#[test]
fn a_code_is_32_hex_digits_appended_with_an_ampersand() {
    let answer = authorize(&standin(), "");
    let rest = answer.location().strip_prefix(CALLBACK).expect("the redirect URI as sent");
    let (code, state) = rest.strip_prefix("&code=").unwrap().split_once("&state=").unwrap();
    assert!(code.len() == 32 && code.bytes().all(|b| b.is_ascii_hexdigit()), "{code}");
    assert_eq!(state, "s1");
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("vary", "Accept-Language, Cookie"),
        ("content-length", "0"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    assert_eq!(answer.header("x-authentik-id").len(), 32);
}

#[test]
fn state_is_always_there() {
    let standin = standin();
    let url = authorize_url("").replace("&state=s1", "");
    assert!(get(standin.address(), &url, &[]).location().ends_with("&state="));
    let long = "s".repeat(4096);
    let url = authorize_url("").replace("state=s1", &format!("state={long}"));
    assert!(get(standin.address(), &url, &[]).location().ends_with(&long));
}

#[test]
fn errors_come_back_behind_a_second_question_mark() {
    let standin = standin();
    let url = authorize_url("&prompt=none");
    assert_eq!(
        get(standin.address(), &url, &[]).location(),
        format!(
            "{CALLBACK}?error=login_required&error_description=The%20Authorization%20Server%20\
             requires%20End-User%20authentication&state=s1"
        )
    );
    for without in ["", "response_type=token"] {
        let url = authorize_url("").replace("response_type=code", without);
        let prefix = format!("{CALLBACK}?error=unsupported_response_type&error_description=The%20");
        assert!(get(standin.address(), &url, &[]).location().starts_with(&prefix));
    }
}

#[test]
fn an_unknown_client_or_redirect_uri_is_an_html_400_without_redirect() {
    let standin = standin();
    let good = authorize_url("");
    for bad in [
        good.replace("client_id=", "client_id=x"),
        good.replace("wiki.test", "evil.test"),
        good.replace("wiki.test", "WIKI.test"),
        good.replace("%3FX-authentik-auth-callback%3Dtrue", ""),
        good.replace("redirect_uri=", "other="),
    ] {
        let answer = get(standin.address(), &bad, &[]);
        assert_eq!((answer.status, answer.header("location")), (400, ""), "{bad}");
        assert!(answer.header("content-type").starts_with("text/html"));
    }
}

#[test]
fn a_user_without_access_gets_a_page_and_never_comes_back() {
    let standin = started(|settings| {
        settings.providers[0].only_groups = vec!["wiki-users".to_owned()];
        settings.users.push(member_of("wiki-users"));
    });
    for (user, status) in [("alice", 200), ("eve", 200), ("nobody", 200), ("member", 302)] {
        let answer = authorize(&standin, &format!("&login_hint={user}"));
        assert_eq!(answer.status, status, "{user}");
        assert_eq!(answer.body.contains("Permission denied"), status == 200, "{user}");
    }
}

#[test]
fn without_a_form_hint_cookie_session_and_default_name_the_user_in_this_order() {
    let standin = standin_for("zoe");
    let user = |more: &str, headers: &[&str]| {
        let answer = get(standin.address(), &authorize_url(more), headers);
        let cookie = format!("Cookie: {}", answer.cookie());
        let page = get(standin.address(), "/", &[&cookie]).body;
        (cookie, ["alice", "bob", "zoe"].into_iter().find(|n| page.contains(n)).expect("one"))
    };
    let (session, name) = user("", &[]);
    assert_eq!(name, "zoe");
    assert_eq!(user("&login_hint=alice", &["Cookie: standin_user=bob"]).1, "alice");
    assert_eq!(user("", &["Cookie: standin_user=bob"]).1, "bob");
    assert_eq!(user("", &[&session]).0, session, "single sign-on keeps the session");
    // A silent request counts as signed in with a session only.
    assert_eq!(user("&prompt=none", &[&session]).1, "zoe");
}

#[test]
fn the_form_signs_in_and_a_second_application_is_single_sign_on() {
    let standin = started(|settings| {
        settings.form = true;
        settings.providers.push(ProviderSettings::new("chat", "http://chat.test"));
    });
    let at = standin.address();
    let start = authorize_url("");
    let login = get(at, &start, &[]).location().to_owned();
    assert!(login.starts_with("/if/flow/default-authentication-flow/?client_id="));
    assert!(login.contains("&next=%2Fapplication%2Fo%2Fauthorize%2F%3Fclient_id%3D"), "{login}");
    let page = get(at, &login, &[]);
    assert!(page.body.contains("Wiki") && page.body.contains("stand-in"));

    let wrong = post(at, &login, &[("username", "bob"), ("password", "nope")]);
    assert_eq!((wrong.status, wrong.header("set-cookie")), (200, ""));
    let inactive = post(at, &login, &[("username", "eve"), ("password", "eve-test-password")]);
    assert_eq!(inactive.status, 200);

    let right = post(at, &login, &[("username", "bob"), ("password", "bob-test-password")]);
    assert_eq!(right.location(), start);
    let cookie = format!("Cookie: {}", right.cookie());
    assert!(get(at, right.location(), &[&cookie]).location().starts_with(CALLBACK));

    let chat = "/application/o/authorize/?client_id=chat-client-id&response_type=code\
                &redirect_uri=http%3A%2F%2Fchat.test%3FX-authentik-auth-callback%3Dtrue";
    let prefix = "http://chat.test?X-authentik-auth-callback=true&code=";
    assert!(get(at, chat, &[&cookie]).location().starts_with(prefix));
}

#[test]
fn prompt_login_asks_again_once() {
    let standin = started(|settings| settings.form = true);
    let at = standin.address();
    let sign_in = |cookie: &str| {
        let login = get(at, &authorize_url("&prompt=login"), &[cookie]).location().to_owned();
        assert!(login.starts_with("/if/flow/"), "{login}");
        let done = post(at, &login, &[("pick", "bob")]);
        let cookie = format!("Cookie: {}", done.cookie());
        assert!(get(at, done.location(), &[&cookie]).location().starts_with(CALLBACK));
        cookie
    };
    let first = sign_in("Cookie: none=1");
    assert_ne!(sign_in(&first), first);
}

#[test]
fn signing_in_leads_to_paths_of_this_server_only() {
    let standin = started(|settings| settings.form = true);
    for (next, location) in [("%2Fx", "/x"), ("%2F%2Fevil.test", "/"), ("http:%2F%2Fevil", "/")] {
        let target = format!("/if/flow/default-authentication-flow/?next={next}");
        assert_eq!(post(standin.address(), &target, &[("pick", "bob")]).location(), location);
    }
}

#[test]
fn end_session_shows_a_page_and_leaves_the_session() {
    let standin = standin();
    let cookie = format!("Cookie: {}", authorize(&standin, "").cookie());
    let end =
        get(standin.address(), "/application/o/wiki/end-session/?id_token_hint=x", &[&cookie]);
    let flow = "/if/flow/default-provider-invalidation-flow/?id_token_hint=x";
    assert!(end.location().starts_with(flow), "{end:?}");
    let page = get(standin.address(), end.location(), &[&cookie]).body;
    assert!(page.contains("Signed out of Wiki") && page.contains("\"http://wiki.test:8880\""));
    let silent = authorize_url("&prompt=none");
    assert!(get(standin.address(), &silent, &[&cookie]).location().contains("&code="));

    get(standin.address(), "/if/flow/default-invalidation-flow/", &[&cookie]);
    assert!(get(standin.address(), &silent, &[&cookie]).location().contains("?error="));
}

#[test]
fn behind_https_the_session_cookie_is_secure() {
    let standin = standin();
    let proto = ["X-Forwarded-Proto: https"];
    let answer = get(standin.address(), &authorize_url(""), &proto);
    assert!(answer.header("set-cookie").ends_with("; HttpOnly; Path=/; SameSite=None; Secure"));
    let answer = authorize(&standin, "");
    assert!(answer.header("set-cookie").ends_with("; HttpOnly; Path=/; SameSite=Lax"));
}

#[test]
fn a_host_beyond_ascii_comes_back_percent_encoded() {
    // docs/protocol.md §1.3
    let host = "http://münchen.example.test:8880";
    let standin = started(|settings| settings.providers[0].set_external_host(host));
    let provider = standin.provider("wiki").expect("a provider");
    let callback: String =
        url::form_urlencoded::byte_serialize(provider.redirect_uris[0].as_bytes()).collect();
    let target = format!(
        "/application/o/authorize/?client_id={}&redirect_uri={callback}&response_type=code&state=s",
        provider.client_id
    );
    let answer = get(standin.address(), &target, &[]);
    let expected = "http://m%C3%BCnchen.example.test:8880/outpost.goauthentik.io/callback?";
    assert!(answer.location().starts_with(expected), "{answer:?}");
}
