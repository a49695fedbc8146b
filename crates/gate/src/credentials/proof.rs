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
    use crate::fixtures::{provider, recorded};
    use crate::identity::SessionView;
    use crate::token::{TokenFlaw, from_introspection};

    #[test]
    fn a_token_as_password_is_introspected_before_it_is_tried_as_a_password() {
        let header = STANDARD.encode("goauthentik.io/token:secret");
        let credentials = Credentials::parse(format!("Basic {header}").as_bytes()).unwrap();
        let inquiries = credentials.inquiries();
        assert!(matches!(inquiries.as_slice(), [Inquiry::Token(_), Inquiry::Password(_)]));
    }

    /// A time at which the recorded tokens were valid.
    const NOW: UnixTime = UnixTime(1_795_312_000);

    fn carols() -> Tokens {
        Tokens::parse(recorded("token_response_client_credentials_carol.json").as_bytes()).unwrap()
    }

    fn by_password(tokens: Tokens) -> Result<Rendered, CoreError> {
        let provider = provider("p-basic");
        of_password(tokens, &provider, &Keys::shared(&provider), NOW)
    }

    fn user(rendered: &Rendered) -> &[u8] {
        SessionView::over(rendered.record.expose()).unwrap().username()
    }

    #[test]
    fn a_password_proves_the_user_of_the_id_token() {
        let rendered = by_password(carols()).unwrap();
        let view = SessionView::over(rendered.record.expose()).unwrap();
        assert_eq!(user(&rendered), b"carol");
        assert_eq!(view.token(), carols().id_token.unwrap().expose(), "not the access token");
        assert_eq!(view.refresh_token(), b"");
        assert_eq!(rendered.expires, UnixTime(1_795_315_121), "no longer than the token");
    }

    #[test]
    fn a_password_proves_nothing_without_a_good_id_token() {
        let none = Tokens { id_token: None, ..carols() };
        let missing = CoreError::Garbled { about: "token_endpoint" };
        assert_eq!(by_password(none).unwrap_err(), missing);
        let other = Secret::new(recorded("access_token_with_nonce.txt"));
        let of_another_key = Tokens { id_token: Some(other), ..carols() };
        let flaw = CoreError::BadToken(TokenFlaw::Signature);
        assert_eq!(by_password(of_another_key).unwrap_err(), flaw);
    }

    #[test]
    fn a_token_proves_the_user_that_authentik_named_until_it_ends() {
        let (provider, asked) = (provider("p-proxy"), Introspect { token: Secret::new("t0ken") });
        let answer = recorded("introspection_active_hs256.json").as_bytes();
        let claims = from_introspection(answer, &provider.client_id, NOW).unwrap();
        let rendered = of_token(&asked, &claims, &provider, NOW);
        assert_eq!(user(&rendered), claims.preferred_username.as_bytes());
        let view = SessionView::over(rendered.record.expose()).unwrap();
        assert_eq!((view.token(), view.refresh_token()), (&b"t0ken"[..], &b""[..]));
    }

    #[test]
    fn a_bearer_token_is_introspected_and_a_password_tried_as_such() {
        let bearer = Credentials::parse(b"Bearer abc").unwrap();
        assert!(matches!(bearer.inquiries().as_slice(),
            [Inquiry::Token(asked)] if asked.token.expose() == b"abc"));
        let header = STANDARD.encode("carol:secret");
        let basic = Credentials::parse(format!("Basic {header}").as_bytes()).unwrap();
        assert!(matches!(basic.inquiries().as_slice(), [Inquiry::Password(asked)]
            if (asked.username.expose(), asked.password.expose()) == (b"carol", b"secret")));
    }
}
