//! Answers that are valid for a limited time, by a clock that is never set.
//!
//! The time of day may be set back by hours; an acceptance that is valid for a minute must not then
//! be valid for hours. So such a payload ends with the second of the monotonic clock at which it
//! expires, like that of a [`lease`](super::lease); its record's expiry is for the sweeper.

use super::lease;

/// The payload of a record that is valid for `life` seconds from this second of the clock.
#[must_use]
pub fn payload(clock: u64, life: u64, content: &[u8]) -> Vec<u8> {
    [content, &lease::payload(clock, life)].concat()
}

/// The content, unless it has expired.
#[must_use]
pub fn content(payload: &[u8], clock: u64) -> Option<&[u8]> {
    let (content, end) = payload.split_last_chunk()?;
    (u64::from_le_bytes(*end) > clock).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_as_long_as_it_was_given_for() {
        let payload = payload(100, 60, b"yes");
        for (clock, expected) in [(100, true), (159, true), (160, false), (u64::MAX, false)] {
            assert_eq!(content(&payload, clock), expected.then_some(&b"yes"[..]), "{clock}");
        }
        assert_eq!(content(&[0xff; 7], 0), None, "too short");
    }
}
