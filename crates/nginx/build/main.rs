//! Turns what nginx-sys found in the nginx sources into capabilities, named after what they allow;
//! compiles what needs a C compiler, and checks the bindings with it.

#![expect(clippy::print_stdout, reason = "how a build script talks to cargo")]

mod compiler;
mod doctor;
mod layout;
mod probe;

use std::env;
use std::error::Error;
use std::path::Path;

use compiler::compiler;
use doctor::Patch;

/// Since 1.23.0, header elements with the same name are linked by `next`; before, `cookies` and
/// `x_forwarded_for` were arrays (nginx CHANGES 1.23.0).
const LINKED_HEADERS: u32 = 1_023_000;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rustc-check-cfg=cfg(ngx_linked_headers)");
    for variable in ["VERSION_NUMBER", "VERSION", "FEATURES"] {
        println!("cargo::rerun-if-env-changed=DEP_NGINX_{variable}");
    }
    // ci/fence runs this too.
    let places = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut places = places.flat_map(|place| [place.to_owned(), place.join("crates/nginx")]);
    let home = places.find(|place| place.join("build/layout.rs").exists());
    let home = home.ok_or("the repository is not complete")?;
    println!("cargo::rerun-if-changed={}", home.join("build").display());

    // From nginx-sys, which reads it from the nginx sources.
    let version: u32 = env::var("DEP_NGINX_VERSION_NUMBER")?.parse()?;
    let linked_headers = version >= LINKED_HEADERS;
    if linked_headers {
        println!("cargo::rustc-cfg=ngx_linked_headers");
    }
    let version = env::var("DEP_NGINX_VERSION")?;
    println!("cargo::rustc-env=NGINX_BUILT_FOR={version}");
    if !env::var("DEP_NGINX_FEATURES")?.split(',').any(|feature| feature == "pcre") {
        return Err(format!("{version} is configured without PCRE, which is not supported").into());
    }

    probe::run(&compiler(Patch::of(&["probe"]))?, linked_headers)?;
    for (name, patch) in [("bits", None), ("self_check", Patch::of(&["conf", "request"]))] {
        let file = home.join("src").join(name).with_extension("c");
        println!("cargo::rerun-if-changed={}", file.display());
        compiler(patch)?.file(file).try_compile(&format!("ngx_http_fence_{name}"))?;
    }
    Ok(())
}
