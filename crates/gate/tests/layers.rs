//! The pictures of layers, the gate's in its lib.rs and the shell's in src/lib.rs, held against the sources.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a surprise shall fail the test, loudly")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What is compiled for tests only may know everything.
const OF_TESTS: [&str; 3] = ["fixtures", "spoilt_input", "testing"];

/// The line of each module, counted from the top.
type Layers = HashMap<String, usize>;

#[test]
fn a_module_knows_those_of_the_layers_below_it_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let arrows = downward_arrows(&source, picture);
    assert!(arrows > 100, "the sources were not read");
}

#[test]
fn a_room_of_the_shell_knows_those_below_it_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src");
    let arrows = downward_arrows(&source, table);
    assert!(arrows > 100, "the sources were not read");
}

/// How many there are. Fails at any other.
fn downward_arrows(source: &Path, read: fn(&str) -> Layers) -> usize {
    let layers = read(&fs::read_to_string(source.join("lib.rs")).unwrap());
    let mut arrows = 0;
    for file in files(source) {
        let module = module_of(source, &file);
        if module == "lib" || OF_TESTS.contains(&module.as_str()) {
            continue;
        }
        let layer = layers.get(&module).unwrap_or_else(|| panic!("{module} is not in the picture"));
        for known in known_by(&fs::read_to_string(&file).unwrap()) {
            let Some(below) = layers.get(&known).filter(|_| known != module) else { continue };
            assert!(
                below > layer,
                "{}: {module} knows {known}, which is not below it",
                file.display()
            );
            arrows += 1;
        }
    }
    arrows
}

/// The gate's picture: names in lines.
fn picture(lib: &str) -> Layers {
    const NAMES_BEGIN: usize = "//! what comes and goes ".len();
    let picture = lib.lines().skip_while(|line| *line != "//! ```text").skip(1);
    let lines = picture.take_while(|line| *line != "//! ```");
    let names = lines.enumerate().flat_map(|(at, line)| {
        line.get(NAMES_BEGIN..)
            .unwrap_or_default()
            .split(' ')
            .map(move |name| (name.to_owned(), at))
    });
    names.collect()
}

/// The shell's: a table, with one room to a row.
fn table(lib: &str) -> Layers {
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | [`"));
    rows.enumerate().map(|(at, row)| (row.split('`').next().unwrap().to_owned(), at)).collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (directories, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let sources = files.into_iter().filter(|path| path.extension().is_some_and(|of| of == "rs"));
    sources.chain(directories.iter().flat_map(|directory| files_of(directory))).collect()
}

/// Those of a directory but for its tests.
fn files_of(directory: &Path) -> Vec<PathBuf> {
    let is_tests = directory.file_name().is_some_and(|name| name == "tests");
    let found = if is_tests { Vec::new() } else { files(directory) };
    found.into_iter().filter(|path| !path.ends_with("tests.rs")).collect()
}

fn module_of(source: &Path, file: &Path) -> String {
    let first = file.strip_prefix(source).unwrap().iter().next().unwrap().to_str().unwrap();
    first.strip_suffix(".rs").unwrap_or(first).to_owned()
}

/// The names behind `crate::` in code that is no test and no comment.
fn known_by(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = code.lines().map(|line| line.split("//").next().unwrap());
    let code = lines.collect::<Vec<_>>().join("\n").replace("$crate::", "");
    let mut known = Vec::new();
    for behind in code.split("crate::").skip(1) {
        let names = match behind.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap().split(',').collect(),
            None => vec![behind],
        };
        let word = |c: char| c.is_alphanumeric() || c == '_';
        known.extend(names.iter().map(|n| n.trim().chars().take_while(|c| word(*c)).collect()));
    }
    known
}
