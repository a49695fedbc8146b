//! Sessions that an administrator ends by hand, if `authentik_status` has `end_sessions=on`.
//!
//! Accepts a form from the page itself, or JSON from a program. Another site can make an
//! administrator's browser submit a form, with the cookie or from an allowed address: so the form
//! must provably come from the page (`Sec-Fetch-Site`, otherwise `Origin`), and JSON must have a
//! header that no other site can send.

use serde_json::{Value, json};

use crate::json;
use crate::page::{Action, Occasion, Page};
use crate::query::{Param, param};
use crate::response::Response;

/// Maximum body, in bytes.
pub const LONGEST_WISH: usize = 4096;
/// Maximum user name, in bytes.
const LONGEST_NAME: usize = 200;

/// Whose sessions to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those of every user with this name.
    Username(String),
    /// Those of the user with this id in tokens (`sub`, `X-authentik-uid`).
    Sub(String),
    /// Those of this session at authentik.
    Sid(String),
}

/// Who reads the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A person, in the browser that sent the form.
    Person,
    /// A program.
    Program,
}

/// Why no session is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unheeded {
    /// The request may come from another site.
    Forged,
    /// It does not say whose sessions.
    Unclear,
    /// nginx has written the body to a file.
    InFile,
}

/// Where a request comes from, according to its headers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origins<'a> {
    content_type: &'a [u8],
    fetch_site: Option<&'a [u8]>,
    origin: Option<&'a [u8]>,
    requested_with: Option<&'a [u8]>,
}

impl<'a> Origins<'a> {
    /// Collects it from lower-case header names and values.
    #[must_use]
    pub fn gather(headers: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut origins = Self::default();
        for (name, value) in headers {
            match name {
                b"content-type" => origins.content_type = value,
                b"sec-fetch-site" => origins.fetch_site = Some(value),
                b"origin" => origins.origin = Some(value),
                b"x-requested-with" => origins.requested_with = Some(value),
                _ => {} // lint: a byte string, not an enum
            }
        }
        origins
    }

    /// Who reads the response; `None` if the body is neither a form nor JSON.
    #[must_use]
    pub fn reader(&self) -> Option<Reader> {
        let kind = self.content_type.split(|byte| *byte == b';').next().unwrap_or_default();
        match kind.trim_ascii().to_ascii_lowercase().as_slice() {
            b"application/x-www-form-urlencoded" => Some(Reader::Person),
            b"application/json" => Some(Reader::Program),
            _ => None, // lint: a byte string, not an enum
        }
    }

    /// Whether no other site can have sent it. `authority` is the requested host with its port.
    fn is_genuine(&self, reader: Reader, authority: &[u8]) -> bool {
        let same_origin = self.origin.map(|origin| {
            let rest = origin.strip_prefix(b"https://").or(origin.strip_prefix(b"http://"));
            rest.is_some_and(|rest| rest.eq_ignore_ascii_case(authority))
        });
        match (reader, self.fetch_site) {
            (_, Some(site)) if site != b"same-origin" => false,
            (Reader::Person, Some(_)) => same_origin != Some(false),
            (Reader::Person, None) => same_origin == Some(true),
            (Reader::Program, _) => {
                same_origin != Some(false)
                    && self.requested_with.is_some_and(|with| !with.is_empty())
            }
        }
    }

    /// Whose sessions the body asks to end.
    ///
    /// # Errors
    /// Nothing must be ended.
    pub fn wish(&self, authority: &[u8], body: &[u8]) -> Result<Whose, Unheeded> {
        let reader = self.reader().ok_or(Unheeded::Unclear)?;
        if !self.is_genuine(reader, authority) {
            return Err(Unheeded::Forged);
        }
        match reader {
            Reader::Person => match (param(body, "by"), param(body, "value")) {
                (Param::One(by), Param::One(value)) => whose(&by, value.trim()),
                (_, _) => Err(Unheeded::Unclear),
            },
            Reader::Program => {
                let members = json::object(body).ok_or(Unheeded::Unclear)?;
                match members.iter().next().filter(|_| members.len() == 1) {
                    Some((by, Value::String(value))) => whose(by, value),
                    Some(_) | None => Err(Unheeded::Unclear),
                }
            }
        }
    }
}

