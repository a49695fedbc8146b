//! What a store returns.

use authentik_store::redis::{stored_end, stored_session};
use redis::{Parser, Value};

/// What a Redis sends, and what may stand in its values: only a value of this version's is a
/// session or an end, and the reader neither fails nor allocates more than it was sent.
pub(crate) fn store_rows(data: &[u8]) {
    let key = [7; 32];
    if let Some(row) = stored_session(&key, data) {
        assert!(row.key == key && data.ends_with(&row.record));
        assert_eq!(data.len(), 1 + 4 * 16 + 2 * 8 + row.record.len());
        assert_eq!(data[1..17], row.provider);
        let again = stored_session(&[8; 32], data).unwrap();
        assert_eq!((again.subject, again.sid, again.name), (row.subject, row.sid, row.name));
    }
    if let Some(end) = stored_end(data) {
        assert!(matches!(data.len(), 25 | 41));
        assert_eq!(data[1..9], end.at.to_be_bytes());
    }
    let mut from = data;
    let mut parser = Parser::new();
    while let Ok(value) = parser.parse_value(&mut from) {
        assert!(size(&value) <= data.len(), "more than was sent");
        if let Value::BulkString(bytes) = value {
            let _ = (stored_session(&key, &bytes), stored_end(&bytes));
        }
    }
}

/// A lower limit of the bytes that it takes to send this.
fn size(value: &Value) -> usize {
    if let Value::Array(values) | Value::Set(values) = value {
        return values.iter().map(size).sum::<usize>() + 3;
    }
    if let Value::BulkString(bytes) = value { bytes.len() } else { 1 }
}
