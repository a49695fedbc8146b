//! Turns what nginx-sys found in the nginx sources into capabilities, named after what they allow.

use std::env;
use std::error::Error;

/// Since 1.23.0 header elements of one name are linked by `next`; before, `cookies` and
/// `x_forwarded_for` are arrays (nginx CHANGES 1.23.0).
const LINKED_HEADERS: u32 = 1_023_000;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rustc-check-cfg=cfg(ngx_linked_headers)");
    println!("cargo::rerun-if-env-changed=DEP_NGINX_VERSION_NUMBER");

    // Told by nginx-sys, which read it from the nginx sources.
    let version: u32 = env::var("DEP_NGINX_VERSION_NUMBER")?.parse()?;
    if version >= LINKED_HEADERS {
        println!("cargo::rustc-cfg=ngx_linked_headers");
    }
    Ok(())
}
