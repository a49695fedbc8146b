//! The modules of the OpenID Foundation's conformance suite for relying parties (certification plans
//! Basic, Config, RP-initiated, back-channel and front-channel logout), under the suite's names. The
//! stand-in plays the suite's OpenID provider. The table in docs/security.md says what each module
//! demands, and which ones do not apply.

mod backchannel;
mod basic;
mod config;
mod frontchannel;
mod rp_initiated;

use authentik_standin::{Endpoint, Fault, Settings, Signing};
use serde_json::Value;

use crate::error_pages::assert_error_page;
use crate::harness::{Builder, Ports, Site, Trail};

const CLOSED: &str = "authentik_provider wiki; location / { proxy_pass http://app; }";
const JWKS: &str = "/application/o/wiki/jwks/";
const DISCOVERY: &str = "/application/o/wiki/.well-known/openid-configuration";

/// A relying party whose provider signs with RS256, which the suite does by default.
fn relying_party(settings: impl Fn(&mut Settings, Ports) + 'static) -> Builder {
    Site::builder().server(CLOSED).settings(move |all, ports| {
        all.providers[0].signing = Signing::Rs256;
        settings(all, ports);
    })
}

/// Asserts that this sign-in failed for this reason and reached no application.
fn assert_refused(site: &Site, trail: &Trail, reason: &str) {
    assert_eq!(trail.status(), 502, "{}", trail.page().text());
    assert_error_page(trail.page());
    assert!(trail.page().text().contains(reason), "{}", trail.page().text());
    assert_eq!(site.app.hits(), 0);
}

/// Asserts that a token with this flaw signs nobody in, and one without it does.
fn refused(fault: Fault, reason: &str) {
    let site = relying_party(|_, _| ()).start();
    site.sso.fault(Endpoint::Token, fault);
    let mut browser = site.browser();
    let trail = browser.open("/page");
    assert_refused(&site, &trail, reason);
    assert_eq!(browser.session_cookies(), []);
    site.sso.clear_faults();
    assert_eq!(browser.open("/page").status(), 200);
    assert_eq!(site.app.hits(), 1);
}

/// A claim that is missing, or has another value.
fn claim(name: &str, value: Option<Value>) -> Fault {
    Fault::Claim(name.to_owned(), value)
}
