//! `nginx -t`: every mistake is refused with file, line and the cure; nothing needs the network.

use crate::harness::{TempDir, certificate, module, test_configuration};

/// What is wrong, the configuration of the `http` block, what the message says. The message must
/// name the line that ends in `# <-`; nginx itself names no useful line where none is marked.
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
    for (what, location) in [
        ("return", "location /x { authentik_provider wiki; return 200 hello; } # <-"),
        ("inherited", "location /x { return 200 hello; } # <-"),
    ] {
        let server = format!("server {{ authentik_provider wiki;\n{location}\n}}");
        let conf = whole(&format!("{WIKI}{server}"), &directory);
        let verdict = test_configuration(&directory, &conf);
        assert!(verdict.accepted, "{what}: {}", verdict.text);
        assert!(verdict.text.contains("[warn]"), "{what}: {}", verdict.text);
        assert!(verdict.text.contains("return"), "{what}: {}", verdict.text);
    }
}

#[test]
fn a_secret_file_that_everybody_can_read_is_pointed_out() {
    let directory = directory();
    let public = WIKI.replace("secret;", "public;");

    let verdict = test_configuration(&directory, &whole(&public, &directory));

    assert!(verdict.accepted, "{}", verdict.text);
    assert!(verdict.text.contains("[warn]"), "{}", verdict.text);
    assert!(verdict.text.contains("public\" is open to every user"), "{}", verdict.text);
    assert!(verdict.text.contains("nginx.conf:"), "{}", verdict.text);
}

