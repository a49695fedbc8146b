//! The report as an HTML page. Like [`crate::page`], it has no scripts and loads nothing.

mod parts;

use self::parts::{Row, code, explained, plain, section, table, tile, when};
use super::count::Status;
use super::duration::Histogram;
use super::moment::age;
use super::report::{OutpostReport, ProviderReport, Report, Tally, ZoneReport};
use crate::page::{escaped, headers};
use crate::reason::Reason;

/// Header fields of the page.
pub(super) const HEADERS: [(&str, &str); 7] = headers(CONTENT_SECURITY_POLICY);

/// Those of a page with [`FORM`], which posts to the page itself and reveals its origin.
pub(super) const HEADERS_WITH_FORM: [(&str, &str); 7] = {
    let mut headers = headers(CONTENT_SECURITY_POLICY_WITH_FORM);
    headers[4] = ("Referrer-Policy", "same-origin");
    headers
};

/// Ends sessions; [`super::ending`] handles it.
pub(super) const FORM: &str = "<section>\n<h2>End sessions</h2>\n<form method=\"post\">\n\
    <select name=\"by\" aria-label=\"By\">\n\
    <option value=\"username\">User name</option>\n\
    <option value=\"sub\">Subject (X-authentik-uid)</option>\n\
    <option value=\"sid\">Session at authentik (sid)</option>\n</select>\n\
    <input name=\"value\" aria-label=\"Of\" required autocomplete=\"off\">\n\
    <button>End these sessions</button>\n</form>\n</section>\n";

/// The hash is that of [`STYLE`].
pub(super) const CONTENT_SECURITY_POLICY_WITH_FORM: &str = "default-src 'none'; \
    style-src 'sha256-44G0s4Q/S3Vd4sumLPb++MPy7qeuc4lpPrqv1jRT+6o='; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The hash is that of [`STYLE`].
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    style-src 'sha256-44G0s4Q/S3Vd4sumLPb++MPy7qeuc4lpPrqv1jRT+6o='; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Everything between `<style>` and `</style>`.
pub(super) const STYLE: &str = include_str!("../style.css");

/// `form` is [`FORM`] if sessions can be ended.
pub(super) fn render(report: &Report, form: &str) -> String {
    let (class, state) = state(report.outpost.as_ref());
    let time = crate::time::utc(report.time);
    let name = report.outpost.as_ref().map(|outpost| outpost.name.as_str()).unwrap_or_default();
    let title = if name.is_empty() { "authentik in nginx" } else { name };
    let title = escaped(title);
    let body = [tiles(report), problems(report), figures(report), providers(report)].concat();
    let details = [coverage(report), details(report)].concat();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}: status</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<h1>{title}</h1>\n<p class=\"state {class}\">{state}</p>\n<p>{time}</p>\n</header>\n\
         {body}{form}{details}</main>\n</body>\n</html>\n"
    )
}

/// Class of the dot before the sentence, and the sentence.
fn state(outpost: Option<&OutpostReport>) -> (&'static str, &'static str) {
    match outpost {
        None => ("", "Using the providers in nginx.conf"),
        Some(OutpostReport { providers: None, .. }) => {
            ("bad", "authentik has not been reached yet: no providers are known")
        }
        Some(OutpostReport { connected: false, .. }) => {
            ("bad", "Not connected to authentik: the last settings are in use")
        }
        Some(_) => ("good", "Connected to authentik"),
    }
}

fn tiles(report: &Report) -> String {
    let mut tiles = Vec::new();
    if let Some(outpost) = &report.outpost {
        let since = outpost.since.map(|since| format!("for {}", age(report.time, since)));
        let since = since.unwrap_or_else(|| "not yet opened".to_owned());
        let word = if outpost.connected { "Open" } else { "Closed" };
        tiles.push(tile("Connection", word, &since));
        let loaded = outpost.providers.as_ref().map_or(0, Vec::len).to_string();
        let remarks = match outpost.skipped.len() {
            0 => "all as configured in authentik".to_owned(),
            1 => "1 remark".to_owned(),
            count => format!("{count} remarks"),
        };
        tiles.push(tile("Providers served", &loaded, &remarks));
    }
    let of = |status: Status| {
        let found = report.requests.iter().find(|tally| tally.word == status.word());
        found.map_or(0, |tally| tally.count).to_string()
    };
    tiles.push(tile("Admitted", &of(Status::Known), "requests with a session"));
    tiles.push(tile("Signed in", &of(Status::SignedIn), "completed sign-ins"));
    tiles.push(tile("Failed", &of(Status::Failed), "unsuccessful sign-ins"));
    if let Some(zone) = &report.zone {
        tiles.push(zone_tile(zone));
    }
    format!("<ul class=\"tiles\">\n{}</ul>\n", tiles.concat())
}

