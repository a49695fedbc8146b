//! What a backslash does to the characters after it, inside and outside a class.

use std::str::Chars;

use super::{Flaw, eat, property, quote};

/// The meaning of an escape.
pub(super) enum Escaped {
    /// A single character.
    Char(char),
    /// A set of characters in the crate's syntax, usable within a class.
    Set(String),
}

/// Reads an escape from after its backslash.
pub(super) fn read(from: &mut Chars<'_>) -> Result<Escaped, Flaw> {
    let rest = from.as_str();
    let Some(c) = from.next() else {
        return Err("trailing backslash at end of expression".into());
    };
    if let Some(set) = perl_class(c) {
        return Ok(Escaped::Set(set.to_owned()));
    }
    if matches!(c, 'p' | 'P') {
        return property::read(from, c == 'P').map(Escaped::Set);
    }
    char_of(c, from).map(Escaped::Char).ok_or_else(|| {
        let read = rest.len() - from.as_str().len();
        let part = rest.get(..read).unwrap_or_default();
        quote("invalid escape sequence", &format!("\\{part}"))
    })
}

/// ASCII, as in Go; the crate's own are Unicode.
fn perl_class(c: char) -> Option<&'static str> {
    Some(match c {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        's' => r"[\t\n\f\r\x20]",
        'S' => r"[^\t\n\f\r\x20]",
        _ => return None,
    })
}

fn char_of(c: char, from: &mut Chars<'_>) -> Option<char> {
    Some(match c {
        // A single digit would be a backreference, which Go does not support.
        '1'..='7' if !from.as_str().starts_with(|c| matches!(c, '0'..='7')) => return None,
        '0'..='7' => octal(c, from)?,
        'x' => hexadecimal(from)?,
        'a' => '\x07',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        // Not only punctuation: any ASCII character but letters and digits.
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => c,
        _ => return None,
    })
}

/// Up to three octal digits, the first of which has been read.
fn octal(first: char, from: &mut Chars<'_>) -> Option<char> {
    let mut value = first.to_digit(8)?;
    for _ in 0..2 {
        let Some(digit) = from.as_str().chars().next().and_then(|c| c.to_digit(8)) else { break };
        value = value * 8 + digit;
        from.next();
    }
    char::from_u32(value)
}

/// Two digits, or any number of them in braces. Surrogates are not characters here; Go accepts
/// them, but they match nothing.
fn hexadecimal(from: &mut Chars<'_>) -> Option<char> {
    if !eat(from, "{") {
        let mut digit = || from.next()?.to_digit(16);
        return char::from_u32(digit()? * 16 + digit()?);
    }
    let mut value = None;
    loop {
        match from.next()? {
            '}' => return char::from_u32(value?),
            c => {
                let so_far: u32 = value.unwrap_or(0);
                value = Some(so_far.checked_mul(16)?.checked_add(c.to_digit(16)?)?);
            }
        }
    }
}
