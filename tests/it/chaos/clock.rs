//! The clock of nginx, which Debian's libfaketime moves: that of the other processes goes on.

use crate::harness::{Builder, TempDir};

use super::Dice;

/// What is added to the true time, in a file that the processes of nginx read whenever they look at
/// the clock.
pub(super) struct Clock {
    directory: TempDir,
    /// Seconds from the true time, leaps apart.
    offset: i64,
}

impl Clock {
    pub(super) fn new() -> Self {
        let clock = Self { directory: TempDir::new(), offset: 0 };
        clock.set(0);
        clock
    }

    /// nginx runs with this clock. As when an administrator or NTP sets a clock, only the time of
    /// day moves: timers go on.
    pub(super) fn of(&self, site: Builder) -> Builder {
        let library = std::env::var("AUTHENTIK_FAKETIME").expect("make chaos sets it");
        site.variable("LD_PRELOAD", &library)
            .variable(
                "FAKETIME_TIMESTAMP_FILE",
                &self.directory.path().join(NAME).display().to_string(),
            )
            .variable("FAKETIME_NO_CACHE", "1")
            .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .variable("NO_FAKE_STAT", "1")
    }

    /// Steps to this many seconds from the true time. A reader sees one of both, and never half a
    /// file.
    fn set(&self, seconds: i64) {
        let new = self.directory.write("new", format!("{seconds:+}\n"));
        std::fs::rename(new, self.directory.path().join(NAME)).expect("another time");
    }

    /// Tokens stay in order: the stand-in's are good for five minutes.
    pub(super) fn go_ahead(&mut self, dice: &mut Dice) {
        self.offset = (self.offset + some(dice, 20)).min(MOST);
        self.set(self.offset);
    }

    /// Not by more: who signed out before could not sign in again for that long.
    pub(super) fn go_back(&mut self, dice: &mut Dice) {
        self.offset -= some(dice, 5);
        self.set(self.offset);
    }

    pub(super) fn leap(&self, dice: &mut Dice) {
        const HOUR: i64 = 3600;
        const LEAPS: [i64; 6] = [-400 * 24, -24, -1, 1, 24, 400 * 24];
        self.set(LEAPS[dice.below(6) as usize] * HOUR);
    }

    pub(super) fn leap_back(&self) {
        self.set(self.offset);
    }
}

fn some(dice: &mut Dice, limit: u64) -> i64 {
    1 + i64::try_from(dice.below(limit)).expect("small")
}

const MOST: i64 = 120;
const NAME: &str = "clock";
