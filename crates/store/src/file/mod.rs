//! A store in a file that several processes may use at the same time.

mod feed;
mod lease;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::fault::Fault;
use crate::row::{End, Ended, Hash, Key, Row, Stats};
use crate::{place, schema};

/// The file, opened by this process. Not shared between threads.
pub struct FileStore {
    connection: Connection,
    path: PathBuf,
    file: Option<Identity>,
}

/// Device and number of a file.
type Identity = (u64, u64);

/// The opened store, and what happened to an unusable file.
pub struct Opened {
    /// The store.
    pub store: FileStore,
    /// The existing file was damaged or foreign, and has been renamed: the reason, and its new
    /// name.
    pub aside: Option<(String, PathBuf)>,
}

impl FileStore {
    /// Opens the store at this absolute path. Creates directory and file if they do not exist.
    ///
    /// # Errors
    /// It cannot be used as it is set up, or not now. A damaged or foreign file is not an error.
    pub fn open(path: &Path) -> Result<Opened, Fault> {
        place::prepare(path)?;
        let found = identity_of(path);
        let (connection, aside) = match schema::open(path) {
            Ok(connection) => (connection, None),
            // Another process may have moved it aside already.
            Err(Fault::Damaged(_)) if found.is_some() && identity_of(path) != found => {
                (schema::open(path)?, None)
            }
            Err(Fault::Damaged(why)) => {
                let aside = place::move_aside(path)?;
                (schema::open(path)?, Some((why, aside)))
            }
            Err(other) => return Err(other),
        };
        let (path, file) = (path.to_owned(), identity_of(path));
        Ok(Opened { store: Self { connection, path, file }, aside })
    }

