//! Providers that are allowed, but hardly intended.

use super::{WIKI, directory, whole};
use crate::harness::test_configuration;

/// Asserts that the `http` block is accepted: with one warning that contains these words, or
/// without any if they are empty.
fn check(cases: &[(&str, &str)]) {
    let directory = directory();
    for (http, words) in cases {
        let verdict = test_configuration(&directory, &whole(http, &directory));
        assert!(verdict.accepted, "{http}: {}", verdict.text);
        let warned = verdict.text.matches("[warn]").count();
        assert_eq!(warned, usize::from(!words.is_empty()), "{http}: {}", verdict.text);
        assert!(verdict.text.contains(words), "{http}: {}", verdict.text);
        assert!(words.is_empty() || verdict.text.contains("nginx.conf:"), "{}", verdict.text);
    }
}

#[test]
fn a_provider_that_nobody_uses_is_pointed_out() {
    const SAID: &str = "\"wiki\": protects nothing; add authentik_provider wiki; to a server";
    check(&[
        ("%%WIKI%%", SAID),
        ("%%WIKI%% server { authentik_provider off; }", SAID),
        ("%%WIKI%% server { location /a { authentik_provider wiki; } }", ""),
        ("%%WIKI%% authentik_default_provider wiki; server { }", ""),
    ]);
}

#[test]
fn a_provider_whose_host_no_server_has_is_pointed_out() {
    const SAID: &str = "has the name of its external_host, so sign-ins come back to none; add \
                        server_name wiki.example.com;";
    let named = |names: &str| format!("%%WIKI%% server {{ {names} authentik_provider wiki; }}");
    for (names, said) in [
        ("server_name wiki.example.org;", SAID),
        ("server_name wiki.example.org *.example.net;", SAID),
        ("server_name WIKI.example.com;", ""),
        ("server_name other.example.org wiki.example.com;", ""),
        ("server_name *.example.com;", ""),
        ("server_name .example.com;", ""),
        ("server_name _;", ""),
        ("server_name ~^wiki;", ""),
        ("", ""),
    ] {
        check(&[(&named(names), said)]);
    }
    check(&[(
        "%%WIKI%% server { server_name a.example.com; authentik_provider wiki; }
         server { server_name wiki.example.com; location /x { authentik_provider wiki; } }",
        "",
    )]);
}

#[test]
fn a_connection_to_authentik_that_others_can_read_is_pointed_out() {
    const USED: &str = "server { authentik_provider wiki; }";
    const HTTP: &str = "http to another machine: whoever is in between can read the secret";
    const UNVERIFIED: &str = "ssl_verify off: whoever is in between can read the secret";
    for (from, to, said) in [
        ("https://sso", "http://sso", HTTP),
        ("https://sso.example.com", "http://10.0.0.1:9000", HTTP),
        ("https://sso.example.com", "http://127.0.0.1:9000", ""),
        ("https://sso.example.com", "http://[::1]:9000", ""),
        ("https://sso.example.com", "http://localhost:9000", ""),
        ("client_id", "ssl_verify off; client_id", UNVERIFIED),
        ("client_id", "ssl_verify on; client_id", ""),
    ] {
        check(&[(&format!("{}{USED}", WIKI.replacen(from, to, 1)), said)]);
    }
    let outpost = |url: &str, lines: &str| {
        format!(
            "authentik_outpost {url} {{ token x; {lines} }} server {{ authentik_provider auto; }}"
        )
    };
    check(&[
        (&outpost("http://authentik:9000", ""), HTTP),
        (&outpost("http://127.0.0.1:9000", ""), ""),
        (&outpost("https://sso.example.com", "ssl_verify off;"), UNVERIFIED),
    ]);
}

#[test]
fn a_shells_pattern_is_pointed_out_where_a_regular_expression_belongs() {
    const SAID: &str = "\"/public/*\" is a regular expression, in which * repeats the slash: it \
                        opens whatever contains \"/public\"; write ^/public/";
    let location = |pattern: &str| {
        format!("%%WIKI%% server {{ authentik_provider wiki; authentik_unauth_paths {pattern}; }}")
    };
    check(&[
        (&location("/public/*"), SAID),
        (&location("^/a/* ^/b/"), "write ^/a/"),
        (&location("^/public/ ^/public/.*"), ""),
        (
            &format!(
                "{}server {{ authentik_provider wiki; }}",
                WIKI.replace("client_id", "unauth_paths /public/*; client_id")
            ),
            SAID,
        ),
    ]);
}

#[test]
fn a_variable_where_none_is_read_is_pointed_out() {
    let provider = WIKI.replace("wiki-client", "$client");
    let said = "client_id: \"$client\" is taken literally, variables are not read here";
    check(&[(&format!("{provider}server {{ authentik_provider wiki; }}"), said)]);
}

#[test]
fn a_log_without_the_lines_that_an_administrator_needs_is_pointed_out_once() {
    const MAIN: &str = "error_log: the level in the main context keeps out what";
    const SERVER: &str = "error_log: the level in the server in ";
    const USED: &str = "authentik_provider wiki;";
    let directory = directory();
    let used = format!("{WIKI}server {{ {USED} }}");
    for (main, http, said) in [
        // nginx's and Debian's default.
        ("", used.clone(), ""),
        ("error_log stderr;", used.clone(), ""),
        ("error_log stderr error;", used.clone(), ""),
        ("error_log stderr warn;", used.clone(), ""),
        ("error_log stderr crit;", used.clone(), MAIN),
        ("error_log stderr emerg;", used.clone(), MAIN),
        ("error_log logs/a crit; error_log stderr error;", used.clone(), ""),
        ("error_log stderr error; error_log logs/a crit;", used.clone(), ""),
        ("error_log stderr crit;", "server { }".to_owned(), ""),
        ("error_log stderr crit;", format!("error_log stderr; {used}"), MAIN),
        (
            "error_log stderr crit;",
            format!("{WIKI}server {{ error_log stderr crit; {USED} }}"),
            MAIN,
        ),
        ("", format!("error_log stderr alert; {used}"), SERVER),
        (
            "",
            format!("{WIKI}server {{ error_log stderr crit; }} server {{ listen 8001; {USED} }}"),
            "",
        ),
        ("", format!("{WIKI}server {{ error_log stderr crit; {USED} location /a {{ }} }}"), SERVER),
        ("", format!("{WIKI}server {{ {USED} location /a {{ error_log stderr crit; }} }}"), SERVER),
        (
            "",
            format!(
                "{WIKI}server {{ {USED}
                 location /a {{ authentik_provider off; error_log stderr crit; }} }}"
            ),
            "",
        ),
    ] {
        std::fs::create_dir_all(directory.path().join("logs")).expect("a directory");
        let conf = whole(&http, &directory).replace("error_log stderr info;", "");
        // What follows the http block counts as well.
        for conf in [format!("{main}\n{conf}"), format!("{conf}\n{main}")] {
            let verdict = test_configuration(&directory, &conf);
            assert!(verdict.accepted, "{conf}: {}", verdict.text);
            let warned = verdict.text.matches("[warn]").count();
            assert_eq!(warned, usize::from(!said.is_empty()), "{conf}: {}", verdict.text);
            assert!(verdict.text.contains(said), "{conf}: {}", verdict.text);
        }
    }
}
