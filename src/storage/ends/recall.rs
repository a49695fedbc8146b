//! What the file of this host remembers ([`super::super::kept`]).

use authentik_store::{Fault, PendingEnd};
use gate::store::Table;

use super::super::{Service, health};
use super::{BATCH, apply, pending};
use crate::ngx::now;

impl Service {
    /// Called when the worker starts: what the file of this host has is ended here as well, and the
    /// store is told. `leads`: the file is made if there is none.
    pub(in crate::storage) fn recall(&self, leads: bool) {
        let Some(keeper) = &self.keeper else { return };
        self.recalled(keeper.file().read(now().0));
        if leads {
            keeper.prepare();
        }
    }

    /// What the file of this host has.
    pub(in crate::storage) fn recalled(&self, ends: Result<Vec<PendingEnd>, Fault>) {
        let Some(keeper) = &self.keeper else { return };
        let ends = match ends {
            Ok(ends) => ends,
            Err(fault) => return health::unkept(keeper.file().path(), &fault.to_string()),
        };
        let time = now();
        let is_new = |table: &mut Table<'_>, told: &PendingEnd| {
            let known = pending(table, &told.end.ended.record_key(), time);
            known.is_none_or(|known| known.end.at < told.end.at)
        };
        for some in ends.chunks(BATCH) {
            let new = self.zone.with(|table| {
                some.iter().filter(|told| is_new(table, told)).copied().collect::<Vec<_>>()
            });
            let new = new.unwrap_or_default();
            if new.is_empty() {
                continue;
            }
            self.remember(&new, |_| ());
            new.iter().for_each(|told| apply(self.zone, &told.end));
        }
    }

    /// The thread has written the file of this host.
    pub(in crate::storage) fn kept(&self, result: &Result<(), Fault>) {
        if let (Some(keeper), Err(fault)) = (&self.keeper, result) {
            health::unkept(keeper.file().path(), &fault.to_string());
        }
    }
}
