//! Metadata (OpenID Connect Discovery 1.0) and key sets, as in docs/protocol.md §1.4.

use axum::http::header::ACCESS_CONTROL_ALLOW_ORIGIN;

use crate::call::Call;
use crate::claims;
use crate::core::Core;
use crate::fault::Fault;
use crate::json::{Json, object};
use crate::reply::Reply;
use crate::settings::ProviderSettings;

/// The issuer URL redirects to the metadata.
pub(crate) fn issuer_itself(call: &Call, provider: &ProviderSettings) -> Reply {
    let (base, slug) = (&call.sub_path, &provider.slug);
    Reply::redirect(&format!("{base}/application/o/{slug}/.well-known/openid-configuration"))
}

/// The metadata of a provider.
pub(crate) fn configuration(call: &Call, provider: &ProviderSettings) -> Reply {
    Reply::metadata(&metadata(call, provider))
}

/// All URLs derive from the Host and scheme of this request.
pub(crate) fn metadata(call: &Call, provider: &ProviderSettings) -> Json {
    let texts = |texts: &[&str]| Json::from(texts);
    let oauth = |rest: &str| Json::from(format!("{}/application/o/{rest}", call.origin()));
    let slug = &provider.slug;
    object([
        ("issuer", claims::issuer(call, provider).into()),
        ("authorization_endpoint", oauth("authorize/")),
        ("token_endpoint", oauth("token/")),
        ("userinfo_endpoint", oauth("userinfo/")),
        ("end_session_endpoint", oauth(&format!("{slug}/end-session/"))),
        ("introspection_endpoint", oauth("introspect/")),
        ("revocation_endpoint", oauth("revoke/")),
        ("device_authorization_endpoint", oauth("device/")),
        ("backchannel_logout_supported", true.into()),
        ("backchannel_logout_session_supported", true.into()),
        ("response_types_supported", texts(RESPONSE_TYPES)),
        ("response_modes_supported", texts(&["query", "fragment", "form_post"])),
        ("jwks_uri", oauth(&format!("{slug}/jwks/"))),
        ("grant_types_supported", texts(GRANT_TYPES)),
        ("id_token_signing_alg_values_supported", texts(&[provider.signing.name()])),
        ("subject_types_supported", texts(&["public"])),
        (
            "token_endpoint_auth_methods_supported",
            texts(&["client_secret_post", "client_secret_basic"]),
        ),
        ("acr_values_supported", texts(&["goauthentik.io/providers/oauth2/default"])),
        ("scopes_supported", Json::from(provider.scopes.as_slice())),
        ("request_parameter_supported", false.into()),
        ("claims_supported", texts(CLAIMS)),
        ("claims_parameter_supported", false.into()),
        ("code_challenge_methods_supported", texts(&["plain", "S256"])),
    ])
}

/// The key set of a provider.
pub(crate) fn key_set(core: &Core, call: &Call, provider: &ProviderSettings) -> Reply {
    let mut set = core.keys.set(provider.signing);
    alter(&mut set, &call.faults);
    Reply::metadata(&set).with(ACCESS_CONTROL_ALLOW_ORIGIN, "*")
}

fn alter(set: &mut Json, faults: &[Fault]) {
    let Json::Object(members) = set else { return };
    let keys = members.iter_mut().find(|(name, _)| name == "keys").map(|(_, keys)| keys);
    let Some(Json::Array(keys)) = keys else { return };
    if faults.contains(&Fault::NoKid) {
        for key in keys.iter_mut() {
            if let Json::Object(members) = key {
                members.retain(|(name, _)| name != "kid");
            }
        }
    }
    for fault in faults {
        if let Fault::MoreKeys(more) = fault {
            keys.splice(0..0, more.iter().cloned().map(Json::from));
        }
    }
}

const RESPONSE_TYPES: &[&str] =
    &["code", "id_token", "id_token token", "code token", "code id_token", "code id_token token"];

const GRANT_TYPES: &[&str] = &[
    "authorization_code",
    "refresh_token",
    "implicit",
    "client_credentials",
    "password",
    "urn:ietf:params:oauth:grant-type:device_code",
];

const CLAIMS: &[&str] = &[
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "acr",
    "amr",
    "nonce",
    "ak_proxy",
    "email",
    "email_verified",
    "entitlements",
    "roles",
    "name",
    "given_name",
    "preferred_username",
    "nickname",
    "groups",
];
