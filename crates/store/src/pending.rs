//! What a store has yet to be told, while it cannot be reached.

use std::collections::VecDeque;

use ring::digest;

use crate::row::{End, Ended, Hash, Key, Row};

/// An end of which the store does not know yet, or not for long, as a record in memory that all
/// workers share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingEnd {
    /// The end.
    pub end: End,
    /// How long it is remembered, in seconds since 1970.
    pub until: u64,
    /// When the store took it, in milliseconds since 1970; 0 if it has not.
    pub taken: u64,
}

impl PendingEnd {
    /// Length of the payload, in bytes.
    pub const LENGTH: usize = 1 + 32 + 1 + 16 + 8 + 8 + 8;

    /// Whether the store is to be told, by whichever worker. Also if the clock was set back since.
    #[must_use]
    pub fn is_due(&self, clock: u64) -> bool {
        let (since, wait) =
            if self.taken == 0 { (self.end.at, HEAD_START) } else { (self.taken, SETTLED) };
        clock >= since.saturating_add(wait) || clock.saturating_add(wait) < since
    }

    /// The payload of the record.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let End { ended, at } = &self.end;
        let (kind, whose, provider) = parts(ended);
        let mut bytes = Vec::with_capacity(Self::LENGTH);
        bytes.push(kind);
        bytes.extend_from_slice(&whose);
        bytes.push(u8::from(provider.is_some()));
        bytes.extend_from_slice(&provider.unwrap_or_default());
        bytes.extend_from_slice(&at.to_le_bytes());
        bytes.extend_from_slice(&self.until.to_le_bytes());
        bytes.extend_from_slice(&self.taken.to_le_bytes());
        bytes
    }

    /// The end with this payload.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::LENGTH {
            return None;
        }
        let (kind, rest) = bytes.split_first()?;
        let (whose, rest) = rest.split_first_chunk::<32>()?;
        let (has_provider, rest) = rest.split_first()?;
        let (provider, rest) = rest.split_first_chunk::<16>()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let (until, rest) = rest.split_first_chunk::<8>()?;
        let taken = rest.first_chunk::<8>()?;
        let provider = (*has_provider == 1).then_some(*provider);
        let hash = || whose.first_chunk::<16>().copied();
        let ended = match *kind {
            SESSION => Ended::Session(*whose),
            SUBJECT => Ended::Subject(hash()?, provider),
            SID => Ended::Sid(hash()?, provider),
            NAME => Ended::Name(hash()?),
            _ => return None,
        };
        let end = End { ended, at: u64::from_le_bytes(*at) };
        let (until, taken) = (u64::from_le_bytes(*until), u64::from_le_bytes(*taken));
        Some(Self { end, until, taken })
    }
}

/// The worker that ended a session gets this long to tell the store, in milliseconds.
const HEAD_START: u64 = 2_500;
/// After this time, a Redis that writes a file has written, in milliseconds: with `appendfsync
/// everysec`, it waits for its disk for two seconds at most.
const SETTLED: u64 = 3_000;

const SESSION: u8 = 1;
const SUBJECT: u8 = 2;
const SID: u8 = 3;
const NAME: u8 = 4;

fn parts(ended: &Ended) -> (u8, Key, Option<Hash>) {
    let wide = |hash: &Hash| {
        let mut wide = [0; 32];
        wide.iter_mut().zip(hash).for_each(|(to, from)| *to = *from);
        wide
    };
    match ended {
        Ended::Session(key) => (SESSION, *key, None),
        Ended::Subject(whose, provider) => (SUBJECT, wide(whose), *provider),
        Ended::Sid(whose, provider) => (SID, wide(whose), *provider),
        Ended::Name(whose) => (NAME, wide(whose), None),
    }
}

