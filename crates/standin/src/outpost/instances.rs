//! `/api/v3/outposts/instances/` (docs/protocol.md §2.2).

use crate::call::Call;
use crate::core::Core;
use crate::fault::Fault;
use crate::json::{Json, Members, object};
use crate::outpost::health;
use crate::outpost::rest::{LIST, OBJECT, Page, READ_ONLY, refused};
use crate::outpost::settings::OutpostSettings;
use crate::reply::Reply;
use crate::settings::ProviderSettings;

/// An outpost's token shows that outpost only.
pub(super) fn list(core: &Core, call: &Call, outpost: &OutpostSettings) -> Reply {
    let visible = match call.faults.contains(&Fault::NoOutposts) {
        true => Vec::new(),
        false => vec![instance(core, outpost)],
    };
    match Page::asked(call, visible.len()) {
        Some(page) => Reply::api(200, LIST, &page.of(visible)),
        None => refused(404, LIST, "Invalid page."),
    }
}

/// `<pk>/` and `<pk>/health/`.
pub(super) fn one(core: &Core, rest: &str, outpost: &OutpostSettings) -> Reply {
    match rest.strip_prefix(outpost.pk.as_str()) {
        Some("/") => Reply::api(200, OBJECT, &instance(core, outpost)),
        Some("/health/") => match health::of(core, &outpost.pk) {
            Some(instances) => Reply::api(200, READ_ONLY, &instances),
            None => Reply::server_error(),
        },
        _ => refused(404, OBJECT, "No Outpost matches the given query."),
    }
}

fn instance(core: &Core, outpost: &OutpostSettings) -> Json {
    let own = |provider: &&ProviderSettings| outpost.has(&provider.slug);
    let providers: Vec<_> = core.settings.providers.iter().filter(own).collect();
    object([
        ("pk", outpost.pk.as_str().into()),
        ("name", outpost.name.as_str().into()),
        ("type", "proxy".into()),
        ("providers", Json::Array(providers.iter().map(|p| p.proxy.pk.into()).collect())),
        ("providers_obj", Json::Array(providers.iter().map(|p| provider(p)).collect())),
        ("service_connection", null()),
        ("service_connection_obj", null()),
        ("refresh_interval_s", outpost.refresh_interval_s.into()),
        ("token_identifier", format!("ak-outpost-{}-api", outpost.pk).into()),
        ("config", Json::Object(configuration(core, outpost))),
        ("managed", outpost.managed.as_deref().map_or_else(null, Json::from)),
    ])
}

fn provider(provider: &ProviderSettings) -> Json {
    let application = |text: &str| match provider.proxy.has_application {
        true => Json::from(text),
        false => null(),
    };
    object([
        ("pk", provider.proxy.pk.into()),
        ("name", provider.proxy.name.as_str().into()),
        ("authentication_flow", null()),
        ("authorization_flow", "00656f7f-2548-4b66-b232-4d689bd9d678".into()),
        ("invalidation_flow", "18ae9dc0-df1d-475b-8c43-77d778684a9b".into()),
        ("property_mappings", Json::from(["ac69ce36-dfb8-4197-bdd5-6551ec212b95"].as_slice())),
        ("component", "".into()),
        ("assigned_application_slug", application(&provider.slug)),
        ("assigned_application_name", application(&provider.name)),
        ("assigned_backchannel_application_slug", null()),
        ("assigned_backchannel_application_name", null()),
        ("verbose_name", "provider".into()),
        ("verbose_name_plural", "providers".into()),
        ("meta_model_name", "authentik_core.provider".into()),
    ])
}

fn configuration(core: &Core, outpost: &OutpostSettings) -> Members {
    let listens = || format!("{}{}/", core.url, core.settings.sub_path);
    let host = outpost.authentik_host.clone().unwrap_or_else(listens);
    let nothing = || Json::Array(Vec::new());
    let no_members = || Json::Object(Vec::new());
    let members: [(&str, Json); 22] = [
        ("log_level", outpost.log_level.as_str().into()),
        ("docker_labels", null()),
        ("authentik_host", host.into()),
        ("docker_network", null()),
        ("container_image", null()),
        ("docker_map_ports", true.into()),
        ("refresh_interval", format!("seconds={}", outpost.refresh_interval_s).into()),
        ("kubernetes_replicas", 1.into()),
        ("kubernetes_namespace", "default".into()),
        ("authentik_host_browser", "".into()),
        ("object_naming_template", "ak-outpost-%(name)s".into()),
        ("authentik_host_insecure", false.into()),
        ("kubernetes_json_patches", null()),
        ("kubernetes_service_type", "ClusterIP".into()),
        ("kubernetes_ingress_path_type", null()),
        ("kubernetes_image_pull_secrets", nothing()),
        ("kubernetes_ingress_class_name", null()),
        ("kubernetes_disabled_components", nothing()),
        ("kubernetes_ingress_annotations", no_members()),
        ("kubernetes_ingress_secret_name", "authentik-outpost-tls".into()),
        ("kubernetes_httproute_annotations", no_members()),
        ("kubernetes_httproute_parent_refs", nothing()),
    ];
    members.map(|(name, value)| (name.to_owned(), value)).into()
}

fn null() -> Json {
    Json::Value(serde_json::Value::Null)
}
