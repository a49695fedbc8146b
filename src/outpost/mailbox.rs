//! What threads of the outpost ask the event loop to do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use gate::outpost::Directory;
use nginx::wakeup::Waker;

use crate::ngx::log::Level;

/// A task for the event loop.
pub(super) enum Mail {
    /// Use these providers from now on, built from the publication with this number.
    Directory(u64, Arc<Directory>),
    /// Nothing is known any more, according to the publication with this number.
    Nothing(u64),
    /// authentik ended this session.
    SessionEnded(String),
    /// Ends of sessions may have been missed: check for them.
    Recheck,
    /// Take the next step of that check.
    RecheckNext,
    /// Write a log line: only the event loop may use nginx's log.
    Log(Level, String),
    /// Measure how long this took to arrive.
    Pulse(Instant),
}

/// Threads add mail, the event loop removes it.
pub(super) struct Mailbox {
    mails: Mutex<Vec<Mail>>,
    wakeup: Waker,
}

impl Mailbox {
    pub(super) fn new(wakeup: Waker) -> Self {
        Self { mails: Mutex::default(), wakeup }
    }

    /// Adds a mail and wakes the event loop.
    pub(super) fn put(&self, mail: Mail) {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
        self.wakeup.signal();
    }

    /// All mail, in order. The lock is held only while a vector is moved.
    pub(super) fn take(&self) -> Vec<Mail> {
        std::mem::take(&mut *self.mails.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
