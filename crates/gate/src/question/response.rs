//! The meaning of a response's status.

use serde_json::Value;

use super::CoreError;
use crate::http::HttpResponse;
use crate::json;

/// The body of a 200; any other status is an error (RFC 6749 §5.2 for 4xx).
pub(super) fn success<'r>(
    response: &'r HttpResponse,
    about: &'static str,
) -> Result<&'r [u8], CoreError> {
    let body = response.body.expose();
    match response.status {
        200 => Ok(body),
        status @ (429 | 500..) => Err(CoreError::Unavailable { about, status }),
        status @ 400..500 => {
            Err(oauth_error(body).unwrap_or(CoreError::Misplaced { about, status }))
        }
        status => Err(CoreError::Misplaced { about, status }),
    }
}

fn oauth_error(body: &[u8]) -> Option<CoreError> {
    let members = json::object(body)?;
    let error = members.get("error")?.as_str()?;
    let description = members.get("error_description").and_then(Value::as_str).unwrap_or_default();
    Some(CoreError::rejected(error, description))
}