impl Ended {
    /// Key of the record that remembers this end until the store knows of it.
    #[must_use]
    pub fn record_key(&self) -> Key {
        let (kind, whose, provider) = parts(self);
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"authentik end that the store must be told\0");
        context.update(&[kind, u8::from(provider.is_some())]);
        context.update(&whose);
        context.update(&provider.unwrap_or_default());
        let mut key = [0; 32];
        key.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
        key
    }

    /// All ends that apply to a session.
    #[must_use]
    pub fn that_end(row: &Row) -> [Self; 6] {
        let Row { key, provider, subject, sid, name, .. } = row;
        [
            Self::Session(*key),
            Self::Subject(*subject, None),
            Self::Subject(*subject, Some(*provider)),
            Self::Sid(*sid, None),
            Self::Sid(*sid, Some(*provider)),
            Self::Name(*name),
        ]
    }
}

/// Sessions that the store could not take, oldest first. Bounded: the oldest are dropped.
#[derive(Debug, Default)]
pub struct Backlog {
    rows: VecDeque<Row>,
    bytes: usize,
}

impl Backlog {
    /// Maximum number of sessions.
    pub const ROWS: usize = 4096;
    /// Maximum size of their records, in bytes.
    pub const BYTES: usize = 16 << 20;

    /// Adds a session; returns how many were dropped to make room for it.
    pub fn push(&mut self, row: Row) -> u64 {
        self.bytes += row.record.len();
        self.rows.push_back(row);
        let mut dropped = 0;
        while self.rows.len() > Self::ROWS || self.bytes > Self::BYTES {
            if self.pop().is_none() {
                break;
            }
            dropped += 1;
        }
        dropped
    }

    /// Takes the oldest session.
    pub fn pop(&mut self) -> Option<Row> {
        let row = self.rows.pop_front()?;
        self.bytes = self.bytes.saturating_sub(row.record.len());
        Some(row)
    }

    /// How many sessions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Sessions of which the store recently said that there are none, so that it is not asked again at
/// once. A fixed number of places: a new one takes the place of an older one.
#[derive(Debug, Default)]
pub struct Absent(Vec<Option<(Key, u64)>>);

impl Absent {
    const PLACES: usize = 1024;

    /// Remembers until then, by any clock, that there is no such session.
    pub fn remember(&mut self, key: Key, until: u64) {
        if self.0.is_empty() {
            self.0.resize(Self::PLACES, None);
        }
        if let Some(place) = self.0.get_mut(Self::place(&key)) {
            *place = Some((key, until));
        }
    }

    /// Whether the store said so, and not too long ago.
    #[must_use]
    pub fn has(&self, key: &Key, now: u64) -> bool {
        let place = self.0.get(Self::place(key)).copied().flatten();
        place.is_some_and(|(absent, until)| absent == *key && now < until)
    }

