//! The data for the report, gathered from shared memory and this worker's settings.

use serde::Serialize;

use super::count::{Counter, Status};
use crate::outpost::{Directory, Listener, Unusable};
use crate::provider::{Mode, Provider};
use crate::reason::Reason;
use crate::shared_words::{SharedWords, Word};
use crate::store::{Evicted, Fill};
use crate::time::UnixTime;

/// Where a report comes from.
pub struct Source<'s> {
    /// The time.
    pub now: UnixTime,
    /// Version of this module.
    pub module_version: &'s str,
    /// Version of nginx.
    pub nginx_version: &'s str,
    /// What the workers share; `None` when nothing is protected.
    pub words: Option<SharedWords<'s>>,
    /// How full the zone of sessions is.
    pub fill: Option<Fill>,
    /// URL of `authentik_outpost`, if there is one.
    pub outpost: Option<&'s str>,
    /// Its providers, once they are known.
    pub directory: Option<&'s Directory>,
    /// The hand-written providers.
    pub written: Vec<&'s Provider>,
    /// Whether a process exists.
    pub is_alive: fn(u32) -> bool,
}

/// The state of the module. Times are in seconds since 1970, `None` for what never happened.
#[derive(Debug, Serialize)]
pub struct Report {
    /// When it was made.
    pub time: u64,
    /// Version of this module.
    pub module_version: String,
    /// Version of nginx.
    pub nginx_version: String,
    /// The connection to authentik; `None` without `authentik_outpost`.
    pub outpost: Option<OutpostReport>,
    /// Hand-written providers.
    pub providers: Vec<ProviderReport>,
    /// Sessions that authentik ended, whichever way it said so.
    pub sessions_ended: u64,
    /// The zone of sessions.
    pub zone: Option<ZoneReport>,
    /// Decisions by status, all of them, also those at 0.
    #[serde(serialize_with = "super::json::as_map")]
    pub requests: Vec<Tally>,
    /// Requests that were not let through, by reason, all of them.
    #[serde(serialize_with = "super::json::as_map")]
    pub reasons: Vec<Tally>,
    /// How long the event loops were held up.
    pub event_loop: EventLoopReport,
}

/// The connection to authentik and what it brought.
#[derive(Debug, Serialize)]
pub struct OutpostReport {
    /// Where authentik is.
    pub url: String,
    /// As the administrator called the outpost; empty while it is not known.
    pub name: String,
    /// Its UUID; empty while it is not known.
    pub pk: String,
    /// The UUID of this nginx, by which authentik tells it from others of the same outpost.
    pub instance: Option<String>,
    /// Whether the WebSocket is open.
    pub connected: bool,
    /// The worker that has it open.
    pub pid: Option<u32>,
    /// When it was opened or closed last.
    pub since: Option<u64>,
    /// How often it was lost.
    pub disconnects: u64,
    /// When the settings were read last with success.
    pub last_refresh: Option<u64>,
    /// When reading them failed last.
    pub last_failure: Option<u64>,
    /// How often it failed.
    pub refresh_failures: u64,
    /// Sessions that authentik ended.
    pub sessions_ended: u64,
    /// Providers that are served; `None` while nothing is known of them.
    pub providers: Option<Vec<ProviderReport>>,
    /// What is not served as it is written in authentik, and why.
    pub skipped: Vec<Unusable>,
}

/// A provider.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ProviderReport {
    /// Its name.
    pub name: String,
    /// Its mode, as authentik writes it.
    pub mode: &'static str,
    /// Its public URL.
    pub external_host: String,
    /// What to enter in authentik as *Logout URI*, with the method of that name: of hand-written providers
    /// only, since an outpost hears of ends of sessions by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout: Option<String>,
    /// The same for the other method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout: Option<String>,
}

/// The zone of sessions.
#[derive(Debug, Serialize)]
pub struct ZoneReport {
    /// Visitors' sessions.
    pub sessions: u32,
    /// All records: sessions, credentials, and a few documents of authentik.
    pub records: u32,
    /// What they take.
    pub used_bytes: u64,
    /// What they may take.
    pub size_bytes: u64,
    /// The one of the other, rounded down.
    pub fill_percent: u32,
    /// How often workers asked for a session of a visitor.
    pub lookups: u64,
    /// Session cookies that this nginx has not made: nobody was asked for them.
    pub foreign_cookies: u64,
    /// Records in use that had to go for new ones.
    pub evicted: u64,
    /// The same by what they were, all kinds, also those at 0.
    #[serde(serialize_with = "super::json::as_map")]
    pub evicted_by_kind: Vec<Tally>,
}

