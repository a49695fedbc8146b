//! JSON as Python's `json.dumps` writes it: members in insertion order, ASCII only.
//!
//! Not written with `serde_json`: its maps sort their members, and its `preserve_order` feature
//! would change the maps of every crate in the same build.

use serde_json::Value;

/// A JSON value whose members keep their order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    /// Any value without members of its own to keep in order.
    Value(Value),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Members),
}

/// The members of an object, in order.
pub(crate) type Members = Vec<(String, Json)>;

impl Json {
    /// Formats it like authentik's OAuth endpoints: `{"a": 1, "b": 2}`.
    pub(crate) fn spaced(&self) -> String {
        self.written(Style { comma: ", ", colon: ": ", ascii: true })
    }

    /// Formats it like the payload of authentik's tokens: `{"a":1,"b":2}`.
    pub(crate) fn compact(&self) -> String {
        self.written(Style { comma: ",", colon: ":", ascii: true })
    }

    /// Formats it like authentik's API: `{"a":1,"b":2}`, non-ASCII characters unescaped.
    pub(crate) fn raw(&self) -> String {
        self.written(Style { comma: ",", colon: ":", ascii: false })
    }

    fn written(&self, style: Style) -> String {
        let mut out = String::new();
        write_json(&mut out, self, style);
        out
    }
}

/// What differs between writers.
#[derive(Clone, Copy)]
struct Style {
    comma: &'static str,
    colon: &'static str,
    /// Python's `ensure_ascii`: non-ASCII characters become `\u` escapes of their UTF-16 units.
    ascii: bool,
}

/// An object from its members.
pub(crate) fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Sets a member: in place if it exists, otherwise at the end.
pub(crate) fn set(members: &mut Members, name: &str, value: Json) {
    match members.iter_mut().find(|(existing, _)| existing == name) {
        Some((_, existing)) => *existing = value,
        None => members.push((name.to_owned(), value)),
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        match value {
            Value::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Value::Object(members) => Self::Object(
                members.into_iter().map(|(name, value)| (name, Self::from(value))).collect(),
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Self::Value(value)
            }
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Value(Value::from(text))
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Value(Value::from(text))
    }
}

impl From<bool> for Json {
    fn from(truth: bool) -> Self {
        Self::Value(Value::from(truth))
    }
}

impl From<u64> for Json {
    fn from(number: u64) -> Self {
        Self::Value(Value::from(number))
    }
}

impl From<&[&str]> for Json {
    fn from(texts: &[&str]) -> Self {
        Self::Array(texts.iter().map(|text| Self::from(*text)).collect())
    }
}

impl From<&[String]> for Json {
    fn from(texts: &[String]) -> Self {
        Self::Array(texts.iter().map(|text| Self::from(text.as_str())).collect())
    }
}

fn write_json(out: &mut String, json: &Json, style: Style) {
    match json {
        Json::Value(Value::String(text)) => write_string(out, text, style.ascii),
        Json::Value(value) => out.push_str(&value.to_string()),
        Json::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { style.comma });
                write_json(out, item, style);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (i, (name, value)) in members.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { style.comma });
                write_string(out, name, style.ascii);
                out.push_str(style.colon);
                write_json(out, value, style);
            }
            out.push('}');
        }
    }
}

fn write_string(out: &mut String, text: &str, ascii: bool) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='\u{7f}' => out.push(character),
            '\u{80}'.. if !ascii => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_beyond_ascii_is_escaped_as_in_the_recorded_tokens() {
        // A recorded token's claim `name`.
        let name = Json::from("Zoë Müller 日本語 😀");
        assert_eq!(name.compact(), r#""Zo\u00eb M\u00fcller \u65e5\u672c\u8a9e \ud83d\ude00""#);
        // A recorded REST answer's `assigned_application_name`.
        assert_eq!(name.raw(), r#""Zoë Müller 日本語 😀""#);
    }

    #[test]
    fn members_keep_their_order_in_both_styles() {
        let json = object([("z", 1.into()), ("a", Json::from(json!([true, null, 1.5, "\n\"\\"])))]);
        assert_eq!(json.spaced(), r#"{"z": 1, "a": [true, null, 1.5, "\n\"\\"]}"#);
        assert_eq!(json.compact(), r#"{"z":1,"a":[true,null,1.5,"\n\"\\"]}"#);
        assert_eq!(json.raw(), json.compact());
    }

    #[test]
    fn setting_a_member_twice_replaces_it_in_place() {
        let mut members = vec![("a".to_owned(), Json::from(true)), ("b".to_owned(), true.into())];
        set(&mut members, "a", 2.into());
        set(&mut members, "c", 3.into());
        assert_eq!(Json::Object(members).compact(), r#"{"a":2,"b":true,"c":3}"#);
    }
}
