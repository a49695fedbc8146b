//! The parts of the page. Cells are already HTML: their creators escape the contents.

use super::super::moment::age;
use crate::page::escaped;
use crate::time::utc;

/// The cells of a row.
pub(super) struct Row(pub(super) Vec<String>);

/// Any text, as a cell.
pub(super) fn plain(text: &str) -> String {
    escaped(text).into_owned()
}

/// The same for values that are entered verbatim elsewhere.
pub(super) fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

/// A keyword with its meaning below.
pub(super) fn explained(word: &str, meaning: &str) -> String {
    format!("{}<small>{}</small>", code(word), escaped(meaning))
}

/// A time and its age.
pub(super) fn when(now: u64, then: u64) -> String {
    format!("{}, {} ago", utc(then), age(now, then))
}

/// A single large number.
pub(super) fn tile(name: &str, figure: &str, note: &str) -> String {
    let [name, figure, note] = [name, figure, note].map(escaped);
    format!("<li><span>{name}</span><b>{figure}</b><small>{note}</small></li>\n")
}

pub(super) fn section(heading: &str, content: &str) -> String {
    format!("<section>\n<h2>{}</h2>\n{content}</section>\n", escaped(heading))
}

/// A table whose first cells are row headings; a column named `Count` contains numbers.
pub(super) fn table(columns: &[&str], rows: impl IntoIterator<Item = Row>) -> String {
    let class = |at: usize| {
        if columns.get(at) == Some(&"Count") { " class=\"n\"" } else { "" }
    };
    let mut html = String::from("<table>\n");
    if !columns.is_empty() {
        html.push_str("<thead><tr>");
        for (at, name) in columns.iter().enumerate() {
            html.push_str(&format!("<th scope=\"col\"{}>{}</th>", class(at), escaped(name)));
        }
        html.push_str("</tr></thead>\n");
    }
    html.push_str("<tbody>\n");
    for Row(cells) in rows {
        html.push_str("<tr>");
        for (at, cell) in cells.iter().enumerate() {
            let class = class(at);
            html.push_str(&match at {
                0 => format!("<th scope=\"row\">{cell}</th>"),
                _ => format!("<td{class}>{cell}</td>"),
            });
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table>\n");
    html
}
