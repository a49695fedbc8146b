//! The compact serialisation (RFC 7515 §7.1) and its signature.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::keys::{Algorithm, Keys};
use super::{MAX_TOKEN, TokenFlaw};
use crate::json;

/// The purpose of a token, according to its `typ`. One kind must not pass for another (RFC 8725
/// §3.11): an issuer signs them all with the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An access or ID token.
    Identity,
    /// A logout token (OpenID Connect Back-Channel Logout 1.0 §2.4).
    Logout,
}

/// The payload of a token of this kind, once its signature is verified.
pub(super) fn verified_payload(
    token: &[u8],
    keys: &Keys,
    kind: Kind,
) -> Result<Vec<u8>, TokenFlaw> {
    let parts = Parts::of(token)?;
    let header = Header::parse(&decode(parts.header, "header")?, kind)?;
    let signature = decode(parts.signature, "signature")?;
    keys.check(&header, parts.signed, &signature)?;
    decode(parts.payload, "payload")
}

/// The payload of a token of this kind, unverified.
pub(super) fn claimed_payload(token: &[u8], kind: Kind) -> Result<Vec<u8>, TokenFlaw> {
    let parts = Parts::of(token)?;
    Header::parse(&decode(parts.header, "header")?, kind)?;
    decode(parts.payload, "payload")
}

/// What the token claims about its signature. It selects among keys, never an algorithm.
pub(super) struct Header {
    pub(super) algorithm: Option<Algorithm>,
    /// As written, for the log.
    pub(super) algorithm_name: String,
    pub(super) key_id: Option<String>,
}

impl Header {
    fn parse(bytes: &[u8], kind: Kind) -> Result<Self, TokenFlaw> {
        const MALFORMED: TokenFlaw = TokenFlaw::Malformed("header");
        let members = json::object(bytes).ok_or(MALFORMED)?;
        // We understand no extension, and a recipient must refuse those it does not understand
        // (RFC 7515 §4.1.11). `b64` (RFC 7797) counts only together with `crit`, but changes what
        // is signed; `enc` and `zip` belong to encrypted tokens.
        if ["crit", "b64", "enc", "zip"].iter().any(|name| members.contains_key(*name)) {
            return Err(TokenFlaw::UnknownKind);
        }
        if !optional_text(&members, "typ")?.is_none_or(|typ| kind.is_called(typ)) {
            return Err(TokenFlaw::UnknownKind);
        }
        let name = optional_text(&members, "alg")?.ok_or(MALFORMED)?;
        Ok(Self {
            algorithm: Algorithm::named(name),
            algorithm_name: name.to_owned(),
            key_id: optional_text(&members, "kid")?.map(str::to_owned),
        })
    }
}

impl Kind {
    fn is_called(self, typ: &str) -> bool {
        let typ = typ.to_ascii_lowercase();
        let typ = typ.strip_prefix("application/").unwrap_or(&typ);
        match self {
            Self::Identity => matches!(typ, "jwt" | "at+jwt"),
            Self::Logout => typ == "logout+jwt",
        }
    }
}

fn optional_text<'m>(
    members: &'m Map<String, Value>,
    name: &str,
) -> Result<Option<&'m str>, TokenFlaw> {
    members.get(name).map(|value| value.as_str().ok_or(TokenFlaw::Malformed("header"))).transpose()
}

struct Parts<'t> {
    header: &'t [u8],
    payload: &'t [u8],
    signature: &'t [u8],
    /// Header and payload as sent, with the dot.
    signed: &'t [u8],
}

impl<'t> Parts<'t> {
    fn of(token: &'t [u8]) -> Result<Self, TokenFlaw> {
        if token.len() > MAX_TOKEN {
            return Err(TokenFlaw::TooLong);
        }
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenFlaw::Malformed("parts"));
        };
        match parts.count() {
            0 => {}
            2 => return Err(TokenFlaw::Encrypted),
            _ => return Err(TokenFlaw::Malformed("parts")),
        }
        let signed_length = token.len() - signature.len() - 1;
        let signed = token.get(..signed_length).ok_or(TokenFlaw::Malformed("parts"))?;
        Ok(Self { header, payload, signature, signed })
    }
}

