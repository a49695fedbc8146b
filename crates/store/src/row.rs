//! What is kept of a session, and what is said of many.

/// Key of a session: a hash of its id.
pub type Key = [u8; 32];
/// A keyed hash of what a user or a session at authentik is called. All zeros are nobody.
pub type Hash = [u8; 16];

/// A session. Times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Under which it is found.
    pub key: Key,
    /// Of this provider.
    pub provider: Hash,
    /// Whose it is.
    pub subject: Hash,
    /// From which session at authentik it came.
    pub sid: Hash,
    /// When its user signed in.
    pub opened: u64,
    /// When it ends.
    pub expires: u64,
    /// Sealed.
    pub record: Vec<u8>,
}

/// Which sessions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// This one.
    Session(Key),
    /// Those of a user, of this provider or of all, that were opened until now.
    Subject(Hash, Option<Hash>),
    /// Those that came of a session at authentik, likewise.
    Sid(Hash, Option<Hash>),
}

/// What other processes ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// In the order in which they ended.
    pub ended: Vec<Ended>,
    /// From where to ask the next time.
    pub mark: u64,
}

/// How much there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Sessions, expired ones among them until they are removed.
    pub sessions: u64,
    /// What the file takes, in bytes, without its journal.
    pub bytes: u64,
}
