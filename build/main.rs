//! Turns what nginx-sys found in the nginx sources into capabilities, named after what they allow;
//! compiles what only a C compiler can do right, and has it judge the bindings.

#![expect(clippy::print_stdout, reason = "how a build script talks to cargo")]

mod compiler;
mod layout;
mod probe;

use std::env;
use std::error::Error;

/// Since 1.23.0 header elements of one name are linked by `next`; before, `cookies` and
/// `x_forwarded_for` are arrays (nginx CHANGES 1.23.0).
const LINKED_HEADERS: u32 = 1_023_000;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rustc-check-cfg=cfg(ngx_linked_headers)");
    for variable in ["VERSION_NUMBER", "VERSION", "FEATURES"] {
        println!("cargo::rerun-if-env-changed=DEP_NGINX_{variable}");
    }
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=src/ngx/bits.c");

    // Told by nginx-sys, which read it from the nginx sources.
    let version: u32 = env::var("DEP_NGINX_VERSION_NUMBER")?.parse()?;
    let linked_headers = version >= LINKED_HEADERS;
    if linked_headers {
        println!("cargo::rustc-cfg=ngx_linked_headers");
    }
    println!("cargo::rustc-env=AUTHENTIK_BUILT_FOR={}", env::var("DEP_NGINX_VERSION")?);

    let mut compiler = compiler::compiler()?;
    probe::run(&compiler, linked_headers)?;
    compiler.file("src/ngx/bits.c").try_compile("ngx_http_authentik_bits")?;
    Ok(())
}
