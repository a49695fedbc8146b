//! What the two threads and the shell share.

use std::net::{Shutdown, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use authentik_gate::outpost::{
    OutpostSettings, RefreshError, Schedule, Snapshot, refresh_interval,
};

use super::names::Names;
use super::{Events, Identity, Pace};
use crate::pool::Spawner;

pub(super) struct Shared {
    pub(super) settings: OutpostSettings,
    pub(super) identity: Identity,
    pub(super) events: Arc<dyn Events>,
    pub(super) names: Names,
    pub(super) pace: Pace,
    started: Instant,
    stopped: Arc<AtomicBool>,
    /// The connection that the listener waits on, so that [`Shared::stop`] can interrupt it.
    line: Mutex<Option<TcpStream>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    schedule: Schedule,
    /// UUID of the outpost, once a refresh has found it.
    outpost: Option<String>,
}

impl Shared {
    pub(super) fn new(
        settings: OutpostSettings,
        identity: Identity,
        events: Arc<dyn Events>,
        spawn: Spawner,
        pace: Pace,
    ) -> Self {
        Self {
            settings,
            identity,
            events,
            names: Names::new(spawn),
            pace,
            started: Instant::now(),
            stopped: Arc::default(),
            line: Mutex::default(),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Runs the body of a thread. A panic, e.g. in the shell's event handler, must not leave the
    /// outpost deaf until the next reload: the body restarts after a while.
    pub(super) fn keep_running(&self, body: fn(&Self)) {
        while !self.is_stopped() {
            if catch_unwind(AssertUnwindSafe(|| body(self))).is_err() {
                self.sleep(AFTER_A_PANIC);
            }
        }
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        // Under the lock, so that no thread is between checking and waiting.
        let state = self.lock();
        self.changed.notify_all();
        drop(state);
        if let Some(line) = self.line().as_ref() {
            // Reading only, as the goodbye is still to be written. Fails if authentik is gone,
            // which is fine.
            let _ = line.shutdown(Shutdown::Read);
        }
    }

    /// The flag that ends all reads; clones share it.
    pub(super) fn stopped(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stopped)
    }

    /// Sets what the listener waits on. It must then check whether the agent is stopped.
    pub(super) fn waits_on(&self, line: Option<TcpStream>) {
        *self.line() = line;
    }

    fn line(&self) -> MutexGuard<'_, Option<TcpStream>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Returns early when the agent is stopped.
    pub(super) fn sleep(&self, time: Duration) {
        let until = Instant::now() + time;
        self.wait_until(|_| Some(until));
    }

    /// Waits for the next refresh, which begins now; `false` if the agent is stopped.
    pub(super) fn wait_for_refresh(&self) -> bool {
        let Some(mut state) = self.wait_until(|state| Some(self.started + state.schedule.due()))
        else {
            return false;
        };
        state.schedule.begins(self.now());
        true
    }

    /// The outpost, once it is known; `None` if the agent is stopped.
    pub(super) fn wait_for_outpost(&self) -> Option<String> {
        let known = |state: &State| state.outpost.is_some().then_some(self.started);
        self.wait_until(known)?.outpost.clone()
    }

    pub(super) fn update_pushed(&self) {
        self.lock().schedule.pushed(self.now());
        self.changed.notify_all();
    }

    /// The WebSocket is open. What was pushed earlier is lost (docs/protocol.md §3.4).
    pub(super) fn connected(&self) {
        self.lock().schedule.connected(self.now());
        self.changed.notify_all();
    }

    pub(super) fn ask_for_refresh(&self) {
        self.lock().schedule.ask(self.now());
        self.changed.notify_all();
    }

    /// A refresh succeeded: lets the listener start, and schedules the next one.
    pub(super) fn refreshed(&self, snapshot: Snapshot) {
        let interval = refresh_interval(snapshot.outpost.refresh_interval_s);
        let mut state = self.lock();
        if snapshot.lacks_certificates() {
            state.schedule.succeeded_in_part(self.now(), interval);
        } else {
            state.schedule.succeeded(self.now(), interval);
        }
        state.outpost = Some(snapshot.outpost.pk.clone());
        drop(state);
        self.changed.notify_all();
        self.events.refreshed(snapshot);
    }

    pub(super) fn refresh_failed(&self, error: &RefreshError) {
        self.lock().schedule.failed(self.now(), error.needs_administrator());
        self.events.refresh_failed(error);
    }

    /// Waits until the time returned by `when` (`None`: until a change makes it return one); `None`
    /// if the agent is stopped.
    fn wait_until(
        &self,
        when: impl Fn(&State) -> Option<Instant>,
    ) -> Option<MutexGuard<'_, State>> {
        let mut state = self.lock();
        loop {
            if self.is_stopped() {
                return None;
            }
            state = match when(&state) {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Some(state);
                    }
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// A panic with the mutex held leaves nothing half done: nothing here calls out.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const AFTER_A_PANIC: Duration = Duration::from_secs(5);
