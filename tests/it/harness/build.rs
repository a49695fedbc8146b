//! The nginx and the module under test. Both are required: if one is missing, tests fail instead of
//! being skipped.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The nginx binary.
pub(crate) fn nginx() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| required("AUTHENTIK_NGINX", "the nginx binary, e.g. /usr/sbin/nginx"))
}

/// The module, built for that nginx.
pub(crate) fn module() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| required("AUTHENTIK_MODULE", "the module built for that nginx"))
}

/// The module with cargo feature `suspend-all`, built for that nginx.
pub(crate) fn module_suspend_all() -> PathBuf {
    required("AUTHENTIK_MODULE_SUSPEND_ALL", "the module built with --features suspend-all")
}

/// A module built for another nginx version.
pub(crate) fn foreign_module() -> PathBuf {
    required("AUTHENTIK_FOREIGN_MODULE", "the module built for another nginx version")
}

/// A module that neglects its duties, built for that nginx.
pub(crate) fn careless_module() -> PathBuf {
    required("AUTHENTIK_CARELESS_MODULE", "the module of tests/it/careless, built for that nginx")
}

/// The example of crates/nginx, built for that nginx.
pub(crate) fn example_module() -> PathBuf {
    required("AUTHENTIK_EXAMPLE_MODULE", "the example of crates/nginx, built for that nginx")
}

/// A Python with aioquic.
pub(crate) fn http3_python() -> PathBuf {
    let Some(path) = std::env::var_os("AUTHENTIK_HTTP3_PYTHON") else {
        panic!("AUTHENTIK_HTTP3_PYTHON is not set: a Python with aioquic; ci/it.sh sets it");
    };
    path.into()
}

/// The version of the nginx under test: `(1, 22, 1)`.
pub(crate) fn nginx_version() -> (u32, u32, u32) {
    let output = Command::new(nginx()).arg("-v").output().expect("nginx -v");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let numbers: Vec<u32> = text
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect();
    match numbers.as_slice() {
        [major, minor, patch, ..] => (*major, *minor, *patch),
        _ => panic!("nginx -v said {text:?}"),
    }
}

/// Its configure options, from `nginx -V`.
pub(crate) fn nginx_options() -> String {
    let output = Command::new(nginx()).arg("-V").output().expect("nginx -V");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn required(variable: &str, what: &str) -> PathBuf {
    let Some(path) = std::env::var_os(variable).map(PathBuf::from) else {
        panic!(
            "{variable} is not set: it names {what}; `make test` builds it and sets the variable"
        );
    };
    assert!(path.is_file(), "{variable}={}: no such file; it names {what}", path.display());
    path.canonicalize().expect("a path")
}
