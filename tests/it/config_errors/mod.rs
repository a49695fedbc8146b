//! `nginx -t`: every mistake is rejected with file, line and remedy; the network is not needed.

mod doubts;
mod many;
mod outpost;
mod provider;
mod right;
mod session_store;
mod usage;

mod warned;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{TempDir, certificate, module, test_configuration};
use outpost::OUTPOST_MISTAKES;
use provider::PROVIDER_MISTAKES;
use right::RIGHT;
use session_store::STORE_MISTAKES;
use usage::USE_MISTAKES;

/// The mistake, the lines of the `http` block, and the message. The message must name the line that
/// ends in `# <-`; if no line is marked, nginx itself does not name a useful one.
type Case = (&'static str, &'static str, &'static str);

#[test]
fn a_mistake_in_a_provider_is_refused_with_its_line_and_the_cure() {
    check_refused(PROVIDER_MISTAKES);
}

#[test]
fn a_mistake_in_the_use_of_a_provider_is_refused_with_its_line_and_the_cure() {
    check_refused(USE_MISTAKES);
}

#[test]
fn a_mistake_in_an_outpost_is_refused_with_its_line_and_the_cure() {
    check_refused(OUTPOST_MISTAKES);
}

#[test]
fn a_mistake_in_a_session_store_is_refused_with_its_line_and_the_cure() {
    check_refused(STORE_MISTAKES);
}

#[test]
fn there_are_at_least_twenty_five_refused_configurations() {
    assert!(PROVIDER_MISTAKES.len() + USE_MISTAKES.len() >= 25);
}

#[test]
fn right_configurations_are_accepted_without_a_word() {
    let directory = directory();
    for (what, http) in RIGHT {
        let conf = whole(http, &directory);
        let verdict = test_configuration(&directory, &conf);
        assert!(verdict.accepted, "{what}: {}\n{conf}", verdict.text);
        assert!(!verdict.text.contains("authentik_"), "{what}: {}", verdict.text);
        assert!(!verdict.text.contains("[warn]"), "{what}: {}", verdict.text);
    }
}

#[test]
fn a_location_that_answers_before_the_access_phase_is_pointed_out() {
    let directory = directory();
    for (lines, directive) in [
        ("location /x { authentik_provider wiki; return 200 hello; }", Some("return")),
        ("location /x { return 200 hello; }", Some("return")),
        ("return 301 https://wiki.example.com$request_uri;", Some("return")),
        ("location /x { rewrite ^/x(.*) /y$1 redirect; }", Some("rewrite")),
        ("location /x { if ($arg_a) { rewrite ^ /y permanent; } }", Some("rewrite")),
        ("location /x { rewrite ^/a /b last; rewrite ^ https://other.example/; }", Some("rewrite")),
        ("rewrite ^/old$ /new permanent;", Some("rewrite")),
        ("location /x { rewrite ^/x(.*)$ /y$1 last; }", None),
        ("rewrite ^/x(.*)$ /y$1 break; set $a b; if ($arg_a) { set $a c; }", None),
        ("location /x { authentik_provider off; rewrite ^ /y redirect; }", None),
        ("location /x { internal; return 403 sorry; location /x/y { return 404; } }", None),
        ("location @x { return 302 /y; }", None),
        ("location @x { if ($arg_a) { return 302 /y; } }", None),
    ] {
        let server = format!("server {{ authentik_provider wiki;\n{lines}\n}}");
        let conf = whole(&format!("{WIKI}{server}"), &directory);
        let verdict = test_configuration(&directory, &conf);
        assert!(verdict.accepted, "{lines}: {}", verdict.text);
        let said = directive.map(|word| format!("answers by \"{word}\" before access"));
        let warned = verdict.text.contains("[warn]");
        assert_eq!(warned, directive.is_some(), "{lines}: {}", verdict.text);
        assert!(said.is_none_or(|said| verdict.text.contains(&said)), "{lines}: {}", verdict.text);
    }
}

#[test]
fn a_setting_that_nginx_itself_must_be_told_is_pointed_out() {
    let directory = directory();
    for (value, pointed_out) in [("off", true), ("on", false)] {
        let provider =
            WIKI.replace("client_id", &format!("internal_host_ssl_validation {value}; client_id"));
        let verdict = test_configuration(&directory, &whole(&provider, &directory));
        assert!(verdict.accepted, "{}", verdict.text);
        assert_eq!(verdict.text.contains("proxy_ssl_verify off;"), pointed_out, "{}", verdict.text);
    }
}

#[test]
fn the_smallest_zone_that_the_message_allows_is_accepted() {
    let directory = directory();
    let with = |size: &str| {
        let http = format!("authentik_shared_zone zone=z:{size}; {WIKI}");
        test_configuration(&directory, &whole(&http, &directory))
    };

    let refused = with("8k").text;
    let smallest = refused.split("at least ").nth(1).and_then(|rest| rest.split(' ').next());
    let smallest = smallest.unwrap_or_else(|| panic!("no size in: {refused}"));

    let verdict = with(smallest);
    assert!(verdict.accepted, "{smallest}: {}", verdict.text);
}

#[test]
fn a_client_id_that_two_issuers_share_is_pointed_out() {
    let directory = directory();
    let copy = WIKI.replace("provider wiki", "provider copy").replace("/o/wiki/", "/o/copy/");
    for (second, pointed_out) in
        [(copy.clone(), true), (copy.replace("wiki-client", "copy-client"), false)]
    {
        let verdict =
            test_configuration(&directory, &whole(&format!("{WIKI}{second}"), &directory));
        assert!(verdict.accepted, "{}", verdict.text);
        let found = verdict.text.contains("\"copy\": has the client_id of \"wiki\", see ");
        assert_eq!(verdict.text.contains("sign each other out"), pointed_out, "{}", verdict.text);
        assert_eq!(found, pointed_out, "{}", verdict.text);
    }
    // Beside the first two, which share it legitimately.
    let twin = WIKI.replace("provider wiki", "provider twin");
    for (second, third, said) in [
        (&twin, &copy, "\"copy\": has the client_id of \"wiki\", see "),
        (&copy, &twin, "\"twin\": has the client_id of \"copy\", see "),
    ] {
        let verdict =
            test_configuration(&directory, &whole(&format!("{WIKI}{second}{third}"), &directory));
        assert!(verdict.text.contains(said), "{said}: {}", verdict.text);
    }
}

#[test]
fn a_pattern_that_opens_everything_is_pointed_out() {
    let directory = directory();
    for (pattern, pointed_out) in
        [("/", true), (".*", true), ("^/", true), ("^/$", false), ("^/public/", false)]
    {
        let server =
            format!("server {{ authentik_provider wiki;\nauthentik_unauth_paths {pattern}; }}");
        let verdict =
            test_configuration(&directory, &whole(&format!("{WIKI}{server}"), &directory));
        assert!(verdict.accepted, "{pattern}: {}", verdict.text);
        let found = verdict.text.contains("authentik_unauth_paths: opens every path");
        assert_eq!(found, pointed_out, "{pattern}: {}", verdict.text);
    }
}

#[test]
fn a_providers_pattern_that_opens_everything_is_judged_as_its_mode_matches_it() {
    const SINGLE: &str = "";
    const DOMAIN: &str = "mode forward_domain; cookie_domain example.com;";
    let directory = directory();
    for (mode, pattern, said) in [
        (SINGLE, "/", "opens every path"),
        (SINGLE, "^/", "opens every path"),
        (SINGLE, "^https://", ""),
        (SINGLE, "^/public/", ""),
        (DOMAIN, "/", "opens every URL"),
        (DOMAIN, "^https://", "opens every URL"),
        (DOMAIN, "example\\.com", "opens every URL"),
        (DOMAIN, "^/", ""), // matches none
        (DOMAIN, "^http://", ""),
        (DOMAIN, "^https://wiki\\.example\\.com/", ""),
    ] {
        // The mode may come after the patterns.
        let lines = format!("unauth_paths {pattern}; # <-\n{mode}\n}}");
        let conf = whole(&WIKI.replace('}', &lines), &directory);
        let line = conf.lines().position(|line| line.ends_with("# <-")).expect("the line") + 1;
        let verdict = test_configuration(&directory, &conf);
        assert!(verdict.accepted, "{pattern}: {}", verdict.text);
        let warned = verdict.text.contains("unauth_paths: opens every");
        assert_eq!(warned, !said.is_empty(), "{mode} {pattern}: {}", verdict.text);
        assert!(verdict.text.contains(said), "{mode} {pattern}: {}", verdict.text);
        let place = format!("nginx.conf:{line}");
        assert!(!warned || verdict.text.contains(&place), "{pattern}: {}", verdict.text);
    }
}

#[test]
fn a_secret_file_that_everybody_can_read_is_pointed_out() {
    let directory = directory();
    let public = WIKI.replace("secret;", "public;");

    let verdict = test_configuration(&directory, &whole(&public, &directory));

    assert!(verdict.accepted, "{}", verdict.text);
    assert!(verdict.text.contains("[warn]"), "{}", verdict.text);
    assert!(verdict.text.contains("public\" can be read by every user"), "{}", verdict.text);
    assert!(verdict.text.contains("nginx.conf:"), "{}", verdict.text);
}

#[test]
fn a_secret_never_appears_in_a_message() {
    let directory = directory();
    let provider = |line: &str| format!("authentik_provider x {{ {line} }}");
    let store = |line: &str| format!("authentik_session_store {line};");
    for http in [
        provider("client_secret hush-hush-hush; client_secret hush-hush-hush;"),
        provider("client_secret hush-hush-hush surplus;"),
        provider("client_secret hush-hush-hush; issuer nonsense;"),
        provider("client_secret hush-hush-hush; client_secret_file %%DIR%%/secret;"),
        store("redis redis://hush:hush@127.0.0.1"),
        store("redis://hush:hush@127.0.0.1"),
        store("redis ftp://hush:hush@127.0.0.1"),
        store("redis redis:hush@127.0.0.1"),
        store("redis redis:hu=hush@127.0.0.1"),
        store("redis redis://127.0.0.1 password=hush"),
    ] {
        let http = http.replace("%%DIR%%", &path(&directory));
        let verdict = test_configuration(&directory, &whole(&http, &directory));
        assert!(!verdict.accepted, "{http}");
        assert!(!verdict.text.contains("hush"), "{http}: {}", verdict.text);
    }
}

fn check_refused(cases: &[Case]) {
    let directory = directory();
    let mut failures = Vec::new();
    for (what, http, message) in cases {
        let conf = whole(http, &directory);
        let marked = conf.lines().position(|line| line.ends_with("# <-"));
        let place = marked.map_or_else(
            || "nginx.conf:".to_owned(),
            |line| format!("{}/nginx.conf:{}\n", path(&directory), line + 1),
        );
        let verdict = test_configuration(&directory, &conf);
        let emergencies: Vec<&str> =
            verdict.text.lines().filter(|line| line.contains("[emerg]")).collect();
        let right = !verdict.accepted
            && emergencies.len() == 1
            && emergencies[0].contains(message)
            && format!("{}\n", emergencies[0]).contains(&place);
        if !right {
            failures.push(format!(
                "{what}:\n  expected {message:?} at {place}\n  got {}",
                verdict.text
            ));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

fn directory() -> TempDir {
    let directory = TempDir::new();
    directory.write_secret("secret", "a-client-secret\n");
    directory.write_secret("two-lines", "a-client-secret\nand another\n");
    directory.write_secret("empty", "");
    directory.write("public", "a-client-secret\n");
    certificate("sso.example.com", "127.0.0.1", &directory);
    directory.write("temp/keep", "");
    directory.write_secret("long", format!("{}\n", "s".repeat(32)));
    directory.write("roots/.profile", "umask 077\n");
    fs::set_permissions(directory.path().join("roots"), fs::Permissions::from_mode(0o700))
        .expect("its permissions");
    directory
}

fn path(directory: &TempDir) -> String {
    directory.path().display().to_string()
}

fn whole(http: &str, directory: &TempDir) -> String {
    let http = http.replace("%%WIKI%%", WIKI).replace("%%DIR%%", &path(directory));
    let head =
        format!("load_module {};\nerror_log stderr info;\npid nginx.pid;\n", module().display());
    format!(
        "{head}events {{ }}\nhttp {{\n\
         client_body_temp_path temp/1; proxy_temp_path temp/2; fastcgi_temp_path temp/3;\n\
         uwsgi_temp_path temp/4; scgi_temp_path temp/5; access_log off;\n{}\n}}\n",
        http
    )
}

/// A correct provider.
const WIKI: &str = "authentik_provider wiki {
    issuer https://sso.example.com/application/o/wiki/;
    client_id wiki-client;
    client_secret_file %%DIR%%/secret;
    external_host https://wiki.example.com;
}
";