/// Base64url without padding; only the canonical encoding is accepted.
fn decode(part: &[u8], name: &'static str) -> Result<Vec<u8>, TokenFlaw> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFlaw::Malformed(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    /// RFC 7515 appendix A.1.
    const RFC_TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const RFC_KEY: &str =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

    fn rfc_keys() -> Keys {
        Keys::Shared(Secret::new(URL_SAFE_NO_PAD.decode(RFC_KEY).unwrap()))
    }

    #[test]
    fn the_example_of_the_rfc_verifies() {
        let payload = verified_payload(RFC_TOKEN.as_bytes(), &rfc_keys(), Kind::Identity).unwrap();
        assert!(payload.starts_with(b"{\"iss\":\"joe\""));
    }

    #[test]
    fn every_other_spelling_of_it_is_refused() {
        let [header, payload, signature] =
            RFC_TOKEN.split('.').collect::<Vec<_>>().try_into().unwrap();
        for (token, flaw) in [
            (format!("{header}.{payload}"), "parts"),
            (format!("{header}.{payload}.{signature}.x"), "parts"),
            (format!("{header}.{payload}.{signature}="), "signature"),
            // `k` and `l` differ only in unused bits.
            (format!("{header}.{payload}.{}l", signature.strip_suffix('k').unwrap()), "signature"),
            (format!("{header}.{payload}.{}", signature.replace('_', "/")), "signature"),
            (format!("{header}.{payload}. {signature}"), "signature"),
            (format!("{header}\n.{payload}.{signature}"), "header"),
            (format!(".{payload}.{signature}"), "header"),
            (String::new(), "parts"),
        ] {
            let result = verified_payload(token.as_bytes(), &rfc_keys(), Kind::Identity);
            assert_eq!(result, Err(TokenFlaw::Malformed(flaw)), "{token}");
        }
        let encrypted = format!("{header}.{payload}.{signature}..");
        let result = verified_payload(encrypted.as_bytes(), &rfc_keys(), Kind::Identity);
        assert_eq!(result, Err(TokenFlaw::Encrypted));
    }

    #[test]
    fn a_signature_that_is_cut_or_empty_is_refused() {
        let (signed, signature) = RFC_TOKEN.rsplit_once('.').unwrap();
        for length in [0, 4, 42] {
            let token = format!("{signed}.{}", &signature[..length]);
            assert!(
                verified_payload(token.as_bytes(), &rfc_keys(), Kind::Identity).is_err(),
                "{length}"
            );
        }
    }

    #[test]
    fn a_header_that_asks_for_more_than_we_do_is_refused() {
        for (header, flaw) in [
            (r#"{"alg":"HS256","crit":[]}"#, TokenFlaw::UnknownKind),
            (r#"{"alg":"HS256","b64":true}"#, TokenFlaw::UnknownKind),
            (r#"{"alg":"HS256","enc":"A128GCM"}"#, TokenFlaw::UnknownKind),
            (r#"{"alg":"HS256","zip":"DEF"}"#, TokenFlaw::UnknownKind),
            (r#"{"alg":"HS256","typ":"logout+jwt"}"#, TokenFlaw::UnknownKind),
            (r#"{"alg":"HS256","typ":1}"#, TokenFlaw::Malformed("header")),
            (r#"{"alg":"HS256","kid":null}"#, TokenFlaw::Malformed("header")),
            (r#"{"alg":"HS256","alg":"none"}"#, TokenFlaw::Malformed("header")),
            (r#"{"alg":["HS256"]}"#, TokenFlaw::Malformed("header")),
            (r#"{"typ":"JWT"}"#, TokenFlaw::Malformed("header")),
            (r#"["HS256"]"#, TokenFlaw::Malformed("header")),
        ] {
            assert_eq!(
                Header::parse(header.as_bytes(), Kind::Identity).err(),
                Some(flaw),
                "{header}"
            );
        }
        for typ in ["JWT", "jwt", "at+jwt", "application/at+JWT"] {
            let header = format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#);
            assert!(Header::parse(header.as_bytes(), Kind::Identity).is_ok(), "{typ}");
            assert!(Header::parse(header.as_bytes(), Kind::Logout).is_err(), "{typ}");
        }
        for typ in ["logout+jwt", "application/LOGOUT+jwt"] {
            let header = format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#);
            assert!(Header::parse(header.as_bytes(), Kind::Identity).is_err(), "{typ}");
            assert!(Header::parse(header.as_bytes(), Kind::Logout).is_ok(), "{typ}");
        }
    }
}
