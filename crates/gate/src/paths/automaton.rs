//! Searching for a pattern, with a bound on the work.
//!
//! A lazy DFA takes one step per byte for transitions that it has made before. For each new transition
//! it costs as much as the NFA has active states, which is what a pattern like `[ab]*a[ab]{900}X`
//! multiplies. Both are counted, and [`Effort`] says when it is enough.

use std::sync::Mutex;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::nfa::thompson::{self, State, WhichCaptures};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

use super::effort::Effort;
use Place::{Edge, Within};

/// Most memory that one compiled pattern may take, in bytes.
pub(super) const MAX_COMPILED: usize = 1024 * 1024;

/// Most memory for the ways that a pattern has found, in bytes; beyond it starts again.
const MAX_WAYS: usize = 256 * 1024;

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Automaton {
    dfa: DFA,
    toll: Toll,
    anchored: Anchored,
    /// The ways that are known. Empty while somebody searches; who comes meanwhile, on another
    /// thread, makes its own.
    known: Mutex<Option<Known>>,
}

/// What it costs to find the way for one more byte, beside the states that are at work then.
#[derive(Clone, Copy, Debug)]
struct Toll {
    /// What a state of the DFA takes whatever is in it, in bytes.
    frame: usize,
    /// States that lead on without a byte: each may be passed once.
    passed: u64,
    /// How long it takes to find the byte in the widest state, in steps.
    widest: u64,
}

/// What searches have found out.
#[derive(Debug)]
struct Known {
    cache: Cache,
    /// What the largest state of the DFA so far takes in bytes: about one for each state of the NFA.
    largest: usize,
}

impl Automaton {
    /// Compiles a pattern in the syntax of the crate.
    pub(super) fn build(pattern: &str, max_compiled: usize) -> Result<Self, String> {
        let hir = syntax::parse(pattern).map_err(|error| cause_of(&error.to_string()))?;
        let limits = thompson::Config::new()
            .nfa_size_limit(Some(max_compiled))
            .which_captures(WhichCaptures::None);
        let nfa = thompson::Compiler::new().configure(limits).build_from_hir(&hir);
        let nfa = nfa.map_err(|error| match error.size_limit() {
            Some(limit) => format!("takes more than {limit} bytes compiled"),
            None => cause_of(&error.to_string()),
        })?;
        let anchored = if nfa.is_always_start_anchored() { Anchored::Yes } else { Anchored::No };
        // The check would refuse what needs more room for a few states than there is.
        let config = Config::new().cache_capacity(MAX_WAYS).skip_cache_capacity_check(true);
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa);
        let dfa = dfa.map_err(|error| cause_of(&error.to_string()))?;
        Ok(Self { toll: Toll::of(&dfa), dfa, anchored, known: Mutex::default() })
    }

    /// Whether the pattern is found. No, once the effort is spent.
    pub(super) fn finds(&self, text: &str, effort: &Effort<'_>) -> bool {
        // Never waited for: another thread may have been sent to sleep with the lock.
        let taken = self.known.try_lock().ok().and_then(|mut known| known.take());
        let fresh = || Known { cache: self.dfa.create_cache(), largest: 0 };
        let mut known = taken.unwrap_or_else(fresh);
        let found = Search { automaton: self, known: &mut known, effort }.run(text);
        if let Ok(mut place) = self.known.try_lock() {
            place.replace(known);
        }
        found.unwrap_or(false)
    }
}

impl Toll {
    fn of(dfa: &DFA) -> Self {
        const POINTERS: usize = 40;
        let nfa = dfa.get_nfa();
        let row = size_of::<LazyStateID>() << dfa.byte_classes().stride2();
        let passed = nfa.states().iter().filter(|state| state.is_epsilon()).count();
        let width = |state: &State| match state {
            State::Sparse(sparse) => sparse.transitions.len(),
            State::ByteRange { .. }
            | State::Dense(_)
            | State::Look { .. }
            | State::Union { .. }
            | State::BinaryUnion { .. }
            | State::Capture { .. }
            | State::Fail
            | State::Match { .. } => 1,
        };
        let widest = nfa.states().iter().map(width).max().unwrap_or(1);
        let steps = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Self { frame: row + POINTERS, passed: steps(passed), widest: steps(1 + widest / 8) }
    }

    /// In steps, where the states at work take so many bytes. A state takes as long as four bytes whose
    /// ways are known, a new way two hundred on top.
    fn of_way(self, size: usize) -> u64 {
        let states = u64::try_from(size.saturating_sub(self.frame)).unwrap_or(u64::MAX);
        let looked_at = states.saturating_mul(self.widest).saturating_add(self.passed);
        looked_at.saturating_mul(4).saturating_add(200)
    }
}

/// Where in a text a step is taken.
#[derive(Clone, Copy)]
enum Place {
    /// At a byte whose way is not known.
    Within,
    /// At its beginning or its end, where nothing tells whether the way is known. There are two of them.
    Edge,
}

struct Search<'s, 'a> {
    automaton: &'s Automaton,
    known: &'s mut Known,
    effort: &'s Effort<'a>,
}

impl Search<'_, '_> {
    /// `None`: given up.
    fn run(&mut self, text: &str) -> Option<bool> {
        self.effort.spend(u64::try_from(text.len()).ok()?)?;
        let start = Input::new(text).anchored(self.automaton.anchored);
        let mut state =
            self.find(Edge, |dfa, cache| dfa.start_state_forward(cache, &start).ok())?;
        for (at, byte) in text.bytes().enumerate() {
            state = self.step(state, byte)?;
            if state.is_tagged() {
                // A match is known a byte late. Within a character nothing ends.
                if state.is_match() && text.is_char_boundary(at) {
                    return Some(true);
                }
                if state.is_dead() {
                    return Some(false);
                }
            }
        }
        let end = self.find(Edge, |dfa, cache| dfa.next_eoi_state(cache, state).ok())?;
        Some(end.is_match())
    }

    fn step(&mut self, from: LazyStateID, byte: u8) -> Option<LazyStateID> {
        if !from.is_tagged() {
            let known = self.automaton.dfa.next_state_untagged(&self.known.cache, from, byte);
            if !known.is_unknown() {
                return Some(known);
            }
        }
        self.find(Within, |dfa, cache| dfa.next_state(cache, from, byte).ok())
    }

    /// Takes a step, and finds the way first if it is not known.
    fn find<T>(
        &mut self,
        place: Place,
        step: impl FnOnce(&DFA, &mut Cache) -> Option<T>,
    ) -> Option<T> {
        let Known { cache, largest } = &mut *self.known;
        let before = cache.memory_usage();
        let found = step(&self.automaton.dfa, cache)?;
        let grown = cache.memory_usage().checked_sub(before).filter(|grown| *grown > 0);
        let size = match (grown, place) {
            (Some(grown), _) => grown,
            // It led to a state that is known, or room was made: no larger than the largest.
            (None, Within) => *largest,
            (None, Edge) => return Some(found),
        };
        *largest = size.max(*largest);
        self.effort.spend(self.automaton.toll.of_way(size))?;
        Some(found)
    }
}

/// The library draws the pattern with a caret over several lines; the last one says what is wrong.
fn cause_of(text: &str) -> String {
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).trim_end_matches('.').to_owned()
}
