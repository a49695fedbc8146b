//! `application/x-www-form-urlencoded` without a second copy of the secrets.

use url::form_urlencoded::byte_serialize;

use crate::secret::Secret;

/// Encodes the fields in the order given (URL Standard §5.2; space is `+`).
pub(super) fn encode(fields: &[(&str, &[u8])]) -> Secret {
    // Enough capacity for the worst case: growing would leave a copy behind in freed memory.
    let room = fields.iter().map(|(name, value)| name.len() + 3 * value.len() + 2).sum();
    let mut form = Vec::with_capacity(room);
    for (name, value) in fields {
        if !form.is_empty() {
            form.push(b'&');
        }
        form.extend_from_slice(name.as_bytes());
        form.push(b'=');
        byte_serialize(value).for_each(|piece| form.extend_from_slice(piece.as_bytes()));
    }
    Secret::new(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stay_in_order_and_apart() {
        let form =
            encode(&[("a", b"1&b=2"), ("c", "ü +%/~".as_bytes()), ("d", b""), ("e", b"\xff")]);
        let expected = "a=1%26b%3D2&c=%C3%BC+%2B%25%2F%7E&d=&e=%FF";
        assert_eq!(form.expose_str(), Some(expected));
    }
}
