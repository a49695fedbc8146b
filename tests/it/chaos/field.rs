//! What is struck, and how.

use std::thread;
use std::time::Duration;

use crate::harness::{Disk, Site};
use crate::session_store::redis_server::RedisServer;

use super::Dice;
use super::clock::Clock;
use super::network::Network;

/// A site with all that can go wrong around it.
pub(super) struct Field {
    pub(super) site: Site,
    pub(super) clock: Clock,
    pub(super) network: Network,
    pub(super) store: Store,
}

pub(super) enum Store {
    File(Disk),
    Redis(RedisServer),
}

/// Something that goes wrong, and is over when it has struck.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Blow {
    WorkerKilled,
    AllKilled,
    WorkerStopped,
    MasterStopped,
    Reload,
    Upgrade,
    UpgradeAndBack,
    /// The clock goes ahead, less than half a minute.
    ClockAhead,
    /// The clock goes back, a few seconds.
    ClockBack,
    /// For a while, the clock is wrong by hours or days.
    ClockLeaps,
    AuthentikLossy,
    DiskFull,
    StoreKilled,
    StoreStopped,
    StoreLossy,
}

use Blow::*;

const ANYWHERE: [Blow; 11] = [
    WorkerKilled,
    AllKilled,
    WorkerStopped,
    MasterStopped,
    Reload,
    Upgrade,
    UpgradeAndBack,
    ClockAhead,
    ClockBack,
    ClockLeaps,
    AuthentikLossy,
];

impl Blow {
    /// Whether the store cannot be reached meanwhile.
    pub(super) fn keeps_from_store(self) -> bool {
        matches!(self, DiskFull | StoreKilled | StoreStopped | StoreLossy)
    }

    pub(super) fn is_a_kill(self) -> bool {
        matches!(self, WorkerKilled | AllKilled | StoreKilled)
    }

    pub(super) fn is_upgrade(self) -> bool {
        matches!(self, Upgrade | UpgradeAndBack)
    }

    /// Ends of all sessions of a user carry the time, and end what was opened before. So what was
    /// opened before the clock was set back outlives an end (docs/sessions.md, "the clocks of hosts
    /// differ"): such sessions are left alone.
    pub(super) fn may_set_the_clock_back(self) -> bool {
        matches!(self, ClockBack | ClockLeaps)
    }
}

impl Field {
    /// All that can happen here.
    pub(super) fn blows(&self) -> Vec<Blow> {
        let mut blows = ANYWHERE.to_vec();
        match self.store {
            Store::File(_) => blows.push(DiskFull),
            Store::Redis(_) => blows.extend([StoreKilled, StoreStopped, StoreLossy]),
        }
        blows
    }

    pub(super) fn strike(&mut self, blow: Blow, dice: &mut Dice) {
        match (blow, &mut self.store) {
            (WorkerKilled, _) => {
                let worker = some_worker(&self.site, dice);
                self.site.kill_worker(worker);
            }
            (AllKilled, _) => self.site.kill_all_and_start(),
            (WorkerStopped, _) => {
                let worker = some_worker(&self.site, dice);
                self.site.freeze_worker(worker);
                some_time(dice);
                self.site.thaw_worker(worker);
            }
            // And nobody replaces a worker that is killed meanwhile.
            (MasterStopped, _) => {
                let worker = some_worker(&self.site, dice);
                self.site.nginx().signal_master("STOP");
                self.site.nginx().kill_unreplaced(worker);
                some_time(dice);
                self.site.nginx().signal_master("CONT");
                self.site.nginx().await_workers();
            }
            (Reload, _) => self.site.reload(),
            (Upgrade, _) => {
                let former = self.site.nginx().start_another();
                some_time(dice);
                self.site.nginx().retire_workers(former);
                self.site.nginx().let_go(former);
            }
            (UpgradeAndBack, _) => {
                let former = self.site.nginx().start_another();
                self.site.nginx().retire_workers(former);
                some_time(dice);
                self.site.nginx().go_back(former);
            }
            (ClockAhead, _) => self.clock.go_ahead(dice),
            // It did before.
            (ClockBack, _) => {}
            (ClockLeaps, _) => {
                some_time(dice);
                self.clock.leap_back();
            }
            (AuthentikLossy, _) => {
                self.network.lose(port_of(&self.site.sso.base_url()));
                thread::sleep(Duration::from_secs(3));
                self.network.mend();
            }
            (DiskFull, Store::File(disk)) => {
                disk.fill();
                some_time(dice);
                disk.clear();
            }
            (StoreKilled, Store::Redis(redis)) => {
                redis.kill();
                thread::sleep(Duration::from_millis(dice.below(300)));
                redis.start_again();
            }
            (StoreStopped, Store::Redis(redis)) => {
                redis.signal("STOP");
                some_time(dice);
                redis.signal("CONT");
            }
            (StoreLossy, Store::Redis(redis)) => {
                self.network.lose(redis.port());
                thread::sleep(Duration::from_secs(3));
                self.network.mend();
            }
            (DiskFull | StoreKilled | StoreStopped | StoreLossy, _) => unreachable!("not here"),
        }
    }
}

fn some_time(dice: &mut Dice) {
    thread::sleep(Duration::from_millis(200 + dice.below(2000)));
}

fn some_worker(site: &Site, dice: &mut Dice) -> u32 {
    let workers = site.worker_pids();
    workers[usize::try_from(dice.below(workers.len() as u64)).expect("small")]
}

fn port_of(url: &str) -> u16 {
    url::Url::parse(url).ok().and_then(|url| url.port()).expect("a port")
}
