use std::time::{Duration, Instant};

use super::super::{PathFacts, Subject, UnauthPaths};
use super::*;

/// 271 bytes: sixteen copies of what no DFA has room for.
fn explosive() -> String {
    ["[ab]*a[ab]{900}X"; 16].join("|")
}

/// A path that leads such a pattern to a new state with each byte.
fn hostile(length: usize) -> String {
    let mut seed = 1_u32;
    let letters = (1..length).map(|_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if seed >> 31 == 0 { 'a' } else { 'b' }
    });
    std::iter::once('/').chain(letters).collect()
}

fn rules(patterns: &[String]) -> UnauthPaths {
    UnauthPaths::compile(patterns).unwrap()
}

fn asked<'a>(rules: &'a UnauthPaths, path: &str, effort: &Effort<'a>) -> bool {
    let path = path.as_bytes();
    rules.cover(&PathFacts { normalized: path, raw: path, subject: Subject::Path }, effort)
}

/// The result, the cost, and the pattern at which the search gave up, if any.
fn effort_of(rules: &UnauthPaths, path: &str, steps: u64) -> (bool, u64, Option<String>) {
    let effort = Effort::of(steps);
    let covered = asked(rules, path, &effort);
    (covered, steps - effort.left(), effort.gave_up_at().map(str::to_owned))
}

/// A tenth: debug builds are slow.
const FEW: u64 = MAX_STEPS / 10;

#[test]
fn no_list_costs_a_request_more_than_its_steps_and_what_costs_more_is_closed() {
    let harmless = "^/public/".to_owned();
    let hostile = hostile(8000);
    let one = "[ab]*a[ab]{900}X".to_owned();
    for costly in [vec![explosive(); 3], vec![one.clone()], vec![one; 40]] {
        let list = rules(&[costly.clone(), vec![harmless.clone()]].concat());
        // The first search, and a later one with what that has cached.
        for _ in 0..2 {
            let (covered, spent, at) = effort_of(&list, &hostile, FEW);
            assert!(!covered && spent <= FEW, "{spent}");
            assert_eq!(at.as_deref(), Some(&*costly[0]), "the costly one is named");
        }
        // A path on which they cost little, and a pattern before them.
        assert!(effort_of(&list, "/public/x", FEW).0);
        let list = rules(&[vec![harmless.clone()], costly].concat());
        let hostile = format!("/public{hostile}");
        assert_eq!(effort_of(&list, &hostile[..8000], FEW).2, None);
    }
}

#[test]
fn the_costliest_pattern_is_named_wherever_it_stands() {
    for costs in [[1, 5, 3], [5, 1, 3], [1, 3, 5], [5, 5, 5]] {
        let effort = Effort::of(20);
        let lines = ["first", "second", "third"];
        for (line, cost) in lines.iter().zip(costs) {
            effort.of_pattern(line, || effort.spend(cost));
        }
        effort.spend(100);
        let costliest = costs.iter().position(|cost| *cost == 5).unwrap();
        assert_eq!(effort.gave_up_at(), Some(lines[costliest]), "{costs:?}");
    }
}

#[test]
fn lists_of_a_request_share_its_steps() {
    let (costly, harmless) = (rules(&[explosive()]), rules(&["^/".to_owned()]));
    let (effort, hostile) = (Effort::of(FEW), hostile(8000));
    assert!(asked(&harmless, &hostile, &effort));
    assert!(!asked(&costly, &hostile, &effort));
    assert!(!asked(&harmless, &hostile, &effort), "and then nothing is open");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test of how long it takes")]
fn what_is_given_up_takes_no_longer_than_anything_may() {
    let rules = rules(&vec![explosive(); 3]);
    let begun = Instant::now();
    assert!(!effort_of(&rules, &hostile(8000), MAX_STEPS).0);
    // Twenty milliseconds in a release build; without the limit, over ten seconds in a debug build.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn the_longest_list_of_usual_patterns_is_no_trouble_for_the_longest_path() {
    let usual = |n| match n % 4 {
        0 => format!(r"^/static/v{n}/.*\.(css|js|png)$"),
        1 => format!("^/api/v[0-9]+/hook{n}/[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}$"),
        2 => format!("(?i)/share/{n}/[^/]+$"),
        _ => format!("^/public{n}/"),
    };
    let patterns: Vec<String> = (0..255).map(usual).chain(["^/files/".to_owned()]).collect();
    let rules = rules(&patterns);
    for path in [format!("/files{}", hostile(600)), format!("/files/{}", "share/".repeat(1300))] {
        let (covered, spent, gave_up) = effort_of(&rules, &path, MAX_STEPS);
        assert!(covered && gave_up.is_none(), "{spent} {}", path.len());
    }
}

#[test]
fn a_step_is_a_byte_once_the_ways_are_known() {
    let rules = rules(&[r"/static/.*\.(css|js)$".to_owned()]);
    let path = format!("/static/{}.css", "a".repeat(1000));
    let (covered, cold, _) = effort_of(&rules, &path, MAX_STEPS);
    let warm = effort_of(&rules, &path, MAX_STEPS).1;
    assert!(covered && cold > warm, "{cold} {warm}");
    // It is searched both as sent and as served.
    assert_eq!(warm, 2 * u64::try_from(path.len()).unwrap());
}

#[test]
fn a_search_with_a_bound_finds_what_the_crate_regex_finds() {
    use crate::paths::automaton::{Automaton, MAX_COMPILED};
    let patterns = [
        "^/public/",
        "^/healthz$",
        "a|b|^$",
        "[ab]*a[ab]{3}X",
        r"\.(css|js)$",
        "(?i)^/PUBLIC",
        "^/x/[0-9]{1,3}$",
        "",
        ".",
        r"(?-u:\b)api(?-u:\b)",
        "^/(a|bc)*d",
        "ü",
        r"\p{Greek}+",
        "$",
        "(?m)^b$",
        "(?s)a.b",
    ];
    let texts = [
        "",
        "/",
        "/public/",
        "/public",
        "/Public/x",
        "/a/public/",
        "/healthz",
        "/healthz/",
        "/x/12",
        "/x/1234",
        "aabbaaabX",
        "abX",
        "/style.css",
        "/style.css.map",
        "/api/v1",
        "/rapid",
        "/abcad",
        "/ü",
        "/αβγ",
        "a\nb",
    ];
    for pattern in patterns {
        let automaton = Automaton::build(pattern, MAX_COMPILED).unwrap();
        let judge = regex::Regex::new(pattern).unwrap();
        for text in texts {
            let effort = Effort::default();
            assert_eq!(automaton.finds(text, &effort), judge.is_match(text), "{pattern} {text:?}");
            assert!(effort.gave_up_at().is_none());
        }
    }
}