    /// Whether the file is still the one at its path: otherwise it has been replaced or removed,
    /// and must be opened anew.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.file.is_some() && identity_of(&self.path) == self.file
    }

    /// Stores a session, replacing any with the same key. `false` if it has ended in the meantime
    /// or has expired: it is then not stored.
    ///
    /// # Errors
    /// It was not stored.
    pub fn put(&mut self, row: &Row, now: u64) -> Result<bool, Fault> {
        if row.expires <= now {
            return Ok(false);
        }
        self.set_synchronous("NORMAL")?;
        let transaction = self.change()?;
        if has_ended(&transaction, row)? {
            return Ok(false);
        }
        let change = next_change(&transaction)?;
        let Row { key, provider, subject, sid, name, opened, expires, record } = row;
        let (subject, sid, name) = (known(subject), known(sid), known(name));
        transaction
            .prepare_cached(
                "INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (key) DO UPDATE SET provider = ?2, subject = ?3, sid = ?4, name = ?5,
                    opened = ?6, expires = ?7, change = ?8, record = ?9",
            )?
            .execute(params![
                key,
                provider,
                subject,
                sid,
                name,
                signed(*opened),
                signed(*expires),
                change,
                record
            ])?;
        transaction.commit()?;
        Ok(true)
    }

    /// The session with this key, unless it has ended or expired. A row that is not as written is
    /// not a session.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn get(&mut self, key: &Key, now: u64) -> Result<Option<Row>, Fault> {
        let mut statement = self.connection.prepare_cached(
            "SELECT provider, subject, sid, name, opened, expires, record FROM sessions
             WHERE key = ?1 AND expires > ?2 AND record IS NOT NULL",
        )?;
        let row = statement.query_row(params![key, signed(now)], |row| {
            let blob = |at| row.get::<_, Option<Vec<u8>>>(at);
            let (provider, subject, sid, name) = (blob(0)?, blob(1)?, blob(2)?, blob(3)?);
            let (opened, expires) = (row.get::<_, i64>(4)?, row.get::<_, i64>(5)?);
            let of = |blob: Option<Vec<u8>>| match blob {
                None => Some([0; 16]),
                Some(blob) => Hash::try_from(blob).ok(),
            };
            let read = || {
                Some((
                    of(provider)?,
                    of(subject)?,
                    of(sid)?,
                    of(name)?,
                    u64::try_from(opened).ok()?,
                    u64::try_from(expires).ok()?,
                ))
            };
            Ok((read(), row.get::<_, Vec<u8>>(6)?))
        });
        let found = row.optional()?.and_then(|(fields, record)| {
            let (provider, subject, sid, name, opened, expires) = fields?;
            Some(Row { key: *key, provider, subject, sid, name, opened, expires, record })
        });
        Ok(found)
    }

    /// Ends sessions; returns how many there were. The change is on disk when this returns.
    /// Sessions opened earlier can no longer be stored either, by any process; a single session is
    /// remembered as ended `until` it would have expired, in seconds since 1970.
    ///
    /// # Errors
    /// They have not ended: try again.
    pub fn end(&mut self, end: &End, until: u64) -> Result<usize, Fault> {
        self.set_synchronous("FULL")?;
        let transaction = self.change()?;
        let change = next_change(&transaction)?;
        let End { ended, at } = *end;
        let count = match &ended {
            Ended::Session(key) => {
                let was_there = end_rows(&transaction, "key = ?2", params![change, key])?;
                transaction
                    .prepare_cached(
                        "INSERT INTO sessions VALUES (?1, NULL, NULL, NULL, NULL, 0, ?2, ?3, NULL)
                         ON CONFLICT (key) DO NOTHING",
                    )?
                    .execute(params![key, signed(until), change])?;
                was_there
            }
            Ended::Subject(whose, provider) => {
                let these = Whose { kind: SUBJECT, column: "subject", whose, provider: *provider };
                these.end(&transaction, at, change)?
            }
            Ended::Sid(whose, provider) => {
                let these = Whose { kind: SID, column: "sid", whose, provider: *provider };
                these.end(&transaction, at, change)?
            }
            Ended::Name(whose) => {
                let these = Whose { kind: NAME, column: "name", whose, provider: None };
                these.end(&transaction, at, change)?
            }
        };
        transaction.commit()?;
        Ok(count)
    }

    /// Whether there are sessions that this would end.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn knows(&mut self, ended: &Ended) -> Result<bool, Fault> {
        let exists = |which: &str, values: &[&dyn rusqlite::ToSql]| {
            let query = format!("SELECT 1 FROM sessions WHERE record IS NOT NULL AND {which}");
            self.connection.prepare_cached(&query)?.exists(values)
        };
        let of = |column: &str, whose: &Hash, provider: &Option<Hash>| match provider {
            None => exists(&format!("{column} = ?1"), params![whose]),
            Some(provider) => {
                exists(&format!("{column} = ?1 AND provider = ?2"), params![whose, provider])
            }
        };
        Ok(match ended {
            Ended::Session(key) => exists("key = ?1", params![key])?,
            Ended::Subject(whose, provider) => of("subject", whose, provider)?,
            Ended::Sid(whose, provider) => of("sid", whose, provider)?,
            Ended::Name(whose) => of("name", whose, &None)?,
        })
    }

    /// Removes expired rows, at most `at_most`, and frees their space; returns how many there were.
    ///
    /// # Errors
    /// They stay until the next time.
    pub fn expire(&mut self, now: u64, at_most: u32) -> Result<usize, Fault> {
        self.set_synchronous("NORMAL")?;
        let transaction = self.change()?;
        let removed = transaction
            .prepare_cached(
                "DELETE FROM sessions WHERE rowid IN
                    (SELECT rowid FROM sessions WHERE expires <= ?1 ORDER BY expires LIMIT ?2)",
            )?
            .execute(params![signed(now), at_most])?;
        transaction
            .prepare_cached("DELETE FROM ends WHERE at < ?1")?
            .execute([signed(now.saturating_sub(ENDS_KEPT).saturating_mul(1000))])?;
        transaction
            .prepare_cached("DELETE FROM leases WHERE until <= ?1")?
            .execute([signed(now)])?;
        transaction.commit()?;
        self.connection.pragma(None, "incremental_vacuum", 1024, |_| Ok(()))?;
        Ok(removed)
    }

    /// The number of sessions and the size of the file.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn stats(&mut self) -> Result<Stats, Fault> {
        let number = |query| self.connection.query_row(query, [], |row| row.get::<_, i64>(0));
        let sessions = number("SELECT count(*) FROM sessions WHERE record IS NOT NULL")?;
        let bytes = number("PRAGMA page_count")? * number("PRAGMA page_size")?;
        let unsigned = |number| u64::try_from(number).unwrap_or(0);
        Ok(Stats { sessions: unsigned(sessions), bytes: unsigned(bytes) })
    }

    fn change(&mut self) -> Result<Transaction<'_>, Fault> {
        Ok(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    /// `FULL`: changes survive a power failure. `NORMAL`: they only survive the death of a process.
    fn set_synchronous(&mut self, how: &str) -> Result<(), Fault> {
        Ok(self.connection.pragma_update(None, "synchronous", how)?)
    }
}

