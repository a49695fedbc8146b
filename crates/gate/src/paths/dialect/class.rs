//! Bracket expressions.

use std::str::Chars;

use super::escape::{self, Escaped};
use super::{Flaw, eat, literal, quote};

/// Names of ASCII classes; a `^` after the colon negates them.
const NAMED: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// Translates a class, from after its `[` to its `]`.
pub(super) fn translate(from: &mut Chars<'_>, to: &mut String) -> Result<(), Flaw> {
    let whole = from.as_str();
    to.push('[');
    if eat(from, "^") {
        to.push('^');
    }
    // A leading `]` is a literal.
    let mut first = true;
    while first || !eat(from, "]") {
        first = false;
        if let Some(name) = named(from)? {
            to.push_str(&name);
            continue;
        }
        let low = match item(from, whole)? {
            Escaped::Set(set) => {
                to.push_str(&set); // a `-` behind it is a character
                continue;
            }
            Escaped::Char(low) => low,
        };
        literal(low, to);
        if from.as_str().starts_with('-') && !from.as_str().starts_with("-]") {
            range(low, from, to, whole)?;
        }
    }
    to.push(']');
    Ok(())
}

/// The rest of a range, from its `-`.
fn range(low: char, from: &mut Chars<'_>, to: &mut String, whole: &str) -> Result<(), Flaw> {
    let rest = from.as_str();
    from.next();
    let high = match item(from, whole)? {
        Escaped::Char(high) if low <= high => high,
        Escaped::Char(_) | Escaped::Set(_) => {
            let read = rest.len() - from.as_str().len();
            let part = rest.get(..read).unwrap_or_default();
            return Err(quote("invalid character class range", &format!("{low}{part}")));
        }
    };
    to.push('-');
    literal(high, to);
    Ok(())
}

/// `[:alpha:]`. Without a later `:]`, the `[` is a literal.
fn named(from: &mut Chars<'_>) -> Result<Option<String>, Flaw> {
    let Some((name, after)) = from.as_str().strip_prefix("[:").and_then(|r| r.split_once(":]"))
    else {
        return Ok(None);
    };
    if !NAMED.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return Err(quote("invalid character class range", &format!("[:{name}:]")));
    }
    *from = after.chars();
    Ok(Some(format!("[:{name}:]")))
}

fn item(from: &mut Chars<'_>, whole: &str) -> Result<Escaped, Flaw> {
    match from.next() {
        Some('\\') => escape::read(from),
        Some(c) => Ok(Escaped::Char(c)),
        None => Err(quote("missing closing ]", &format!("[{whole}"))),
    }
}
