//! A record to be inserted into the table, and the checksum by which recovery recognises it.

use super::kind;
use super::layout::MAX_PAYLOAD;
use super::memory::Damaged;
use super::shares::Share;
use crate::time::UnixTime;

/// Key of a record: a SHA-256, so evenly distributed. Callers make sure that the kinds of records
/// have different keys.
pub type Key = [u8; 32];

/// The owner of a record. All zeros mean nobody: such a record can only be found by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Hash of the user's `sub`.
    pub subject: [u8; 16],
    /// Hash of the user's session at authentik (`sid`).
    pub sid: [u8; 16],
}

impl Owner {
    /// The owner of records that no sign-out may end.
    pub const NOBODY: Self = Self { subject: [0; 16], sid: [0; 16] };
}

/// The payload is longer than [`MAX_PAYLOAD`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooBig;

/// A record, ready to be inserted.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    pub(super) fields: Fields,
    pub(super) payload: &'a [u8],
    pub(super) checksum: u64,
}

impl<'a> Record<'a> {
    /// Creates a record and computes its checksum: call it before the zone is locked.
    pub fn new(
        key: Key,
        owner: Owner,
        kind: u8,
        expires: UnixTime,
        payload: &'a [u8],
    ) -> Result<Self, TooBig> {
        Self::with(Fields { key, owner, kind, lane: 0, expires, length: 0 }, payload)
    }

    /// A record caused by a client without an account: it takes room from the strangers' share of
    /// the zone, from the part of its address (see [`crate::network::client_network`]), and has no
    /// owner.
    pub fn of_stranger(
        key: Key,
        sender: Option<u64>,
        expires: UnixTime,
        payload: &'a [u8],
    ) -> Result<Self, TooBig> {
        let (owner, kind, lane) = (Owner::NOBODY, kind::STRANGER, Share::lane_of(sender));
        Self::with(Fields { key, owner, kind, lane, expires, length: 0 }, payload)
    }

    /// Marks a token that may be used only once, until it `expires`: if this record is found, it
    /// has been used. It takes room from a part of the strangers' share that all such records have
    /// in common: it evicts no session, and if that part is full, the oldest of them.
    pub fn of_spent(key: Key, expires: UnixTime) -> Self {
        let (owner, kind, lane) = (Owner::NOBODY, kind::STRANGER, Share::SPENT);
        let fields = Fields { key, owner, kind, lane, expires, length: 0 };
        Self { fields, payload: &[], checksum: Checksum::of(&fields).0 }
    }

    fn with(fields: Fields, payload: &'a [u8]) -> Result<Self, TooBig> {
        if payload.len() > MAX_PAYLOAD {
            return Err(TooBig);
        }
        let length = u32::try_from(payload.len()).map_err(|_| TooBig)?;
        let fields = Fields { length, ..fields };
        let mut checksum = Checksum::of(&fields);
        checksum.add(payload);
        Ok(Self { fields, payload, checksum: checksum.0 })
    }

    /// The share that it takes room from.
    pub(super) fn share(&self) -> Result<Share, Damaged> {
        Share::of(self.fields.kind, self.fields.lane)
    }
}

/// All immutable data of a record, except its payload.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub(super) key: Key,
    pub(super) owner: Owner,
    pub(super) kind: u8,
    pub(super) lane: u8,
    pub(super) expires: UnixTime,
    pub(super) length: u32,
}

/// Tells a completely written record from an incomplete one.
///
/// Not a defence against attackers: whoever can write to the zone is already inside a worker. Each
/// step is a bijection of the state, so one wrong word is always detected, and several are missed
/// once in 2^64.
pub(super) struct Checksum(pub(super) u64);

impl Checksum {
    /// The checksum of the fields; the payload is added afterwards.
    pub(super) fn of(fields: &Fields) -> Self {
        let Fields { key, owner: Owner { subject, sid }, kind, lane, expires, length } = fields;
        let mut checksum = Self(0x243f_6a88_85a3_08d3);
        checksum.add(key);
        checksum.add(subject);
        checksum.add(sid);
        checksum.word(expires.0);
        checksum.word(u64::from(*lane) << 40 | u64::from(*kind) << 32 | u64::from(*length));
        checksum
    }

    /// Only the last piece of a payload may have a length that is not a multiple of 8.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let words = bytes.chunks_exact(8);
        let rest = words.remainder();
        for word in words.filter_map(<[u8]>::first_chunk) {
            self.word(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            self.word(rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    #[inline]
    fn word(&mut self, word: u64) {
        // An odd factor is invertible modulo 2^64, and so is x ^ (x >> 32).
        let mixed = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checksum(key: u8, subject: u8, sid: u8, kind: u8, expires: u64, payload: &[u8]) -> u64 {
        let owner = Owner { subject: [subject; 16], sid: [sid; 16] };
        Record::new([key; 32], owner, kind, UnixTime(expires), payload).unwrap().checksum
    }

    #[test]
    fn the_checksum_covers_every_field_and_the_length() {
        let mut all = vec![
            checksum(1, 2, 3, 4, 5, b"six"),
            checksum(9, 2, 3, 4, 5, b"six"),
            checksum(1, 9, 3, 4, 5, b"six"),
            checksum(1, 2, 9, 4, 5, b"six"),
            checksum(1, 2, 3, 9, 5, b"six"),
            checksum(1, 2, 3, 4, 9, b"six"),
            checksum(1, 2, 3, 4, 5, b"sex"),
            checksum(1, 2, 3, 4, 5, b"six\0"),
            checksum(1, 2, 3, 4, 5, b""),
        ];
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 9);
    }

    #[test]
    fn every_flipped_bit_changes_the_checksum() {
        let mut payload: Vec<u8> = (0..=99).collect();
        let right = checksum(1, 2, 3, 4, 5, &payload);
        for bit in 0..800 {
            payload[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(checksum(1, 2, 3, 4, 5, &payload), right, "bit {bit}");
            payload[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_payload_may_be_256_kib_and_not_a_byte_more() {
        let payload = vec![7; MAX_PAYLOAD + 1];
        let new = |payload| Record::new([1; 32], Owner::NOBODY, 0, UnixTime(1), payload);
        assert!(new(&payload[1..]).is_ok());
        assert_eq!(new(&payload).err(), Some(TooBig));
    }
}
