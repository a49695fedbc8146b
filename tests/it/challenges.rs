//! A 401 says which credentials are accepted, and real programs then send them.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::harness::{Curl, Forge, Response, SITE_NAME, Site, TempDir, eventually, git};

const PROTECTED: &str = "authentik_provider wiki;
     location / { proxy_pass http://app; }
     location /401/ { authentik_unauthenticated 401; proxy_pass http://app; }";

const APP_PASSWORD: &str = "app-password-bob-key-0123456789";

#[test]
fn a_program_is_told_basic_and_bearer_and_a_browser_bearer_alone() {
    let site = Site::start(PROTECTED);
    let realm = format!("realm=\"{SITE_NAME}:{}\"", site.address().port());
    let basic = format!("Basic {realm}, charset=\"UTF-8\"");
    let bearer = format!("Bearer {realm}");
    let (both, alone) = (vec![basic.as_str(), &bearer], vec![bearer.as_str()]);
    for (who, method, path, headers, expected) in [
        ("curl", "GET", "/", &[("Accept", "*/*")][..], &both),
        ("a program without Accept", "POST", "/", &[], &both),
        ("a calendar", "PROPFIND", "/", &[("Depth", "0")], &both),
        ("a calendar's first question", "OPTIONS", "/", &[], &both),
        ("a look", "HEAD", "/", &[], &both),
        ("fetch()", "GET", "/", &[("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty")], &alone),
        ("XMLHttpRequest", "GET", "/", &[("X-Requested-With", "XMLHttpRequest")], &alone),
        ("a picture", "GET", "/", &[("Sec-Fetch-Dest", "image")], &alone),
        ("a picture over http", "GET", "/", &[("Referer", "http://wiki.test/")], &alone),
        ("a pre-flight over http", "OPTIONS", "/", &[("Origin", "http://a.test")], &alone),
        ("a form", "POST", "/", &[HTML], &alone),
        ("a person where nobody is redirected", "GET", "/401/", &[HTML], &alone),
    ] {
        let refused = site.request(method, path).headers(headers).send();
        assert_eq!(refused.status(), 401, "{who}");
        assert_eq!(challenges(&refused), *expected, "{who}");
    }
    let signing_in = site.navigate("/").send();
    assert_eq!((signing_in.status(), challenges(&signing_in)), (302, vec![]));
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_token_that_is_refused_is_called_invalid() {
    let site = Site::start(PROTECTED);
    for (authorization, invalid) in
        [("Bearer garbage", true), ("Basic Ym9iOndyb25n", false), ("Digest x", false)]
    {
        let refused = site.get("/").header("Authorization", authorization).send();
        assert_eq!(refused.status(), 401, "{authorization}");
        let [basic, bearer] = challenges(&refused)[..] else { panic!("{refused:#?}") };
        assert!(basic.starts_with("Basic ") && !basic.contains("error"), "{basic}");
        assert!(bearer.starts_with("Bearer "), "{bearer}");
        assert_eq!(
            bearer.contains("error=\"invalid_token\""),
            invalid,
            "{authorization}: {bearer}"
        );
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn where_credentials_are_the_applications_nothing_is_said_of_them() {
    let site = Site::builder().server(PROTECTED).provider("intercept_header_auth off;").start();
    let refused = site.get("/").send();
    assert_eq!((refused.status(), challenges(&refused)), (401, vec![]));
}

#[test]
fn an_error_page_and_other_statuses_keep_to_what_is_theirs() {
    let site = Site::builder()
        .server(
            "authentik_provider wiki;
             error_page 401 /401.html;
             location = /401.html { authentik_provider off; root html; }
             location / { proxy_pass http://app; }
             location /staff/ { authentik_require group staff-that-is-none; proxy_pass http://app; }",
        )
        .file("html/401.html", "sorry")
        .start();
    let refused = site.get("/").send();
    assert_eq!((refused.status(), refused.text().as_str()), (401, "sorry"));
    assert_eq!(challenges(&refused).len(), 2, "{refused:#?}");
    let forbidden = site.signed_in().get("/staff/").send();
    assert_eq!((forbidden.status(), challenges(&forbidden)), (403, vec![]));
}

#[test]
fn curl_anyauth_finds_out_what_to_send() {
    let site = Site::start(PROTECTED);
    let directory = TempDir::new();
    let user = format!("bob:{APP_PASSWORD}");
    let curl = Curl::new(SITE_NAME, site.address(), &directory).with(&["--anyauth", "-u", &user]);

    let answers = curl.run(&format!("{}/page", site.url()));

    assert!(answers.contains("HTTP/1.1 401"), "{answers}");
    assert!(answers.contains("HTTP/1.1 200"), "{answers}");
    assert_eq!(site.app.last().header("X-authentik-username"), Some("bob"));
    assert_eq!(site.app.hits(), 1);
}

#[test]
fn git_clones_and_pushes_with_the_password_that_it_has() {
    let directory = TempDir::new();
    let forge = Forge::start(directory.path());
    let site = Site::start(&format!(
        "authentik_provider wiki;
         location / {{ proxy_pass http://{}; }}",
        forge.address()
    ));
    let run = |at: &Path, arguments: &[&str]| {
        let output = git(at, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), said)
    };
    let url = |user: &str| format!("http://{user}@{}/repo.git", site.address());
    let bob = url(&format!("bob:{APP_PASSWORD}"));
    let clone = directory.path().join("clone");

    let (refused, said) = run(directory.path(), &["clone", "-q", &url("bob:wrong"), "refused"]);
    assert!(!refused && said.contains("Authentication failed"), "{said}");
    let (cloned, said) = run(directory.path(), &["clone", "-q", &bob, "clone"]);
    assert!(cloned, "{said}");
    for step in [
        &["commit", "-q", "--allow-empty", "-m", "First"][..],
        &["push", "-q", "origin", "HEAD:refs/heads/main"],
    ] {
        let (done, said) = run(&clone, step);
        assert!(done, "{step:?}: {said}");
    }
    let (cloned, said) = run(directory.path(), &["clone", "-q", &bob, "again"]);
    assert!(cloned, "{said}");
    let log = git(&directory.path().join("again"), &["log", "--format=%s"]);
    assert_eq!(String::from_utf8_lossy(&log.stdout), "First\n");
}

#[test]
fn a_calendar_program_finds_and_fills_its_calendars() {
    let directory = TempDir::new();
    let calendars = Calendars::start(&directory);
    let site = Site::start(&calendars.location());
    let ask = |password: &str| {
        let output = Command::new(PYTHON)
            .args(["-c", CALENDAR_PROGRAM])
            .arg(format!("http://{}/", site.address()))
            .args(["bob", password])
            .env("no_proxy", "*")
            .output()
            .expect("python3 is installed");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    };

    let (found, said) = ask(APP_PASSWORD);
    assert_eq!(found, "Holidays\n", "{said}");
    let (found, said) = ask("wrong");
    assert_eq!(found, "", "{said}");
    assert!(said.contains("AuthorizationError"), "{said}");
}

#[test]
fn a_webdav_program_makes_and_removes_directories_with_the_password_that_it_has() {
    let directory = TempDir::new();
    let calendars = Calendars::start(&directory);
    let site = Site::start(&calendars.location());
    let address = site.address();
    let cadaver = |password: &str, commands: &str| {
        // It has credentials from this file only.
        let login = format!("machine 127.0.0.1 login bob password {password}\n");
        directory.write_secret(".netrc", login);
        directory.write("commands", commands);
        let commands = std::fs::File::open(directory.path().join("commands"));
        let output = Command::new("cadaver")
            .arg(format!("http://{address}/"))
            .current_dir(directory.path())
            .env("HOME", directory.path())
            .stdin(commands.expect("the commands"))
            .output()
            .expect("cadaver is installed: apt-get install cadaver");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };

    let said = cadaver("wrong", "ls\n");
    assert!(!said.contains("succeeded"), "{said}");
    let said = cadaver(APP_PASSWORD, "mkcol cards\ncd cards\nls\n");
    assert!(said.contains("Creating `cards': succeeded"), "{said}");
    assert!(said.contains("Listing collection `/cards/': "), "{said}");
    assert!(cadaver(APP_PASSWORD, "rmcol cards\n").contains("succeeded"));
}

/// A CalDAV server that trusts nginx.
struct Calendars {
    server: Child,
    port: u16,
}

impl Calendars {
    fn start(directory: &TempDir) -> Self {
        let port = crate::harness::free_port();
        let folder = directory.path().join("collections").display().to_string();
        directory.write(
            "radicale.conf",
            format!(
                "[server]\nhosts = 127.0.0.1:{port}\n[auth]\ntype = http_x_remote_user\n\
                 [rights]\ntype = authenticated\n\
                 [storage]\nfilesystem_folder = {folder}\n"
            ),
        );
        let server = Command::new(PYTHON)
            .args(["-m", "radicale", "-C"])
            .arg(directory.path().join("radicale.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 is installed");
        eventually("radicale answers (apt-get install radicale)", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Self { server, port }
    }

    /// The lines that protect it.
    fn location(&self) -> String {
        format!(
            "authentik_provider wiki;
             location / {{
                 proxy_set_header Host $http_host;
                 proxy_set_header X-Remote-User $authentik_username;
                 proxy_pass http://127.0.0.1:{};
             }}",
            self.port
        )
    }
}

impl Drop for Calendars {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Debian's own Python, for Debian's packages.
const PYTHON: &str = "/usr/bin/python3";

/// Creates a calendar and an event in it, and lists the contents.
const CALENDAR_PROGRAM: &str = r#"
import sys, caldav
url, user, password = sys.argv[1:]
principal = caldav.DAVClient(url=url, username=user, password=password).principal()
calendar = principal.make_calendar(name="Holidays")
calendar.save_event("""BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:1@test
DTSTAMP:20261127T090000Z
DTSTART:20261224T090000Z
SUMMARY:Christmas
END:VEVENT
END:VCALENDAR
""")
assert len(calendar.events()) == 1
print("\n".join(str(calendar.name) for calendar in principal.calendars()))
"#;

fn challenges(response: &Response) -> Vec<&str> {
    response.all("WWW-Authenticate").collect()
}

const HTML: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
