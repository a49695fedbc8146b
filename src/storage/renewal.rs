//! Renewing a session that other hosts may renew too: the store says who does, and what the others
//! have got. On a thread of the one who asks authentik, which has the store open.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use authentik_store::{Fault, Place, Row, Store};
use gate::cookie::SentId;
use gate::identity::{self, OwnedRecord, Rendered};
use gate::renewal::Entry;
use gate::store::Key;

use super::connection::{Report, with_store};
use super::{service, write};
use crate::ngx::now;
use crate::ngx::random::random;

/// How long another host may take to renew a session, in seconds.
const LEASE: u64 = 12;
/// Interval at which is looked whether it has.
const LOOK: Duration = Duration::from_millis(100);

/// The store, for threads.
#[derive(Clone)]
pub(crate) struct Access(Arc<Place>);

/// What a host finds that wants to renew a session.
pub(crate) enum Found {
    /// No other host renews it. To be given back.
    Ours(Held),
    /// Another host has renewed it.
    Newer(OwnedRecord),
    /// Another host is renewing it, and takes too long.
    Busy,
    /// The store cannot be asked: other hosts do not matter now.
    Away,
}

/// The lease of a session among hosts.
pub(crate) struct Held {
    lease: Key,
    holder: u64,
}

/// Access to the store; `None` if there is none.
pub(crate) fn access() -> Option<Access> {
    service().map(|service| Access(Arc::clone(&service.place)))
}

/// Writes a renewed session later, because the store could not take it. On the event loop.
pub(crate) fn write_later(row: Row, fault: &Fault) {
    write::later(row, fault);
}

impl Access {
    fn with<T>(&self, work: impl FnOnce(&mut Store) -> Result<T, Fault>) -> Result<T, Fault> {
        // What is said of a file that was moved aside, the service says too.
        with_store(&self.0, &mut Report::default(), work)
    }

    /// Waits until no other host renews the session, or one has: then its refresh token is another
    /// one than this.
    pub(crate) fn begin(
        &self,
        key: &Key,
        id: SentId<'_>,
        refresh_token: &[u8],
        deadline: Instant,
    ) -> Found {
        let Some(holder) = random().map(u64::from_le_bytes) else { return Found::Busy };
        let held = Held { lease: Entry::Lease.key(key), holder };
        loop {
            let taken = self.with(|store| store.lease(&held.lease, holder, now().0, LEASE));
            let Ok(taken) = taken else { return Found::Away };
            match self.newer(key, id, refresh_token) {
                Ok(Some(record)) => {
                    if taken {
                        self.end(&held);
                    }
                    return Found::Newer(record);
                }
                Ok(None) if taken => return Found::Ours(held),
                Ok(None) => {}
                Err(_) => return Found::Away,
            }
            if Instant::now() + LOOK >= deadline {
                return Found::Busy;
            }
            thread::sleep(LOOK);
        }
    }

    /// The session as the store has it, if its refresh token is another one than this.
    pub(crate) fn newer(
        &self,
        key: &Key,
        id: SentId<'_>,
        refresh_token: &[u8],
    ) -> Result<Option<OwnedRecord>, Fault> {
        let row = self.with(|store| store.get(key, now().0))?;
        let record = row.and_then(|row| identity::open(&row.record, key, id));
        Ok(record.filter(|record| record.view().refresh_token() != refresh_token))
    }

    /// Writes a renewed session. `false` if it has ended meanwhile.
    pub(crate) fn write(
        &self,
        id: SentId<'_>,
        rendered: &Rendered,
        opened: u64,
    ) -> Result<bool, (Option<Box<Row>>, Fault)> {
        let lost = || (None, Fault::Away("no randomness".to_owned()));
        let row = write::row(id, rendered, opened).ok_or_else(lost)?;
        self.with(|store| store.put(&row, now().0)).map_err(|fault| (Some(Box::new(row)), fault))
    }

    /// Lets other hosts renew the session again. If that fails, the lease ends by itself.
    pub(crate) fn end(&self, held: &Held) {
        let _ = self.with(|store| store.release(&held.lease, held.holder));
    }
}
