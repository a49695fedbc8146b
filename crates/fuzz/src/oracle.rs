//! Regular expressions that say by themselves what they match: built from bytes, written in the
//! syntax of Go and matched by sets of positions, without an automaton.

use std::fmt;

/// The rest of an input, taken byte by byte; zeros follow its end.
pub(crate) struct Bytes<'d>(pub(crate) &'d [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A path that all readers read alike.
    pub(crate) fn path(&mut self) -> String {
        let mut path = "/".to_owned();
        for byte in self.0.iter().take(60) {
            let letter = char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]);
            if !(letter == '/' && path.ends_with('/')) {
                path.push(letter);
            }
        }
        path
    }
}

const ALPHABET: &[u8; 12] = b"abAB/k0S_-s9";

pub(crate) enum Node {
    Letter(u8),
    Any,
    /// Ranges of letters, perhaps negated.
    Class(bool, Vec<(u8, u8)>),
    Begin,
    End,
    Boundary(bool),
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    /// At least, at most, and whether it is written as reluctant.
    Repeat(Box<Node>, u8, Option<u8>, bool),
    AnyCase(Box<Node>),
}

/// Positions in a text of at most 61 bytes.
type Set = u64;

impl Node {
    /// Takes bytes for a node at most this deep.
    pub(crate) fn of(bytes: &mut Bytes<'_>, depth: u8) -> Self {
        let kind = bytes.next();
        let simple = depth == 0;
        match kind % if simple { 7 } else { 12 } {
            0..=2 => Self::Letter(ALPHABET[usize::from(bytes.next()) % ALPHABET.len()]),
            3 => Self::Any,
            4 => {
                let range = |bytes: &mut Bytes<'_>| {
                    let letter = |byte: u8| ALPHABET[usize::from(byte) % ALPHABET.len()];
                    let (one, other) = (letter(bytes.next()), letter(bytes.next()));
                    (one.min(other), one.max(other))
                };
                Self::Class(kind & 32 != 0, (0..=kind >> 6).map(|_| range(bytes)).collect())
            }
            5 => [Self::Begin, Self::End].into_iter().nth(usize::from(kind >> 7)).unwrap(),
            6 => Self::Boundary(kind >= 128),
            7 | 8 => Self::Sequence(Self::some(bytes, depth, kind)),
            9 => Self::Choice(Self::some(bytes, depth, kind)),
            10 => {
                let (least, most) =
                    [(0, None), (1, None), (0, Some(1)), (2, Some(3))][usize::from(kind >> 4) % 4];
                Self::Repeat(Box::new(Self::of(bytes, depth - 1)), least, most, kind >= 128)
            }
            _ => Self::AnyCase(Box::new(Self::of(bytes, depth - 1))),
        }
    }

    fn some(bytes: &mut Bytes<'_>, depth: u8, kind: u8) -> Vec<Self> {
        (0..1 + kind / 64).map(|_| Self::of(bytes, depth - 1)).collect()
    }

    /// Whether it matches anywhere.
    pub(crate) fn is_found(&self, text: &[u8]) -> bool {
        let everywhere = (1 << (text.len() + 1)) - 1;
        self.ends(text, everywhere, false) != 0
    }

    /// Where matches end that begin at one of these positions.
    fn ends(&self, text: &[u8], from: Set, any_case: bool) -> Set {
        let step = |fits: &dyn Fn(u8) -> bool| {
            let fits = |at: &usize| from & (1 << at) != 0 && fits(text[*at]);
            (0..text.len()).filter(fits).fold(0, |set, at| set | 1 << (at + 1))
        };
        let here = |holds: &dyn Fn(usize) -> bool| {
            let holds = |at: &usize| from & (1 << at) != 0 && holds(*at);
            (0..=text.len()).filter(holds).fold(0, |set, at| set | 1 << at)
        };
        let cases = |byte: u8| {
            if any_case {
                [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()]
            } else {
                [byte; 2]
            }
        };
        match self {
            Self::Letter(letter) => step(&|byte| cases(byte).contains(letter)),
            Self::Any => step(&|_| true),
            Self::Class(negated, ranges) => step(&|byte| {
                let is_in =
                    |byte: &u8| ranges.iter().any(|(low, high)| (low..=high).contains(&byte));
                cases(byte).iter().any(is_in) != *negated
            }),
            Self::Begin => from & 1,
            Self::End => from & (1 << text.len()),
            Self::Boundary(wanted) => here(&|at| {
                let is_word = |byte: Option<&u8>| {
                    byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
                };
                let before = at.checked_sub(1).and_then(|before| text.get(before));
                (is_word(before) != is_word(text.get(at))) == *wanted
            }),
            Self::Sequence(nodes) => {
                nodes.iter().fold(from, |from, node| node.ends(text, from, any_case))
            }
            Self::Choice(nodes) => {
                nodes.iter().fold(0, |set, node| set | node.ends(text, from, any_case))
            }
            Self::Repeat(node, least, most, _) => {
                let mut from = from;
                for _ in 0..*least {
                    from = node.ends(text, from, any_case);
                }
                let mut all = from;
                for _ in *least..most.unwrap_or(u8::MAX) {
                    from = node.ends(text, from, any_case);
                    if from & !all == 0 {
                        break;
                    }
                    all |= from;
                }
                all
            }
            Self::AnyCase(node) => node.ends(text, from, true),
        }
    }
}

/// In the syntax of Go.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Letter(letter) => write!(f, "{}", char::from(*letter)),
            Self::Any => f.write_str("."),
            Self::Class(negated, ranges) => {
                f.write_str(if *negated { "[^" } else { "[" })?;
                for (low, high) in ranges {
                    write!(f, "\\x{low:02x}-\\x{high:02x}")?;
                }
                f.write_str("]")
            }
            Self::Begin => f.write_str("^"),
            Self::End => f.write_str("$"),
            Self::Boundary(wanted) => f.write_str(if *wanted { r"\b" } else { r"\B" }),
            Self::Sequence(nodes) => nodes.iter().try_for_each(|node| write!(f, "(?:{node})")),
            Self::Choice(nodes) => {
                f.write_str("(?:")?;
                for (at, node) in nodes.iter().enumerate() {
                    write!(f, "{}{node}", if at == 0 { "" } else { "|" })?;
                }
                f.write_str(")")
            }
            Self::Repeat(node, least, most, is_reluctant) => {
                write!(f, "(?:{node})")?;
                match (least, most) {
                    (0, None) => f.write_str("*"),
                    (1, None) => f.write_str("+"),
                    (0, Some(1)) => f.write_str("?"),
                    (least, most) => write!(f, "{{{least},{}}}", most.unwrap_or(*least)),
                }?;
                f.write_str(if *is_reluctant { "?" } else { "" })
            }
            Self::AnyCase(node) => write!(f, "(?i:{node})"),
        }
    }
}
