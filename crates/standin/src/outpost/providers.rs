//! `/api/v3/outposts/proxy/` (docs/protocol.md §2.3).

use serde_json::Value;

use crate::call::Call;
use crate::core::Core;
use crate::endpoints::discovery;
use crate::json::{Json, object, set};
use crate::outpost::rest::{Page, READ_ONLY, refused};
use crate::outpost::settings::OutpostSettings;
use crate::reply::Reply;
use crate::settings::ProviderSettings;

/// The outpost's providers that have an application, ordered by name.
pub(super) fn list(core: &Core, call: &Call, outpost: &OutpostSettings) -> Reply {
    let name = call.query("name");
    let shown = |provider: &&ProviderSettings| {
        let proxy = &provider.proxy;
        proxy.has_application
            && outpost.has(&provider.slug)
            && name.is_none_or(|name| proxy.name == name)
    };
    let mut all: Vec<_> = core.settings.providers.iter().filter(shown).collect();
    all.sort_by(|a, b| a.proxy.name.cmp(&b.proxy.name));
    let Some(page) = Page::asked(call, all.len()) else {
        return refused(404, READ_ONLY, "Invalid page.");
    };
    let on_page = page.cut(&all);
    if on_page.iter().any(|provider| provider.proxy.breaks_the_list) {
        return Reply::server_error();
    }
    let entries = on_page.iter().map(|provider| entry(core, call, provider));
    Reply::api(200, READ_ONLY, &page.of(entries.collect()))
}

fn entry(core: &Core, call: &Call, provider: &ProviderSettings) -> Json {
    let proxy = &provider.proxy;
    let text = |text: &String| Json::from(text.as_str());
    let mut entry = object([
        ("pk", proxy.pk.into()),
        ("name", text(&proxy.name)),
        ("internal_host", text(&proxy.internal_host)),
        ("external_host", text(&proxy.external_host)),
        ("internal_host_ssl_validation", proxy.internal_host_ssl_validation.into()),
        ("client_id", text(&provider.client_id)),
        ("client_secret", text(&provider.client_secret)),
        ("oidc_configuration", discovery::metadata(call, provider)),
        ("cookie_secret", text(&proxy.cookie_secret)),
        ("certificate", proxy.certificate.as_ref().map_or(Json::Value(Value::Null), text)),
        ("skip_path_regex", text(&proxy.skip_path_regex)),
        ("basic_auth_enabled", proxy.basic_auth_enabled.into()),
        ("basic_auth_password_attribute", text(&proxy.basic_auth_password_attribute)),
        ("basic_auth_user_attribute", text(&proxy.basic_auth_user_attribute)),
        ("mode", proxy.mode.name().into()),
        ("cookie_domain", text(&proxy.cookie_domain)),
        ("access_token_validity", seconds(provider.access_token_seconds)),
        ("intercept_header_auth", proxy.intercept_header_auth.into()),
        ("scopes_to_request", Json::from(scopes(core, provider).as_slice())),
        ("assigned_application_slug", text(&provider.slug)),
        ("assigned_application_name", text(&provider.name)),
    ]);
    if let Json::Object(members) = &mut entry {
        for (name, value) in &proxy.oddities {
            match value {
                Some(value) => set(members, name, value.clone().into()),
                None => members.retain(|(member, _)| member != name),
            }
        }
    }
    entry
}

/// A set in authentik, hence in any order (docs/protocol.md §2.3).
fn scopes(core: &Core, provider: &ProviderSettings) -> Vec<String> {
    let mut scopes = provider.scopes.clone();
    let by = core.scope_rotation % scopes.len().max(1);
    scopes.rotate_left(by);
    scopes
}

/// `3600.0`
fn seconds(seconds: u64) -> Json {
    let text = format!("{seconds}.0");
    Json::Value(text.parse::<f64>().map_or(Value::Null, Value::from))
}
