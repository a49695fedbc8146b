//! A page on which a demo changes what an administrator would change in authentik.

use crate::core::Core;
use crate::outpost::settings::Mode;
use crate::pages::{self, escaped};
use crate::settings::ProviderSettings;

/// Every provider as a form, and what can be pushed.
pub(super) fn page(core: &Core, sub_path: &str) -> String {
    let base = escaped(&format!("{sub_path}/-/standin"));
    let all = core.hub.connections();
    let open = all.iter().filter(|connection| connection.closed.is_none()).count();
    let providers = core.settings.providers.iter().take(MOST_SHOWN);
    let providers: String = providers.map(|shown| provider(shown, &base)).collect();
    let content = format!(
        "<section class=\"card\"><h1>Outposts</h1><p>{open} connected, {sessions} browser \
         sessions. What is saved below is pushed to them at once.</p>\
         <form method=\"post\" action=\"{base}/updates/\"><button>Push an update</button></form>\
         <form method=\"post\" action=\"{base}/sessions/end/\"><button>End every session</button>\
         </form></section>{providers}",
        sessions = core.sessions.len(),
    );
    pages::shell("authentik", pages::BADGE, &content)
}

/// Maximum number of providers on the page.
const MOST_SHOWN: usize = 50;

fn provider(provider: &ProviderSettings, base: &str) -> String {
    let proxy = &provider.proxy;
    let text = |label: &str, name: &str, value: &str| {
        let value = escaped(value);
        format!("<label>{label}<input name=\"{name}\" value=\"{value}\"></label>")
    };
    let modes = [Mode::Proxy, Mode::ForwardSingle, Mode::ForwardDomain].map(|mode| {
        let selected = if mode == proxy.mode { " selected" } else { "" };
        format!("<option{selected}>{}</option>", mode.name())
    });
    let intercept = [true, false].map(|value| {
        let selected = if value == proxy.intercept_header_auth { " selected" } else { "" };
        format!("<option{selected}>{value}</option>")
    });
    format!(
        "<section class=\"card\"><h1>{name}</h1>\
         <form method=\"post\" action=\"{base}/providers/{slug}/\">{hosts}\
         <label>Mode<select name=\"mode\">{modes}</select></label>\
         <label>Unauthenticated paths<textarea name=\"skip_path_regex\" rows=\"3\">\
         {paths}</textarea></label>\
         <label>Intercept header authentication<select name=\"intercept_header_auth\">\
         {intercept}</select></label>\
         <button class=\"primary\">Save</button></form></section>",
        name = escaped(&proxy.name),
        slug = escaped(&provider.slug),
        hosts = [
            text("External host", "external_host", &proxy.external_host),
            text("Internal host", "internal_host", &proxy.internal_host),
            text("Cookie domain", "cookie_domain", &proxy.cookie_domain),
        ]
        .concat(),
        modes = modes.concat(),
        paths = escaped(&proxy.skip_path_regex),
        intercept = intercept.concat(),
    )
}
