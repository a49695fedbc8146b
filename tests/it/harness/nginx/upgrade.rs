//! Upgrading the executable on the fly, as in nginx's documentation ("Controlling nginx"). Requires
//! that nginx runs as a daemon: if its parent process is alive, nginx believes that it is the new
//! binary and ignores SIGUSR2.

use super::super::processes::{children_of, is_running, signal};
use super::master::{Master, pid_file};
use super::{Nginx, workers_of};

/// A master that will be replaced by another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Former(u32);

impl Nginx {
    /// Starts another master next to the running one. From now on `self` refers to the new one;
    /// both accept connections.
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

    /// Workers of the former master that accept connections.
    pub(crate) fn workers_of(&self, former: Former) -> Vec<u32> {
        workers_of(former.0)
    }

    /// Makes the former master's workers finish their requests and exit.
    pub(crate) fn retire_workers(&self, former: Former) {
        signal(former.0, "WINCH");
        // The new master is also a child of the former one.
        let successor = self.master.id();
        self.wait("an end of the former workers", |_| children_of(former.0) == [successor]);
    }

    /// The former master exits: there is no way back.
    pub(crate) fn let_go(&mut self, former: Former) {
        signal(former.0, "QUIT");
        self.wait("an end of the former master", |_| !is_running(former.0));
        self.former = None;
    }

    /// The former master starts workers again, and the new one exits.
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
