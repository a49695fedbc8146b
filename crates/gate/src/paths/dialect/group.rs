//! Groups and flags.

use super::{Flaw, Translation, eat, quote};

impl Translation<'_> {
    /// From after a `(`.
    pub(super) fn open(&mut self) -> Result<(), Flaw> {
        let begin = self.position() - 1;
        if !eat(&mut self.from, "?") {
            self.to.push_str("(?:");
        } else if eat(&mut self.from, "P<") || eat(&mut self.from, "<") {
            self.named_group(begin)?;
        } else if self.flags(begin)? == Scope::RestOfGroup {
            // Go would repeat what precedes the flags, `a(?i)*`; refused here.
            self.level.push(None);
            return Ok(());
        }
        self.outer.push(std::mem::take(&mut self.level));
        Ok(())
    }

    /// The name has no meaning here, but must be valid.
    fn named_group(&mut self, begin: usize) -> Result<(), Flaw> {
        let rest = self.from.as_str();
        if rest.starts_with(['=', '!']) {
            return Err(quote("look-around is not in Go's syntax", self.since(begin)));
        }
        let Some((name, after)) = rest.split_once('>') else {
            return Err(quote("invalid named capture", self.since(begin)));
        };
        self.from = after.chars();
        if name.is_empty() || !name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) {
            return Err(quote("invalid named capture", self.since(begin)));
        }
        self.to.push_str("(?:");
        Ok(())
    }

    /// From after `(?`: flags up to their `)` or `:`.
    fn flags(&mut self, begin: usize) -> Result<Scope, Flaw> {
        const KNOWN: [char; 4] = ['i', 'm', 's', 'U'];
        let mut states = [None; KNOWN.len()];
        let mut clearing = false;
        let mut any = false;
        let scope = loop {
            match self.from.next() {
                Some('-') if !clearing => (clearing, any) = (true, false),
                Some(':') if !clearing || any => break Scope::Group,
                Some(')') if !clearing || any => break Scope::RestOfGroup,
                c => {
                    let known = KNOWN.iter().zip(&mut states).find(|(flag, _)| c == Some(**flag));
                    let Some((_, state)) = known else { return Err(self.foreign(c, begin)) };
                    *state = Some(!clearing);
                    any = true;
                }
            }
        };
        let names = |state: bool| {
            let flags = KNOWN.iter().zip(&states).filter(move |(_, s)| **s == Some(state));
            flags.map(|(flag, _)| *flag).collect::<String>()
        };
        let (set, cleared) = (names(true), names(false));
        let cleared = if cleared.is_empty() { cleared } else { format!("-{cleared}") };
        match scope {
            Scope::Group => self.to.push_str(&format!("(?{set}{cleared}:")),
            Scope::RestOfGroup if set.is_empty() && cleared.is_empty() => {}
            Scope::RestOfGroup => self.to.push_str(&format!("(?{set}{cleared})")),
        }
        Ok(scope)
    }

    fn foreign(&self, c: Option<char>, begin: usize) -> Flaw {
        match c {
            Some('=' | '!') => quote("look-around is not in Go's syntax", self.since(begin)),
            _ => quote("invalid or unsupported Perl syntax", self.since(begin)),
        }
    }

    pub(super) fn close(&mut self) -> Result<(), Flaw> {
        let outer = self.outer.pop().ok_or("unexpected )")?;
        let inner = std::mem::replace(&mut self.level, outer);
        self.to.push(')');
        self.level.push(Some(inner.close()));
        Ok(())
    }
}

/// How far flags reach.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Group,
    RestOfGroup,
}
