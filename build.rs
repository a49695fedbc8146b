//! Turns what nginx-sys found in the nginx sources into capabilities, named after what they allow.

use std::env;

/// Since 1.23.0 header elements of one name are linked by `next`; before, `cookies` and
/// `x_forwarded_for` are arrays (nginx CHANGES 1.23.0).
const LINKED_HEADERS: u32 = 1_023_000;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(ngx_linked_headers)");
    println!("cargo::rerun-if-env-changed=DEP_NGINX_VERSION_NUMBER");

    let version: u32 = env::var("DEP_NGINX_VERSION_NUMBER")
        .ok()
        .and_then(|number| number.parse().ok())
        .expect("nginx-sys tells the version of the nginx sources in DEP_NGINX_VERSION_NUMBER");
    if version >= LINKED_HEADERS {
        println!("cargo::rustc-cfg=ngx_linked_headers");
    }
}
