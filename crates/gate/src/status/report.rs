//! The data for the report, gathered from shared memory and this worker's settings.

use std::collections::HashMap;

use serde::Serialize;

use super::count::{Counter, Status};
use super::coverage::Coverage;
use super::duration::{Duration, Histogram};
use super::store::StoreReport;
use crate::outpost::{Directory, Listener, Unusable};
use crate::provider::{Mode, Provider, ProviderKey};
use crate::reason::Reason;
use crate::shared_words::{SharedWords, Word};
use crate::store::{Evicted, Fill};
use crate::time::UnixTime;

/// The sources of a report.
pub struct Source<'s> {
    /// The current time.
    pub now: UnixTime,
    /// Version of this module.
    pub module_version: &'s str,
    /// Version of nginx.
    pub nginx_version: &'s str,
    /// What the workers share; `None` if nothing is protected.
    pub words: Option<SharedWords<'s>>,
    /// Fill level of the session zone.
    pub fill: Option<Fill>,
    /// The kind of store that keeps sessions beyond the zone, if there is one.
    pub store: Option<&'static str>,
    /// Seconds since boot.
    pub uptime: u64,
    /// URL of `authentik_outpost`, if there is one.
    pub outpost: Option<&'s str>,
    /// Its providers, once they are known.
    pub directory: Option<&'s Directory>,
    /// The providers defined in nginx.
    pub written: Vec<&'s Provider>,
    /// The number of sessions of each provider that has some.
    pub sessions: &'s HashMap<ProviderKey, u32>,
    /// What is protected, for those who may see it.
    pub coverage: Option<&'s Coverage>,
    /// Whether a process exists.
    pub is_alive: fn(u32) -> bool,
}

/// The state of the module. Times are in seconds since 1970, `None` if it never happened.
#[derive(Debug, Serialize)]
pub struct Report {
    /// When the report was created.
    pub time: u64,
    /// Version of this module.
    pub module_version: String,
    /// Version of nginx.
    pub nginx_version: String,
    /// The connection to authentik; `None` without `authentik_outpost`.
    pub outpost: Option<OutpostReport>,
    /// The providers defined in nginx.
    pub providers: Vec<ProviderReport>,
    /// Sessions that authentik ended, by any method.
    pub sessions_ended: u64,
    /// Sessions that ended because they were not used.
    pub sessions_ended_idle: u64,
    /// Renewals of sessions, by outcome.
    #[serde(serialize_with = "super::json::as_map")]
    pub renewals: Vec<Tally>,
    /// Duration of sign-ins that succeeded, from the return from authentik to the session.
    pub sign_in_duration: Histogram,
    /// Authentik's share of it, also for those that failed.
    pub sign_in_authentik: Histogram,
    /// The session zone.
    pub zone: Option<ZoneReport>,
    /// The store of sessions; `None` if they are only in memory.
    pub store: Option<StoreReport>,
    /// Decisions by status, including those at 0.
    #[serde(serialize_with = "super::json::as_map")]
    pub requests: Vec<Tally>,
    /// Requests that were not let through, by reason, including those at 0.
    #[serde(serialize_with = "super::json::as_map")]
    pub reasons: Vec<Tally>,
    /// How long event loops were blocked.
    pub event_loop: EventLoopReport,
    /// What is protected, by what. `None` if anybody can see this report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
}

/// The connection to authentik and its state.
#[derive(Debug, Serialize)]
pub struct OutpostReport {
    /// URL of authentik.
    pub url: String,
    /// Name of the outpost as set by the administrator; empty if not known yet.
    pub name: String,
    /// Its UUID; empty if not known yet.
    pub pk: String,
    /// UUID of this nginx, which distinguishes it in authentik from others of the same outpost.
    pub instance: Option<String>,
    /// Whether the WebSocket is open.
    pub connected: bool,
    /// The worker that has it open.
    pub pid: Option<u32>,
    /// When it was last opened or closed.
    pub since: Option<u64>,
    /// How many times it was lost.
    pub disconnects: u64,
    /// Last successful refresh of the settings.
    pub last_refresh: Option<u64>,
    /// Last failed refresh.
    pub last_failure: Option<u64>,
    /// Number of failed refreshes.
    pub refresh_failures: u64,
    /// Sessions that authentik ended.
    pub sessions_ended: u64,
    /// Providers being served; `None` if not known yet.
    pub providers: Option<Vec<ProviderReport>>,
    /// What is not served as configured in authentik, and why.
    pub skipped: Vec<Unusable>,
}

/// A provider.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ProviderReport {
    /// Its name.
    pub name: String,
    /// Its mode, in authentik's terms.
    pub mode: &'static str,
    /// Its public URL.
    pub external_host: String,
    /// Sessions in the zone.
    pub sessions: u32,
    /// Its decisions by status, including those at 0. `None` if there were none yet, or if too many
    /// providers were used before it ([`crate::shared_words::SEATS`]).
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "super::json::as_map_if_any"
    )]
    pub requests: Option<Vec<Tally>>,
    /// Value for *Logout URI* in authentik, with the method of that name. Only for providers
    /// defined in nginx, since an outpost learns of ended sessions by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout: Option<String>,
    /// The same for the other method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout: Option<String>,
}

