//! Responses of authentik's REST API (docs/protocol.md §2.2).

use serde_json::{Map, Value};

use super::error::MAX_DETAIL;
use super::provider::provider;
use super::settings::is_uuid;
use super::{Call, Outpost, OutpostSettings, ProviderConfig, RefreshError, Unusable};
use crate::http::HttpResponse;
use crate::json;
use crate::secret::Secret;
use crate::text::loggable;

/// One page of the outpost's providers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ProviderPage {
    /// The providers that could be read, in authentik's order.
    pub providers: Vec<ProviderConfig>,
    /// The others.
    pub unusable: Vec<Unusable>,
    /// The next page, if there is one.
    pub next: Option<u32>,
}

impl Call<'_> {
    /// What is requested, in words for the log.
    #[must_use]
    pub fn about(&self) -> &'static str {
        match self {
            Self::Instances => "the outpost",
            Self::Providers { .. } => "the providers",
            Self::KeyPair(_) => "the certificate's fingerprint",
            Self::Certificate(_) => "the certificate",
            Self::PrivateKey(_) => "the certificate's private key",
        }
    }

    /// The members of a 200 response; any other status is an error.
    fn members(&self, response: &HttpResponse) -> Result<Map<String, Value>, RefreshError> {
        let (about, status) = (self.about(), response.status);
        match status {
            200 => json::object(response.body.expose()).ok_or(RefreshError::Garbled { about }),
            401 | 403 => Err(RefreshError::Denied { about, status, detail: detail(response) }),
            429 | 500.. => Err(RefreshError::Unavailable { about, status }),
            _ => Err(RefreshError::Unexpected { about, status, detail: detail(response) }),
        }
    }
}

/// The outpost that the token belongs to: the only one visible to its account.
///
/// # Errors
/// There is none, there are several, or it is not for proxy providers.
pub fn read_instances(response: &HttpResponse) -> Result<Outpost, RefreshError> {
    let call = Call::Instances;
    let garbled = || RefreshError::Garbled { about: call.about() };
    let members = call.members(response)?;
    let results = members.get("results").and_then(Value::as_array).ok_or_else(garbled)?;
    let outpost = match results.as_slice() {
        [] => return Err(RefreshError::NoOutpost),
        [outpost] => outpost,
        // Picking one would be arbitrary: the provider list would cover all of them.
        several => return Err(RefreshError::SeveralOutposts(several.len())),
    };
    let text = |name: &str| outpost.get(name).and_then(Value::as_str);
    let pk = text("pk").filter(|pk| is_uuid(pk)).ok_or_else(garbled)?.to_owned();
    let name = text("name").filter(|name| name.len() <= MAX_NAME).ok_or_else(garbled)?.to_owned();
    if let Some(kind) = text("type").filter(|&kind| kind != "proxy") {
        return Err(RefreshError::NotProxy { name, kind: loggable(kind, MAX_DETAIL) });
    }
    let refresh_interval_s = seconds(outpost.get("refresh_interval_s"));
    Ok(Outpost { pk, name, refresh_interval_s })
}

/// Page `page` of the outpost's providers. Each is parsed separately, so one bad provider does not
/// keep the others from being served.
///
/// # Errors
/// There is no such page, or the response is not one.
pub fn read_providers(
    response: &HttpResponse,
    page: u32,
    settings: &OutpostSettings,
) -> Result<ProviderPage, RefreshError> {
    let call = Call::Providers { page };
    let garbled = || RefreshError::Garbled { about: call.about() };
    let members = call.members(response)?;
    let results = members.get("results").and_then(Value::as_array).ok_or_else(garbled)?;
    let next = next_page(&members, page).ok_or_else(garbled)?;

    let origin = settings.browser_origin();
    let next = Some(next).filter(|next| *next != 0);
    let mut read = ProviderPage { next, ..ProviderPage::default() };
    for listed in results {
        match provider(listed, origin.as_deref()) {
            Ok(provider) => read.providers.push(provider),
            Err(unusable) => read.unusable.push(unusable),
        }
    }
    Ok(read)
}

/// `fingerprint_sha256` of a certificate.
///
/// # Errors
/// The response is not one to [`Call::KeyPair`].
pub fn read_fingerprint(response: &HttpResponse, call: Call<'_>) -> Result<String, RefreshError> {
    let members = call.members(response)?;
    let fingerprint = members.get("fingerprint_sha256").and_then(Value::as_str);
    fingerprint
        .filter(|text| !text.is_empty() && text.len() <= MAX_NAME)
        .map(str::to_owned)
        .ok_or(RefreshError::Garbled { about: call.about() })
}

/// The PEM in `data` of [`Call::Certificate`] or [`Call::PrivateKey`].
///
/// # Errors
/// The response is not one to that call.
pub fn read_pem(response: &HttpResponse, call: Call<'_>) -> Result<Secret, RefreshError> {
    let members = call.members(response)?;
    let pem = members.get("data").and_then(Value::as_str);
    pem.filter(|pem| pem.trim_start().starts_with("-----BEGIN "))
        .map(Secret::new)
        .ok_or(RefreshError::Garbled { about: call.about() })
}

/// The number of the next page, 0 on the last one; `None` if it does not lead forward.
fn next_page(members: &Map<String, Value>, page: u32) -> Option<u32> {
    let next = members.get("pagination")?.get("next")?;
    // authentik sometimes sends numbers as floats (docs/protocol.md §2.3).
    let next = next.as_u64().or_else(|| next.as_f64().filter(|n| *n == 0.0).map(|_| 0))?;
    u32::try_from(next).ok().filter(|next| *next == 0 || *next > page)
}

/// Whole seconds; 0 for anything but a positive number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "as saturates, which is what is wanted"
)]
fn seconds(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_f64).map_or(0, |seconds| seconds as u64)
}

/// `{"detail": …}` of the REST framework, if present.
fn detail(response: &HttpResponse) -> String {
    let members = json::object(response.body.expose());
    let detail = members.as_ref().and_then(|members| members.get("detail")?.as_str());
    detail.map(|detail| loggable(detail, MAX_DETAIL)).unwrap_or_default()
}

const MAX_NAME: usize = 4096;

#[cfg(test)]
mod tests;
