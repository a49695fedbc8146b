//! What is kept of a token (docs/protocol.md §4.6), and how its claims are read.

use std::fmt;
use std::ops::Deref;

use serde_json::{Map, Value};

use super::TokenFlaw;
use crate::text::{is_blank, is_control};
use crate::time::UnixTime;

/// Claims that authentik vouches for: from a token whose signature was verified, or that authentik
/// called active.
#[derive(Clone, PartialEq)]
pub struct VerifiedClaims(Claims);

/// The claims that make up an identity. Missing and null claims are empty.
#[derive(Clone, PartialEq)]
pub struct Claims {
    /// The user's id, as set by the provider's subject mode; never empty.
    pub sub: String,
    /// When the identity ends.
    pub exp: UnixTime,
    /// E-mail address.
    pub email: String,
    /// Display name.
    pub name: String,
    /// User name; never empty.
    pub preferred_username: String,
    /// Names of the user's groups, in the token's order.
    pub groups: Vec<String>,
    /// Names of the user's entitlements on this application, in the token's order.
    pub entitlements: Vec<String>,
    /// The authentik session; empty for tokens obtained without one.
    pub sid: String,
    /// `ak_proxy`.
    pub proxy: ProxyClaims,
}

/// The claim `ak_proxy`, all empty when the token has none.
#[derive(Clone, Default, PartialEq)]
pub struct ProxyClaims {
    /// The user's attributes, merged over those of their groups. May contain passwords.
    pub user_attributes: Map<String, Value>,
    /// Upstream to use instead of the configured one.
    pub backend_override: String,
    /// `Host` to send to the upstream.
    pub host_header: String,
    /// Whether the user is a superuser in authentik.
    pub is_superuser: bool,
}

impl Deref for VerifiedClaims {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        &self.0
    }
}

/// Attributes may be secret and the rest is personal, so only the subject is shown.
impl fmt::Debug for VerifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedClaims({})", crate::text::loggable(&self.0.sub, 64))
    }
}

/// Latest accepted time, 9999-12-31: anything later is a mistake, not a date.
const LAST_DATE: u64 = 253_402_300_799;

/// Extracts what is kept. Call this only with verified claims: the result is the proof.
pub(super) fn keep(mut members: Map<String, Value>) -> Result<VerifiedClaims, TokenFlaw> {
    let sub = identifying(&members, "sub")?;
    if sub.is_empty() {
        // Sessions are ended by `sub`, and applications identify users by it.
        return Err(TokenFlaw::Missing("sub"));
    }
    let preferred_username = identifying(&members, "preferred_username")?;
    if preferred_username.is_empty() {
        // Most applications identify users by it, and an empty name must not be a user.
        return Err(TokenFlaw::NoUserName);
    }
    Ok(VerifiedClaims(Claims {
        exp: time(&members, "exp")?.ok_or(TokenFlaw::Missing("exp"))?,
        email: identifying(&members, "email")?,
        name: owned_text(&members, "name")?,
        preferred_username,
        groups: identifying_all(&members, "groups")?,
        entitlements: identifying_all(&members, "entitlements")?,
        sid: owned_text(&members, "sid")?,
        proxy: proxy(members.remove("ak_proxy"))?,
        sub,
    }))
}

fn proxy(claim: Option<Value>) -> Result<ProxyClaims, TokenFlaw> {
    let mut members = object(claim, "ak_proxy")?;
    let is_superuser = match members.get("is_superuser") {
        None | Some(Value::Null) => false,
        Some(value) => value.as_bool().ok_or(TokenFlaw::WrongType("is_superuser"))?,
    };
    Ok(ProxyClaims {
        is_superuser,
        backend_override: owned_text(&members, "backend_override")?,
        host_header: owned_text(&members, "host_header")?,
        user_attributes: object(members.remove("user_attributes"), "user_attributes")?,
    })
}

fn object(claim: Option<Value>, name: &'static str) -> Result<Map<String, Value>, TokenFlaw> {
    match claim {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(members)) => Ok(members),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Err(TokenFlaw::WrongType(name))
        }
    }
}

/// A string claim; missing and null are empty (upstream's older generation treats null so).
pub(super) fn text<'m>(
    members: &'m Map<String, Value>,
    name: &'static str,
) -> Result<&'m str, TokenFlaw> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(value) => value.as_str().ok_or(TokenFlaw::WrongType(name)),
    }
}

fn owned_text(members: &Map<String, Value>, name: &'static str) -> Result<String, TokenFlaw> {
    text(members, name).map(str::to_owned)
}

