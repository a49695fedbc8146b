//! Pattern search with bounded work.
//!
//! A lazy DFA takes one step per byte for transitions that it has already built. A new transition
//! costs as much as the NFA has active states, which is what a pattern like `[ab]*a[ab]{900}X`
//! multiplies. Both are counted against the [`Effort`].

use std::sync::Mutex;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::nfa::thompson::{self, State, WhichCaptures};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

use super::effort::Effort;
use Place::{Edge, Within};

/// Memory limit of one compiled pattern, in bytes.
pub(super) const MAX_COMPILED: usize = 1024 * 1024;

/// Memory limit of a pattern's transition cache, in bytes; when full it is cleared.
const MAX_WAYS: usize = 256 * 1024;

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Automaton {
    dfa: DFA,
    toll: Toll,
    anchored: Anchored,
    /// The transition cache. Empty while a search uses it; concurrent searches on other threads
    /// create their own.
    known: Mutex<Option<Known>>,
}

/// Parameters for the cost of a new transition, besides the number of active states.
#[derive(Clone, Copy, Debug)]
struct Toll {
    /// Fixed size of a DFA state, in bytes.
    frame: usize,
    /// Number of epsilon states: each may be passed once.
    passed: u64,
    /// Cost of finding the byte in the widest state, in steps.
    widest: u64,
}

/// What searches have cached.
#[derive(Debug)]
struct Known {
    cache: Cache,
    /// Size of the largest DFA state so far, in bytes: about one per NFA state.
    largest: usize,
}

impl Automaton {
    /// Compiles a pattern in the crate's syntax.
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
        // The check would refuse patterns that need more room for a few states.
        let config = Config::new().cache_capacity(MAX_WAYS).skip_cache_capacity_check(true);
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa);
        let dfa = dfa.map_err(|error| cause_of(&error.to_string()))?;
        Ok(Self { toll: Toll::of(&dfa), dfa, anchored, known: Mutex::default() })
    }

    /// Whether the pattern matches. False once the effort is exhausted.
    pub(super) fn finds(&self, text: &str, effort: &Effort<'_>) -> bool {
        // Never waits: another thread may be descheduled while it holds the lock.
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

    /// The cost in steps of a transition with active states of this size. A state costs as much as
    /// four bytes of known transitions, plus two hundred for the new transition.
    fn of_way(self, size: usize) -> u64 {
        let states = u64::try_from(size.saturating_sub(self.frame)).unwrap_or(u64::MAX);
        let looked_at = states.saturating_mul(self.widest).saturating_add(self.passed);
        looked_at.saturating_mul(4).saturating_add(200)
    }
}

/// Where in the text a step is taken.
#[derive(Clone, Copy)]
enum Place {
    /// At a byte without a known transition.
    Within,
    /// At the beginning or end, where a cached transition cannot be recognised. There are two.
    Edge,
}

struct Search<'s, 'a> {
    automaton: &'s Automaton,
    known: &'s mut Known,
    effort: &'s Effort<'a>,
}

impl Search<'_, '_> {
    /// `None` if it gave up.
    fn run(&mut self, text: &str) -> Option<bool> {
        self.effort.spend(u64::try_from(text.len()).ok()?)?;
        let start = Input::new(text).anchored(self.automaton.anchored);
        let mut state =
            self.find(Edge, |dfa, cache| dfa.start_state_forward(cache, &start).ok())?;
        for (at, byte) in text.bytes().enumerate() {
            state = self.step(state, byte)?;
            if state.is_tagged() {
                // A match is reported one byte late. Nothing ends within a character.
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

    /// Takes a step, computing the transition if it is not cached.
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
            // It led to a known state, or the cache was cleared: no larger than the largest.
            (None, Within) => *largest,
            (None, Edge) => return Some(found),
        };
        *largest = size.max(*largest);
        self.effort.spend(self.automaton.toll.of_way(size))?;
        Some(found)
    }
}

/// The library marks the position in the pattern over several lines; the last one is the cause.
fn cause_of(text: &str) -> String {
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).trim_end_matches('.').to_owned()
}
