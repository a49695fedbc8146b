//! Logout from authentik at providers defined in nginx.

mod backchannel;
mod bad_tokens;
mod by_hand;
mod frontchannel;
mod rp_initiated;

use authentik_standin::{LogoutMethod, Settings, Signing};

use crate::harness::{Builder, Request, Site};

/// A server with a provider defined in nginx; responses name their worker.
const GUARDED: &str = "authentik_provider wiki;
    add_header X-Worker $pid always;
    location / { proxy_pass http://app; }";

const BACKCHANNEL: &str = "/outpost.goauthentik.io/backchannel_logout";

/// A second application on the same host, for [`two_applications`].
const BLOG: &str = "authentik_provider blog {
     issuer %%SSO%%/application/o/blog/;
     client_id blog-client-id;
     client_secret blog-client-secret;
     external_host http://wiki.test:%%PORT%%;
 }";

/// Sets the provider's logout URI, like an administrator in authentik.
pub(crate) fn with_logout_uri(settings: &mut Settings, port: u16, method: LogoutMethod) {
    let end = match method {
        LogoutMethod::Backchannel => BACKCHANNEL,
        LogoutMethod::Frontchannel => "/outpost.goauthentik.io/frontchannel_logout",
    };
    for provider in &mut settings.providers {
        provider.logout_uri = format!("http://wiki.test:{port}{end}");
        provider.logout_method = method;
    }
}

fn guarded() -> Builder {
    guarded_signed(Signing::Hs256)
}

/// The same with another signing method.
fn guarded_signed(signing: Signing) -> Builder {
    Site::builder().workers(4).server(GUARDED).settings(move |settings, ports| {
        settings.providers[0].signing = signing;
        with_logout_uri(settings, ports.main, LogoutMethod::Backchannel);
    })
}

/// `wiki` at `/` and `blog` at `/blog/`, from one authentik and on one host.
fn two_applications(method: LogoutMethod) -> Builder {
    Site::builder()
        .settings(move |settings, ports| {
            let url = format!("http://wiki.test:{}", ports.main);
            settings.providers.push(authentik_standin::ProviderSettings::new("blog", &url));
            with_logout_uri(settings, ports.main, method);
        })
        .http(BLOG)
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }
             location /blog/ { authentik_provider blog; proxy_pass http://app; }",
        )
}

/// The form that authentik sends.
pub(crate) fn sent(site: &Site, token: &str) -> Request {
    site.request("POST", BACKCHANNEL)
        .header("User-Agent", "authentik@2026.2.2")
        .header("Accept", "*/*")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("logout_token={token}"))
}

/// The `sid` of the only session at authentik.
pub(crate) fn only_session(site: &Site) -> String {
    let sessions = site.sso.session_ids();
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    sessions.concat()
}