/// A string by which applications identify users or rights.
///
/// It must reach them unchanged, or two values become one: a header value has no control
/// characters, and readers trim the spaces at its ends (RFC 9110 §5.5), so `admin\u{1}` and `admin
/// ` would both become `admin`. Applications that read Unicode trim more, and people see no
/// difference, so `admin\u{a0}` is no better. Rejected, not left out: an application may also deny
/// by a group.
fn identifying(members: &Map<String, Value>, name: &'static str) -> Result<String, TokenFlaw> {
    owned_text(members, name).and_then(|text| sendable(text, name))
}

fn identifying_all(
    members: &Map<String, Value>,
    name: &'static str,
) -> Result<Vec<String>, TokenFlaw> {
    texts(members, name)?.into_iter().map(|text| sendable(text, name)).collect()
}

fn sendable(text: String, name: &'static str) -> Result<String, TokenFlaw> {
    if text.contains(is_control) || text.starts_with(is_blank) || text.ends_with(is_blank) {
        Err(TokenFlaw::Unsendable(name))
    } else {
        Ok(text)
    }
}

fn texts(members: &Map<String, Value>, name: &'static str) -> Result<Vec<String>, TokenFlaw> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(value) => {
            let items = value.as_array().ok_or(TokenFlaw::WrongType(name))?;
            items
                .iter()
                .map(|item| item.as_str().map(str::to_owned).ok_or(TokenFlaw::WrongType(name)))
                .collect()
        }
    }
}

/// `aud` is a string or an array of strings (RFC 7519 §4.1.3).
pub(super) fn audience_includes(
    members: &Map<String, Value>,
    client_id: &str,
) -> Result<bool, TokenFlaw> {
    match members.get("aud") {
        Some(Value::String(audience)) => Ok(audience == client_id),
        _ => Ok(texts(members, "aud")?.iter().any(|audience| audience == client_id)),
    }
}

