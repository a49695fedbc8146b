//! A module built for another nginx is rejected by nginx, without a crash.

use crate::harness::{TempDir, foreign_module, test_configuration};

#[test]
fn a_module_built_for_another_nginx_version_is_refused_with_both_versions() {
    let directory = TempDir::new();
    let conf = format!("load_module {};\nevents {{ }}\n", foreign_module().display());

    let verdict = test_configuration(&directory, &conf);

    assert!(!verdict.accepted, "{}", verdict.text);
    assert!(verdict.text.contains("version 10"), "{}", verdict.text);
    assert!(verdict.text.contains(" instead of 10"), "{}", verdict.text);
}
