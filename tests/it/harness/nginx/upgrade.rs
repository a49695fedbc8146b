//! Another binary in the place of the one that runs, as nginx's documentation describes it
//! ("Controlling nginx", upgrading executable on the fly). For an nginx that is a daemon: one whose
//! parent lives takes itself for the new binary and ignores SIGUSR2.

use super::super::processes::{children_of, is_running, signal};
use super::master::{Master, pid_file};
use super::{Nginx, workers_of};

/// A master that another one is to replace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Former(u32);

impl Nginx {
    /// Starts another master beside the one that runs. From here on this is the new one; both
    /// accept.
    pub(crate) fn start_another(&mut self) -> Former {
        let former = Former(self.master.id());
        self.signal_master("USR2");
        self.wait("another master", |nginx| {
            pid_file(nginx.prefix.path()).is_some_and(|pid| pid != former.0 && is_running(pid))
        });
        self.master = Master::Daemon(pid_file(self.prefix.path()).expect("nginx.pid"));
        self.former = Some(former.0);
        self.wait("its workers", |nginx| nginx.workers().len() == nginx.workers);
        former
    }

    /// Processes of the former that accept.
    pub(crate) fn workers_of(&self, former: Former) -> Vec<u32> {
        workers_of(former.0)
    }

    /// Lets the workers of the former finish what they have, and no more.
    pub(crate) fn retire_workers(&self, former: Former) {
        signal(former.0, "WINCH");
        // The new master is a child of the former too.
        let successor = self.master.id();
        self.wait("an end of the former workers", |_| children_of(former.0) == [successor]);
    }

    /// The former leaves: there is no way back.
    pub(crate) fn let_go(&mut self, former: Former) {
        signal(former.0, "QUIT");
        self.wait("an end of the former master", |_| !is_running(former.0));
        self.former = None;
    }

    /// The former starts workers again, and the new one leaves.
    pub(crate) fn go_back(&mut self, former: Former) {
        signal(former.0, "HUP");
        self.wait("workers of the former", |nginx| workers_of(former.0).len() == nginx.workers);
        self.signal_master("QUIT");
        self.wait("an end of the new master", |nginx| !is_running(nginx.master.id()));
        self.wait("its file", |nginx| pid_file(nginx.prefix.path()) == Some(former.0));
        self.master = Master::Daemon(former.0);
        self.former = None;
    }
}
