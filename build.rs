//! Turns what nginx-sys found in the nginx sources into capabilities, named after what they allow, and
//! compiles what only a C compiler can do right.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

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

    println!("cargo::rerun-if-changed=src/ngx/bits.c");
    compiler()?.file("src/ngx/bits.c").try_compile("ngx_http_authentik_bits")?;
    Ok(())
}

/// The C compiler, with the headers and the flags that nginx is compiled with.
fn compiler() -> Result<cc::Build, Box<dyn Error>> {
    for variable in ["DEP_NGINX_BUILD_DIR", "DEP_NGINX_INCLUDE"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let makefile = Path::new(&env::var("DEP_NGINX_BUILD_DIR")?).join("Makefile");
    println!("cargo::rerun-if-changed={}", makefile.display());

    let mut compiler = cc::Build::new();
    compiler
        // nginx's flags only.
        .no_default_flags(true)
        .flags(nginx_flags(&fs::read_to_string(makefile)?)?)
        .includes(env::split_paths(&env::var("DEP_NGINX_INCLUDE")?))
        // A newer compiler than nginx's may warn of nginx's own headers; link-time optimization is not
        // rustc's.
        .flags(["-O2", "-fPIC", "-Wno-error", "-fno-lto"]);
    Ok(compiler)
}

/// The words of `CFLAGS` in nginx's Makefile, without the directories of headers, which nginx-sys made
/// absolute.
fn nginx_flags(makefile: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let line = makefile
        .lines()
        .find_map(|line| line.strip_prefix("CFLAGS")?.trim_start().strip_prefix('='))
        .ok_or("nginx's Makefile has no line CFLAGS")?;
    let mut flags = Vec::new();
    let mut words = shlex::Shlex::new(line);
    while let Some(word) = words.next() {
        match word.as_str() {
            "-I" => drop(words.next()),
            directory if directory.starts_with("-I") => {}
            _ => flags.push(word),
        }
    }
    Ok(flags)
}
