//! Go's regular expressions, written for the `regex` crate.
//!
//! The two agree but for details, and a detail decides who gets in. Where they differ the pattern is
//! rewritten to what Go means by it (`regexp/syntax` of Go): `\d \w \s \b` know ASCII only, a `{` that
//! begins no repetition is itself, `[`, `&&`, `--` and `~~` in a class are characters, `\<` is `<`.
//! Flags that Go lacks are refused. What Go has and the crate has not (`\Q…\E`, octal escapes, `\C`)
//! does not compile.

use std::iter::Peekable;
use std::str::Chars;

/// Rewrites a pattern.
///
/// # Errors
/// What Go would not compile and we would.
pub(super) fn translate(pattern: &str) -> Result<String, &'static str> {
    let mut to = String::with_capacity(pattern.len() * 2);
    let mut from = pattern.chars().peekable();
    while let Some(c) = from.next() {
        match c {
            '\\' => match from.next() {
                Some('b') => to.push_str(r"(?-u:\b)"),
                Some('B') => to.push_str(r"(?-u:\B)"),
                Some(escaped) => {
                    escape(escaped, &mut from, &mut to);
                }
                None => to.push('\\'),
            },
            '[' => class(&mut from, &mut to),
            '{' if !begins_repetition(from.clone()) => to.push_str(r"\{"),
            '(' => {
                refuse_foreign_flags(from.clone())?;
                to.push('(');
            }
            other => to.push(other),
        }
    }
    Ok(to)
}

/// What follows a backslash, in a class or out of it. Whether it is a set of characters.
fn escape(escaped: char, from: &mut Peekable<Chars<'_>>, to: &mut String) -> bool {
    if let Some(class) = perl_class(escaped) {
        to.push_str(class);
        return true;
    }
    if escaped.is_ascii_punctuation() {
        literal(escaped, to);
    } else {
        to.push('\\');
        to.push(escaped);
        // The braces of `\x{2026}` and `\p{Greek}` are no repetition and no characters.
        if matches!(escaped, 'x' | 'p' | 'P') && from.peek() == Some(&'{') {
            for c in from.by_ref() {
                to.push(c);
                if c == '}' {
                    break;
                }
            }
        } else if matches!(escaped, 'p' | 'P') {
            to.extend(from.next());
        }
    }
    matches!(escaped, 'p' | 'P')
}

/// ASCII, as in Go; the crate's own know Unicode.
fn perl_class(escaped: char) -> Option<&'static str> {
    Some(match escaped {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        's' => r"[\t\n\f\r ]",
        'S' => r"[^\t\n\f\r ]",
        _ => return None,
    })
}

fn literal(c: char, to: &mut String) {
    // `<` and `>` mean a word's edges when escaped; all other punctuation may be.
    if c.is_ascii_punctuation() && !matches!(c, '<' | '>') {
        to.push('\\');
    }
    to.push(c);
}

/// A bracketed class, from behind its `[` up to its `]`.
fn class(from: &mut Peekable<Chars<'_>>, to: &mut String) {
    to.push('[');
    if from.next_if_eq(&'^').is_some() {
        to.push('^');
    }
    let mut first = true;
    while let Some(c) = from.next() {
        if c == ']' && !first {
            to.push(']');
            return;
        }
        first = false;
        if c == '[' && from.peek() == Some(&':') {
            to.push('[');
            named_class(from, to);
            continue;
        }
        let is_set = class_char(c, from, to);
        let mut ahead = from.clone();
        let range = ahead.next() == Some('-') && ahead.next().is_some_and(|next| next != ']');
        if range && !is_set {
            from.next();
            to.push('-');
            if let Some(high) = from.next() {
                class_char(high, from, to);
            }
        }
    }
}

/// `[:alpha:]`, from behind its `[`; what only begins like one does not compile.
fn named_class(from: &mut Peekable<Chars<'_>>, to: &mut String) {
    for c in from.by_ref() {
        to.push(c);
        if c == ']' {
            return;
        }
    }
}

/// One item of a class. Whether it is a set: a `-` behind it is a character then.
fn class_char(c: char, from: &mut Peekable<Chars<'_>>, to: &mut String) -> bool {
    match (c, from.peek().copied()) {
        ('\\', Some(escaped)) => {
            from.next();
            escape(escaped, from, to)
        }
        _ => {
            literal(c, to);
            false
        }
    }
}