/// The session zone.
#[derive(Debug, Serialize)]
pub struct ZoneReport {
    /// Sessions of visitors.
    pub sessions: u32,
    /// All records: sessions, credentials, and a few documents from authentik.
    pub records: u32,
    /// Bytes in use.
    pub used_bytes: u64,
    /// Bytes available in total.
    pub size_bytes: u64,
    /// The ratio of the two, rounded down.
    pub fill_percent: u32,
    /// Session lookups by workers.
    pub lookups: u64,
    /// Session cookies not created by this nginx, which were not looked up.
    pub foreign_cookies: u64,
    /// Records in use that were evicted for new ones.
    pub evicted: u64,
    /// The same by kind of record, including those at 0.
    #[serde(serialize_with = "super::json::as_map")]
    pub evicted_by_kind: Vec<Tally>,
}

/// Maximum values since nginx was started, in microseconds. Measured only with an outpost
/// connected.
#[derive(Debug, Serialize)]
pub struct EventLoopReport {
    /// One turn of an event loop.
    pub longest_pause_us: u64,
    /// Replacing the providers.
    pub longest_exchange_us: u64,
}

/// A counter.
#[derive(Debug, PartialEq, Eq)]
pub struct Tally {
    /// What is counted: word of a [`Status`], code of a [`Reason`], kind of a record.
    pub word: &'static str,
    /// Its value over all workers, since nginx was started.
    pub count: u64,
}

impl Report {
    /// Collects all data, once.
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
            providers: source.written.iter().map(|provider| source.of_written(provider)).collect(),
            sessions_ended: source.fact(Word::EndedByCore),
            sessions_ended_idle: source.fact(Word::EndedIdle),
            renewals: source.renewals(),
            sign_in_duration: Histogram::of(Duration::SignIn, source.words),
            sign_in_authentik: Histogram::of(Duration::Exchange, source.words),
            zone: source.fill.map(|fill| source.of_zone(&fill)),
            store: source.store.map(|kind| source.of_store(kind)),
            requests: Status::ALL.map(of_status).into(),
            reasons: Reason::ALL.map(of_reason).into(),
            event_loop: EventLoopReport {
                longest_pause_us: source.fact(Word::LongestPause),
                longest_exchange_us: source.fact(Word::LongestExchange),
            },
            coverage: source.coverage.cloned(),
        }
    }
}

impl Source<'_> {
    fn of_outpost(&self, url: &str) -> OutpostReport {
        let known = self.directory.map(Directory::outpost);
        // A killed worker could not record that its connection is gone.
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
            providers: self.directory.map(|d| d.providers().map(|p| self.of_provider(p)).collect()),
            skipped: self.directory.map(Directory::skipped).unwrap_or_default(),
        }
    }

    fn total(&self, counter: Counter) -> u64 {
        self.words.map_or(0, |words| words.total(counter.slot()))
    }

    fn renewals(&self) -> Vec<Tally> {
        let of = |word, counter| Tally { word, count: self.total(counter) };
        vec![
            of("renewed", Counter::Renewal),
            of("refused", Counter::RefusedRenewal),
            of("failed", Counter::FailedRenewal),
        ]
    }

    fn of_zone(&self, fill: &Fill) -> ZoneReport {
        let Evicted { sessions, credentials, documents, strangers } = fill.evicted;
        let tally = |word, count| Tally { word, count };
        ZoneReport {
            sessions: fill.sessions,
            records: fill.records,
            used_bytes: fill.bytes_used(),
            size_bytes: fill.bytes_total(),
            fill_percent: fill.percent(),
            lookups: self.total(Counter::Lookup),
            foreign_cookies: self.total(Counter::ForeignCookie),
            evicted: fill.evicted.total(),
            evicted_by_kind: vec![
                tally("sessions", sessions),
                tally("credentials", credentials),
                tally("documents", documents),
                tally("strangers", strangers),
            ],
        }
    }

    pub(super) fn fact(&self, fact: Word) -> u64 {
        self.words.map_or(0, |words| words.get(fact))
    }

    pub(super) fn time(&self, fact: Word) -> Option<u64> {
        Some(self.fact(fact)).filter(|time| *time != 0)
    }
}

impl Source<'_> {
    fn of_provider(&self, provider: &Provider) -> ProviderReport {
        ProviderReport {
            name: provider.name.clone(),
            mode: match provider.mode {
                Mode::ForwardSingle => "forward_single",
                Mode::ForwardDomain => "forward_domain",
                Mode::Proxy => "proxy",
            },
            external_host: provider.external.url.to_string(),
            sessions: self.sessions.get(&provider.key).copied().unwrap_or(0),
            requests: self.requests_of(provider),
            backchannel_logout: None,
            frontchannel_logout: None,
        }
    }

    fn requests_of(&self, provider: &Provider) -> Option<Vec<Tally>> {
        let words = self.words?;
        let seat = words.seat(provider.key)?;
        let of = |status: Status| {
            let count = words.seat_total(seat, Counter::Status(status).slot());
            Tally { word: status.word(), count }
        };
        Some(Status::ALL.map(of).into())
    }

    fn of_written(&self, written: &Provider) -> ProviderReport {
        let url = |end| Some(written.external.endpoint_url(end));
        ProviderReport {
            backchannel_logout: url("backchannel_logout"),
            frontchannel_logout: url("frontchannel_logout"),
            ..self.of_provider(written)
        }
    }
}
