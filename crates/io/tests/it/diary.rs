//! An outpost's agent under test, and the diary of what it told.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use authentik_gate::outpost::{OutpostSettings, RefreshError, Snapshot};
use authentik_gate::provider::Trust;
use authentik_gate::secret::Secret;
use authentik_io::outpost::{Agent, Events, Identity, Pace};
use authentik_io::pool::spawn_plainly;
use authentik_standin::{OUTPOST_TOKEN, Standin};

pub(crate) const INSTANCE: &str = "cdd64127-9aea-424a-b229-8530dae45ceb";

#[derive(Clone, Debug)]
pub(crate) enum Event {
    Refreshed(Box<Snapshot>),
    Failed(RefreshError),
    Connected(u32),
    Disconnected(String, Duration),
    Ended(String),
    NotUnderstood(usize),
}

/// What the agent told, in order.
#[derive(Default)]
pub(crate) struct Diary {
    events: Mutex<Vec<Event>>,
    written: Condvar,
}

impl Diary {
    /// The first that `wanted` makes something of, from the `from`th on, within ten seconds.
    pub(crate) fn find<T>(&self, from: usize, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let until = Instant::now() + Duration::from_secs(10);
        let mut events = self.events.lock().unwrap();
        loop {
            if let Some(found) = events.iter().skip(from).find_map(&wanted) {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain: {events:#?}");
            events = self.written.wait_timeout(events, left).unwrap().0;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.events.lock().unwrap().len()
    }

    pub(crate) fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.events.lock().unwrap().iter().filter(|event| wanted(event)).count()
    }

    pub(crate) fn snapshot(&self, from: usize) -> Snapshot {
        self.snapshot_where(from, |_| true)
    }

    pub(crate) fn snapshot_where(
        &self,
        from: usize,
        wanted: impl Fn(&Snapshot) -> bool,
    ) -> Snapshot {
        self.find(from, |event| {
            let Event::Refreshed(snapshot) = event else { return None };
            wanted(snapshot).then(|| (**snapshot).clone())
        })
    }

    pub(crate) fn failure(&self, from: usize) -> RefreshError {
        self.find(
            from,
            |event| if let Event::Failed(error) = event { Some(error.clone()) } else { None },
        )
    }

    pub(crate) fn connected(&self, from: usize) -> u32 {
        self.find(
            from,
            |event| if let Event::Connected(attempt) = event { Some(*attempt) } else { None },
        )
    }

    pub(crate) fn session_end(&self, from: usize) -> String {
        self.find(from, |event| {
            if let Event::Ended(session_id) = event { Some(session_id.clone()) } else { None }
        })
    }

    pub(crate) fn disconnected(&self, from: usize) -> (String, Duration) {
        self.find(from, |event| {
            let Event::Disconnected(why, again_in) = event else { return None };
            Some((why.clone(), *again_in))
        })
    }

    fn write(&self, event: Event) {
        assert!(!format!("{event:?}").contains(OUTPOST_TOKEN));
        self.events.lock().unwrap().push(event);
        self.written.notify_all();
    }
}

impl Events for Diary {
    fn refreshed(&self, snapshot: Snapshot) {
        self.write(Event::Refreshed(Box::new(snapshot)));
    }

    fn refresh_failed(&self, error: &RefreshError) {
        assert!(!error.to_string().contains(OUTPOST_TOKEN), "{error}");
        self.write(Event::Failed(error.clone()));
    }

    fn connected(&self, attempt: u32) {
        self.write(Event::Connected(attempt));
    }

    fn disconnected(&self, why: &str, again_in: Duration) {
        self.write(Event::Disconnected(why.to_owned(), again_in));
    }

    fn session_ended(&self, session_id: &str) {
        self.write(Event::Ended(session_id.to_owned()));
    }

    fn not_understood(&self, bytes: usize) {
        self.write(Event::NotUnderstood(bytes));
    }
}

pub(crate) fn settings(url: &str, trust: Trust) -> OutpostSettings {
    OutpostSettings::new(url, None, Secret::new(OUTPOST_TOKEN), trust).unwrap()
}

pub(crate) fn identity() -> Identity {
    Identity { instance: INSTANCE.to_owned(), hostname: "edge-1".to_owned() }
}

pub(crate) fn start_at(url: &str, trust: Trust, pace: Pace) -> (Agent, Arc<Diary>) {
    let diary = Arc::new(Diary::default());
    let settings = settings(url, trust);
    let events = Arc::clone(&diary);
    let agent = Agent::start_at_pace(settings, identity(), events, spawn_plainly, pace);
    (agent.unwrap(), diary)
}

pub(crate) fn start(standin: &Standin) -> (Agent, Arc<Diary>) {
    start_at(&standin.base_url(), Trust::System, Pace::default())
}

/// Waits until the refresh that follows a connection is done: nothing more happens by itself.
pub(crate) fn settled(diary: &Diary) {
    diary.connected(0);
    let refreshes = |event: &Event| matches!(event, Event::Refreshed(_));
    let until = Instant::now() + Duration::from_secs(10);
    while diary.count(refreshes) < 2 {
        assert!(Instant::now() < until, "no refresh followed the connection");
        std::thread::sleep(Duration::from_millis(10));
    }
}
