//! Time as passed to the gate.

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01 00:00:00 UTC, as nginx's `ngx_time()` gives them.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// This time plus `seconds`, at most the largest representable time.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Whole seconds from `earlier` to this time, 0 when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A time as text: `2026-11-22 16:49:54 UTC`.
#[must_use]
pub fn utc(seconds: u64) -> String {
    written(seconds, ' ', " UTC")
}

/// A time for programs: `2026-11-22T16:49:54Z` (RFC 3339).
#[must_use]
pub fn rfc3339(seconds: u64) -> String {
    written(seconds, 'T', "Z")
}

fn written(seconds: u64, separator: char, zone: &str) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}{separator}{hour:02}:{minute:02}:{second:02}{zone}")
}

/// Year, month and day of the Gregorian calendar from days since 1970-01-01.
///
/// The year begins in March, so that a leap day is its last (Howard Hinnant, `civil_from_days`).
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // since 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_the_calendar_has_it() {
        // From `date -u -d @SECONDS '+%F %T UTC'` (GNU coreutils 9).
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_735_689_599, "2024-12-31 23:59:59 UTC"),
            (1_795_366_194, "2026-11-22 16:49:54 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(seconds), text);
            let (day, time) = text.split_once(' ').unwrap();
            assert_eq!(rfc3339(seconds), format!("{day}T{}Z", &time[..8]));
        }
    }
}
