//! What to ask authentik about credentials, and what its answers prove.

use super::Credentials;
use crate::identity::{BasicAttributes, Life, Rendered, render};
use crate::provider::Provider;
use crate::question::{CoreError, Introspect, SignInByPassword, Tokens};
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::{Expected, Keys, VerifiedClaims, verify};

/// The user name that marks the password as a token.
const TOKEN_USER: &[u8] = b"goauthentik.io/token";

/// A question about credentials.
#[derive(Clone, Debug)]
pub enum Inquiry {
    /// The credentials are a token.
    Token(Introspect),
    /// The credentials are a user's app password.
    Password(SignInByPassword),
}

impl Credentials {
    /// The questions for authentik, in order, until one is answered with yes.
    #[must_use]
    pub fn inquiries(&self) -> Vec<Inquiry> {
        let token = |token: &Secret| Inquiry::Token(Introspect { token: token.clone() });
        match self {
            Self::Bearer(secret) => vec![token(secret)],
            Self::Basic { username, password } => {
                let by_password = Inquiry::Password(SignInByPassword {
                    username: username.clone(),
                    password: password.clone(),
                });
                if username.expose() == TOKEN_USER {
                    vec![token(password), by_password]
                } else {
                    vec![by_password]
                }
            }
        }
    }
}

/// The identity proved by a token that authentik reports as active.
#[must_use]
pub fn of_token(
    asked: &Introspect,
    claims: &VerifiedClaims,
    provider: &Provider,
    now: UnixTime,
) -> Rendered {
    let life = Life::of_access_token(claims, now);
    render(claims, provider, asked.token.expose(), BasicAttributes::of(provider), life)
}

/// The identity proved by a password: that of the ID token that authentik issues for it, not the
/// access token (docs/protocol.md §5.2).
///
/// # Errors
/// There is no ID token, or it is invalid.
pub fn of_password(
    tokens: Tokens,
    provider: &Provider,
    keys: &Keys,
    now: UnixTime,
) -> Result<Rendered, CoreError> {
    let token = tokens.id_token.ok_or(CoreError::Garbled { about: "token_endpoint" })?;
    let claims = verify(token.expose(), &Expected::of(provider, None), keys, now)?;
    let life = Life::of_access_token(&claims, now);
    Ok(render(&claims, provider, token.expose(), BasicAttributes::of(provider), life))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn a_token_as_password_is_introspected_before_it_is_tried_as_a_password() {
        let header = STANDARD.encode("goauthentik.io/token:secret");
        let credentials = Credentials::parse(format!("Basic {header}").as_bytes()).unwrap();
        let inquiries = credentials.inquiries();
        assert!(matches!(inquiries.as_slice(), [Inquiry::Token(_), Inquiry::Password(_)]));
    }
}