const IN_FILE: &str = "nginx has put what was sent into a file, where it is not read: leave \
    client_body_in_file_only and client_body_buffer_size at their defaults in this location.";

fn whose(by: &str, value: &str) -> Result<Whose, Unheeded> {
    let value = value.to_owned();
    match by {
        _ if value.is_empty() => Err(Unheeded::Unclear),
        "username" if value.len() <= LONGEST_NAME => Ok(Whose::Username(value)),
        "sub" => Ok(Whose::Sub(value)),
        "sid" => Ok(Whose::Sid(value)),
        _ => Err(Unheeded::Unclear),
    }
}

impl Unheeded {
    /// The response, for either reader.
    #[must_use]
    pub fn answer(self, reader: Option<Reader>, back: &str, occasion: &Occasion<'_>) -> Response {
        let (status, code, sentence) = match self {
            Self::Forged => {
                (403, "forged", "The request does not show that it comes from this page.")
            }
            Self::Unclear => {
                (400, "unclear", "Say whose sessions to end: one username, sub or sid.")
            }
            Self::InFile => (413, "in-file", IN_FILE),
        };
        match reader {
            Some(Reader::Person) => {
                page(status, "No session was ended", sentence, code, back, occasion)
            }
            Some(Reader::Program) | None => {
                let body = json!({ "error": code, "message": sentence });
                Response::json(status, format!("{body}\n"))
            }
        }
    }
}

/// Reports how many sessions were ended.
#[must_use]
pub fn ended(count: u32, reader: Reader, back: &str, occasion: &Occasion<'_>) -> Response {
    let sentence = match count {
        0 => "There was no such session.".to_owned(),
        1 => "1 session was ended.".to_owned(),
        count => format!("{count} sessions were ended."),
    };
    match reader {
        Reader::Person => page(200, "Sessions", &sentence, "sessions-ended", back, occasion),
        Reader::Program => Response::json(200, format!("{}\n", json!({ "ended": count }))),
    }
}

