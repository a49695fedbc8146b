//! Names of keys, and what stands in them.

use redis::Value;

use super::value;
use crate::row::{End, Ended, Hash, Key, Row};

/// A value of another version is not a session: modules of several versions may share a store.
const VERSION: u8 = 1;
/// The field of an end that is one with all providers.
pub(super) const ALL: &str = "*";

/// Length of what precedes the record.
const HEAD: usize = 1 + 4 * 16 + 2 * 8;

/// Names of keys.
pub(super) struct Keys(String);

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self(prefix.to_owned())
    }

    /// A session.
    pub(super) fn session(&self, key: &Key) -> Vec<u8> {
        format!("{}s:{}", self.0, hex(key)).into_bytes()
    }

    /// Those whose sessions end together, and the field with the end of those with one provider or
    /// with all: `None` for one session, and for nobody.
    pub(super) fn whose(&self, ended: &Ended) -> Option<(Vec<u8>, String)> {
        let (kind, whose, provider) = match ended {
            Ended::Session(_) => return None,
            Ended::Subject(whose, provider) => ('u', whose, provider.as_ref()),
            Ended::Sid(whose, provider) => ('s', whose, provider.as_ref()),
            Ended::Name(whose) => ('n', whose, None),
        };
        if *whose == [0; 16] {
            return None;
        }
        let field = provider.map_or_else(|| ALL.to_owned(), |provider| hex(provider));
        Some((format!("{}w:{kind}:{}", self.0, hex(whose)).into_bytes(), field))
    }

    /// All to whom a session belongs, and the field of its provider.
    pub(super) fn all_of(&self, row: &Row) -> Vec<(Vec<u8>, String)> {
        let provider = Some(row.provider);
        let all = [
            Ended::Subject(row.subject, provider),
            Ended::Sid(row.sid, provider),
            Ended::Name(row.name),
        ];
        all.iter().filter_map(|ended| self.whose(ended)).collect()
    }

    /// A lease.
    pub(super) fn lease(&self, key: &Key) -> Vec<u8> {
        format!("{}l:{}", self.0, hex(key)).into_bytes()
    }

    /// The stream of ends.
    pub(super) fn feed(&self) -> Vec<u8> {
        format!("{}ends", self.0).into_bytes()
    }
}

/// A session as it is stored.
pub(super) fn packed(row: &Row) -> Vec<u8> {
    let Row { key: _, provider, subject, sid, name, opened, expires, record } = row;
    let mut packed = Vec::with_capacity(HEAD + record.len());
    packed.push(VERSION);
    for hash in [provider, subject, sid, name] {
        packed.extend_from_slice(hash);
    }
    packed.extend_from_slice(&opened.to_be_bytes());
    packed.extend_from_slice(&expires.to_be_bytes());
    packed.extend_from_slice(record);
    packed
}

/// The session in a value; `None` if it has ended, and for what was not written by this version.
#[must_use]
pub fn unpacked(key: &Key, value: &[u8]) -> Option<Row> {
    let (head, record) = value.split_at_checked(HEAD)?;
    let (version, rest) = head.split_first()?;
    let (hashes, times) = rest.split_at_checked(4 * 16)?;
    let mut hashes = hashes.chunks_exact(16).map_while(|hash| Hash::try_from(hash).ok());
    let mut times =
        times.chunks_exact(8).map_while(|time| time.try_into().map(u64::from_be_bytes).ok());
    let row = Row {
        key: *key,
        provider: hashes.next()?,
        subject: hashes.next()?,
        sid: hashes.next()?,
        name: hashes.next()?,
        opened: times.next()?,
        expires: times.next()?,
        record: record.to_vec(),
    };
    Some(row).filter(|_| *version == VERSION)
}

/// Whether this is the first byte of a session.
pub(super) fn is_session(value: &[u8]) -> bool {
    value.first() == Some(&VERSION)
}

/// An end in the stream.
pub(super) fn packed_end(End { ended, at }: &End) -> Vec<u8> {
    let (kind, whose, provider): (u8, &[u8], _) = match ended {
        Ended::Session(key) => (b'k', key, None),
        Ended::Subject(whose, provider) => (b'u', whose, provider.as_ref()),
        Ended::Sid(whose, provider) => (b's', whose, provider.as_ref()),
        Ended::Name(whose) => (b'n', whose, None),
    };
    let mut packed = vec![kind];
    packed.extend_from_slice(&at.to_be_bytes());
    packed.extend_from_slice(whose);
    packed.extend_from_slice(provider.map_or(&[][..], |provider| provider));
    packed
}

/// The end in an entry of the stream; `None` for what was not written by this version.
#[must_use]
pub fn unpacked_end(packed: &[u8]) -> Option<End> {
    let (kind, rest) = packed.split_first()?;
    let (at, rest) = rest.split_first_chunk()?;
    let ended = if *kind == b'k' {
        Ended::Session(rest.try_into().ok()?)
    } else {
        let (whose, provider) = rest.split_first_chunk()?;
        let provider = match provider {
            [] => None,
            provider => Some(provider.try_into().ok()?),
        };
        match kind {
            b'u' => Ended::Subject(*whose, provider),
            b's' => Ended::Sid(*whose, provider),
            b'n' if provider.is_none() => Ended::Name(*whose),
            _ => return None,
        }
    };
    Some(End { ended, at: u64::from_be_bytes(*at) })
}

/// `milliseconds-number`, the id of an entry.
pub(super) fn id(value: &Value) -> Option<[u64; 2]> {
    let (milliseconds, number) = value::text(value)?.split_once('-')?;
    Some([milliseconds.parse().ok()?, number.parse().ok()?])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_version_wrote_is_read() {
        let row = Row {
            key: [1; 32],
            provider: [2; 16],
            subject: [3; 16],
            sid: [4; 16],
            name: [5; 16],
            opened: 6,
            expires: 7,
            record: vec![8; 9],
        };
        let whole = packed(&row);
        assert_eq!(unpacked(&row.key, &whole), Some(row.clone()));
        for length in 0..HEAD {
            assert_eq!(unpacked(&row.key, whole.get(..length).unwrap()), None, "{length}");
        }
        let mut later = whole;
        later.splice(..1, [VERSION + 1]);
        assert_eq!(unpacked(&row.key, &later), None);

        for ended in [
            Ended::Session([1; 32]),
            Ended::Subject([2; 16], None),
            Ended::Sid([3; 16], Some([4; 16])),
            Ended::Name([5; 16]),
        ] {
            let end = End { ended, at: 6 };
            let whole = packed_end(&end);
            assert_eq!(unpacked_end(&whole), Some(end));
            let mut other = whole.clone();
            other.push(0);
            let mut later = whole.clone();
            later.splice(..1, [b'z']);
            for wrong in [whole.get(..whole.len() - 1).unwrap(), &other, &later, &[]] {
                assert_eq!(unpacked_end(wrong), None, "{ended:?}");
            }
        }
    }
}
