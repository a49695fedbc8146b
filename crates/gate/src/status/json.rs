//! The report for programs, with its field names.

use serde::Serializer;

use super::report::{Report, Tally};

pub(super) fn render(report: &Report) -> String {
    // Everything in a report can be expressed in JSON.
    let mut body = serde_json::to_string_pretty(report).unwrap_or_else(|_| "{}".to_owned());
    body.push('\n');
    body
}

/// `{"known": 3, …}`, in the order of the list.
pub(super) fn as_map<S: Serializer>(tallies: &[Tally], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(tallies.iter().map(|tally| (tally.word, tally.count)))
}

/// The same for tallies that may be missing.
pub(super) fn as_map_if_any<S: Serializer>(
    tallies: &Option<Vec<Tally>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    as_map(tallies.as_deref().unwrap_or_default(), to)
}
