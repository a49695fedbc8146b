//! What the tokens of a sign-in prove.

use crate::identity::{BasicAttributes, Life, Rendered, render};
use crate::provider::Provider;
use crate::question::{CoreError, Tokens};
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::{Expected, Keys, TokenFlaw, verify};

/// The outcome of checking a sign-in's tokens.
#[derive(Clone, Debug)]
pub enum Proof {
    /// The user has signed in: the session to store.
    SignedIn(Rendered),
    /// The tokens are not signed with any of the provider's known keys. They may be valid with
    /// newer keys.
    OtherKeys(Tokens, TokenFlaw),
    /// The tokens are invalid.
    Nothing(CoreError),
}

impl Proof {
    /// Checks the access token returned for a code. `nonce` is that of the sign-in.
    #[must_use]
    pub fn of(
        tokens: Tokens,
        nonce: &Secret,
        provider: &Provider,
        keys: &Keys,
        now: UnixTime,
    ) -> Self {
        // Always expected: an unreadable nonce of ours matches none.
        let expected = Expected::of(provider, Some(nonce.expose_str().unwrap_or_default()));
        let token = tokens.access_token.expose();
        match verify(token, &expected, keys, now) {
            Ok(claims) => {
                let refresh_token = tokens.refresh_token.as_ref();
                let life = Life::of_sign_in(&claims, refresh_token, &provider.terms, now);
                Self::SignedIn(render(
                    &claims,
                    provider,
                    token,
                    BasicAttributes::of(provider),
                    life,
                ))
            }
            Err(flaw) if flaw.is_about_keys() => Self::OtherKeys(tokens, flaw),
            Err(flaw) => Self::Nothing(CoreError::from(flaw)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{provider, recorded};

    /// A time at which the recorded token was valid.
    const NOW: UnixTime = UnixTime(1_795_310_000);

    fn judged(nonce: &[u8], keys: &Keys) -> Proof {
        let access_token = Secret::new(recorded("access_token_with_nonce.txt"));
        let refresh_token = Some(Secret::new("r3fresh"));
        let tokens = Tokens { access_token, id_token: None, refresh_token };
        Proof::of(tokens, &Secret::new(nonce), &provider("p-proxy"), keys, NOW)
    }

    #[test]
    fn tokens_prove_who_has_signed_in_by_the_nonce_of_this_sign_in_only() {
        let keys = Keys::shared(&provider("p-proxy"));
        assert!(matches!(judged(b"nonce-value-123", &keys), Proof::SignedIn(_)));
        for other in [&b"nonce-value-124"[..], b"", b"\xff"] {
            let proof = judged(other, &keys);
            let nonce = CoreError::BadToken(TokenFlaw::Nonce);
            assert!(matches!(proof, Proof::Nothing(error) if error == nonce), "{other:?}");
        }
    }

    #[test]
    fn tokens_of_other_keys_are_kept_until_the_keys_are_known() {
        let keys = Keys::Shared(Secret::new("the former secret"));
        let Proof::OtherKeys(tokens, flaw) = judged(b"nonce-value-123", &keys) else {
            panic!("they were not kept");
        };
        assert_eq!(flaw, TokenFlaw::Signature);
        assert_eq!(tokens.access_token.expose_str(), Some(recorded("access_token_with_nonce.txt")));
    }
}