fn identity_of(path: &Path) -> Option<Identity> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// How long the end of all sessions of a user is remembered, for late writers, in seconds.
const ENDS_KEPT: u64 = 24 * 3600;

// The kinds in the table of ends.
const SUBJECT: i64 = 1;
const SID: i64 = 2;
const NAME: i64 = 3;

/// All sessions with this hash in a column, with one provider or with all.
struct Whose<'w> {
    kind: i64,
    column: &'static str,
    whose: &'w Hash,
    provider: Option<Hash>,
}

impl Whose<'_> {
    /// Ends those opened until then, including those that are written later.
    fn end(&self, transaction: &Transaction<'_>, at: u64, change: i64) -> Result<usize, Fault> {
        let Self { kind, column, whose, provider } = self;
        if **whose == [0; 16] {
            return Ok(0);
        }
        let at = signed(at);
        let of_all = format!("{column} = ?2 AND opened <= ?3");
        let count = match provider {
            None => end_rows(transaction, &of_all, params![change, whose, at])?,
            Some(provider) => {
                let of_one = format!("{of_all} AND provider = ?4");
                end_rows(transaction, &of_one, params![change, whose, at, provider])?
            }
        };
        let provider = provider.map_or_else(Vec::new, |provider| provider.to_vec());
        transaction
            .prepare_cached(
                "INSERT INTO ends VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET at = max(at, ?4), change = ?5",
            )?
            .execute(params![kind, whose, provider, at, change])?;
        Ok(count)
    }
}

fn has_ended(transaction: &Transaction<'_>, row: &Row) -> Result<bool, Fault> {
    let mut of_key =
        transaction.prepare_cached("SELECT 1 FROM sessions WHERE key = ?1 AND record IS NULL")?;
    let mut of_all = transaction.prepare_cached(
        "SELECT 1 FROM ends WHERE kind = ?1 AND whose = ?2 AND provider IN (x'', ?3) AND at >= ?4",
    )?;
    let opened = signed(row.opened);
    Ok(of_key.exists([row.key])?
        || of_all.exists(params![SUBJECT, row.subject, row.provider, opened])?
        || of_all.exists(params![SID, row.sid, row.provider, opened])?
        || of_all.exists(params![NAME, row.name, row.provider, opened])?)
}

/// Ends the selected rows; the first parameter is the number of the change.
fn end_rows(
    transaction: &Transaction<'_>,
    which: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<usize, Fault> {
    let update = format!(
        "UPDATE sessions SET record = NULL, change = ?1 WHERE record IS NOT NULL AND {which}"
    );
    Ok(transaction.prepare_cached(&update)?.execute(values)?)
}

fn next_change(transaction: &Transaction<'_>) -> Result<i64, Fault> {
    let next = "UPDATE changes SET last = last + 1 RETURNING last";
    Ok(transaction.prepare_cached(next)?.query_row([], |row| row.get(0))?)
}

/// A hash that matches nothing is not stored.
fn known(hash: &Hash) -> Option<&Hash> {
    (*hash != [0; 16]).then_some(hash)
}

/// A number as SQLite stores it.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
