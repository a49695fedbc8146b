//! `/api/v3/crypto/certificatekeypairs/` (docs/protocol.md §2.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest;

use crate::core::Core;
use crate::json::{Json, object};
use crate::keys::fingerprint;
use crate::outpost::rest::{OBJECT, READ_ONLY, refused};
use crate::outpost::settings::{CertificateSettings, OutpostSettings};
use crate::reply::Reply;

/// An outpost sees the certificates of its providers only (docs/protocol.md §2.2).
pub(super) fn answer(core: &Core, path: &str, outpost: &OutpostSettings) -> Reply {
    let rest = path.strip_prefix("crypto/certificatekeypairs/").unwrap_or_default();
    let (pk, view) = rest.split_once('/').unwrap_or((rest, ""));
    let mut own = core.settings.providers.iter().filter(|provider| outpost.has(&provider.slug));
    let named = own.any(|provider| provider.proxy.certificate.as_deref() == Some(pk));
    let pair = core.settings.certificates.iter().find(|pair| named && pair.pk == pk);
    let data = |pem: &str| Reply::api(200, READ_ONLY, &object([("data", pem.into())]));
    match (pair, view) {
        (Some(pair), "") => Reply::api(200, OBJECT, &metadata(pair)),
        (Some(pair), "view_certificate/") => data(&pair.certificate_pem),
        (Some(pair), "view_private_key/") => data(&pair.key_pem),
        (None, "" | "view_certificate/" | "view_private_key/") => {
            refused(404, READ_ONLY, "No CertificateKeyPair matches the given query.")
        }
        (_, _) => Reply::not_found(),
    }
}

/// Expiry and subject are made up: outposts use only the fingerprint.
fn metadata(pair: &CertificateSettings) -> Json {
    let der = first_der(&pair.certificate_pem);
    let url = |view: &str| {
        let pk = &pair.pk;
        Json::from(format!("/api/v3/crypto/certificatekeypairs/{pk}/{view}/?download"))
    };
    object([
        ("pk", pair.pk.as_str().into()),
        ("name", pair.name.as_str().into()),
        ("fingerprint_sha256", fingerprint(&digest::SHA256, &der).into()),
        ("fingerprint_sha1", fingerprint(&digest::SHA1_FOR_LEGACY_USE_ONLY, &der).into()),
        ("cert_expiry", "2036-01-01T00:00:00Z".into()),
        ("cert_subject", format!("CN={}", pair.name).into()),
        ("private_key_available", (!pair.key_pem.is_empty()).into()),
        ("key_type", "ec".into()),
        ("certificate_download_url", url("view_certificate")),
        ("private_key_download_url", url("view_private_key")),
        ("managed", Json::Value(serde_json::Value::Null)),
    ])
}

/// The first certificate of a chain; empty if it is not one.
fn first_der(pem: &str) -> Vec<u8> {
    let body = pem.split("-----BEGIN CERTIFICATE-----").nth(1).unwrap_or_default();
    let body = body.split("-----END").next().unwrap_or_default();
    let base64: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(base64).unwrap_or_default()
}
