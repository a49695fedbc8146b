//! What must not leak: protected pages behind a refusal, other people's markup, secrets.

use std::fs;
use std::path::{Path, PathBuf};

use authentik_standin::{Endpoint, Fault};

use super::{CLOSED, assert_untouched};
use crate::harness::{Connection, Request, Response, Site, eventually};

#[test]
fn s45_behind_every_answer_of_ours_nothing_follows() {
    // CVE-2025-31492: the protected page was appended to the login form.
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }
         location /staff/ { authentik_require group staff; proxy_pass http://app; }
         location /redirect/ { authentik_unauthenticated redirect; proxy_pass http://app; }",
    );
    let alice = site.signed_in();
    let outpost = |path: &str| format!("/outpost.goauthentik.io/{path}");
    let (callback, bad) = (outpost("callback"), "X-authentik-auth-callback=true");
    for (status, request) in [
        (401, site.get("/")),
        (401, site.request("POST", "/").body("a=b")),
        (401, site.request("HEAD", "/")),
        (401, site.request("OPTIONS", "/")),
        (302, site.navigate("/page")),
        (302, site.request("POST", "/redirect/").body("a=b")),
        (403, alice.get("/staff/")),
        (403, alice.get("/staff/").navigation()),
        (204, site.get(&outpost("ping"))),
        (302, site.get(&outpost("start"))),
        (302, site.get(&outpost("sign_out"))),
        (400, site.get(&callback).navigation()),
        (400, site.get(&format!("/page?{bad}&code=a&code=b"))),
        (400, site.request("POST", &format!("{callback}?{bad}")).body("a=b")),
    ] {
        let what = format!("{status}: {request:?}");
        // A second request on the same connection: the bytes after the first response must be
        // exactly the response to it.
        let ping = site.get(&outpost("ping")).to_bytes();
        let mut connection = Connection::open(site.address());
        connection.send([request.to_bytes(), ping].concat());
        let first = connection.try_response(is_head(&request)).expect("an answer");
        assert_eq!(first.status(), status, "{what}");
        let second = connection.try_response(false).expect("the next answer");
        assert_eq!((second.status(), second.text().as_str()), (204, ""), "{what}");
        assert_exact_length(&first, &what);
    }
    assert_untouched(&site, "refusals");
}

#[test]
fn s45_the_pages_of_a_failed_sign_in_are_all_there_is() {
    let site = Site::start(CLOSED);
    site.signed_in();
    for fault in [Fault::WrongSignature, Fault::Expired, Fault::Status(500), Fault::Hangup] {
        site.sso.clear_faults();
        site.sso.fault(Endpoint::Token, fault.clone());
        let trail = site.browser().open("/page");
        assert!(trail.status() >= 500, "{fault:?}");
        assert_exact_length(trail.page(), &format!("{fault:?}"));
    }
    site.app.forget();
    assert_untouched(&site, "failed sign-ins");
}

#[test]
fn s46_nothing_that_is_sent_becomes_markup_in_a_page() {
    // CVE-2021-32792 and the escapes of 2026 in mod_auth_openidc.
    let site = Site::start(CLOSED);
    let mut browser = site.browser();
    let trail = browser.open_until("/page", |url| url.path().ends_with("/callback"));
    let callback = trail.page().location().to_owned();
    let state = crate::harness::parameter(&callback, "state").expect("a state");
    let mut pages = 0;
    for markup in ["<script>x</script>", "\"onload=x ", "'><img src=x>", "javascript:x", "{{x}}"] {
        let encoded: String = url::form_urlencoded::byte_serialize(markup.as_bytes()).collect();
        let base = "/outpost.goauthentik.io/callback?X-authentik-auth-callback=true";
        for query in [
            format!("&code={encoded}&state={encoded}"),
            format!("&error={encoded}&error_description={encoded}&state={state}"),
            format!("?error={encoded}&error_description={encoded}&state={state}"),
            format!("&state={state}&{encoded}={encoded}"),
            format!("&code=a&code={encoded}"),
        ] {
            for host in ["wiki.test", "<x>", "\"x"] {
                let request = browser.clone().get(&format!("{base}{query}")).navigation();
                let request = request.host(host).header("User-Agent", markup);
                let response = request.header("Referer", markup).send();
                if response.status() == 400 && response.header("content-security-policy").is_none()
                {
                    continue; // a Host that nginx does not read: its own page
                }
                pages += 1;
                assert_harmless(&response, markup);
            }
        }
    }
    assert!(pages >= 25, "{pages}");
    assert_untouched(&site, "callbacks");
}

