//! Replies, taken apart.

use redis::Value;

/// A list.
pub(super) fn array(value: &Value) -> Option<&[Value]> {
    if let Value::Array(values) = value { Some(values) } else { None }
}

/// A string.
pub(super) fn bytes(value: &Value) -> Option<&[u8]> {
    if let Value::BulkString(bytes) = value { Some(bytes) } else { None }
}

/// A string that is UTF-8.
pub(super) fn text(value: &Value) -> Option<&str> {
    if let Value::SimpleString(text) = value {
        return Some(text);
    }
    bytes(value).and_then(|bytes| std::str::from_utf8(bytes).ok())
}

/// A number.
pub(super) fn number(value: &Value) -> Option<i64> {
    if let Value::Int(number) = value { Some(*number) } else { None }
}

/// Two values at the beginning of a list.
pub(super) fn pair(value: &Value) -> Option<(&Value, &Value)> {
    let values = array(value)?;
    Some((values.first()?, values.get(1)?))
}
