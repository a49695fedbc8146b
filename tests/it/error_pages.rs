//! A failed sign-in ends with a page that says why and how to continue; none leads in circles.

use std::path::Path;

use authentik_standin::{Endpoint, Fault};

use crate::harness::{Response, Site, is_session};

#[test]
fn a_browser_that_keeps_no_cookie_at_all_is_told_so_instead_of_looping() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    browser.refuse_cookies(|_| true);

    let trail = browser.open("/page"); // panics after 20 redirects

    assert_eq!(trail.status(), 400);
    assert_error_page(trail.page());
    assert!(trail.page().text().contains("state-no-cookie"), "{}", trail.page().text());
    assert_eq!(site.sso.count("/application/o/token/"), 0);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn what_authentik_sends_back_instead_of_a_code_is_understood() {
    // docs/protocol.md §4.3: the error comes after a second `?`.
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    for error in ["login_required", "access_denied", "server_error", "<script>"] {
        site.sso.clear_faults();
        site.sso.fault(Endpoint::Authorize, Fault::ErrorRedirect(error.to_owned()));
        let mut browser = site.browser();
        let trail = browser.open("/page");

        assert!(trail.address().query().unwrap_or_default().contains("true?error="), "{error}");
        assert_eq!(trail.status(), 400, "{error}");
        assert_error_page(trail.page());
        assert!(trail.page().text().contains("authorize-error"), "{error}");
        assert!(!trail.page().text().contains("<script>"), "{error}");
        assert_eq!(browser.session_cookies(), [], "{error}");
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn the_third_failure_in_a_row_says_that_it_goes_round_in_circles() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    site.sso.fault(Endpoint::Token, Fault::WrongSignature);
    let mut browser = site.browser();

    let reasons: Vec<bool> =
        (0..3).map(|_| browser.open("/page").page().text().contains("sign-in-loop")).collect();
    assert_eq!(reasons, [false, false, true]);
    assert_eq!(site.app.hits(), 0);

    site.sso.clear_faults();
    let start_again = "/outpost.goauthentik.io/start?rd=/page";
    assert_eq!(browser.open(start_again).status(), 200, "a person may always try again");
}

#[test]
fn a_browser_that_keeps_no_session_cookie_is_stopped_instead_of_looping() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    browser.refuse_cookies(is_session);

    let trail = browser.open("/page"); // panics after 20 redirects

    assert_error_page(trail.page());
    assert!(trail.page().text().contains("sign-in-loop"), "{}", trail.page().text());
    assert_eq!(site.app.hits(), 0);
}

/// One of our pages: self-contained, not cached, not embeddable, with a reason code and a way to
/// continue.
pub(crate) fn assert_error_page(response: &Response) {
    let text = response.text();
    let header = |name: &str| response.header(name).unwrap_or_default().to_ascii_lowercase();
    assert!(header("content-type").starts_with("text/html"), "{response:#?}");
    assert!(header("cache-control").contains("no-store"), "{response:#?}");
    let policy = header("content-security-policy");
    assert!(policy.contains("default-src 'none'"), "{response:#?}");
    assert!(policy.contains("frame-ancestors 'none'") || header("x-frame-options") == "deny");
    assert!(text.contains("href="), "a way on: {text}");
    assert!(!text.contains("src=") && !text.contains("<script"), "self-contained: {text}");
    assert!(text.len() < 10_000, "{} bytes", text.len());
    let named = reasons().iter().any(|reason| text.contains(reason));
    assert!(named, "no reason code: {text}");
}

/// The codes explained in `docs/reasons.md`.
pub(crate) fn reasons() -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reasons.md");
    let text = std::fs::read_to_string(&file).expect("docs/reasons.md");
    let headings = text.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    let reasons: Vec<String> = headings.map(str::to_owned).collect();
    assert!(reasons.len() > 20, "{}: only {reasons:?}", file.display());
    reasons
}
