//! The C compiler, with the headers and flags that nginx is compiled with.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

use crate::doctor::Patch;

/// A compiler without source files yet.
pub(crate) fn compiler(patch: Option<Patch>) -> Result<cc::Build, Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=DEP_NGINX_BUILD_DIR");
    let makefile = Path::new(&env::var("DEP_NGINX_BUILD_DIR")?).join("Makefile");
    println!("cargo::rerun-if-changed={}", makefile.display());

    println!("cargo::rerun-if-env-changed=DEP_NGINX_INCLUDE");
    let mut include: Vec<_> = env::split_paths(&env::var("DEP_NGINX_INCLUDE")?).collect();
    if let Some(patch) = patch {
        include.insert(0, patch.header(&include)?);
    }

    let mut compiler = cc::Build::new();
    compiler
        // Only nginx's flags.
        .no_default_flags(true)
        .flags(flags(&fs::read_to_string(makefile)?)?)
        .includes(include)
        // A compiler newer than nginx's may warn about nginx's own headers; link-time optimization
        // would not match rustc's.
        .flags(["-O2", "-fPIC", "-Wno-error", "-fno-lto"]);
    Ok(compiler)
}

/// The words of `CFLAGS` in nginx's Makefile, without the include directories: nginx-sys supplies
/// them as absolute paths.
fn flags(makefile: &str) -> Result<Vec<String>, Box<dyn Error>> {
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
