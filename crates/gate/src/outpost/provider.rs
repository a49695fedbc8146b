//! One element of the provider list (docs/protocol.md §2.3).

use serde_json::Value;
use url::Url;

use super::settings::is_uuid;
use super::{OidcConfiguration, ProviderConfig, Unusable};
use crate::secret::Secret;
use crate::text::loggable;

/// Parses a provider; with `browser` (`scheme://host[:port]`), its URLs for browsers are moved
/// there.
pub(super) fn provider(listed: &Value, browser: Option<&str>) -> Result<ProviderConfig, Unusable> {
    read(listed, browser).map_err(|why| {
        let external_host = listed.get("external_host").and_then(Value::as_str);
        let external_host = external_host.filter(|url| url.len() <= MAX_TEXT).unwrap_or_default();
        Unusable { name: name_of(listed), why, external_host: external_host.to_owned() }
    })
}

/// Its name, or whatever else identifies it.
fn name_of(listed: &Value) -> String {
    if let Some(name) = listed.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) {
        return name.chars().take(MAX_UNUSABLE_NAME).collect();
    }
    match listed.get("pk").and_then(Value::as_u64) {
        Some(pk) => format!("(provider number {pk})"),
        None => "(a provider without a name)".to_owned(),
    }
}

fn read(listed: &Value, browser: Option<&str>) -> Result<ProviderConfig, String> {
    let from = Fields { listed, of: "" };
    let oidc = listed.get("oidc_configuration").ok_or_else(|| missing("oidc_configuration"))?;
    Ok(ProviderConfig {
        name: from.required("name")?,
        mode: mode(from.required("mode")?)?,
        external_host: from.required("external_host")?,
        internal_host: from.text("internal_host")?,
        internal_host_ssl_validation: from.switch("internal_host_ssl_validation", true)?,
        client_id: from.required("client_id")?,
        client_secret: Secret::new(from.required("client_secret")?),
        cookie_secret: Secret::new(from.text("cookie_secret")?),
        cookie_domain: from.text("cookie_domain")?,
        oidc_configuration: oidc_configuration(&Fields { listed: oidc, of: OIDC }, browser)?,
        certificate: certificate(from.text("certificate")?)?,
        skip_path_regex: from.text_up_to("skip_path_regex", MAX_PATHS)?,
        basic_auth_enabled: from.switch("basic_auth_enabled", false)?,
        basic_auth_user_attribute: from.text("basic_auth_user_attribute")?,
        basic_auth_password_attribute: from.text("basic_auth_password_attribute")?,
        intercept_header_auth: from.switch("intercept_header_auth", true)?,
        scopes_to_request: from.sorted_list("scopes_to_request")?,
        assigned_application_slug: from.required("assigned_application_slug")?,
        former_login_key: None,
        former_certificate: None,
    })
}

fn oidc_configuration(
    from: &Fields<'_>,
    browser: Option<&str>,
) -> Result<OidcConfiguration, String> {
    let seen_by_browsers = |name: &str| -> Result<String, String> {
        let url = from.url(name)?;
        browser.map_or_else(|| Ok(url.clone()), |origin| moved(&url, origin, name))
    };
    Ok(OidcConfiguration {
        issuer: seen_by_browsers("issuer")?,
        authorization_endpoint: seen_by_browsers("authorization_endpoint")?,
        end_session_endpoint: seen_by_browsers("end_session_endpoint")?,
        token_endpoint: from.url("token_endpoint")?,
        introspection_endpoint: from.url("introspection_endpoint")?,
        // Without it, refresh tokens outlive a sign-out; everything else works.
        revocation_endpoint: from.url("revocation_endpoint").unwrap_or_default(),
        jwks_uri: from.url("jwks_uri")?,
        id_token_signing_alg_values_supported: from
            .sorted_list("id_token_signing_alg_values_supported")?,
    })
}

/// Moves a URL: scheme, host and port change, the rest stays byte for byte as sent
/// (docs/protocol.md §1.2).
fn moved(url: &str, origin: &str, name: &str) -> Result<String, String> {
    let (_, after_scheme) = url.split_once("://").ok_or_else(|| not_a_url(name))?;
    let path = after_scheme.find('/').and_then(|at| after_scheme.get(at..)).unwrap_or("/");
    Ok(format!("{origin}{path}"))
}

fn mode(mode: String) -> Result<String, String> {
    match mode.as_str() {
        "proxy" | "forward_single" | "forward_domain" => Ok(mode),
        other => Err(format!("mode \"{}\" is not known", loggable(other, 32))),
    }
}

fn certificate(uuid: String) -> Result<Option<String>, String> {
    match uuid.as_str() {
        "" => Ok(None),
        uuid if !is_uuid(uuid) => Err("certificate is not a UUID".to_owned()),
        _ => Ok(Some(uuid)),
    }
}

/// Members of a JSON object. Their values are kept out of messages: some are secret.
struct Fields<'a> {
    listed: &'a Value,
    /// Their location, for messages: empty or with a trailing dot.
    of: &'static str,
}

impl Fields<'_> {
    /// A non-empty string.
    fn required(&self, name: &str) -> Result<String, String> {
        let text = self.text(name)?;
        if text.is_empty() { Err(missing(&self.named(name))) } else { Ok(text) }
    }

    /// A string, empty if missing.
    fn text(&self, name: &str) -> Result<String, String> {
        self.text_up_to(name, MAX_TEXT)
    }

    fn text_up_to(&self, name: &str, max: usize) -> Result<String, String> {
        match self.listed.get(name) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) if text.len() > max => {
                Err(format!("{} is longer than {max} bytes", self.named(name)))
            }
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(format!("{} is not a string", self.named(name)))
            }
        }
    }

    fn url(&self, name: &str) -> Result<String, String> {
        let text = self.required(name)?;
        let is_web = Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if is_web { Ok(text) } else { Err(not_a_url(&self.named(name))) }
    }

    fn switch(&self, name: &str, default: bool) -> Result<bool, String> {
        match self.listed.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::Bool(on)) => Ok(*on),
            Some(Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
                Err(format!("{} is neither true nor false", self.named(name)))
            }
        }
    }

    /// Sorted, because the order varies between starts of authentik (docs/protocol.md §2.3).
    fn sorted_list(&self, name: &str) -> Result<Vec<String>, String> {
        let wrong = || format!("{} is not a list of strings", self.named(name));
        let listed = self.listed.get(name).ok_or_else(|| missing(&self.named(name)))?;
        let listed = listed.as_array().filter(|list| list.len() <= MAX_LIST).ok_or_else(wrong)?;
        let texts = listed.iter().map(|text| text.as_str().filter(|text| text.len() <= MAX_TEXT));
        let mut texts: Vec<String> =
            texts.map(|text| text.map(str::to_owned)).collect::<Option<_>>().ok_or_else(wrong)?;
        texts.sort_unstable();
        texts.dedup();
        Ok(texts)
    }

    fn named(&self, name: &str) -> String {
        format!("{}{name}", self.of)
    }
}

fn missing(name: &str) -> String {
    format!("{name} is missing")
}

fn not_a_url(name: &str) -> String {
    format!("{name} is not an http or https URL")
}

const OIDC: &str = "oidc_configuration.";

/// Maximum length of strings in bytes, except the unauthenticated paths.
const MAX_TEXT: usize = 4096;

/// Maximum length of the unauthenticated paths, in bytes.
const MAX_PATHS: usize = 64 * 1024;

/// Maximum number of entries in a list.
const MAX_LIST: usize = 256;

/// Maximum length in characters of a name that is only displayed.
const MAX_UNUSABLE_NAME: usize = 200;