/// Whether `n}`, `n,}` or `n,m}` follows.
fn begins_repetition(mut ahead: Peekable<Chars<'_>>) -> bool {
    let digits = |ahead: &mut Peekable<Chars<'_>>| {
        let mut any = false;
        while ahead.next_if(char::is_ascii_digit).is_some() {
            any = true;
        }
        any
    };
    if !digits(&mut ahead) {
        return false;
    }
    if ahead.next_if_eq(&',').is_some() {
        digits(&mut ahead);
    }
    ahead.next() == Some('}')
}

/// After `(`: flags are `?`, letters and `-`, up to `)` or `:`.
fn refuse_foreign_flags(mut ahead: Peekable<Chars<'_>>) -> Result<(), &'static str> {
    if ahead.next() != Some('?') {
        return Ok(());
    }
    let mut flags = ahead.take_while(|c| c.is_ascii_alphabetic() || *c == '-');
    let named_group = |c: char| c == 'P';
    match flags.find(|c| !matches!(c, 'i' | 'm' | 's' | 'U' | '-')) {
        Some(c) if !named_group(c) => Err("unrecognized flag, there are i, m, s and U"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::UnauthPaths;

    fn matches(pattern: &str, path: &str) -> bool {
        let rules = UnauthPaths::compile(&[pattern.to_owned()]).unwrap();
        rules.patterns.iter().any(|rule| rule.is_match(path.as_bytes()))
    }

    #[test]
    fn classes_and_edges_know_ascii_only() {
        // Go, package regexp/syntax: \d is [0-9], \s is [\t\n\f\r ], \w is [0-9A-Za-z_], \b is ASCII.
        for (pattern, matching, other) in [
            (r"^/\d$", "/7", "/٣"),
            (r"^/\D$", "/٣", "/7"),
            (r"^/\w+$", "/a_9", "/ü"),
            (r"^/\W+$", "/ü-", "/a"),
            (r"^/\s$", "/ ", "/\u{a0}"),
            (r"^/\S$", "/\u{a0}", "/ "),
            (r"^/[\d_]$", "/_", "/٣"),
            (r"^/[^\w]$", "/ü", "/a"),
            (r"^/[\D]$", "/٣", "/7"),
            (r"^/ü\b", "/üa", "/ü-"),
            (r"^/a\b", "/a-", "/ab"),
            (r"^/a\B", "/ab", "/aü"),
        ] {
            assert!(matches(pattern, matching), "{pattern} {matching}");
            assert!(!matches(pattern, other), "{pattern} {other}");
        }
    }

    #[test]
    fn punctuation_in_classes_and_braces_are_characters() {
        for (pattern, matching, other) in [
            (r"^/[[]$", "/[", "/x"),
            (r"^/[]a]$", "/]", "/["),
            (r"^/[^]a]$", "/x", "/]"),
            (r"^/[a&&b]$", "/&", "/x"),
            (r"^/[a-c~~d]$", "/~", "/x"),
            (r"^/[a-z--c]$", "/1", "/~"),
            (r"^/[\pN-x]$", "/-", "/w"),
            (r"^/\pN-$", "/7-", "/N-"),
            (r"^/[+--]$", "/,", "/c"),
            (r"^/[--/]$", "/.", "/+"),
            (r"^/[a-]$", "/-", "/b"),
            (r"^/[\d-x]$", "/-", "/w"),
            (r"^/[\]-a]$", "/^", "/-"),
            (r"^/[[:alpha:]_]$", "/q", "/:"),
            (r"^/[\x41-\x{43}]$", "/B", "/x"),
            (r"^/[\pL]$", "/ü", "/L-"),
            (r"^/{id}$", "/{id}", "/id"),
            (r"^/a{,2}$", "/a{,2}", "/aa"),
            (r"^/a{2}$", "/aa", "/a{2}"),
            (r"^/a{2,}$", "/aaa", "/a"),
            (r"^/a{1,2}$", "/aa", "/aaa"),
            (r"^/\<a\>$", "/<a>", "/a"),
            (r"^/\-\/\_\@$", "/-/_@", "/-"),
            (r"^/[\<\-\]]$", "/<", "/\\"),
            (r"^/\p{Greek}{2}$", "/αβ", "/α"),
            (r"^/(?P<n>a)(?:b)(?i:C)(?s).$", "/abcx", "/aBc"),
        ] {
            assert!(matches(pattern, matching), "{pattern} {matching}");
            assert!(!matches(pattern, other), "{pattern} {other}");
        }
    }

    #[test]
    fn what_go_does_not_know_is_refused() {
        for pattern in
            ["(?x)a b", "(?ix:a)", "(?u:a)", "(?-u)a", "(?=a)", "(?!a)", r"(a)\1", "[a-\\d]"]
        {
            assert!(UnauthPaths::compile(&[pattern.to_owned()]).is_err(), "{pattern}");
        }
    }
}