/// In English, as everything for administrators.
fn page(
    status: u16,
    title: &str,
    sentence: &str,
    code: &str,
    back: &str,
    occasion: &Occasion<'_>,
) -> Response {
    let hint = "Users with a session at authentik are signed in again without a prompt: end that \
                session there.";
    let action = Action { label: "Back to the status", url: back, new_tab: false };
    let page = Page { title, sentence, hint, code, action: Some(action), home: None };
    Response::page(status, &page, &occasion.in_english())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::OCCASION;

    const HERE: &[u8] = b"status.example.com:8443";
    const FORM: (&[u8], &[u8]) =
        (b"content-type", b"application/x-www-form-urlencoded; charset=utf-8");
    const JSON: (&[u8], &[u8]) = (b"content-type", b"application/json");
    const SCRIPT: (&[u8], &[u8]) = (b"x-requested-with", b"curl");

    fn wish(headers: &[(&[u8], &[u8])], body: &str) -> Result<Whose, Unheeded> {
        Origins::gather(headers.iter().copied()).wish(HERE, body.as_bytes())
    }

    #[test]
    fn a_form_is_heeded_from_the_page_itself_only() {
        let site = |site: &'static [u8]| (&b"sec-fetch-site"[..], site);
        let origin = |origin: &'static [u8]| (&b"origin"[..], origin);
        let here = origin(b"https://status.example.com:8443");
        let alice = Ok(Whose::Username("alice".into()));
        let body = "by=username&value=+alice+";
        for (headers, heeded) in [
            (vec![FORM, site(b"same-origin")], true),
            (vec![FORM, site(b"same-origin"), here], true),
            (vec![FORM, here], true),
            (vec![FORM, origin(b"http://STATUS.example.com:8443")], true),
            (vec![FORM], false),
            (vec![FORM, SCRIPT], false),
            (vec![FORM, site(b"same-site"), here], false),
            (vec![FORM, site(b"cross-site")], false),
            (vec![FORM, site(b"none")], false),
            (vec![FORM, site(b"same-origin"), origin(b"https://evil.example")], false),
            (vec![FORM, origin(b"https://status.example.com")], false),
            (vec![FORM, origin(b"https://status.example.com:8443.evil.example")], false),
            (vec![FORM, origin(b"null")], false),
            (vec![FORM, origin(b"status.example.com:8443")], false),
            (vec![FORM, origin(b"")], false),
        ] {
            let expected = if heeded { alice.clone() } else { Err(Unheeded::Forged) };
            assert_eq!(wish(&headers, body), expected, "{headers:?}");
        }
    }

    #[test]
    fn json_is_heeded_with_a_header_that_no_other_site_can_send() {
        let body = r#"{"sid":"s"}"#;
        let site = |site: &'static [u8]| (&b"sec-fetch-site"[..], site);
        for (headers, heeded) in [
            (vec![JSON, SCRIPT], true),
            (vec![JSON, SCRIPT, site(b"same-origin")], true),
            (vec![JSON], false),
            (vec![JSON, (&b"x-requested-with"[..], &b""[..])], false),
            (vec![JSON, SCRIPT, site(b"cross-site")], false),
            (vec![JSON, SCRIPT, (b"origin", b"https://evil.example")], false),
        ] {
            let expected = if heeded { Ok(Whose::Sid("s".into())) } else { Err(Unheeded::Forged) };
            assert_eq!(wish(&headers, body), expected, "{headers:?}");
        }
    }

    #[test]
    fn it_must_be_clear_whose_sessions_are_meant() {
        let page: &[_] = &[FORM, (b"sec-fetch-site", b"same-origin")];
        let script: &[_] = &[JSON, SCRIPT];
        let long = format!("by=username&value={}", "x".repeat(LONGEST_NAME + 1));
        for (headers, body) in [
            (page, ""),
            (page, "by=username"),
            (page, "by=username&value="),
            (page, "by=username&value=+"),
            (page, "by=email&value=a"),
            (page, "by=sid&by=sub&value=a"),
            (page, "by=sid&value=a&value=b"),
            (page, long.as_str()),
            (script, ""),
            (script, "{}"),
            (script, r#"{"sid":""}"#),
            (script, r#"{"sid":1}"#),
            (script, r#"{"sid":"a","sub":"b"}"#),
            (script, r#"{"sid":"a","sid":"b"}"#),
            (script, r#"["sid"]"#),
            (&[SCRIPT], r#"{"sid":"a"}"#),
            (&[(b"content-type", b"text/plain"), SCRIPT], r#"{"sid":"a"}"#),
        ] {
            assert_eq!(wish(headers, body), Err(Unheeded::Unclear), "{body}");
        }
        assert_eq!(wish(page, "by=sub&value=a%2Bb"), Ok(Whose::Sub("a+b".into())));
        assert_eq!(wish(script, r#"{"username":" a"}"#), Ok(Whose::Username(" a".into())));
    }

    #[test]
    fn answers_are_for_their_readers() {
        let page = ended(2, Reader::Person, "/status", &OCCASION);
        assert!(page.body.contains("2 sessions were ended.") && page.body.contains("\"/status\""));
        assert_eq!(ended(0, Reader::Program, "/", &OCCASION).body, "{\"ended\":0}\n");
        assert_eq!(Unheeded::Forged.answer(Some(Reader::Person), "/", &OCCASION).status, 403);
        assert_eq!(
            Unheeded::Unclear.answer(None, "/", &OCCASION).content_type,
            Some("application/json")
        );
    }
}
