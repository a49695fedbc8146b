//! Replays `fuzz/seeds`: inputs that once broke a promise, and good ones from which the fuzzers start.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a surprise shall fail the test, loudly")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use authentik_fuzz::TARGETS;

fn seeds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds")
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{directory:?}: {error}"));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// With `FUZZ_CORPUS`, also all files below it: what a fuzzer has gathered.
#[test]
fn every_promise_holds_for_every_seed() {
    let gathered = env::var_os("FUZZ_CORPUS").map(PathBuf::from);
    for (name, target) in TARGETS {
        let more = gathered.as_ref().map(|all| all.join(name)).filter(|more| more.is_dir());
        let files =
            [Some(seeds().join(name)), more].into_iter().flatten().flat_map(|at| files(&at));
        let mut count = 0;
        for file in files {
            let input = fs::read(&file).unwrap();
            // Shown if the target panics.
            eprintln!("{}", file.display());
            target(&input);
            count += 1;
        }
        assert!(count > 0, "{name} has no seeds");
    }
}

/// An entry point without its target, or the other way round, would never run.
#[test]
fn every_target_has_seeds_and_an_entry_point() {
    let names: HashSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let stem = |file: &PathBuf| file.file_stem().unwrap().to_str().unwrap().to_owned();
    let seeded: HashSet<String> = files(&seeds()).iter().map(stem).collect();
    assert_eq!(seeded, names);
    let entry_points = seeds().join("../fuzz_targets");
    let entered: HashSet<String> = files(&entry_points).iter().map(stem).collect();
    assert_eq!(entered, names);
    let manifest = fs::read_to_string(seeds().join("../Cargo.toml")).unwrap();
    for name in names {
        let text = fs::read_to_string(entry_points.join(format!("{name}.rs"))).unwrap();
        assert!(text.contains(&format!("run(\"{name}\"")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

/// For ci/fuzz.sh: rows for tests/data/go_regex/go_regex.go, with our verdicts.
#[test]
fn what_the_fuzzer_found_about_patterns_can_be_shown_to_go() {
    let gathered = env::var_os("FUZZ_CORPUS").map(|all| PathBuf::from(all).join("path_rules"));
    let more = gathered.filter(|more| more.is_dir()).map(|more| files(&more));
    let mut inputs = files(&seeds().join("path_rules"));
    inputs.extend(more.unwrap_or_default());
    let rows: Vec<String> = inputs
        .iter()
        .filter_map(|input| authentik_fuzz::go_row(&fs::read(input).unwrap()))
        .collect();
    assert!(!rows.is_empty());
    if let Some(file) = env::var_os("FUZZ_GO_ROWS") {
        fs::write(file, rows.join("\n") + "\n").unwrap();
    }
}