fn zone_tile(zone: &ZoneReport) -> String {
    let ZoneReport { fill_percent: percent, sessions, .. } = zone;
    let meter = format!(
        "<meter min=\"0\" max=\"100\" low=\"70\" high=\"80\" optimum=\"0\" value=\"{percent}\">\
         {percent} %</meter>"
    );
    format!(
        "<li><span>Sessions</span><b>{sessions}</b>{meter}<small>the zone is {percent} % full</small></li>\n"
    )
}

/// Problems for an administrator come first.
fn problems(report: &Report) -> String {
    let Some(outpost) = report.outpost.as_ref().filter(|outpost| !outpost.skipped.is_empty())
    else {
        return String::new();
    };
    let rows = outpost.skipped.iter();
    let rows = rows.map(|skipped| Row(vec![plain(&skipped.name), plain(&skipped.why)]));
    section("Not served as configured in authentik", &table(&["Provider", "Why"], rows))
}

fn figures(report: &Report) -> String {
    let requests = report.requests.iter().map(|tally| {
        let status = Status::ALL.into_iter().find(|status| status.word() == tally.word);
        let meaning = status.map(Status::meaning).unwrap_or_default();
        Row(vec![explained(tally.word, meaning), number(tally)])
    });
    let requests = section("Requests", &table(&["Decided", "Count"], requests));
    let happened = |tally: &&Tally| tally.count > 0;
    let reasons = report.reasons.iter().filter(happened).map(|tally| {
        let reason = Reason::ALL.into_iter().find(|reason| reason.code() == tally.word);
        let sentence = reason.map(|reason| reason.reply().sentence.english()).unwrap_or_default();
        Row(vec![explained(tally.word, sentence), number(tally)])
    });
    let reasons: Vec<_> = reasons.collect();
    let reasons = if reasons.is_empty() {
        "<p class=\"note\">No request has been refused so far.</p>\n".to_owned()
    } else {
        table(&["Reason", "Count"], reasons)
    };
    format!("<div class=\"pair\">\n{requests}{}</div>\n", section("Refused", &reasons))
}

fn number(tally: &Tally) -> String {
    let class = if tally.count == 0 { " class=\"zero\"" } else { "" };
    format!("<span{class}>{}</span>", tally.count)
}

fn providers(report: &Report) -> String {
    let listed = |heading: &str, providers: &[ProviderReport]| {
        if providers.is_empty() {
            return String::new();
        }
        let rows = providers.iter().map(|p| {
            let sessions = plain(&p.sessions.to_string());
            Row(vec![plain(&p.name), code(p.mode), code(&p.external_host), sessions])
        });
        section(heading, &table(&["Name", "Mode", "External host", "Sessions"], rows))
    };
    let of_outpost = report.outpost.as_ref().and_then(|outpost| outpost.providers.as_deref());
    [
        listed("Providers of the outpost", of_outpost.unwrap_or_default()),
        listed("Providers in nginx.conf", &report.providers),
        logout_uris(&report.providers),
    ]
    .concat()
}

/// For an auditor.
fn coverage(report: &Report) -> String {
    let Some(coverage) = &report.coverage else { return String::new() };
    let rows = coverage.parts.iter().map(|part| {
        let server = if part.server.is_empty() { "without a name" } else { &part.server };
        let location = if part.location.is_empty() { "everything else" } else { &part.location };
        let mut remarks = Vec::new();
        if part.provider != "off" {
            remarks.push(format!("authentik_provider {}", part.provider));
        }
        remarks.extend(part.require.iter().map(|rule| format!("only {rule}")));
        remarks.extend(part.open_paths.iter().map(|path| format!("open: {path}")));
        remarks.extend(part.remarks.iter().map(|remark| (*remark).to_owned()));
        let cells = [explained(server, &part.place), code(location), plain(part.access.word())];
        Row(cells.into_iter().chain([plain(&remarks.join("; "))]).collect())
    });
    let columns = ["Server", "Location", "Access", "By and except"];
    let mut content = table(&columns, rows);
    if coverage.not_listed > 0 {
        content.push_str(&format!(
            "<p class=\"note\">And {} more: authentik_report on makes nginx -t list all.</p>\n",
            coverage.not_listed
        ));
    }
    section("What is protected", &content)
}

