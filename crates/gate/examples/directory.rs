//! Time and memory of making the providers of an outpost, for `make bench`: `directory N` prints one
//! JSON object. Each of the N providers has three unauthenticated paths, two of them its own.
//!
//! - `made_us`: what a worker does at its start: the document that another process published is read,
//!   and providers are made of it. `read_us` is the part of reading.
//! - `refreshed_us`: the same again, when nothing has changed.
//! - `kib`: what the process has grown by then.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement, started by hand: it is told nothing, and may fail loudly"
)]

use std::fs;
use std::time::Instant;

use authentik_gate::outpost::{
    Directory, OidcConfiguration, OutpostSettings, ProviderConfig, Snapshot,
};
use authentik_gate::provider::Trust;
use authentik_gate::secret::Secret;

fn main() {
    let providers: usize =
        std::env::args().nth(1).and_then(|number| number.parse().ok()).expect("usage: directory N");
    let snapshot =
        Snapshot { providers: (0..providers).map(config).collect(), ..Snapshot::default() };
    let token = Secret::new("token");
    let settings = OutpostSettings::new("https://sso.example.com", None, token, Trust::System);
    let settings = settings.expect("settings");
    let document = snapshot.to_json().expect("JSON");
    drop(snapshot);
    let before = private_memory();
    let begun = Instant::now();
    let snapshot = Snapshot::from_json(document.expose()).expect("a snapshot");
    let read = begun.elapsed();
    let directory = Directory::build(snapshot, &settings, None);
    let made = begun.elapsed();
    let kib = private_memory() - before;
    let again = Snapshot::from_json(document.expose()).expect("a snapshot");
    let begun = Instant::now();
    let same = Directory::build(again, &settings, Some(&directory));
    let refreshed = begun.elapsed();
    assert_eq!((directory.len(), same.len()), (providers, providers), "all can be used");
    println!(
        r#"{{"providers": {providers}, "bytes": {}, "read_us": {}, "made_us": {}, "refreshed_us": {}, "kib": {kib}}}"#,
        document.expose().len(),
        read.as_micros(),
        made.as_micros(),
        refreshed.as_micros(),
    );
}

/// As authentik lists it: ids of 40 characters, secrets of 128.
fn config(number: usize) -> ProviderConfig {
    let core = "https://sso.example.com/application/o";
    let name = format!("app-{number:05}");
    ProviderConfig {
        mode: "forward_single".to_owned(),
        external_host: format!("https://{name}.example.com"),
        internal_host_ssl_validation: true,
        client_id: format!("{number:040x}"),
        client_secret: Secret::new(format!("{number:0128x}")),
        cookie_secret: Secret::new(format!("{number:032x}")),
        oidc_configuration: OidcConfiguration {
            issuer: format!("{core}/{name}/"),
            authorization_endpoint: format!("{core}/authorize/"),
            token_endpoint: format!("{core}/token/"),
            introspection_endpoint: format!("{core}/introspect/"),
            revocation_endpoint: String::new(),
            end_session_endpoint: format!("{core}/{name}/end-session/"),
            jwks_uri: format!("{core}/{name}/jwks/"),
            id_token_signing_alg_values_supported: vec!["HS256".to_owned()],
        },
        skip_path_regex: format!(
            "^/{name}/public/\n^/api/v{number}/[a-z]+/health$\n^/favicon.ico$"
        ),
        intercept_header_auth: true,
        scopes_to_request: ["ak_proxy", "email", "entitlements", "openid", "profile"]
            .map(str::to_owned)
            .to_vec(),
        assigned_application_slug: name.clone(),
        name,
        ..ProviderConfig::default()
    }
}

/// Of this process, in KiB.
fn private_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("RssAnon");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}
