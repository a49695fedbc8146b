//! Bindings of everything in crates/nginx/build/layout.rs, and of nothing else that lies in memory.

#[allow(dead_code, reason = "some of it is asked of the C compiler only")]
#[path = "../../../crates/nginx/build/layout.rs"]
mod layout;

use std::env;
use std::error::Error;
use std::path::Path;

use bindgen::FieldVisibilityKind::{self, Private, Public};
use bindgen::callbacks::{FieldInfo, ParseCallbacks};
use layout::{CONSTANTS, STRUCTURES, TEXTS, VARIABLES, WITH_HEADER_ARRAYS, WITH_LINKED_HEADERS};

const HEADERS: &str = "#include <ngx_config.h>\n#include <ngx_core.h>\n#include <ngx_event.h>\n\
                       #include <ngx_http.h>\n#include <nginx.h>\n";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=DEP_NGINX_INCLUDE");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../../../crates/nginx/build/layout.rs");

    let include = env::var("DEP_NGINX_INCLUDE")?;
    let directories = env::split_paths(&include).map(|path| format!("-I{}", path.display()));
    let mut bindings = bindgen::builder()
        .header_contents("nginx.h", HEADERS)
        .clang_args(directories)
        .use_core()
        .generate_cstr(true)
        .layout_tests(false)
        .rust_target(env::var("CARGO_PKG_RUST_VERSION")?.parse()?)
        .default_visibility(Private)
        .parse_callbacks(Box::new(Rows))
        .allowlist_function("ngx_.*")
        .allowlist_type("ngx_http_phases")
        .allowlist_var("ngx_http_headers_in");
    for (structure, _) in STRUCTURES {
        bindings = bindings.allowlist_type(structure);
    }
    for name in CONSTANTS.iter().chain(VARIABLES).chain(TEXTS) {
        bindings = bindings.allowlist_var(name);
    }
    let out = env::var("OUT_DIR")?;
    Ok(bindings.generate()?.write_to_file(Path::new(&out).join("bindings.rs"))?)
}

/// Makes what has a row public.
#[derive(Debug)]
struct Rows;

impl ParseCallbacks for Rows {
    fn field_visibility(&self, field: FieldInfo<'_>) -> Option<FieldVisibilityKind> {
        // A union within a structure is called as that, and more.
        let structure = field.type_name.split("__bindgen").next().unwrap_or_default();
        let rows = STRUCTURES.iter().chain(WITH_LINKED_HEADERS).chain(WITH_HEADER_ARRAYS);
        let has_row = rows.filter(|(name, _)| same(name, structure)).any(|(_, fields)| {
            fields.iter().flat_map(|path| path.split('.')).any(|part| same(part, field.field_name))
        });
        has_row.then_some(Public)
    }
}

/// Whether two names mean the same: nginx ends the names of structures with `_s` and those of their
/// types with `_t`; words that Rust reserves have a `_` behind them.
fn same(ours: &str, theirs: &str) -> bool {
    let base = |name: &str| {
        let name = name.trim_end_matches('_');
        name.strip_suffix("_s").or(name.strip_suffix("_t")).unwrap_or(name).to_owned()
    };
    base(ours) == base(theirs)
}
