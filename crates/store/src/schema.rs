//! The tables in the file, and how a file is opened.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::fault::Fault;

/// Identifies our files (`PRAGMA application_id`): `akse`.
const APPLICATION: i32 = i32::from_be_bytes(*b"akse");
/// Changes with the tables: files of another version are not touched.
const VERSION: i32 = 1;

/// How long to wait while another process writes.
const PATIENCE: Duration = Duration::from_secs(2);

/// A session without a record has ended. `change` is the number of the last change in the file that
/// affected the row; `file` identifies the file.
const TABLES: &str = "
    CREATE TABLE sessions (
        key BLOB NOT NULL UNIQUE CHECK (length(key) = 32),
        provider BLOB CHECK (length(provider) = 16),
        subject BLOB CHECK (length(subject) = 16),
        sid BLOB CHECK (length(sid) = 16),
        name BLOB CHECK (length(name) = 16),
        opened INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        change INTEGER NOT NULL,
        record BLOB
    ) STRICT;
    CREATE INDEX sessions_subject ON sessions (subject) WHERE subject IS NOT NULL;
    CREATE INDEX sessions_sid ON sessions (sid) WHERE sid IS NOT NULL;
    CREATE INDEX sessions_name ON sessions (name) WHERE name IS NOT NULL;
    CREATE INDEX sessions_expires ON sessions (expires);
    CREATE INDEX sessions_ended ON sessions (change) WHERE record IS NULL;
    CREATE TABLE ends (
        kind INTEGER NOT NULL,
        whose BLOB NOT NULL CHECK (length(whose) = 16),
        provider BLOB NOT NULL,
        at INTEGER NOT NULL,
        change INTEGER NOT NULL,
        PRIMARY KEY (kind, whose, provider)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX ends_change ON ends (change);
    CREATE TABLE changes (
        id INTEGER PRIMARY KEY CHECK (id = 0),
        last INTEGER NOT NULL,
        file INTEGER NOT NULL CHECK (file > 0)
    ) STRICT;
    INSERT INTO changes VALUES (0, 0, 1 + (random() >> 2 & 0xfffffffffffffff));
    CREATE TABLE leases (
        key BLOB PRIMARY KEY CHECK (length(key) = 32),
        holder INTEGER NOT NULL,
        until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// Opens the file; creates it if it does not exist.
pub(crate) fn open(path: &Path) -> Result<Connection, Fault> {
    // SQLite would make it, and its journals, world-readable. An existing file is not opened here:
    // closing it would release the locks of this process's other connections (fcntl(2)), and then
    // another process would delete the journal under them.
    match OpenOptions::new().create_new(true).write(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    // Anybody with access may have changed the file: nothing in it is executed or overwritten.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    if is_new(&connection)? {
        // Has no effect once there are tables.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    begin(&mut connection)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "journal_size_limit", 1 << 20)?;
    Ok(connection)
}

/// Creates the tables in a new file; of several processes, only one does. Rejects files that are
/// not ours.
fn begin(connection: &mut Connection) -> Result<(), Fault> {
    // Whoever only reads need not wait for a writer.
    if is_new(connection)? {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if is_new(&transaction)? {
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        transaction.commit()?;
    }
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    if number("application_id")? != APPLICATION {
        return Err(Fault::Damaged("it is not a file of this module".to_owned()));
    }
    match number("user_version")? {
        VERSION => Ok(()),
        other => Err(Fault::Damaged(format!("it is of version {other}, not {VERSION}"))),
    }
}

fn is_new(connection: &Connection) -> Result<bool, Fault> {
    let count = "SELECT count(*) FROM sqlite_schema";
    Ok(connection.query_row(count, [], |row| row.get::<_, i64>(0))? == 0)
}
