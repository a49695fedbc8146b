//! Log lines about an outpost for the administrator: each problem once, each remark once.

use std::sync::{Arc, Mutex, PoisonError};

use gate::outpost::{Directory, Unusable};

use super::mailbox::{Mail, Mailbox};
use crate::ngx::log::{Level, printable};

/// Writes log lines, and knows what was last written.
pub(super) struct Journal {
    mailbox: Arc<Mailbox>,
    /// The last text for each kind of trouble, so that it is not repeated.
    troubles: Mutex<Vec<(Trouble, String)>>,
    /// The remarks about the last settings, for the same reason.
    told: Mutex<Vec<Unusable>>,
}

/// Problems that can last for a while.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Refresh,
    Socket,
    Board,
    State,
}

/// Maximum number of skipped providers named in the log; the status page lists them all.
const NAMED_AT_MOST: usize = 20;

impl Journal {
    /// A journal that has not written anything yet.
    pub(super) fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { mailbox, troubles: Mutex::default(), told: Mutex::default() }
    }

    /// Logs the current providers and new remarks about them.
    pub(super) fn tell_of(&self, directory: &Directory) {
        let skipped = directory.skipped();
        let name = printable(directory.outpost().name.as_bytes());
        let (count, remarks) = (directory.len(), skipped.len());
        let where_they_are = match remarks {
            0 => "",
            _ => ": each was logged when it came up, authentik_status lists them all",
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
            // It quotes values entered in authentik.
            let why = remark.why.replace(char::is_control, "?");
            let level = if remark.has_substitute() { Level::Warn } else { Level::Error };
            self.log(level, format!("outpost: {what}: {why}"));
        }
        *told = skipped;
    }

    /// Writes a line.
    pub(super) fn log(&self, level: Level, text: String) {
        self.mailbox.put(Mail::Log(level, text));
    }

    /// Logs a trouble, unless it is the last one logged of its kind with the same text.
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

    /// The trouble is over. Returns whether there was one.
    pub(super) fn relieved(&self, trouble: Trouble) -> bool {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let before = troubles.len();
        troubles.retain(|(known, _)| *known != trouble);
        troubles.len() < before
    }
}
