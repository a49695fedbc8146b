//! Times in a readable form.

/// `3 minutes`, rounded down.
pub(super) fn age(now: u64, then: u64) -> String {
    match now.saturating_sub(then) {
        1 => "1 second".to_owned(),
        seconds @ 0..120 => format!("{seconds} seconds"),
        seconds @ 120..7200 => format!("{} minutes", seconds / 60),
        seconds @ 7200..172_800 => format!("{} hours", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_rounded_down() {
        for (seconds, text) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (7199, "119 minutes"),
            (7200, "2 hours"),
            (172_799, "47 hours"),
            (172_800, "2 days"),
        ] {
            assert_eq!(age(1_000_000, 1_000_000 - seconds), text);
        }
        assert_eq!(age(5, 6), "0 seconds", "nginx's clock is of the last turn of the event loop");
    }
}