/// URLs for an administrator to copy into authentik.
fn logout_uris(providers: &[ProviderReport]) -> String {
    let rows = providers.iter().filter_map(|p| {
        let backchannel = p.backchannel_logout.as_deref()?;
        let frontchannel = p.frontchannel_logout.as_deref().unwrap_or_default();
        Some(Row(vec![plain(&p.name), code(backchannel), code(frontchannel)]))
    });
    let rows: Vec<Row> = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    let columns = ["Name", "Logout Method: Back-channel", "Front-channel"];
    section("Logout URI to enter in authentik", &table(&columns, rows))
}

/// A histogram in a few words.
fn average(histogram: &Histogram) -> String {
    match histogram.sum_us.checked_div(histogram.count) {
        Some(micros) => {
            let (millis, rest) = (micros / 1000, micros % 1000 / 100);
            format!("{}, {millis}.{rest} ms on average", histogram.count)
        }
        None => "none so far".to_owned(),
    }
}

fn details(report: &Report) -> String {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push(Row(vec![plain(name), value]));
    let never = || "never".to_owned();
    let time = |at: Option<u64>| at.map_or_else(never, |at| when(report.time, at));
    if let Some(outpost) = &report.outpost {
        row("authentik", code(&outpost.url));
        row("Outpost", code(&outpost.pk));
        row("This nginx", code(outpost.instance.as_deref().unwrap_or_default()));
        let holder = outpost.pid.map(|pid| format!("worker {pid}"));
        row("Connection held by", holder.unwrap_or_else(|| "nobody".to_owned()));
        row("Connection lost", times(outpost.disconnects));
        row("Settings read", time(outpost.last_refresh));
        let failures = times(outpost.refresh_failures);
        let failed =
            outpost.last_failure.map(|at| format!("{}, {failures} in all", time(Some(at))));
        row("Reading failed", failed.unwrap_or_else(never));
    }
    row("Sessions ended by authentik", report.sessions_ended.to_string());
    row("Sessions ended unused", report.sessions_ended_idle.to_string());
    let renewals = report.renewals.iter();
    let renewals: Vec<String> =
        renewals.map(|outcome| format!("{} {}", outcome.count, outcome.word)).collect();
    row("Renewals of sessions", renewals.join(", "));
    row("Sign-ins, after the return from authentik", average(&report.sign_in_duration));
    row("Waiting for authentik at sign-ins", average(&report.sign_in_authentik));
    if let Some(zone) = &report.zone {
        let (used, size) = (kilobytes(zone.used_bytes), kilobytes(zone.size_bytes));
        row("Shared zone", format!("{used} of {size} used"));
        row("Records in it", zone.records.to_string());
        let kinds = zone.evicted_by_kind.iter();
        let kinds: Vec<String> =
            kinds.map(|kind| format!("{} {}", kind.count, kind.word)).collect();
        row("Evicted", kinds.join(", "));
    }
    if let Some(store) = &report.store {
        let since = store.unread_since.or(store.unwritten_since);
        let since = since.map(|since| format!(", for {}", age(report.time, since)));
        let state = store.state();
        row("Store of sessions", format!("{}, {state}{}", store.kind, since.unwrap_or_default()));
        if let (Some(sessions), Some(bytes)) = (store.sessions, store.bytes) {
            row("Sessions in it", format!("{sessions} in {}", kilobytes(bytes)));
        }
        row("Questions to it", store.questions.to_string());
        row("Accesses to it", average(&store.duration));
        if store.evicts {
            let what = "possible, if its memory gets full: set maxmemory-policy noeviction";
            row("Ends that it forgets", what.to_owned());
        }
        row("Sessions that wait for it", store.backlog.to_string());
        if store.dropped > 0 {
            row("Sessions that it never got", store.dropped.to_string());
        }
        if let Some(behind) = store.behind_seconds.filter(|behind| *behind > 3) {
            row("Ends in it noticed", format!("{behind} seconds ago"));
        }
    }
    let longest = &report.event_loop;
    row("Longest pause of an event loop", millis(longest.longest_pause_us));
    row("Longest exchange of providers", millis(longest.longest_exchange_us));
    row("Module", escaped(&report.module_version).into_owned());
    row("nginx", escaped(&report.nginx_version).into_owned());
    section("Details", &table(&[], rows))
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn millis(micros: u64) -> String {
    format!("{}.{:03} ms", micros / 1000, micros % 1000)
}

fn kilobytes(bytes: u64) -> String {
    format!("{} kB", bytes / 1024)
}
