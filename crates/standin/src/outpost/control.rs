//! What the demo tells a running stand-in, under a prefix that authentik does not have:
//!
//! ```text
//! GET  /-/standin/                      a page for the rest of it
//! GET  /-/standin/providers/            every provider
//! POST /-/standin/providers/<slug>/     fields to change, as a form
//! POST /-/standin/updates/              an update to every outpost
//! POST /-/standin/sessions/end/         ends every session, or that with this `sid`
//! GET  /-/standin/connections/          the outposts that are connected
//! ```

use std::time::Duration;

use crate::call::Call;
use crate::core::Core;
use crate::json::{Json, object};
use crate::outpost::control_page;
use crate::outpost::hub::OutpostConnection;
use crate::outpost::settings::Mode;
use crate::reply::Reply;
use crate::settings::ProviderSettings;

/// Answers a request under `/-/standin/`; a browser's form gets the page again.
pub(crate) fn control(core: &mut Core, call: &Call) -> Reply {
    let reply = answer(core, call);
    let browser = call.header("accept").is_some_and(|accept| accept.contains("text/html"));
    match browser && call.method == "POST" && reply.is_ok() {
        true => Reply::redirect(&format!("{}/-/standin/", call.sub_path)),
        false => reply,
    }
}

fn answer(core: &mut Core, call: &Call) -> Reply {
    let path = call.path.strip_prefix("/-/standin/").unwrap_or_default();
    let told = |count: usize| {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        Reply::api(200, ALLOW, &object([("told", count.into())]))
    };
    match (call.method.as_str(), path) {
        ("GET", "") => Reply::html(200, control_page::page(core, &call.sub_path)),
        ("GET", "providers/") => {
            let providers = core.settings.providers.iter().map(shown);
            Reply::api(200, ALLOW, &Json::Array(providers.collect()))
        }
        ("GET", "connections/") => {
            let all = core.hub.connections();
            let open = all.iter().filter(|connection| connection.closed.is_none());
            Reply::api(200, ALLOW, &Json::Array(open.map(connection).collect()))
        }
        ("POST", "updates/") => told(core.hub.update(|_| true)),
        ("POST", "sessions/end/") => {
            let sid = call.form("sid").map(str::to_owned);
            told(core.end_sessions(|session| sid.as_ref().is_none_or(|sid| *sid == session.sid)))
        }
        ("POST", path) => {
            match path.strip_prefix("providers/").and_then(|rest| rest.strip_suffix('/')) {
                Some(slug) => save(core, call, slug),
                None => Reply::not_found(),
            }
        }
        (_, _) => Reply::not_found(),
    }
}

const ALLOW: &str = "GET, POST";

/// All or nothing: an unknown field means that none is changed.
fn save(core: &mut Core, call: &Call, slug: &str) -> Reply {
    let mut providers = core.settings.providers.iter_mut();
    let Some(provider) = providers.find(|provider| provider.slug == slug) else {
        return Reply::not_found();
    };
    let mut changed = provider.clone();
    for (name, value) in call.fields() {
        if set(&mut changed, name, value).is_none() {
            let problem = Json::from("unknown field, or not a value of it");
            return Reply::api(400, ALLOW, &object([(name, problem)]));
        }
    }
    *provider = changed;
    let answer = shown(provider);
    core.provider_saved(slug);
    Reply::api(200, ALLOW, &answer)
}

/// `None` if there is no such field, or the value is invalid for it.
fn set(provider: &mut ProviderSettings, name: &str, value: &str) -> Option<()> {
    let proxy = &mut provider.proxy;
    let text = match name {
        "external_host" => {
            // The page submits every field: keep manually added redirect URIs if this one is
            // unchanged.
            if proxy.external_host != value {
                provider.set_external_host(value);
            }
            return Some(());
        }
        "access_token_validity" => {
            provider.access_token_seconds = value.parse().ok()?;
            return Some(());
        }
        "mode" => {
            proxy.mode = Mode::of_name(value)?;
            return Some(());
        }
        "intercept_header_auth" => {
            proxy.intercept_header_auth = value.parse().ok()?;
            return Some(());
        }
        "basic_auth_enabled" => {
            proxy.basic_auth_enabled = value.parse().ok()?;
            return Some(());
        }
        "assigned_application_name" => &mut provider.name,
        "name" => &mut proxy.name,
        "client_secret" => &mut provider.client_secret,
        "internal_host" => &mut proxy.internal_host,
        "skip_path_regex" => &mut proxy.skip_path_regex,
        "cookie_domain" => &mut proxy.cookie_domain,
        "basic_auth_user_attribute" => &mut proxy.basic_auth_user_attribute,
        "basic_auth_password_attribute" => &mut proxy.basic_auth_password_attribute,
        _ => return None,
    };
    // Browsers submit the lines of a text area with CR LF.
    *text = value.replace("\r\n", "\n");
    Some(())
}

fn shown(provider: &ProviderSettings) -> Json {
    let proxy = &provider.proxy;
    object([
        ("slug", provider.slug.as_str().into()),
        ("name", proxy.name.as_str().into()),
        ("mode", proxy.mode.name().into()),
        ("external_host", proxy.external_host.as_str().into()),
        ("internal_host", proxy.internal_host.as_str().into()),
        ("skip_path_regex", proxy.skip_path_regex.as_str().into()),
        ("cookie_domain", proxy.cookie_domain.as_str().into()),
        ("intercept_header_auth", proxy.intercept_header_auth.into()),
        ("basic_auth_enabled", proxy.basic_auth_enabled.into()),
    ])
}

fn connection(connection: &OutpostConnection) -> Json {
    let text = |text: &Option<String>| Json::from(text.as_deref().unwrap_or_default());
    object([
        ("outpost", connection.outpost.as_str().into()),
        ("instance_uuid", text(&connection.instance_uuid)),
        ("attempt", text(&connection.attempt)),
    ])
}

impl Core {
    /// Sends two updates per save, to the outposts that have the provider (docs/protocol.md §3.3).
    pub(crate) fn provider_saved(&mut self, slug: &str) {
        let having = self.settings.outposts.iter().filter(|outpost| outpost.has(slug));
        let told: Vec<String> = having.map(|outpost| outpost.pk.clone()).collect();
        self.push_later(2, move |pk| told.iter().any(|own| own == pk));
    }

    /// Sends this many updates, each after a `push_delay`.
    pub(crate) fn push_later(&self, count: u32, outposts: impl Fn(&str) -> bool + Send + 'static) {
        let (hub, delay): (_, Duration) = (self.hub.clone(), self.settings.push_delay);
        std::thread::spawn(move || {
            for _ in 0..count {
                std::thread::sleep(delay);
                hub.update(&outposts);
            }
        });
    }
}
