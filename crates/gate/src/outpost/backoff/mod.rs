//! When to ask authentik again: reconnecting, refreshing, retrying.
//!
//! Times are durations since a start chosen by the caller, on a monotonic clock.

use std::time::Duration;

/// Delays between attempts to open the WebSocket (docs/protocol.md §3.4).
#[derive(Clone, Debug, Default)]
pub struct Reconnect {
    failures: u32,
}

impl Reconnect {
    /// Number of the next attempt; 0 at first and after a long-lived connection.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.failures
    }

    /// How long to wait after a connection that lived this long (0 if there was none): 1, 2, 4 …
    /// 256, 300 s, less up to a quarter, depending on `jitter` (0 = nothing).
    ///
    /// Only a connection that lived a minute resets the delay: a server that accepts and drops at
    /// once must not be hammered.
    pub fn ended(&mut self, lived: Duration, jitter: u8) -> Duration {
        if lived >= LONG_LIFE {
            self.failures = 0;
        }
        let delay = Duration::from_secs(1 << self.failures.min(9)).min(LONGEST_DELAY);
        self.failures = self.failures.saturating_add(1);
        delay - delay / 4 * u32::from(jitter) / 255
    }
}

/// How long after a refresh the next one is due, as the outpost says (docs/protocol.md §2.4).
#[must_use]
pub fn refresh_interval(seconds: u64) -> Duration {
    Duration::from_secs(match seconds {
        0 => 300,
        1..30 => 30,
        seconds => seconds.min(86_400),
    })
}

/// Delays between walks through the sessions that left some of them unanswered: 5, 10, 20 … 300 s.
#[derive(Clone, Debug, Default)]
pub struct WalkAgain {
    walks: u32,
}

impl WalkAgain {
    /// How long to wait after this walk.
    pub fn after_walk(&mut self) -> Duration {
        let delay = FIRST_WALK.saturating_mul(1 << self.walks.min(9)).min(LONGEST_DELAY);
        self.walks = self.walks.saturating_add(1);
        delay
    }
}

/// When to refresh next.
///
/// Updates come in pairs, up to five seconds late, and sometimes before authentik has stored what
/// they announce; when authentik starts, it sends one per provider, over half a minute
/// (docs/protocol.md §3.3). So a refresh soon follows the first update, is repeated at intervals
/// while they keep coming, and runs once more after the last.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    /// By interval, or after a failure; initially at once.
    by_time: Duration,
    /// Time of the first request for a refresh since the last one.
    asked: Option<Duration>,
    /// Time of the last update, until a refresh has followed once it settled.
    settling: Option<Duration>,
    /// When the last refresh began and ended.
    began: Duration,
    ended: Option<Duration>,
    failures: u32,
    denied: bool,
    /// authentik accepted or sent us something, and no refresh has followed yet.
    heard: bool,
    /// Number of incomplete successes in a row.
    incomplete: u32,
}

impl Schedule {
    /// An update was pushed.
    pub fn pushed(&mut self, now: Duration) {
        self.connected(now);
        self.settling = Some(now);
    }

    /// The WebSocket is open: updates may have been missed, and the token is good.
    pub fn connected(&mut self, now: Duration) {
        self.ask(now);
        self.heard = true;
    }

    /// Something else calls for a refresh: updates may have been missed.
    pub fn ask(&mut self, now: Duration) {
        self.asked.get_or_insert(now);
    }

    /// When the next refresh is due; if in the past, now.
    #[must_use]
    pub fn due(&self) -> Duration {
        // Only an administrator can help, and will then reload nginx: no hurry. Unless authentik
        // itself contacts us: then the failure was temporary.
        if self.denied && !self.heard {
            return self.by_time;
        }
        let called =
            [self.asked.map(|asked| asked + COLLECT), self.settling.map(|pushed| pushed + SETTLED)];
        let called = called.into_iter().flatten().min().map(|at| at.max(self.rested()));
        called.map_or(self.by_time, |at| at.min(self.by_time))
    }

    /// A refresh begins.
    pub fn begins(&mut self, now: Duration) {
        self.began = now;
        self.asked = None;
        self.settling = self.settling.filter(|&pushed| pushed + SETTLED > now);
        self.heard = self.settling.is_some();
    }

    /// The refresh was complete; the next is due after `interval`.
    pub fn succeeded(&mut self, now: Duration, interval: Duration) {
        self.failures = 0;
        self.denied = false;
        self.incomplete = 0;
        self.ended = Some(now);
        self.by_time = now + interval;
    }

    /// The refresh was usable but incomplete: authentik withheld something. The next is due after
    /// 3, 6, 12 … s, at most `interval`.
    pub fn succeeded_in_part(&mut self, now: Duration, interval: Duration) {
        let so_far = self.incomplete;
        self.succeeded(now, doubled(so_far).min(interval));
        self.incomplete = so_far.saturating_add(1);
    }

    /// The refresh failed. Returns the delay until the next: 3, 6, 12, 24, 30 s, or up to 300 s if
    /// only an administrator can help.
    pub fn failed(&mut self, now: Duration, needs_administrator: bool) -> Duration {
        let longest = if needs_administrator { LONGEST_DELAY } else { LONGEST_RETRY };
        let delay = doubled(self.failures).min(longest);
        self.failures = self.failures.saturating_add(1);
        self.denied = needs_administrator;
        self.ended = Some(now);
        self.by_time = now + delay;
        delay
    }

    /// When authentik has rested from the last refresh: for as long as that took.
    fn rested(&self) -> Duration {
        let shortest = if self.denied { FIRST_RETRY } else { SHORTEST_REST };
        self.ended.map_or(Duration::ZERO, |ended| {
            ended + ended.saturating_sub(self.began).clamp(shortest, LONGEST_RETRY)
        })
    }
}

fn doubled(times: u32) -> Duration {
    FIRST_RETRY.saturating_mul(1 << times.min(9))
}

/// A connection that lived this long counts as good.
const LONG_LIFE: Duration = Duration::from_secs(60);

const FIRST_WALK: Duration = Duration::from_secs(5);

const LONGEST_DELAY: Duration = Duration::from_secs(300);

/// Between an update and the refresh that covers it and its twin.
const COLLECT: Duration = Duration::from_millis(200);

/// Between the last update and the refresh that is sure to see what it announced.
const SETTLED: Duration = Duration::from_millis(1500);

/// Minimum time between two refreshes caused by updates.
const SHORTEST_REST: Duration = Duration::from_secs(1);

const FIRST_RETRY: Duration = Duration::from_secs(3);

const LONGEST_RETRY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
