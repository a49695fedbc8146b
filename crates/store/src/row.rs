//! The stored form of a session, and requests and reports about sessions.

/// Key of a session: a hash of its id.
pub type Key = [u8; 32];
/// A keyed hash that identifies a user, a session at authentik or a user name. All zeros mean nobody.
pub type Hash = [u8; 16];

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub key: Key,
    /// Its provider.
    pub provider: Hash,
    /// Its user.
    pub subject: Hash,
    /// Its session at authentik.
    pub sid: Hash,
    /// The name of its user.
    pub name: Hash,
    /// When its user signed in, in milliseconds since 1970.
    pub opened: u64,
    /// When it expires, in seconds since 1970.
    pub expires: u64,
    /// The sealed record.
    pub record: Vec<u8>,
}

/// Which sessions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// This session.
    Session(Key),
    /// A user's sessions, with this provider or with all.
    Subject(Hash, Option<Hash>),
    /// The same for those of a session at authentik.
    Sid(Hash, Option<Hash>),
    /// The same for those of a user name, with all providers.
    Name(Hash),
}

/// An end of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Which sessions end; of several sessions, those opened until then.
    pub ended: Ended,
    /// When they ended, in milliseconds since 1970: perhaps long before the store is told.
    pub at: u64,
}

/// A point in the history of a store: which store, and how far. All zeros are of no store.
pub type Mark = [u64; 2];

/// Sessions that ended, by whichever process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// In the order in which they ended.
    pub ends: Vec<End>,
    /// The mark to pass the next time.
    pub mark: Mark,
    /// More has ended than is reported here: copies of sessions must not be used before the store
    /// was asked about them.
    pub missed: bool,
}

/// The size of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Number of sessions, including expired ones until they are removed.
    pub sessions: u64,
    /// Size of the file in bytes, without its journal.
    pub bytes: u64,
}
