//! What was recorded of a real authentik, asked of the stand-in.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy spares test functions, not their helpers"
)]

mod application;
mod authorize;
mod client;
mod faults;
mod metadata;
mod outpost_api;
mod outpost_socket;
mod refresh;
mod socket_client;
mod token;

use authentik_standin::{ProviderSettings, Settings, Standin, User, WIKI_CLIENT_ID};
use url::form_urlencoded::byte_serialize;

use client::{Answer, get};

const CALLBACK: &str =
    "http://wiki.test:8880/outpost.goauthentik.io/callback?X-authentik-auth-callback=true";

/// A stand-in whose provider `wiki` is for `http://wiki.test:8880`.
fn standin() -> Standin {
    started(|_| {})
}

fn started(change: impl FnOnce(&mut Settings)) -> Standin {
    let mut settings = Settings {
        providers: vec![ProviderSettings::wiki("http://wiki.test:8880")],
        ..Settings::default()
    };
    change(&mut settings);
    Standin::start(settings)
}

/// A stand-in that signs in whoever is not named otherwise as this user.
fn standin_for(username: &str) -> Standin {
    started(|settings| settings.default_user = username.to_owned())
}

/// The authorize URL as the outpost builds it, and more parameters.
fn authorize_url(more: &str) -> String {
    let callback: String = byte_serialize(CALLBACK.as_bytes()).collect();
    format!(
        "/application/o/authorize/?client_id={WIKI_CLIENT_ID}&redirect_uri={callback}\
         &response_type=code&scope=ak_proxy+entitlements+email+openid+profile&state=s1{more}"
    )
}

fn authorize(standin: &Standin, more: &str) -> Answer {
    get(standin.address(), &authorize_url(more), &[])
}

/// A user with groups, for access tests.
fn member_of(group: &str) -> User {
    User::new("member", "Member").in_groups(&[group])
}
