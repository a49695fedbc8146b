//! Leases and changes of the time of day.

use super::super::lease::payload;
use super::super::{Owner, Record, kind};
use super::zone::{SMALL, Zone, key};
use crate::time::UnixTime;

#[test]
fn a_lease_lasts_as_long_as_it_was_taken_for_whatever_the_time_of_day_becomes() {
    const LIFE: u64 = 12;
    const HOUR: u64 = 3600;
    const NOON: u64 = 1_800_000_000;
    for (what, later) in
        [("goes on", NOON), ("is set back", NOON - HOUR), ("is set forward", NOON + HOUR)]
    {
        let mut zone = Zone::new(SMALL);
        let mut take = |time: u64, clock: u64| {
            let end = payload(clock, LIFE);
            let (time, expires) = (UnixTime(time), UnixTime(time + LIFE));
            let lease = Record::new(key(1), Owner::NOBODY, kind::LEASE, expires, &end);
            zone.open().take_lease(&lease.unwrap(), time, clock).unwrap().is_some()
        };
        assert!(take(NOON, 100), "nobody has it");
        assert!(!take(NOON, 100), "{what}");
        assert!(!take(later + 11, 100 + LIFE - 1), "{what}");
        assert!(take(later + 12, 100 + LIFE), "{what}");
        assert!(!take(later + 13, 100 + LIFE + 1), "{what}");
        let mut table = zone.open();
        assert!(table.has_lease(&key(1), 100 + 2 * LIFE - 1), "{what}");
        assert!(!table.has_lease(&key(1), 100 + 2 * LIFE), "{what}");
        assert!(!table.has_lease(&key(2), 100), "{what}");
    }
}
