//! Attacks on similar software, replayed here. A test's name begins with its row in the table of
//! docs/security.md; that table says where rows without a test here are covered.

mod bypass;
mod denial;
mod hosts;
mod leaks;
mod paths;
mod redirects;
mod rotation;
mod session;
mod spoof;
mod token;

use crate::harness::Site;

/// A site with two open paths and everything else protected.
const WITH_OPEN_PATHS: &str = "authentik_provider wiki;
     authentik_unauth_paths ^/public/ ^/healthz$;
     location / { proxy_pass http://app; }";

/// A site without exceptions.
const CLOSED: &str = "authentik_provider wiki;
     location / { proxy_pass http://app; }";

/// Asserts that nothing has reached the application since the last check.
fn assert_untouched(site: &Site, what: &str) {
    assert_eq!(site.app.hits(), 0, "the application was reached: {what}");
}

/// Case, `_` for `-`, and mixtures of both.
fn spellings(name: &str) -> Vec<String> {
    let mixed = |name: &str| {
        let odd = |(at, c): (usize, char)| if at % 2 == 1 { c.to_ascii_uppercase() } else { c };
        name.to_ascii_lowercase().char_indices().map(odd).collect()
    };
    let mut all = Vec::new();
    for separated in [
        name.to_owned(),
        name.replace('-', "_"),
        name.replacen('-', "_", 1),
        name.replacen('-', "_", 2),
    ] {
        all.extend([separated.to_lowercase(), separated.to_uppercase(), mixed(&separated)]);
        all.push(separated);
    }
    all
}
