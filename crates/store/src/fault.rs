//! Why a store operation failed.

use std::fmt;
use std::io;

use rusqlite::ErrorCode;

/// An error. Nothing was changed.
#[derive(Debug)]
pub enum Fault {
    /// The setup is unusable: what is wrong, and the remedy.
    Setup(String),
    /// Temporary: another process is writing for too long, the disk is full, the file is read-only.
    Away(String),
    /// The file is not a store, or is damaged. [`FileStore::open`](crate::FileStore::open) moves it
    /// aside.
    Damaged(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Setup(what) | Self::Away(what) | Self::Damaged(what)) = self;
        f.write_str(what)
    }
}

impl std::error::Error for Fault {}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(error.to_string())
            }
            // Values of another type than in the schema, or a missing table.
            None | Some(ErrorCode::Unknown | ErrorCode::TypeMismatch) => {
                Self::Damaged(error.to_string())
            }
            Some(_) => Self::Away(error.to_string()),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Away(error.to_string())
    }
}