#[test]
fn a_secret_never_appears_in_a_message() {
    let directory = directory();
    for line in [
        "client_secret hush-hush-hush; client_secret hush-hush-hush;",
        "client_secret hush-hush-hush surplus;",
        "client_secret hush-hush-hush; issuer nonsense;",
        "client_secret hush-hush-hush; client_secret_file %%DIR%%/secret;",
    ] {
        let http =
            format!("authentik_provider x {{ {line} }}").replace("%%DIR%%", &path(&directory));
        let verdict = test_configuration(&directory, &whole(&http, &directory));
        assert!(!verdict.accepted, "{line}");
        assert!(!verdict.text.contains("hush"), "{line}: {}", verdict.text);
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
    directory.write_secret("empty", "");
    directory.write("public", "a-client-secret\n");
    certificate("sso.example.com", &directory);
    directory.write("temp/keep", "");
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

/// A provider without a fault.
const WIKI: &str = "authentik_provider wiki {
    issuer https://sso.example.com/application/o/wiki/;
    client_id wiki-client;
    client_secret_file %%DIR%%/secret;
    external_host https://wiki.example.com;
}
";

const PROVIDER_MISTAKES: &[Case] = &[
    (
        "no name",
        "authentik_provider { # <-
         }",
        "authentik_provider",
    ),
    (
        "two names",
        "authentik_provider a b { # <-
         }",
        "authentik_provider",
    ),
    (
        "a reserved name",
        "authentik_provider off { # <-
         }",
        "authentik_provider: a provider cannot be called \"off\"",
    ),
    (
        "another reserved name",
        "authentik_provider auto { # <-
         }",
        "authentik_provider: a provider cannot be called \"auto\"",
    ),
    (
        "a name twice",
        "%%WIKI%% authentik_provider wiki { # <-
         }",
        "authentik_provider \"wiki\" is duplicate, see ",
    ),
    (
        "the other form in http",
        "%%WIKI%% authentik_provider wiki; # <-",
        "directive \"authentik_provider\" has no opening \"{\"",
    ),
    (
        "no issuer",
        "authentik_provider x {
            client_id c; client_secret_file %%DIR%%/secret; external_host https://x.example.com;
         } # <-",
        "authentik_provider \"x\": issuer is missing",
    ),
    (
        "no client id",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/;
            client_secret_file %%DIR%%/secret; external_host https://x.example.com;
         } # <-",
        "authentik_provider \"x\": client_id is missing",
    ),
    (
        "no secret",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/;
            client_id c; external_host https://x.example.com;
         } # <-",
        "authentik_provider \"x\": client_secret_file is missing",
    ),
    (
        "no external host",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/;
            client_id c; client_secret_file %%DIR%%/secret;
         } # <-",
        "authentik_provider \"x\": external_host is missing",
    ),
    (
        "an unknown key",
        "authentik_provider x {
            isuer https://sso.example.com/application/o/x/; # <-
         }",
        "authentik_provider: unknown key \"isuer\"; there are issuer, ",
    ),
    (
        "a key twice",
        "authentik_provider x {
            client_id a;
            client_id b; # <-
         }",
        "\"client_id\" directive is duplicate",
    ),
    (
        "a key without value",
        "authentik_provider x {
            client_id; # <-
         }",
        "client_id: takes one value",
    ),
    (
        "a key with too many values",
        "authentik_provider x {
            client_id a b; # <-
         }",
        "client_id: takes one value",
    ),
    (
        "a block within",
        "authentik_provider x {
            endpoints { # <-
            }
         }",
        "unexpected \"{\"",
    ),
    (
        "an issuer that is no URL",
        "authentik_provider x {
            issuer sso.example.com;
         } # <-",
        "authentik_provider \"x\": issuer \"sso.example.com\" is not a URL",
    ),
    (
        "an issuer of another scheme",
        "authentik_provider x {
            issuer ldap://sso.example.com/;
         } # <-",
        "authentik_provider \"x\": issuer \"ldap://sso.example.com/\" is not an http or https URL",
    ),
    (
        "an external host with a query",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret;
            external_host https://x.example.com/?y;
         } # <-",
        "authentik_provider \"x\": external_host \"https://x.example.com/?y\" has a query",
    ),
    (
        "an external host with a password",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret;
            external_host https://user:hush@x.example.com/;
         } # <-",
        "authentik_provider \"x\": external_host",
    ),
    (
        "a secret file that does not exist",
        "authentik_provider x {
            client_secret_file %%DIR%%/nowhere; # <-
         }",
        "client_secret_file: ",
    ),
    (
        "a secret file that is empty",
        "authentik_provider x {
            client_secret_file %%DIR%%/empty; # <-
         }",
        "client_secret_file: ",
    ),
    (
        "a secret file that is a directory",
        "authentik_provider x {
            client_secret_file %%DIR%%; # <-
         }",
        "client_secret_file: ",
    ),
    (
        "a secret and a secret file",
        "authentik_provider x {
            client_secret a;
            client_secret_file %%DIR%%/secret; # <-
         }",
        "client_secret",
    ),
    (
        "an unknown mode",
        "authentik_provider x {
            mode forward; # <-
         }",
        "mode: \"forward\" is not a mode; use forward_single",
    ),
    (
        "a mode of a later version",
        "authentik_provider x {
            mode forward_domain; # <-
         }",
        "mode: \"forward_domain\" is not in this version yet; use forward_single",
    ),
    (
        "a cookie domain that does not cover the external host",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret; external_host https://auth.example.com;
            cookie_domain ample.com;
         } # <-",
        "authentik_provider \"x\": cookie_domain \"ample.com\" does not cover external_host",
    ),
    (
        "verification both off and by a certificate",
        "authentik_provider x {
            ssl_verify off; ssl_trusted_certificate %%DIR%%/cert.pem;
         } # <-",
        "ssl_trusted_certificate: has no effect with ssl_verify off",
    ),
    (
        "a pattern that does not compile",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret;
            external_host https://x.example.com; unauth_paths ^/ok$ ^/(public;
         } # <-",
        "authentik_provider \"x\": unauth_paths \"^/(public\" does not compile",
    ),
    (
        "a pattern of another dialect",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret;
            external_host https://x.example.com; unauth_paths (?!private);
         } # <-",
        "authentik_provider \"x\": unauth_paths \"(?!private)\" does not compile",
    ),
    (
        "an endpoint that is no URL",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret;
            external_host https://x.example.com; token_endpoint /application/o/token/;
         } # <-",
        "authentik_provider \"x\": token_endpoint \"/application/o/token/\" is not a URL",
    ),
    (
        "a switch that is neither on nor off",
        "authentik_provider x {
            ssl_verify maybe; # <-
         }",
        "ssl_verify: \"maybe\" is neither on nor off",
    ),
    (
        "a certificate file that does not exist",
        "authentik_provider x {
            ssl_trusted_certificate %%DIR%%/nowhere.pem; # <-
         }",
        "ssl_trusted_certificate: ",
    ),
    (
        "a certificate file without a certificate",
        "authentik_provider x {
            ssl_trusted_certificate %%DIR%%/secret; # <-
         }",
        "ssl_trusted_certificate: ",
    ),
    (
        "a block that is not closed",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret; external_host https://x.example.com;",
        "unexpected end of file, expecting \"}\"",
    ),
];

