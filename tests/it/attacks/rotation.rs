//! S44, second half: the client secret, from which keys are derived, changes during a sign-in.

use std::fs;

use super::{CLOSED, assert_untouched};
use crate::harness::{Browser, Site};

/// A sign-in in progress, at a site whose secret is about to change.
struct Renewal {
    site: Site,
    browser: Browser,
    callback: String,
}

impl Renewal {
    fn begin() -> Self {
        let site = Site::start(CLOSED);
        let mut browser = site.browser();
        let callback = browser.open_until_callback("/page");
        Self { site, browser, callback }
    }

    /// An administrator changes the secret, in authentik and here.
    fn renew(&self, secret: &str) {
        self.write(secret);
        self.site.reload();
    }

    fn write(&self, secret: &str) {
        self.site.sso.change(|settings| settings.providers[0].client_secret = secret.to_owned());
        fs::write(self.site.path("wiki.secret"), secret).expect("the secret file");
    }

    /// The browser returns and is refused, without asking authentik.
    fn assert_refused(mut self) {
        self.site.sso.forget_requests();
        let response = self.browser.step(&self.callback);
        assert_eq!(response.status(), 400, "{response:?}");
        assert!(response.text().contains("state-foreign"), "{}", response.text());
        assert_eq!(self.site.sso.requests().len(), 0);
        assert_untouched(&self.site, "states of former keys");
    }
}

#[test]
fn s44_a_sign_in_outlives_a_change_of_the_secret_also_in_a_worker_that_is_started_later() {
    let mut renewal = Renewal::begin();
    let mut later = renewal.site.browser();
    let callback_later = later.open_until_callback("/later");

    // A failed reload changes nothing, nor does one without a change.
    renewal.write("second-secret");
    renewal.site.edit_configuration("authentik_provider wiki;", "authentik_provider wikki;");
    renewal.site.reload_in_vain();
    renewal.site.edit_configuration("authentik_provider wikki;", "authentik_provider wiki;");
    renewal.renew("second-secret");
    renewal.site.reload();

    let Renewal { mut site, mut browser, callback } = renewal;
    site.sso.forget_requests();
    assert_eq!(browser.open(&callback).status(), 200);
    for pid in site.worker_pids() {
        site.kill_worker(pid);
    }
    assert_eq!(later.open(&callback_later).status(), 200);

    let requests = site.sso.requests();
    let exchanges = requests.iter().filter(|seen| seen.path == "/application/o/token/");
    let told: Vec<_> = exchanges.map(|seen| seen.form_field("client_secret")).collect();
    assert_eq!(told, [Some("second-secret".to_owned()), Some("second-secret".to_owned())]);
    assert_eq!(site.browser().open("/new").status(), 200);
    assert!(site.error_log().lines_with("second-secret").is_empty());
}

#[test]
fn s44_of_two_changes_the_key_before_the_former_opens_nothing() {
    let renewal = Renewal::begin();
    renewal.renew("second-secret");
    renewal.renew("third-secret");
    renewal.assert_refused();
}

#[test]
fn s44_a_provider_that_was_deleted_leaves_no_key() {
    let renewal = Renewal::begin();
    renewal.site.edit_configuration("authentik_provider wiki {", "authentik_provider other {");
    renewal.site.edit_configuration("authentik_provider wiki;", "authentik_provider other;");
    renewal.site.edit_configuration("wiki-client-id", "other-client-id");
    renewal.site.reload();
    renewal.site.edit_configuration("authentik_provider other {", "authentik_provider wiki {");
    renewal.site.edit_configuration("authentik_provider other;", "authentik_provider wiki;");
    renewal.site.edit_configuration("other-client-id", "wiki-client-id");
    renewal.renew("second-secret");
    renewal.assert_refused();
}