    fn place(key: &Key) -> usize {
        let [first, second, ..] = *key;
        usize::from(u16::from_le_bytes([first, second])) % Self::PLACES
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const ALL: [Ended; 6] = [
        Ended::Session([1; 32]),
        Ended::Subject([1; 16], None),
        Ended::Subject([1; 16], Some([0; 16])),
        Ended::Sid([1; 16], None),
        Ended::Sid([1; 16], Some([2; 16])),
        Ended::Name([1; 16]),
    ];

    fn row(length: usize) -> Row {
        let of = [3; 16];
        let (opened, expires) = (1, 2);
        let record = vec![0; length];
        Row { key: [3; 32], provider: of, subject: of, sid: of, name: of, opened, expires, record }
    }

    #[test]
    fn an_end_is_read_as_it_was_written() {
        for ended in ALL {
            let end = End { ended, at: 7 << 40 };
            let pending = PendingEnd { end, until: u64::MAX, taken: 5 << 40 };
            let bytes = pending.to_bytes();
            assert_eq!(PendingEnd::from_bytes(&bytes), Some(pending));
            assert_eq!(PendingEnd::from_bytes(&bytes[1..]), None);
            assert_eq!(PendingEnd::from_bytes(&[9, 9]), None);
        }
        let end = End { ended: ALL[0], at: 1 };
        let mut unknown = PendingEnd { end, until: 1, taken: 0 }.to_bytes();
        unknown[0] = 9;
        assert_eq!(PendingEnd::from_bytes(&unknown), None);
    }

    #[test]
    fn the_store_is_told_after_a_head_start_and_again_when_it_has_settled() {
        let end = End { ended: ALL[0], at: 10_000 };
        let pending = PendingEnd { end, until: 1, taken: 0 };
        assert!(!pending.is_due(12_499) && pending.is_due(12_500));
        let taken = PendingEnd { taken: 12_000, ..pending };
        assert!(!taken.is_due(14_999) && taken.is_due(15_000));
        // A worker's clock may be a little behind, but not by more than the pause.
        assert!(!pending.is_due(7_500) && pending.is_due(7_499), "the clock was set back");
        assert!(!taken.is_due(9_000) && taken.is_due(8_999), "the clock was set back");
    }

    #[test]
    fn each_end_has_a_record_of_its_own() {
        let keys: HashSet<Key> = ALL.iter().map(Ended::record_key).collect();
        assert_eq!(keys.len(), ALL.len());
        assert!(!keys.contains(&[1; 32]), "it is not that of the session");
    }

    #[test]
    fn what_ends_a_session_is_found() {
        let row = Row { provider: [9; 16], ..row(1) };
        let all = Ended::that_end(&row);
        assert!(all.contains(&Ended::Session(row.key)));
        assert!(all.contains(&Ended::Sid(row.sid, Some(row.provider))));
        assert!(!all.contains(&Ended::Sid(row.sid, Some([8; 16]))));
        assert_eq!(all.map(|ended| ended.record_key()).iter().collect::<HashSet<_>>().len(), 6);
    }

    #[test]
    fn a_backlog_is_bounded_by_number_and_by_size() {
        let mut backlog = Backlog::default();
        let dropped: u64 = (0..Backlog::ROWS + 5).map(|_| backlog.push(row(10))).sum();
        assert_eq!((dropped, backlog.len()), (5, Backlog::ROWS));
        assert_eq!(backlog.push(row(Backlog::BYTES)), Backlog::ROWS as u64, "a large one");
        assert_eq!(backlog.push(row(1)), 1);
        assert!(!backlog.is_empty());
        assert_eq!(backlog.pop().map(|row| row.record.len()), Some(1));
        assert!(backlog.is_empty() && backlog.pop().is_none());
        assert_eq!(backlog.push(row(Backlog::BYTES)), 0, "all room is free again");
    }

    #[test]
    fn what_is_absent_is_forgotten_after_a_while() {
        let mut absent = Absent::default();
        assert!(!absent.has(&[1; 32], 0));
        absent.remember([1; 32], 10);
        assert!(absent.has(&[1; 32], 9) && !absent.has(&[1; 32], 10));
        let mut neighbour = [1; 32];
        neighbour[31] = 2;
        assert!(!absent.has(&neighbour, 9));
        absent.remember(neighbour, 10);
        assert!(!absent.has(&[1; 32], 9) && absent.has(&neighbour, 9), "its place is taken");
    }

    #[test]
    fn as_many_absent_sessions_as_there_are_places_are_remembered() {
        let key = |number: usize| {
            let mut key = [1; 32];
            key[..2].copy_from_slice(&u16::try_from(number).unwrap().to_le_bytes());
            key
        };
        let mut absent = Absent::default();
        (0..Absent::PLACES).for_each(|number| absent.remember(key(number), 10));
        assert!((0..Absent::PLACES).all(|number| absent.has(&key(number), 9)));
        absent.remember(key(usize::from(u16::MAX)), 10);
        assert_eq!((0..Absent::PLACES).filter(|number| absent.has(&key(*number), 9)).count(), 1023);
    }
}
