//! What has ended in the file.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{FileStore, NAME, SID, SUBJECT};
use crate::fault::Fault;
use crate::row::{Changes, End, Ended, Hash, Mark};

/// Interval at which the file is checked.
const LOOK: Duration = Duration::from_millis(100);

/// Maximum number of ends that are reported one by one.
const AT_MOST: usize = 4096;

impl FileStore {
    /// What has ended since the mark returned by an earlier call. Waits for news, at most `wait`. A
    /// mark of another file, or of none, is the present one, with everything before it missed.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn changes(&mut self, mark: Mark, wait: Duration) -> Result<Changes, Fault> {
        let until = Instant::now() + wait;
        loop {
            let changes = self.changes_now(mark)?;
            let left = until.saturating_duration_since(Instant::now());
            if changes.missed || !changes.ends.is_empty() || left.is_zero() {
                return Ok(changes);
            }
            thread::sleep(left.min(LOOK));
        }
    }

    fn changes_now(&mut self, [file, reached]: Mark) -> Result<Changes, Fault> {
        // All queries see the same state of the file.
        let transaction = self.connection.transaction()?;
        let present = transaction.query_row("SELECT file, last FROM changes", [], |row| {
            Ok([row.get::<_, i64>(0)?, row.get(1)?])
        })?;
        let mark = present.map(|number| u64::try_from(number).unwrap_or(0));
        let [of_file, last] = mark;
        if file != of_file || reached > last {
            return Ok(Changes { mark, missed: true, ends: Vec::new() });
        }
        if reached == last {
            return Ok(Changes { mark, missed: false, ends: Vec::new() });
        }
        let Some(mut ends) = ends_since(&transaction, reached)? else {
            return Ok(Changes { mark, missed: true, ends: Vec::new() });
        };
        ends.sort_by_key(|(change, _)| *change);
        let ends = ends.into_iter().map(|(_, end)| end).collect();
        Ok(Changes { mark, missed: false, ends })
    }
}

/// The ends after this change, with their changes; `None` if there are too many.
fn ends_since(connection: &Connection, reached: u64) -> Result<Option<Vec<(i64, End)>>, Fault> {
    let reached = super::signed(reached);
    let mut ends = Vec::new();
    let mut keys = connection.prepare_cached(
        "SELECT change, key FROM sessions WHERE change > ?1 AND record IS NULL LIMIT ?2",
    )?;
    let limit = i64::try_from(AT_MOST + 1).unwrap_or(i64::MAX);
    let rows = keys.query_map([reached, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for row in rows {
        let (change, key) = row?;
        // A single session has ended whenever that was.
        ends.push((change, End { ended: Ended::Session(key), at: u64::MAX }));
    }
    let mut all = connection.prepare_cached(
        "SELECT change, at, kind, whose, provider FROM ends WHERE change > ?1 LIMIT ?2",
    )?;
    let rows = all.query_map([reached, limit], |row| {
        let end: (i64, i64) = (row.get(0)?, row.get(1)?);
        let whose: (i64, Hash, Vec<u8>) = (row.get(2)?, row.get(3)?, row.get(4)?);
        Ok((end, whose))
    })?;
    for row in rows {
        let ((change, at), (kind, whose, provider)) = row?;
        let provider = Hash::try_from(provider).ok();
        let ended = match kind {
            SUBJECT => Ended::Subject(whose, provider),
            SID => Ended::Sid(whose, provider),
            NAME => Ended::Name(whose),
            other => return Err(Fault::Damaged(format!("an end of kind {other}"))),
        };
        ends.push((change, End { ended, at: u64::try_from(at).unwrap_or(0) }));
    }
    Ok(Some(ends).filter(|ends| ends.len() <= AT_MOST))
}
