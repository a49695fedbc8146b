//! Headers beyond the twelve: HTTP Basic for the application and the user's `additionalHeaders`.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::headers::{HEADERS, folds_to};
use crate::provider::Provider;
use crate::text::push_clean;
use crate::token::Claims;

/// Names of the attributes with user name and password for the application (authentik's
/// `basic_auth_user_attribute`, `basic_auth_password_attribute`).
#[derive(Clone, Copy, Debug)]
pub struct BasicAttributes<'p> {
    /// The user name: its value if that is a string, otherwise the e-mail address.
    pub user: &'p str,
    /// The password, if its value is a non-empty string; otherwise no header is sent.
    pub password: &'p str,
}

impl<'p> BasicAttributes<'p> {
    /// The provider's attributes, if it sends HTTP Basic.
    #[must_use]
    pub fn of(provider: &'p Provider) -> Option<Self> {
        let (user, password) = provider.basic_auth.as_ref()?;
        Some(Self { user, password })
    }
}

/// Maximum length of an additional header's name.
const MAX_NAME: usize = 256;

/// Maximum number of additional headers. Each request compares its own with all of them.
pub(super) const MAX_EXTRAS: usize = 128;

/// Headers that control where a message goes and where it ends, and the visitor's cookies. nginx
/// sets the former; set from outside, they would make the application read another request than
/// nginx sent (RFC 9112 §11.2). Cookies belong to the application: other ones would mean another
/// session there. `Proxy` would be taken for a proxy's address by CGI (CVE-2016-5385).
const KEPT_OUT: [&str; 13] = [
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "expect",
    "host",
    "keep-alive",
    "proxy",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// One header, with a clean value.
pub(super) struct Extra {
    pub(super) name: String,
    pub(super) value: Vec<u8>,
}

/// The headers to set after the twelve; names are unique, and only the first [`MAX_EXTRAS`] are
/// kept, sorted by name.
pub(super) fn extra_headers(claims: &Claims, basic: Option<BasicAttributes<'_>>) -> Vec<Extra> {
    let basic = basic.and_then(|attributes| basic_header(claims, attributes));
    let additional = claims.proxy.user_attributes.get("additionalHeaders");
    let additional = additional.and_then(Value::as_object).into_iter().flatten();
    let wanted = additional
        .filter(|(name, _)| may_be_set(name))
        .map(|(name, value)| Extra { name: name.clone(), value: value_of(value) });
    let mut extras: Vec<Option<Extra>> = Vec::new();
    let mut places = HashMap::new();
    for extra in basic.into_iter().chain(wanted) {
        // The later one wins: an additional `Authorization` replaces HTTP Basic.
        if let Some(place) = places.insert(extra.name.to_ascii_lowercase(), extras.len()) {
            if let Some(former) = extras.get_mut(place) {
                *former = None;
            }
        }
        extras.push(Some(extra));
    }
    extras.into_iter().flatten().take(MAX_EXTRAS).collect()
}

/// See docs/protocol.md §7.3. Attribute names are flat, without paths.
fn basic_header(claims: &Claims, attributes: BasicAttributes<'_>) -> Option<Extra> {
    let attribute = |name| claims.proxy.user_attributes.get(name).and_then(Value::as_str);
    let password = attribute(attributes.password).filter(|password| !password.is_empty())?;
    let user = attribute(attributes.user).unwrap_or(&claims.email);
    let credentials = STANDARD.encode(format!("{user}:{password}"));
    Some(Extra {
        name: "Authorization".to_owned(),
        value: format!("Basic {credentials}").into_bytes(),
    })
}

/// A valid HTTP header name (RFC 9110 §5.1) without `_`, which applications confuse with `-`, that
/// is not one of [`KEPT_OUT`] or another spelling of an identity header.
fn may_be_set(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^`|~".contains(&byte);
    let is_kept_out = || KEPT_OUT.iter().any(|other| name.eq_ignore_ascii_case(other));
    let disguised = || {
        HEADERS.iter().any(|(identity, _)| {
            folds_to(name.as_bytes(), identity.as_bytes()) && !name.eq_ignore_ascii_case(identity)
        })
    };
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(is_token)
        && !is_kept_out()
        && !disguised()
}

/// Strings as they are, null as nothing, everything else as JSON (docs/protocol.md §7.4).
fn value_of(value: &Value) -> Vec<u8> {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    let mut clean = Vec::with_capacity(text.len());
    push_clean(&mut clean, text.as_bytes());
    clean
}
