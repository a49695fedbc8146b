//! The API under `/api/v3/`, as far as outposts use it (docs/protocol.md §2).

use serde_json::Value;

use crate::call::Call;
use crate::core::Core;
use crate::json::{Json, object};
use crate::keys::random_uuid;
use crate::outpost::settings::OutpostSettings;
use crate::outpost::{certificates, health, instances, providers};
use crate::reply::Reply;

/// Methods of read-only views.
pub(super) const READ_ONLY: &str = "GET, HEAD, OPTIONS";
/// Methods of list views.
pub(super) const LIST: &str = "GET, POST, HEAD, OPTIONS";
/// Methods of object views.
pub(super) const OBJECT: &str = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS";

/// Answers a request to the API.
pub(crate) fn answer(core: &mut Core, call: &Call) -> Reply {
    let path = call.path.strip_prefix("/api/v3/").unwrap_or_default();
    let Some(allow) = allowed(path) else {
        return Reply::not_found();
    };
    // The only path without authentication.
    if path == "root/config/" {
        return Reply::api(200, allow, &global_configuration());
    }
    let outpost = match authenticated(core, call) {
        Ok(outpost) => outpost.clone(),
        Err(detail) => return refused(403, allow, detail),
    };
    match path.strip_prefix("outposts/instances/") {
        Some("") => return instances::list(core, call, &outpost),
        Some(rest) => return instances::one(core, rest, &outpost),
        None => {}
    }
    match path {
        "outposts/proxy/" => providers::list(core, call, &outpost),
        "events/events/" => event(core, call),
        _ => certificates::answer(core, path, &outpost),
    }
}

/// `{"detail": …}`.
pub(super) fn refused(status: u16, allow: &str, detail: &str) -> Reply {
    Reply::api(status, allow, &object([("detail", detail.into())]))
}

/// The methods of a path; `None` if there is no such path.
fn allowed(path: &str) -> Option<&'static str> {
    let certificate = path.strip_prefix("crypto/certificatekeypairs/");
    match path {
        "root/config/" | "outposts/proxy/" => Some(READ_ONLY),
        "outposts/instances/" | "events/events/" | "crypto/certificatekeypairs/" => Some(LIST),
        _ if path.starts_with("outposts/instances/") => match path.ends_with("/health/") {
            true => Some(READ_ONLY),
            false => Some(OBJECT),
        },
        _ => certificate.map(|rest| match rest.split_once('/') {
            Some((_, "")) => OBJECT,
            _ => READ_ONLY,
        }),
    }
}

/// The outpost with the token sent. 403 rather than 401 (docs/protocol.md §2.1).
fn authenticated<'a>(core: &'a Core, call: &Call) -> Result<&'a OutpostSettings, &'static str> {
    let token = call.bearer().ok_or("Authentication credentials were not provided.")?;
    of_token(core, token).ok_or("Token invalid/expired")
}

/// The outpost with this token.
pub(super) fn of_token<'a>(core: &'a Core, token: &str) -> Option<&'a OutpostSettings> {
    core.settings.outposts.iter().find(|outpost| outpost.token.as_deref() == Some(token))
}

/// One page of a list.
pub(super) struct Page {
    size: usize,
    number: usize,
    count: usize,
}

impl Page {
    /// The page requested by `page` and `page_size`, out of `count` entries. `None` past the end.
    pub(super) fn asked(call: &Call, count: usize) -> Option<Self> {
        let asked = |name: &str| call.query(name).map(str::parse::<usize>);
        let size = match asked("page_size") {
            Some(Ok(size)) if size > 0 => size.min(MAX_PAGE),
            _ => DEFAULT_PAGE,
        };
        let number = asked("page").unwrap_or(Ok(1)).ok()?;
        let pages = count.div_ceil(size).max(1);
        (1..=pages).contains(&number).then_some(Self { size, number, count })
    }

    /// The response, with the entries of this page.
    pub(super) fn of(&self, results: Vec<Json>) -> Json {
        let pages = self.count.div_ceil(self.size).max(1);
        let first = (self.number - 1) * self.size;
        let end = (first + self.size).min(self.count);
        let number = |number: usize| Json::from(u64::try_from(number).unwrap_or(u64::MAX));
        let pagination = object([
            ("next", number(if self.number < pages { self.number + 1 } else { 0 })),
            ("previous", number(self.number - 1)),
            ("count", number(self.count)),
            ("current", number(self.number)),
            ("total_pages", number(pages)),
            ("start_index", number(if self.count == 0 { 0 } else { first + 1 })),
            ("end_index", number(end)),
        ]);
        object([
            ("pagination", pagination),
            ("results", Json::Array(results)),
            ("autocomplete", Json::Object(Vec::new())),
        ])
    }

    /// The entries of this page.
    pub(super) fn cut<'a, T>(&self, all: &'a [T]) -> &'a [T] {
        let first = (self.number - 1) * self.size;
        all.get(first..(first + self.size).min(all.len())).unwrap_or_default()
    }
}

fn event(core: &mut Core, call: &Call) -> Reply {
    let Ok(event) = serde_json::from_slice::<Value>(&call.body) else {
        return refused(400, LIST, "JSON parse error - Expecting value: line 1 column 1 (char 0)");
    };
    let action = event.get("action").and_then(Value::as_str).unwrap_or_default();
    if !ACTIONS.contains(&action) {
        let problem = format!("\"{action}\" is not a valid choice.");
        return Reply::api(400, LIST, &object([("action", Json::Array(vec![problem.into()]))]));
    }
    let member = |name: &str| Json::from(event.get(name).cloned().unwrap_or_default());
    let created = health::timestamp(std::time::SystemTime::now());
    let answer = object([
        ("pk", random_uuid().into()),
        ("user", Json::Object(Vec::new())),
        ("action", action.into()),
        ("app", member("app")),
        ("context", member("context")),
        ("client_ip", member("client_ip")),
        ("created", created.as_str().into()),
        ("expires", created.as_str().into()),
    ]);
    core.events.push(event);
    Reply::api(201, LIST, &answer)
}

/// As recorded.
fn global_configuration() -> Json {
    let reporting = object([
        ("enabled", false.into()),
        ("sentry_dsn", "".into()),
        ("environment", "customer".into()),
        ("send_pii", false.into()),
        ("traces_sample_rate", Json::Value(0.1.into())),
    ]);
    object([
        ("error_reporting", reporting),
        ("capabilities", Json::from(["can_impersonate", "is_enterprise"].as_slice())),
        ("cache_timeout", 300.into()),
        ("cache_timeout_flows", 300.into()),
        ("cache_timeout_policies", 300.into()),
    ])
}

/// Maximum page size of the server (authentik's default for a tenant).
const MAX_PAGE: usize = 100;
/// Default page size.
const DEFAULT_PAGE: usize = 20;

/// Some of the actions an event may have.
const ACTIONS: [&str; 5] = [
    "authorize_application",
    "configuration_error",
    "login",
    "suspicious_request",
    "system_exception",
];