/// The longest there was since nginx was started, in microseconds. Measured where an outpost is
/// connected.
#[derive(Debug, Serialize)]
pub struct EventLoopReport {
    /// Until an event loop came round.
    pub longest_pause_us: u64,
    /// To exchange the providers.
    pub longest_exchange_us: u64,
}

/// A counter.
#[derive(Debug, PartialEq, Eq)]
pub struct Tally {
    /// What is counted: word of a [`Status`], code of a [`Reason`], kind of a record.
    pub word: &'static str,
    /// How often it was, over all workers, since nginx was started.
    pub count: u64,
}

impl Report {
    /// Looks at everything once.
    #[must_use]
    pub fn gather(source: &Source<'_>) -> Self {
        let total = |counter: Counter| source.words.map_or(0, |words| words.total(counter.slot()));
        let tally = |word, counter| Tally { word, count: total(counter) };
        let of_status = |status: Status| tally(status.word(), Counter::Status(status));
        let of_reason = |reason: Reason| tally(reason.code(), Counter::Reason(reason));
        Self {
            time: source.now.0,
            module_version: source.module_version.to_owned(),
            nginx_version: source.nginx_version.to_owned(),
            outpost: source.outpost.map(|url| source.of_outpost(url)),
            providers: source.written.iter().copied().map(written).collect(),
            sessions_ended: source.fact(Word::EndedByCore),
            zone: source.fill.map(|fill| source.of_zone(&fill)),
            requests: Status::ALL.map(of_status).into(),
            reasons: Reason::ALL.map(of_reason).into(),
            event_loop: EventLoopReport {
                longest_pause_us: source.fact(Word::LongestPause),
                longest_exchange_us: source.fact(Word::LongestExchange),
            },
        }
    }
}

impl Source<'_> {
    fn of_outpost(&self, url: &str) -> OutpostReport {
        let known = self.directory.map(Directory::outpost);
        // A worker that was killed could not say that its connection is gone.
        let pid = Listener::of(self.fact(Word::ConnectedBy)).map(Listener::pid);
        let pid = pid.filter(|pid| (self.is_alive)(*pid));
        OutpostReport {
            url: url.to_owned(),
            name: known.map(|outpost| outpost.name.clone()).unwrap_or_default(),
            pk: known.map(|outpost| outpost.pk.clone()).unwrap_or_default(),
            instance: self.words.and_then(|words| words.known_instance()),
            connected: pid.is_some(),
            pid,
            since: self.time(Word::ConnectedSince),
            disconnects: self.fact(Word::Disconnects),
            last_refresh: self.time(Word::LastRefresh),
            last_failure: self.time(Word::LastFailure),
            refresh_failures: self.fact(Word::RefreshFailures),
            sessions_ended: self.fact(Word::EndedByCore),
            providers: self.directory.map(|d| d.providers().map(|p| provider(p)).collect()),
            skipped: self.directory.map(Directory::skipped).unwrap_or_default(),
        }
    }

    fn of_zone(&self, fill: &Fill) -> ZoneReport {
        let Evicted { sessions, credentials, documents, strangers } = fill.evicted;
        let tally = |word, count| Tally { word, count };
        let total = |counter: Counter| self.words.map_or(0, |words| words.total(counter.slot()));
        ZoneReport {
            sessions: fill.sessions,
            records: fill.records,
            used_bytes: fill.bytes_used(),
            size_bytes: fill.bytes_total(),
            fill_percent: fill.percent(),
            lookups: total(Counter::Lookup),
            foreign_cookies: total(Counter::ForeignCookie),
            evicted: fill.evicted.total(),
            evicted_by_kind: vec![
                tally("sessions", sessions),
                tally("credentials", credentials),
                tally("documents", documents),
                tally("strangers", strangers),
            ],
        }
    }

    fn fact(&self, fact: Word) -> u64 {
        self.words.map_or(0, |words| words.get(fact))
    }

    fn time(&self, fact: Word) -> Option<u64> {
        Some(self.fact(fact)).filter(|time| *time != 0)
    }
}

fn provider(provider: &Provider) -> ProviderReport {
    ProviderReport {
        name: provider.name.clone(),
        mode: match provider.mode {
            Mode::ForwardSingle => "forward_single",
            Mode::ForwardDomain => "forward_domain",
            Mode::Proxy => "proxy",
        },
        external_host: provider.external.url.to_string(),
        backchannel_logout: None,
        frontchannel_logout: None,
    }
}

fn written(written: &Provider) -> ProviderReport {
    let url = |end| Some(written.external.endpoint_url(end));
    ProviderReport {
        backchannel_logout: url("backchannel_logout"),
        frontchannel_logout: url("frontchannel_logout"),
        ..provider(written)
    }
}
