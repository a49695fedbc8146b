//! Tokens that authentik verifies for us (RFC 7662).

use serde_json::Value;

use super::{MAX_TOKEN, TokenFlaw, VerifiedClaims, check_times, claims};
use crate::json;
use crate::time::UnixTime;

/// Parses a response of the introspection endpoint (RFC 7662, docs/protocol.md §5.1).
///
/// authentik has verified the token; what remains is that it is active, ours and not expired. `aud`
/// and `client_id` must name us if present, and one of them must be.
///
/// # Errors
/// The first flaw; [`TokenFlaw::Inactive`] for everything that authentik itself rejected,
/// and for nothing else.
pub fn from_introspection(
    answer: &[u8],
    client_id: &str,
    now: UnixTime,
) -> Result<VerifiedClaims, TokenFlaw> {
    if answer.len() > MAX_TOKEN {
        return Err(TokenFlaw::TooLong);
    }
    let members = json::object(answer).ok_or(TokenFlaw::Malformed("introspection answer"))?;
    // Inactive must be stated by authentik, not merely missing from some response: it ends
    // sessions.
    match members.get("active") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Err(TokenFlaw::Inactive),
        Some(_) => return Err(TokenFlaw::WrongType("active")),
        None => return Err(TokenFlaw::Missing("active")),
    }
    let client = claims::text(&members, "client_id")?;
    let has_audience = members.get("aud").is_some_and(|aud| !aud.is_null());
    let named = has_audience || !client.is_empty();
    let foreign_client = !client.is_empty() && client != client_id;
    if !named
        || foreign_client
        || (has_audience && !claims::audience_includes(&members, client_id)?)
    {
        return Err(TokenFlaw::Audience);
    }
    check_times(&members, now)?;
    claims::keep(members)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{provider, recorded};

    /// Seconds after the recording.
    const NOW: UnixTime = UnixTime(1_795_311_600);

    #[test]
    fn an_active_introspection_of_our_client_is_proof() {
        let provider = provider("p-proxy");
        let answer = recorded("introspection_active_hs256.json");
        let claims = from_introspection(answer.as_bytes(), &provider.client_id, NOW).unwrap();
        assert_eq!(claims.preferred_username, "bob");

        let inactive = recorded("introspection_inactive.json").as_bytes();
        assert_eq!(from_introspection(inactive, "us", NOW), Err(TokenFlaw::Inactive));
        let result = from_introspection(answer.as_bytes(), "us", NOW);
        assert_eq!(result, Err(TokenFlaw::Audience));
    }

    #[test]
    fn an_introspection_that_leaves_a_doubt_is_none() {
        let good = json!({"active": true, "client_id": "us", "aud": "us", "sub": "s", "exp": NOW.0 + 1,
                "preferred_username": "u"});
        for (name, value, flaw) in [
            ("active", json!(false), Some(TokenFlaw::Inactive)),
            ("active", json!("true"), Some(TokenFlaw::WrongType("active"))),
            ("active", json!("false"), Some(TokenFlaw::WrongType("active"))),
            ("active", json!(1), Some(TokenFlaw::WrongType("active"))),
            ("active", json!(null), Some(TokenFlaw::WrongType("active"))),
            ("client_id", json!(null), None),
            ("client_id", json!("them"), Some(TokenFlaw::Audience)),
            ("aud", json!(null), None),
            ("aud", json!(["them"]), Some(TokenFlaw::Audience)),
            ("exp", json!(null), Some(TokenFlaw::Missing("exp"))),
            ("exp", json!(NOW.0), Some(TokenFlaw::Expired { seconds_ago: 0 })),
            ("sub", json!(null), Some(TokenFlaw::Missing("sub"))),
            ("preferred_username", json!(null), Some(TokenFlaw::NoUserName)),
        ] {
            let mut answer = good.clone();
            answer[name] = value;
            let result = from_introspection(answer.to_string().as_bytes(), "us", NOW);
            assert_eq!(result.err(), flaw, "{answer}");
        }
        let nameless = json!({"active": true, "sub": "s", "exp": NOW.0 + 1}).to_string();
        let result = from_introspection(nameless.as_bytes(), "us", NOW);
        assert_eq!(result, Err(TokenFlaw::Audience));
        let unsaid = from_introspection(b"{\"detail\": \"maintenance\"}", "us", NOW);
        assert_eq!(unsaid, Err(TokenFlaw::Missing("active")));
        assert!(from_introspection(b"<html>", "us", NOW).is_err());
    }
}
