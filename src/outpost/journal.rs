//! What the administrator reads of an outpost in the log: each trouble once, each remark once.

use std::sync::{Arc, Mutex, PoisonError};

use gate::outpost::{Directory, Unusable};

use super::mailbox::{Mail, Mailbox};
use crate::ngx::log::{Level, printable};

/// Lines for the log, and what was written last.
pub(super) struct Journal {
    mailbox: Arc<Mailbox>,
    /// What was said last of each kind of trouble, so that it is not said again and again.
    troubles: Mutex<Vec<(Trouble, String)>>,
    /// The remarks that came with the last settings, for the same reason.
    told: Mutex<Vec<Unusable>>,
}

/// Things that can be wrong for a while.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Refresh,
    Socket,
    Board,
    State,
}

/// Skipped providers that are named in the log, at most; the status page has all.
const NAMED_AT_MOST: usize = 20;

impl Journal {
    /// In which nothing was written yet.
    pub(super) fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { mailbox, troubles: Mutex::default(), told: Mutex::default() }
    }

    /// Tells the administrator what providers there are now.
    pub(super) fn tell_of(&self, directory: &Directory) {
        let skipped = directory.skipped();
        let name = printable(directory.outpost().name.as_bytes());
        let (count, remarks) = (directory.len(), skipped.len());
        let where_they_are = match remarks {
            0 => "",
            _ => ": each was logged as a warning when it came up, authentik_status lists them all",
        };
        self.log(
            Level::Notice,
            format!(
                "outpost \"{name}\": {count} providers are live, {remarks} remarks{where_they_are}"
            ),
        );
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = skipped.iter().filter(|remark| !told.contains(remark));
        for remark in fresh.take(NAMED_AT_MOST) {
            let name = printable(remark.name.as_bytes());
            let what = match remark.is_certificate() {
                true => name,
                false => format!("provider \"{name}\""),
            };
            // It quotes what was typed in authentik.
            let why = remark.why.replace(char::is_control, "?");
            self.log(Level::Warn, format!("outpost: {what}: {why}"));
        }
        *told = skipped;
    }

    /// Writes a line.
    pub(super) fn log(&self, level: Level, text: String) {
        self.mailbox.put(Mail::Log(level, text));
    }

    /// Logs a trouble unless it is the one that was logged last.
    pub(super) fn complain(&self, trouble: Trouble, level: Level, text: String) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        if troubles.iter().any(|(known, said)| *known == trouble && *said == text) {
            return;
        }
        troubles.retain(|(known, _)| *known != trouble);
        troubles.push((trouble, text.clone()));
        drop(troubles);
        self.log(level, text);
    }

    /// The trouble is over. Says whether there was one.
    pub(super) fn relieved(&self, trouble: Trouble) -> bool {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let before = troubles.len();
        troubles.retain(|(known, _)| *known != trouble);
        troubles.len() < before
    }
}
