//! A store of either kind.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::fault::Fault;
use crate::file::FileStore;
use crate::redis::{RedisStore, Settings};
use crate::row::{Changes, End, Ended, Key, Mark, Row, Stats};

/// Where a store is.
#[derive(Clone, Debug)]
pub enum Place {
    /// In this file, an absolute path.
    File(PathBuf),
    /// In Redis.
    Redis(Arc<Settings>),
}

/// A store, opened by this process. Not shared between threads.
pub enum Store {
    /// A file.
    File(FileStore),
    /// Connections to Redis.
    Redis(RedisStore),
}

/// The opened store, and what happened to an unusable file.
pub struct Opened {
    /// The store.
    pub store: Store,
    /// The existing file was damaged or foreign, and has been renamed: the reason, and its new
    /// name.
    pub aside: Option<(String, PathBuf)>,
}

impl Place {
    /// Opens the store.
    ///
    /// # Errors
    /// It cannot be used as it is set up, or not now.
    pub fn open(&self) -> Result<Opened, Fault> {
        match self {
            Self::File(path) => {
                let opened = FileStore::open(path)?;
                Ok(Opened { store: Store::File(opened.store), aside: opened.aside })
            }
            // Connects when it is first asked.
            Self::Redis(settings) => {
                let store = RedisStore::new(Arc::clone(settings))?;
                Ok(Opened { store: Store::Redis(store), aside: None })
            }
        }
    }
}

impl Store {
    /// Whether it can still be used; otherwise it must be opened anew.
    #[must_use]
    pub fn is_current(&self) -> bool {
        match self {
            Self::File(store) => store.is_current(),
            // It connects anew by itself.
            Self::Redis(_) => true,
        }
    }

    /// Whether it can be used after an error: connections are opened again when they are needed.
    #[must_use]
    pub fn recovers(&self) -> bool {
        matches!(self, Self::Redis(_))
    }

    /// Stores a session, replacing any with the same key. `false` if it has ended in the meantime
    /// or has expired: it is then not stored.
    ///
    /// # Errors
    /// It was not stored.
    pub fn put(&mut self, row: &Row, now: u64) -> Result<bool, Fault> {
        match self {
            Self::File(store) => store.put(row, now),
            Self::Redis(store) => store.put(row, now),
        }
    }

    /// The session with this key, unless it has ended or expired.
    ///
    /// # Errors
    /// The store could not be asked.
    pub fn get(&mut self, key: &Key, now: u64) -> Result<Option<Row>, Fault> {
        match self {
            Self::File(store) => store.get(key, now),
            Self::Redis(store) => store.get(key, now),
        }
    }

    /// Ends sessions; returns how many there were. Sessions opened earlier can no longer be stored
    /// either, by any process; a single session is remembered as ended `until` it would have
    /// expired, in seconds since 1970.
    ///
    /// # Errors
    /// They have not ended: try again.
    pub fn end(&mut self, end: &End, until: u64) -> Result<usize, Fault> {
        match self {
            Self::File(store) => store.end(end, until),
            Self::Redis(store) => store.end(end, until),
        }
    }

    /// Whether there are sessions that this would end: who cannot prove that he may end a session
    /// must not make the store remember an end.
    ///
    /// # Errors
    /// The store could not be asked.
    pub fn knows(&mut self, ended: &Ended) -> Result<bool, Fault> {
        match self {
            Self::File(store) => store.knows(ended),
            Self::Redis(store) => store.knows(ended),
        }
    }

    /// What has ended since the mark returned by an earlier call, by whichever process. Waits for
    /// news, at most `wait`. A mark of another store, or of none, is the present one, with
    /// everything before it missed.
    ///
    /// # Errors
    /// The store could not be asked.
    pub fn changes(&mut self, mark: Mark, wait: Duration) -> Result<Changes, Fault> {
        match self {
            Self::File(store) => store.changes(mark, wait),
            Self::Redis(store) => store.changes(mark, wait),
        }
    }

    /// Removes expired sessions, at most `at_most`; returns how many there were.
    ///
    /// # Errors
    /// They stay until the next time.
    pub fn expire(&mut self, now: u64, at_most: u32) -> Result<usize, Fault> {
        match self {
            Self::File(store) => store.expire(now, at_most),
            // Keys expire by themselves.
            Self::Redis(_) => Ok(0),
        }
    }

    /// The size of the store; `None` for Redis, where only a search of all keys could tell.
    ///
    /// # Errors
    /// The store could not be asked.
    pub fn stats(&mut self) -> Result<Option<Stats>, Fault> {
        match self {
            Self::File(store) => store.stats().map(Some),
            Self::Redis(_) => Ok(None),
        }
    }

    /// The policies by which it may forget ends when its memory is full; none is good.
    ///
    /// # Errors
    /// The store could not be asked.
    pub fn evictions(&mut self) -> Result<Vec<String>, Fault> {
        match self {
            Self::File(_) => Ok(Vec::new()),
            Self::Redis(store) => store.evictions(),
        }
    }

    /// Takes a lease for `life` seconds, or extends one's own; `false` if another process holds it.
    /// `holder` is a random number.
    ///
    /// # Errors
    /// It was not taken.
    pub fn lease(&mut self, key: &Key, holder: u64, now: u64, life: u64) -> Result<bool, Fault> {
        match self {
            Self::File(store) => store.lease(key, holder, now, life),
            Self::Redis(store) => store.lease(key, holder, life),
        }
    }

    /// Gives a lease back, if it is still this holder's.
    ///
    /// # Errors
    /// It lasts until its end.
    pub fn release(&mut self, key: &Key, holder: u64) -> Result<(), Fault> {
        match self {
            Self::File(store) => store.release(key, holder),
            Self::Redis(store) => store.release(key, holder),
        }
    }
}
