//! What must hold for any input: one function for each kind of thing that others write.
//!
//! Each takes arbitrary bytes and panics if a promise is broken. `make fuzz` looks for such bytes
//! (`fuzz/` has the entry points for libFuzzer), and `tests/seeds.rs` replays `fuzz/seeds` with any
//! compiler. An input that broke a promise becomes a seed.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is test code: what surprises it is a finding"
)]

mod browser;
mod fixtures;
mod from_authentik;
mod memory;
mod oracle;
mod outpost;
mod paths;
mod redirects;
mod sessions;
mod store;
mod tokens;

pub use paths::go_row;

/// A promise, as a function that panics for an input that breaks it.
pub type Target = fn(&[u8]);

/// All of them by name, which is also that of the seeds' directory.
pub const TARGETS: [(&str, Target); 20] = [
    ("callback_query", browser::callback_query),
    ("cookie_header", browser::cookie_header),
    ("credentials", browser::credentials),
    ("forwarded_url", redirects::forwarded_url),
    ("header_names", browser::header_names),
    ("introspection", from_authentik::introspection),
    ("jwt", tokens::jwt),
    ("key_set", tokens::key_set),
    ("login_cookies", browser::login_cookies),
    ("logout_token", tokens::logout_token),
    ("outpost_message", outpost::outpost_message),
    ("outpost_rest", outpost::outpost_rest),
    ("outpost_settings", outpost::outpost_settings),
    ("path_rules", paths::path_rules),
    ("path_verdict", paths::path_verdict),
    ("redirect_target", redirects::redirect_target),
    ("session_record", sessions::session_record),
    ("store_rows", store::store_rows),
    ("table", memory::table),
    ("token_answer", from_authentik::token_answer),
];

/// Runs a target.
///
/// # Panics
/// If the promise is broken, or if there is no such target.
pub fn run(name: &str, data: &[u8]) {
    let found = TARGETS.iter().find(|(target, _)| *target == name);
    let (_, target) = found.expect("a target of this name");
    target(data);
}
