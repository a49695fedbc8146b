//! A gap: a time during which ends of sessions were not received.
//!
//! Afterwards the sessions here are compared with authentik, but only once the settings are fresh:
//! to a client with a replaced secret, authentik calls every token inactive (docs/protocol.md
//! §5.1), and live sessions would end.

use std::sync::{Mutex, PoisonError};

use crate::time::UnixTime;

/// Difference between the clocks of hosts that share a store, in seconds.
const SKEW: u64 = 60;

/// Whether the end of a session may have been missed. `listened_since` is the end of the last gap.
#[must_use]
pub fn may_have_been_missed(signed_in: UnixTime, listened_since: UnixTime) -> bool {
    signed_in <= listened_since.plus(SKEW)
}

/// What to do about a session after a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterGap {
    /// It began since: its end was heard.
    Believe,
    /// Its token is inactive because it has expired. It is renewed before it counts again, and that
    /// tells whether the session has ended.
    LeaveToRenewal,
    /// Ask authentik whether its token is active.
    Ask,
}

/// A session at the end of a gap.
#[derive(Clone, Copy, Debug)]
pub struct AtGapsEnd {
    /// When it began.
    pub signed_in: UnixTime,
    /// The end of the gap.
    pub listened_since: UnixTime,
    /// The end of its access token.
    pub access_until: UnixTime,
    /// It has a refresh token.
    pub is_renewable: bool,
    /// The time by which authentik answers at the latest.
    pub answer_by: UnixTime,
}

impl AtGapsEnd {
    /// What to do about it.
    #[must_use]
    pub fn judge(&self) -> AfterGap {
        if !may_have_been_missed(self.signed_in, self.listened_since) {
            AfterGap::Believe
        } else if self.is_renewable && self.access_until <= self.answer_by {
            AfterGap::LeaveToRenewal
        } else {
            AfterGap::Ask
        }
    }
}

/// The stages from the end of a gap until sessions may be compared. Shared by several threads.
#[derive(Debug, Default)]
pub struct Gap(Mutex<Stage>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// No gap.
    #[default]
    Nothing,
    /// There was a gap.
    Noticed,
    /// A refresh that began after the gap is in progress.
    Refreshing,
    /// That refresh has succeeded.
    Fresh,
}

impl Gap {
    /// Records that there was a gap and that somebody listens again.
    pub fn noticed(&self) {
        self.step(|_| Stage::Noticed);
    }

    /// authentik is about to be asked for the settings.
    pub fn refresh_begins(&self) {
        self.step(|stage| if stage == Stage::Noticed { Stage::Refreshing } else { stage });
    }

    /// The settings have arrived and are published.
    pub fn refreshed(&self) {
        self.step(|stage| if stage == Stage::Refreshing { Stage::Fresh } else { stage });
    }

    /// Whether sessions should be compared now; true once per gap.
    pub fn is_to_be_closed(&self) -> bool {
        self.step(|stage| if stage == Stage::Fresh { Stage::Nothing } else { stage })
            == Stage::Fresh
    }

    /// Returns the previous stage.
    fn step(&self, next: impl FnOnce(Stage) -> Stage) -> Stage {
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *stage;
        *stage = next(before);
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_end_of_a_session_that_began_after_the_gap_was_missed() {
        for (signed_in, expected) in [(1, true), (1_000, true), (1_060, true), (1_061, false)] {
            let signed_in = UnixTime(signed_in);
            assert_eq!(may_have_been_missed(signed_in, UnixTime(1_000)), expected, "{signed_in:?}");
        }
    }

    #[test]
    fn authentik_is_asked_about_a_token_that_is_to_be_active() {
        let of = |signed_in, access_until, is_renewable| {
            let session = AtGapsEnd {
                signed_in: UnixTime(signed_in),
                listened_since: UnixTime(1_000),
                access_until: UnixTime(access_until),
                is_renewable,
                answer_by: UnixTime(2_000),
            };
            session.judge()
        };
        assert_eq!(of(1_060, 2_001, true), AfterGap::Ask);
        assert_eq!(of(1_060, 2_000, true), AfterGap::LeaveToRenewal);
        assert_eq!(of(1_060, 2_000, false), AfterGap::Ask, "no renewal would tell");
        assert_eq!(of(1_061, 2_000, false), AfterGap::Believe);
        assert_eq!(of(1_061, 2_001, true), AfterGap::Believe);
    }

    #[test]
    fn a_gap_is_closed_once_after_a_refresh_that_began_behind_it() {
        let gap = Gap::default();
        gap.refresh_begins();
        gap.refreshed();
        assert!(!gap.is_to_be_closed(), "there was none");

        gap.refresh_begins();
        gap.noticed();
        gap.refreshed();
        assert!(!gap.is_to_be_closed(), "asked for before the gap was over");
        gap.refresh_begins();
        assert!(!gap.is_to_be_closed());
        gap.refresh_begins(); // the one before has failed
        gap.refreshed();
        assert!(gap.is_to_be_closed());
        assert!(!gap.is_to_be_closed(), "once");

        gap.noticed();
        gap.refresh_begins();
        gap.refreshed();
        gap.noticed();
        assert!(!gap.is_to_be_closed(), "another one has come");
    }
}