/// A NumericDate (RFC 7519 §2) in whole seconds, truncated; `None` if missing or null. Times before
/// 1970 become 1970, and so are expired.
pub(super) fn time(
    members: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<UnixTime>, TokenFlaw> {
    let number = match members.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value.as_number().ok_or(TokenFlaw::WrongType(name))?,
    };
    let seconds = match (number.as_u64(), number.as_f64()) {
        (Some(whole), _) => whole,
        // `as` saturates: negative becomes 0, huge becomes u64::MAX and fails below.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "intended")]
        (None, Some(fractional)) => fractional as u64,
        (None, None) => return Err(TokenFlaw::WrongType(name)),
    };
    if seconds > LAST_DATE {
        return Err(TokenFlaw::WrongType(name));
    }
    Ok(Some(UnixTime(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Adds a user name if the claims have none.
    fn kept(claims: Value) -> Result<VerifiedClaims, TokenFlaw> {
        let Value::Object(mut members) = claims else { panic!("not an object") };
        members.entry("preferred_username").or_insert(json!("u"));
        keep(members)
    }

    #[test]
    fn missing_and_null_claims_are_empty() {
        let bare = kept(json!({"sub": "s", "exp": 9})).unwrap();
        let nulls = kept(json!({
            "sub": "s", "exp": 9, "email": null, "name": null,
            "groups": null, "entitlements": null, "sid": null,
            "ak_proxy": {"user_attributes": null, "backend_override": null, "host_header": null,
                         "is_superuser": null},
        }));
        assert!(nulls.unwrap() == bare);
        assert!(kept(json!({"sub": "s", "exp": 9, "ak_proxy": null})).unwrap() == bare);
        assert!(bare.groups.is_empty() && bare.email.is_empty() && !bare.proxy.is_superuser);
    }

    #[test]
    fn a_claim_of_the_wrong_type_fails() {
        for (name, wrong) in [
            ("sub", json!(7)),
            ("email", json!(["a@b"])),
            ("name", json!({})),
            ("preferred_username", json!(true)),
            ("groups", json!("admins")),
            ("groups", json!(["a", null])),
            ("entitlements", json!({"a": 1})),
            ("sid", json!(1)),
            ("ak_proxy", json!([])),
            ("exp", json!("9")),
        ] {
            let mut claims = json!({"sub": "s", "exp": 9});
            claims[name] = wrong;
            assert_eq!(kept(claims).err(), Some(TokenFlaw::WrongType(name)));
        }
        for (name, wrong) in [
            ("user_attributes", json!([])),
            ("backend_override", json!(1)),
            ("host_header", json!({})),
            ("is_superuser", json!("true")),
        ] {
            let claims = json!({"sub": "s", "exp": 9, "ak_proxy": {name: wrong}});
            assert_eq!(kept(claims).err(), Some(TokenFlaw::WrongType(name)));
        }
    }

    #[test]
    fn a_name_that_a_header_would_turn_into_another_one_is_refused() {
        let controls = (0..0x20_u8).chain([0x7f]).map(|byte| format!("ad{}min", char::from(byte)));
        let ends = ["admin\n", "\u{1}admin", "admin ", " admin", "\tadmin", " ", "\0"];
        let unseen = [
            "admin\u{a0}",
            "\u{a0}admin",
            "admin\u{3000}",
            "\u{85}",
            "ad\u{85}min",
            "ad\u{9b}min",
            "ad\u{200b}min",
            "\u{feff}admin",
            "admin\u{200d}",
            "\u{202e}nimda",
        ];
        for bad in controls.chain(ends.into_iter().chain(unseen).map(str::to_owned)) {
            for name in ["sub", "preferred_username", "email"] {
                let mut claims = json!({"sub": "s", "exp": 9});
                claims[name] = json!(bad);
                assert_eq!(kept(claims).err(), Some(TokenFlaw::Unsendable(name)), "{name} {bad:?}");
            }
            for name in ["groups", "entitlements"] {
                let claims = json!({"sub": "s", "exp": 9, name: ["staff", bad]});
                assert_eq!(kept(claims).err(), Some(TokenFlaw::Unsendable(name)), "{name} {bad:?}");
            }
            let named = kept(json!({"sub": "s", "exp": 9, "name": bad})).unwrap();
            assert_eq!(named.name, bad, "a display name is no identity: cleaned later");
        }
        for good in ["Gruppe Müller 名", "pipe|in|name", "a  b", "a\u{a0}b", "می\u{200c}خواهم", ""]
        {
            let user = if good.is_empty() { "u" } else { good };
            let claims = json!({"sub": "s", "exp": 9, "preferred_username": user, "email": good,
                "groups": [good], "entitlements": [good]});
            assert_eq!(kept(claims).unwrap().groups, [good]);
        }
    }

    #[test]
    fn who_has_no_subject_is_nobody() {
        for claims in
            [json!({"exp": 9}), json!({"exp": 9, "sub": ""}), json!({"exp": 9, "sub": null})]
        {
            assert_eq!(kept(claims).err(), Some(TokenFlaw::Missing("sub")));
        }
    }

    #[test]
    fn who_has_no_user_name_is_nobody_to_an_application() {
        for nobody in [json!(null), json!("")] {
            let claims = json!({"sub": "s", "exp": 9, "preferred_username": nobody});
            let flaw = kept(claims).err().unwrap();
            assert_eq!(flaw, TokenFlaw::NoUserName);
            assert!(flaw.to_string().contains("scope profile"), "{flaw}");
        }
        let Value::Object(bare) = json!({"sub": "s", "exp": 9}) else { panic!("an object") };
        assert_eq!(keep(bare).err(), Some(TokenFlaw::NoUserName));
    }

    #[test]
    fn dates_are_whole_seconds_and_never_surprising() {
        for (date, seconds) in [
            (json!(1_795_315_121), Some(1_795_315_121)),
            (json!(1_795_315_121.9), Some(1_795_315_121)),
            (json!(0), Some(0)),
            (json!(-5), Some(0)),
            (json!(-5.5), Some(0)),
            (json!(LAST_DATE), Some(LAST_DATE)),
            (json!(LAST_DATE + 1), None),
            (json!(u64::MAX), None),
            (json!(1e300), None),
            (json!("1795315121"), None),
            (json!(true), None),
            (json!([1]), None),
        ] {
            let members = Map::from_iter([("exp".to_owned(), date.clone())]);
            let expected = seconds.map(|s| Some(UnixTime(s))).ok_or(TokenFlaw::WrongType("exp"));
            assert_eq!(time(&members, "exp"), expected, "{date}");
        }
    }

    #[test]
    fn claims_print_no_attributes() {
        let claims = kept(json!({"sub": "s", "exp": 9, "email": "a@b",
            "ak_proxy": {"user_attributes": {"app_password": "hunter2"}}}));
        assert_eq!(format!("{:?}", claims.unwrap()), "VerifiedClaims(s)");
    }
}