const USE_MISTAKES: &[Case] = &[
    (
        "an unknown provider in a server",
        "%%WIKI%% server {
            authentik_provider wikki; # <-
         }",
        "authentik_provider: no provider \"wikki\"; there are wiki",
    ),
    (
        "an unknown provider in a location",
        "%%WIKI%% server { location / {
            authentik_provider wikki; # <-
         } }",
        "authentik_provider: no provider \"wikki\"; there are wiki",
    ),
    (
        "auto without an outpost",
        "%%WIKI%% server {
            authentik_provider auto; # <-
         }",
        "authentik_provider: \"auto\" needs authentik_outpost",
    ),
    (
        "a provider twice in a server",
        "%%WIKI%% server {
            authentik_provider wiki;
            authentik_provider off; # <-
         }",
        "\"authentik_provider\" directive is duplicate",
    ),
    (
        "a provider without a name",
        "%%WIKI%% server {
            authentik_provider; # <-
         }",
        "invalid number of arguments in \"authentik_provider\" directive",
    ),
    (
        "a block in a server",
        "%%WIKI%% server {
            authentik_provider wiki { # <-
            }
         }",
        "directive \"authentik_provider\" is not terminated by \";\"",
    ),
    (
        "a pattern of a location that does not compile",
        "%%WIKI%% server { location / {
            authentik_unauth_paths ^/(public; # <-
         } }",
        "authentik_unauth_paths: \"^/(public\" does not compile",
    ),
    (
        "no pattern",
        "authentik_unauth_paths; # <-",
        "invalid number of arguments in \"authentik_unauth_paths\" directive",
    ),
    (
        "an unknown answer to the unauthenticated",
        "authentik_unauthenticated 403; # <-",
        "authentik_unauthenticated: \"403\" is not one of auto, redirect, 401, pass",
    ),
    (
        "two answers to the unauthenticated",
        "authentik_unauthenticated auto;
         authentik_unauthenticated pass; # <-",
        "\"authentik_unauthenticated\" directive is duplicate",
    ),
    (
        "a header name with a colon",
        "authentik_identity_headers X-User:; # <-",
        "authentik_identity_headers: \"X-User:\" is not a header name",
    ),
    (
        "a header that the request cannot do without",
        "authentik_identity_headers Host; # <-",
        "authentik_identity_headers: \"Host\" carries the request itself",
    ),
    (
        "a flag that is neither on nor off",
        "authentik_strip_cookie yes; # <-",
        "authentik_strip_cookie: \"yes\" is neither on nor off",
    ),
    (
        "a zone without a size",
        "authentik_shared_zone zone=authentik; # <-",
        "authentik_shared_zone: ",
    ),
    ("a zone without a name", "authentik_shared_zone zone=:16m; # <-", "authentik_shared_zone: "),
    (
        "a zone of no known size",
        "authentik_shared_zone zone=authentik:big; # <-",
        "authentik_shared_zone: ",
    ),
    (
        "a zone that is too small",
        "authentik_shared_zone zone=authentik:8k; # <-",
        "authentik_shared_zone: ",
    ),
    (
        "a zone of another parameter",
        "authentik_shared_zone size=16m; # <-",
        "authentik_shared_zone: ",
    ),
    (
        "two zones",
        "authentik_shared_zone zone=a:16m;
         authentik_shared_zone zone=b:16m; # <-",
        "\"authentik_shared_zone\" directive is duplicate",
    ),
    (
        "a zone in a server",
        "server {
            authentik_shared_zone zone=a:16m; # <-
         }",
        "\"authentik_shared_zone\" directive is not allowed here",
    ),
    (
        "a zone name that another module uses",
        "limit_req_zone $binary_remote_addr zone=mine:1m rate=1r/s;
         authentik_shared_zone zone=mine:16m;
         %%WIKI%%",
        "the shared memory zone \"mine\" is already declared for a different use",
    ),
];

const RIGHT: &[(&str, &str)] = &[
    ("the module is loaded and not used", ""),
    ("a provider that nobody uses", "%%WIKI%%"),
    ("the ten lines of the README", "%%WIKI%% server { authentik_provider wiki; }"),
    ("the use stands before the definition", "server { authentik_provider wiki; } %%WIKI%%"),
    (
        "everything",
        "authentik_shared_zone zone=sso:1m;
         authentik_unauthenticated auto;
         authentik_unauth_paths ^/healthz$ ^/public/ \"^/with space/\";
         authentik_identity_headers Remote-User X-Department;
         authentik_strip_cookie on;
         authentik_provider full {
             issuer https://sso.example.com/application/o/full/;
             client_id full-client;
             client_secret direct-secret;
             external_host https://full.example.com:8443/;
             mode forward_single;
             cookie_domain example.com;
             cookie_secret 0123456789abcdef0123456789abcdef;
             unauth_paths ^/a$ ^/b$;
             scope openid profile email;
             application full;
             ssl_verify off;
             authorization_endpoint https://sso.example.com/application/o/authorize/;
             token_endpoint http://10.0.0.1:9000/application/o/token/;
             end_session_endpoint https://sso.example.com/application/o/full/end-session/;
             jwks_uri https://sso.example.com/application/o/full/jwks/;
         }
         authentik_provider second {
             issuer https://sso.example.com/;
             client_id second-client;
             client_secret_file %%DIR%%/secret;
             external_host https://auth.example.com;
             cookie_domain .example.com;
             cookie_secret_file %%DIR%%/secret;
             ssl_trusted_certificate %%DIR%%/cert.pem;
         }
         server {
             authentik_provider full;
             authentik_unauth_paths ^/server/;
             location / {
                 authentik_unauthenticated 401;
                 authentik_unauth_paths ^/location/;
                 authentik_identity_headers X-Other;
                 authentik_strip_cookie off;
             }
             location /off { authentik_provider off; return 200; }
             location /second { authentik_provider second; }
         }
         log_format sso '$authentik_status $authentik_reason $authentik_username $authentik_groups
             $authentik_entitlements $authentik_email $authentik_name $authentik_uid
             $authentik_provider';",
    ),
    (
        "an authentik that nobody can reach: nothing asks for it at -t",
        "authentik_provider far {
             issuer http://no-such-host.invalid/application/o/far/;
             client_id c; client_secret s; external_host http://far.example.com;
         }
         server { authentik_provider far; }",
    ),
];