#[test]
fn s46_a_refusal_in_json_is_nothing_else() {
    let site = Site::start(CLOSED);
    for target in
        ["/<script>", "/?\"}<script>", "/page?callback=script", "/script.html", "/script.js"]
    {
        let response = site.get(target).header("Referer", "<script>").send();
        assert_eq!(response.status(), 401, "{target}");
        let value: serde_json::Value = serde_json::from_str(&response.text()).expect("JSON");
        assert!(value.is_object() && !response.text().contains("script"), "{target}: {value}");
        assert_eq!(response.header("content-type"), Some("application/json"), "{target}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{target}");
    }
    assert_untouched(&site, "refusals");
}

#[test]
fn s47_credentials_in_a_header_are_in_no_log() {
    let site = Site::start(&format!("access_log access.log combined; {CLOSED}"));
    let password = "app-password-bob-key-0123456789";
    let basic = "Ym9iOmFwcC1wYXNzd29yZC1ib2Ita2V5LTAxMjM0NTY3ODk=";
    let bearer = "a-bearer-token-that-nobody-knows";
    assert_eq!(site.get("/").header("Authorization", format!("Basic {basic}")).status(), 200);
    assert_eq!(site.get("/").header("Authorization", format!("Bearer {bearer}")).status(), 401);
    assert_eq!(site.get("/").header("Authorization", format!("Basic {bearer}")).status(), 401);
    site.sso.down();
    let away = site.get("/").header("Authorization", format!("Bearer {bearer}-2")).status();
    assert_eq!(away, 503);

    eventually("four requests are logged", || site.file("access.log").lines().count() == 4);
    let logs = site.error_log().text() + &site.file("access.log");
    assert!(logs.contains("credentials-rejected"), "{logs}");
    for secret in [password, basic, bearer] {
        let lines: Vec<&str> = logs.lines().filter(|line| line.contains(secret)).collect();
        assert!(lines.is_empty(), "{secret} in {lines:#?}");
    }
}

#[test]
fn s48_no_configuration_that_we_show_needs_the_rewrite_module() {
    // CVE-2026-42945: a heap overflow in nginx's rewrite module. Our recommendations avoid it.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut shown = 0;
    for file in files_of(&root.join("nginx-conf"), "conf") {
        shown += 1;
        assert_without_rewrite(&file, &fs::read_to_string(&file).unwrap());
    }
    let mut documents = files_of(&root.join("docs"), "md");
    documents.push(root.join("README.md"));
    for file in documents {
        let text = fs::read_to_string(&file).unwrap();
        // Every second part between fences is code.
        for block in text.split("```").skip(1).step_by(2).filter(|code| code.starts_with("nginx")) {
            shown += 1;
            assert_without_rewrite(&file, block);
        }
    }
    assert!(shown >= 5, "{shown} configurations found");
    let security = fs::read_to_string(root.join("docs/security.md")).unwrap();
    assert!(security.contains("CVE-2026-42945"), "the patch level of nginx is an administrator's");
}

fn assert_without_rewrite(file: &Path, configuration: &str) {
    for line in configuration.lines() {
        let word = line.trim_start().split([' ', '\t', ';']).next().unwrap_or_default();
        assert!(!matches!(word, "rewrite" | "if" | "set"), "{}: {line}", file.display());
    }
}

fn files_of(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

fn assert_harmless(response: &Response, markup: &str) {
    let text = response.text();
    assert!(!text.contains(markup), "{markup}: {text}");
    for part in ["<script", "<img", " onload=x", "href=\"javascript:"] {
        assert!(!text.contains(part), "{markup}: {part} in {text}");
    }
    let policy = response.header("content-security-policy").unwrap_or_default();
    if response.status() != 302 {
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
    }
}

fn assert_exact_length(response: &Response, what: &str) {
    let announced =
        response.header("content-length").map(|length| length.parse::<usize>().unwrap());
    let length = response.text().len();
    let no_body = response.status() == 204;
    assert!(announced.is_some() || no_body, "{what}: no Content-Length");
    assert!(length == 0 || announced == Some(length), "{what}: {announced:?}, {length}");
    assert_eq!(response.header("transfer-encoding"), None, "{what}");
}

fn is_head(request: &Request) -> bool {
    request.to_bytes().starts_with(b"HEAD ")
}
