//! The report for Prometheus: text exposition format 0.0.4.
//!
//! The first three metrics have upstream's names and labels (docs/protocol.md §11), so its
//! dashboards show this outpost too. Clients cannot choose labels, so their number is bounded.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use super::duration::Histogram;
use super::report::{OutpostReport, Report, Tally, ZoneReport};
use super::store::StoreReport;

/// Header fields of the answer.
pub(super) const HEADERS: [(&str, &str); 3] = [
    ("Content-Type", "text/plain; version=0.0.4; charset=utf-8"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
];

pub(super) fn render(report: &Report) -> String {
    let mut metrics = Metrics(String::new());
    if let Some(outpost) = &report.outpost {
        upstream(&mut metrics, report, outpost);
        connection(&mut metrics, outpost);
    }
    let versions = [
        ("version", report.module_version.as_str()),
        ("nginx_version", report.nginx_version.as_str()),
    ];
    metrics.gauge("authentik_module_info", "Versions of module and nginx.", &versions, 1);
    let written = report.providers.len();
    metrics.gauge("authentik_written_providers", "Providers defined in nginx.conf.", &[], written);
    of_providers(&mut metrics, report);
    let help = "Requests by how they were decided, $authentik_status.";
    metrics.tallies("authentik_requests_total", help, "status", &report.requests);
    let help = "Refused requests and failed sign-ins, by $authentik_reason.";
    metrics.tallies("authentik_reasons_total", help, "reason", &report.reasons);
    let help = "Sessions that authentik ended.";
    metrics.counter("authentik_sessions_ended_total", help, report.sessions_ended);
    let help = "Sessions that ended because they were not used.";
    metrics.counter("authentik_sessions_ended_idle_total", help, report.sessions_ended_idle);
    let help = "Renewals of sessions, by outcome.";
    metrics.tallies("authentik_renewals_total", help, "outcome", &report.renewals);
    let help = "Sign-ins, from the return from authentik to the session.";
    metrics.histogram("authentik_sign_in_duration_seconds", help, &report.sign_in_duration);
    let help = "Authentik's share of it: the exchange of the code.";
    metrics.histogram("authentik_sign_in_authentik_seconds", help, &report.sign_in_authentik);
    if let Some(zone) = &report.zone {
        of_zone(&mut metrics, zone);
    }
    if let Some(store) = &report.store {
        of_store(&mut metrics, store);
    }
    let longest = &report.event_loop;
    let help = "Longest time until an event loop responded, since nginx was started.";
    let pause = seconds(longest.longest_pause_us);
    metrics.gauge("authentik_event_loop_longest_pause_seconds", help, &[], pause);
    let help = "Longest time an event loop took to exchange the providers.";
    let exchange = seconds(longest.longest_exchange_us);
    metrics.gauge("authentik_event_loop_longest_exchange_seconds", help, &[], exchange);
    metrics.0
}

/// Converts microseconds to Prometheus's unit.
fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// A bound as clients of Prometheus write it: `0.005`, `2.5`.
fn bound(millis: u64) -> String {
    let text = format!("{}.{:03}", millis / 1000, millis % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn upstream(metrics: &mut Metrics, report: &Report, outpost: &OutpostReport) {
    let labels = [
        ("outpost_name", outpost.name.as_str()),
        ("outpost_type", "proxy"),
        ("uuid", outpost.instance.as_deref().unwrap_or_default()),
        ("version", report.module_version.as_str()),
        ("build", ""),
    ];
    metrics.gauge("authentik_outpost_info", "The outpost.", &labels, 1);
    let help = "Whether the WebSocket to authentik is open.";
    metrics.gauge("authentik_outpost_connection", help, &labels, u8::from(outpost.connected));
    let help = "When the settings were last read successfully, in seconds since 1970.";
    let last = outpost.last_refresh.unwrap_or(0);
    metrics.gauge("authentik_outpost_last_update", help, &labels, last);
}

/// Several providers of an outpost may have one name; they are added up.
fn of_providers(metrics: &mut Metrics, report: &Report) {
    let of_outpost = report.outpost.as_ref().and_then(|outpost| outpost.providers.as_deref());
    let of_outpost = of_outpost.unwrap_or_default().iter().map(|provider| ("outpost", provider));
    let written = report.providers.iter().map(|provider| ("nginx.conf", provider));
    let mut sessions: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let mut requests: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for (source, provider) in written.chain(of_outpost) {
        let name = provider.name.as_str();
        *sessions.entry((source, name)).or_default() += provider.sessions;
        for Tally { word, count } in provider.requests.iter().flatten() {
            let sum = requests.entry((source, name, word)).or_default();
            *sum = sum.wrapping_add(*count);
        }
    }
    let help = "Sessions of each provider, without expired ones.";
    metrics.head("authentik_provider_sessions", help, "gauge");
    for ((source, name), count) in sessions {
        let pair = [("provider", name), ("source", source)];
        metrics.sample("authentik_provider_sessions", &pair, count);
    }
    let help = "Requests of each of the first 64 providers that were used, by $authentik_status.";
    metrics.head("authentik_provider_requests_total", help, "counter");
    for ((source, name, status), count) in requests {
        let triple = [("provider", name), ("source", source), ("status", status)];
        metrics.sample("authentik_provider_requests_total", &triple, count);
    }
}

fn connection(metrics: &mut Metrics, outpost: &OutpostReport) {
    let help = "When the WebSocket was last opened or closed, in seconds since 1970.";
    let since = outpost.since.unwrap_or(0);
    metrics.gauge("authentik_outpost_connection_since_seconds", help, &[], since);
    let help = "How often the WebSocket was lost.";
    metrics.counter("authentik_outpost_disconnects_total", help, outpost.disconnects);
    let help = "When reading the settings last failed, in seconds since 1970, 0 for never.";
    let last = outpost.last_failure.unwrap_or(0);
    metrics.gauge("authentik_outpost_last_failure_seconds", help, &[], last);
    let help = "How often reading the settings failed.";
    metrics.counter("authentik_outpost_refresh_failures_total", help, outpost.refresh_failures);
    let help = "Providers of the outpost that are served.";
    let count = outpost.providers.as_ref().map_or(0, Vec::len);
    metrics.gauge("authentik_outpost_providers", help, &[], count);
    let help = "Providers, or parts of them, that are not served as configured in authentik.";
    metrics.gauge("authentik_outpost_skipped", help, &[], outpost.skipped.len());
}

fn of_zone(metrics: &mut Metrics, zone: &ZoneReport) {
    let help = "Sessions, expired ones until they are swept.";
    metrics.gauge("authentik_zone_sessions", help, &[], zone.sessions);
    let help = "All records in the shared zone: sessions, credentials, documents of authentik.";
    metrics.gauge("authentik_zone_records", help, &[], zone.records);
    metrics.gauge("authentik_zone_used_bytes", "What they take.", &[], zone.used_bytes);
    metrics.gauge("authentik_zone_size_bytes", "What they may take.", &[], zone.size_bytes);
    let help = "How often workers asked for a session of a visitor.";
    metrics.counter("authentik_zone_lookups_total", help, zone.lookups);
    let help = "Session cookies that this nginx did not make, refused without a lookup.";
    metrics.counter("authentik_zone_foreign_cookies_total", help, zone.foreign_cookies);
    let help = "Live records evicted to make room, by kind.";
    metrics.tallies("authentik_zone_evicted_total", help, "kind", &zone.evicted_by_kind);
}

fn of_store(metrics: &mut Metrics, store: &StoreReport) {
    let kind = [("kind", store.kind)];
    let help = "Whether the store of sessions can be read.";
    metrics.gauge("authentik_store_readable", help, &kind, u8::from(store.unread_since.is_none()));
    let help = "Whether the store of sessions can be written.";
    let writable = u8::from(store.unwritten_since.is_none());
    metrics.gauge("authentik_store_writable", help, &kind, writable);
    let help = "Sessions in the store when they were last counted.";
    if let (Some(sessions), Some(bytes)) = (store.sessions, store.bytes) {
        metrics.gauge("authentik_store_sessions", help, &[], sessions);
        metrics.gauge("authentik_store_size_bytes", "Its size at that time.", &[], bytes);
    }
    let help = "Questions for sessions that the zone did not have.";
    metrics.counter("authentik_store_questions_total", help, store.questions);
    let help = "Accesses to the store of sessions, without the time in the queue.";
    metrics.histogram("authentik_store_duration_seconds", help, &store.duration);
    let help = "Whether the store may forget ends of sessions when its memory is full.";
    metrics.gauge("authentik_store_evicts", help, &kind, u8::from(store.evicts));
    let help = "Sessions that wait to be written to the store.";
    metrics.gauge("authentik_store_backlog", help, &[], store.backlog);
    let help = "Sessions never written to the store, because too many waited.";
    metrics.counter("authentik_store_dropped_total", help, store.dropped);
    if let Some(behind) = store.behind_seconds {
        let help = "How long ago ends of sessions in the store were last noticed.";
        metrics.gauge("authentik_store_behind_seconds", help, &[], behind);
    }
}

struct Metrics(String);

impl Metrics {
    fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: impl Display) {
        self.head(name, help, "gauge");
        self.sample(name, labels, value);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "counter");
        self.sample(name, &[], value);
    }

    fn tallies(&mut self, name: &str, help: &str, label: &str, tallies: &[Tally]) {
        self.head(name, help, "counter");
        for Tally { word, count } in tallies {
            self.sample(name, &[(label, word)], count);
        }
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, help, "histogram");
        let bucket = format!("{name}_bucket");
        for one in &histogram.buckets {
            self.sample(&bucket, &[("le", &bound(one.le_ms))], one.count);
        }
        self.sample(&bucket, &[("le", "+Inf")], histogram.count);
        self.sample(&format!("{name}_sum"), &[], seconds(histogram.sum_us));
        self.sample(&format!("{name}_count"), &[], histogram.count);
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        match labels.as_slice() {
            [] => self.write(format_args!("{name} {value}\n")),
            labels => self.write(format_args!("{name}{{{}}} {value}\n", labels.join(","))),
        }
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.0.write_fmt(text);
    }
}

/// The value of a label: three characters need escaping.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
