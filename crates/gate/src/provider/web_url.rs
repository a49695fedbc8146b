//! URLs in the settings: http or https, and nothing that browsers and authentik interpret differently.

use url::Url;

use super::SettingsError;
use super::settings::missing;

pub(super) fn web_url(key: &'static str, typed: &str, example: &str) -> Result<Url, SettingsError> {
    if typed.is_empty() {
        return Err(missing(key, &format!("write e.g. {key} {example};")));
    }
    plain_web_url(typed).map_err(|what| SettingsError {
        key,
        message: format!("\"{typed}\" {what}; write e.g. {key} {example};"),
    })
}

/// # Errors
/// What is wrong with the text, phrased to follow it.
pub(crate) fn plain_web_url(typed: &str) -> Result<Url, String> {
    let wrong = |what: &str| what.to_owned();
    if typed.contains('$') {
        return Err(wrong("contains a \"$\", but variables do not work here"));
    }
    let url = Url::parse(typed).map_err(|error| format!("is not a URL ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("is not an http or https URL"));
    }
    let after_scheme = typed.split_once(':').map_or("", |(_, rest)| rest);
    if !after_scheme.starts_with("//") || after_scheme.starts_with("///") || typed.contains('\\') {
        return Err(wrong("does not begin with scheme://host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not contain a user name or password"));
    }
    if typed.bytes().any(|b| b <= b' ' || b == 0x7f) {
        return Err(wrong("contains a space or control character"));
    }
    Ok(url)
}
