//! What threads of the outpost want the event loop to do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use gate::outpost::Directory;
use nginx::wakeup::Waker;

use crate::ngx::log::Level;

/// One thing to do on the event loop.
pub(super) enum Mail {
    /// Use these providers from now on, made of the publication of this number.
    Directory(u64, Arc<Directory>),
    /// Nothing is known any more, says the publication of this number.
    Nothing(u64),
    /// authentik ended this session.
    SessionEnded(String),
    /// Ends of sessions may have been missed: look for them.
    Recheck,
    /// Go on with that.
    RecheckNext,
    /// Write a line: nginx's log belongs to the event loop.
    Log(Level, String),
    /// Say how long this took to arrive.
    Pulse(Instant),
}

/// Threads put mail in, the event loop takes it out.
pub(super) struct Mailbox {
    mails: Mutex<Vec<Mail>>,
    wakeup: Waker,
}

impl Mailbox {
    pub(super) fn new(wakeup: Waker) -> Self {
        Self { mails: Mutex::default(), wakeup }
    }

    /// Leaves a mail and wakes the event loop.
    pub(super) fn put(&self, mail: Mail) {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
        self.wakeup.signal();
    }

    /// All that came, in order. The lock is never held for longer than it takes to move a vector.
    pub(super) fn take(&self) -> Vec<Mail> {
        std::mem::take(&mut *self.mails.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
