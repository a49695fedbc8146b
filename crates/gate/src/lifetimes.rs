//! How long a session lasts, and what becomes due meanwhile.
//!
//! A refresh token of authentik works on after the user has logged out, and when a policy denies
//! the user access (recorded with authentik 2026.2.2), so a session that is renewed needs bounds of its own:
//! who browses goes through authentik again after `recheck`, and everybody after
//! `session_lifetime`.

use crate::hash;
use crate::identity::{Life, SessionView};
pub use crate::provider::Terms;
use crate::secret::Secret;
use crate::store::Key;
use crate::time::UnixTime;
use crate::token::VerifiedClaims;

/// What a session needs when a request uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// A new access token soon: the present one is in the last third of its life. The request need
    /// not wait.
    Renew,
    /// A new access token first: the present one has ended, so the request waits.
    RenewFirst,
    /// Another sign-in: the last one was too long ago. authentik asks nothing of a user whom it
    /// knows and who may still use the application.
    Recheck,
}

impl<'t> Life<'t> {
    /// The life of a session that begins with a sign-in.
    #[must_use]
    pub fn of_sign_in(
        claims: &VerifiedClaims,
        refresh_token: Option<&'t Secret>,
        terms: &Terms,
        now: UnixTime,
    ) -> Self {
        let refresh_token = refresh_token.filter(|_| terms.refresh);
        let longest = now.plus(terms.session_lifetime);
        let expires = match refresh_token {
            Some(_) => longest,
            None => longest.min(claims.exp),
        };
        Self { signed_in: now, access_since: now, expires, refresh_token, is_by_credentials: false }
    }

    /// The life of a session after a renewal, which prolongs nothing but the access token.
    #[must_use]
    pub fn renewed(
        former: SessionView<'_>,
        refresh_token: &'t Secret,
        terms: &Terms,
        now: UnixTime,
    ) -> Self {
        Self {
            signed_in: former.signed_in(),
            access_since: now,
            expires: former.signed_in().plus(terms.session_lifetime),
            refresh_token: Some(refresh_token),
            is_by_credentials: former.is_by_credentials(),
        }
    }
}

/// When the session ends. The present terms count, not those of the sign-in.
#[must_use]
pub fn ends(session: SessionView<'_>, terms: &Terms) -> UnixTime {
    if session.is_by_credentials() {
        return session.expires();
    }
    let ends = session.expires().min(session.signed_in().plus(terms.session_lifetime));
    if is_renewable(session, terms) { ends } else { ends.min(session.access_until()) }
}

/// Until when [`due`] is [`Due::Nothing`] for any request.
#[must_use]
pub fn calm_until(session: SessionView<'_>, terms: &Terms) -> UnixTime {
    let recheck = recheck_from(session, terms);
    let renewal = is_renewable(session, terms).then(|| renew_from(session));
    recheck.into_iter().chain(renewal).min().unwrap_or(UnixTime(u64::MAX))
}

/// What the session needs before or while a request uses it. `can_sign_in` says whether the client
/// can be sent to authentik: it is only called if that matters.
#[must_use]
pub fn due(
    session: SessionView<'_>,
    terms: &Terms,
    now: UnixTime,
    can_sign_in: impl FnOnce() -> bool,
) -> Due {
    let is_recheck_due = recheck_from(session, terms).is_some_and(|from| now >= from);
    if is_recheck_due && can_sign_in() {
        return Due::Recheck;
    }
    if !is_renewable(session, terms) {
        return Due::Nothing;
    }
    if now >= session.access_until() {
        Due::RenewFirst
    } else if now >= renew_from(session) {
        Due::Renew
    } else {
        Due::Nothing
    }
}

/// The key in the zone of the note that a session's recheck has begun.
#[must_use]
pub fn recheck_key(session: &Key) -> Key {
    hash::sha256(&[b"authentik recheck\0", session])
}

/// Clients that present credentials cannot be sent to sign in.
fn recheck_from(session: SessionView<'_>, terms: &Terms) -> Option<UnixTime> {
    let recheck = terms.recheck.filter(|_| !session.is_by_credentials())?;
    Some(session.signed_in().plus(recheck))
}

fn is_renewable(session: SessionView<'_>, terms: &Terms) -> bool {
    terms.refresh && !session.refresh_token().is_empty()
}

/// The beginning of the last third of the access token's life.
fn renew_from(session: SessionView<'_>) -> UnixTime {
    let until = session.access_until();
    UnixTime(until.0 - until.since(session.access_since()).min(until.0) / 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::provider;
    use crate::identity::render;
    use crate::token::from_introspection;

    const SIGNED_IN: UnixTime = UnixTime(100_000);

    const TERMS: Terms =
        Terms { session_lifetime: 1_000, recheck: Some(500), idle_timeout: None, refresh: true };

    /// Claims of an access token that lasts this many seconds.
    fn claims(life: u64) -> VerifiedClaims {
        let client_id = provider("p-proxy").client_id;
        let exp = SIGNED_IN.plus(life).0;
        let answer = format!(
            r#"{{"active":true,"client_id":"{client_id}","sub":"s","preferred_username":"u",
            "exp":{exp}}}"#
        );
        from_introspection(answer.as_bytes(), &client_id, SIGNED_IN).unwrap()
    }

    fn record(life: u64, refresh_token: Option<&str>, terms: &Terms) -> Secret {
        let (claims, refresh_token) = (claims(life), refresh_token.map(Secret::new));
        let life = Life::of_sign_in(&claims, refresh_token.as_ref(), terms, SIGNED_IN);
        render(&claims, &provider("p-proxy"), b"raw.token", None, life).record
    }

    fn view(record: &Secret) -> SessionView<'_> {
        SessionView::over(record.expose()).unwrap()
    }

    /// What is due, for a client that can be redirected and for one that cannot.
    fn dues(session: SessionView<'_>, terms: &Terms, after: u64) -> (Due, Due) {
        let now = SIGNED_IN.plus(after);
        (due(session, terms, now, || true), due(session, terms, now, || false))
    }

    #[test]
    fn a_session_ends_with_its_access_token_unless_that_is_renewed_and_with_its_lifetime_anyway() {
        let off = Terms { refresh: false, ..TERMS };
        for (access, refresh_token, terms, ends_after) in [
            (300, None, TERMS, 300),
            (3_000, None, TERMS, 1_000),
            (300, Some("r"), TERMS, 1_000),
            (3_000, Some("r"), TERMS, 1_000),
            (300, Some("r"), off, 300),
        ] {
            let record = record(access, refresh_token, &terms);
            let view = view(&record);
            assert_eq!(view.expires(), SIGNED_IN.plus(ends_after), "{access} {refresh_token:?}");
            assert_eq!(ends(view, &terms), view.expires());
            assert_eq!(view.signed_in(), SIGNED_IN);
            assert_eq!(view.refresh_token().is_empty(), refresh_token.is_none() || !terms.refresh);
        }
    }

    #[test]
    fn the_present_terms_count_not_those_of_the_sign_in() {
        let record = record(300, Some("r"), &TERMS);
        for (terms, ends_after) in [
            (Terms { session_lifetime: 400, ..TERMS }, 400),
            (Terms { session_lifetime: 2_000, ..TERMS }, 1_000), // the cookie ends then
            (Terms { refresh: false, ..TERMS }, 300),
        ] {
            assert_eq!(ends(view(&record), &terms), SIGNED_IN.plus(ends_after), "{terms:?}");
        }
    }

    #[test]
    fn a_token_is_renewed_in_the_last_third_of_its_life_and_waited_for_after_it() {
        let terms = Terms { recheck: None, ..TERMS };
        let record = record(300, Some("r"), &terms);
        for (after, expected) in [
            (0, Due::Nothing),
            (199, Due::Nothing),
            (200, Due::Renew),
            (299, Due::Renew),
            (300, Due::RenewFirst),
            (999, Due::RenewFirst),
        ] {
            assert_eq!(dues(view(&record), &terms, after), (expected, expected), "{after}");
        }
        assert_eq!(calm_until(view(&record), &terms), SIGNED_IN.plus(200));
    }

    #[test]
    fn who_can_be_redirected_is_sent_to_authentik_before_anything_is_renewed() {
        let record = record(300, Some("r"), &TERMS);
        for (after, redirected, other) in [
            (499, Due::RenewFirst, Due::RenewFirst),
            (500, Due::Recheck, Due::RenewFirst),
            (999, Due::Recheck, Due::RenewFirst),
        ] {
            assert_eq!(dues(view(&record), &TERMS, after), (redirected, other), "{after}");
        }
    }

    #[test]
    fn without_a_refresh_token_only_the_recheck_becomes_due() {
        let record = record(3_000, None, &TERMS);
        let session = view(&record);
        assert_eq!(dues(session, &TERMS, 499), (Due::Nothing, Due::Nothing));
        assert_eq!(dues(session, &TERMS, 500), (Due::Recheck, Due::Nothing));
        assert_eq!(calm_until(session, &TERMS), SIGNED_IN.plus(500));
        let never = Terms { recheck: None, ..TERMS };
        assert_eq!(dues(session, &never, 999), (Due::Nothing, Due::Nothing));
        assert_eq!(calm_until(session, &never), UnixTime(u64::MAX));
    }

    #[test]
    fn nothing_is_due_before_the_end_of_the_calm() {
        for access in [1, 2, 3, 100, 700] {
            for refresh_token in [None, Some("r")] {
                for recheck in [None, Some(1), Some(500)] {
                    let terms = Terms { recheck, ..TERMS };
                    let record = record(access, refresh_token, &terms);
                    let calm = calm_until(view(&record), &terms).since(SIGNED_IN).min(1_000);
                    for after in (0..calm).rev().take(3) {
                        let due = dues(view(&record), &terms, after);
                        assert_eq!(due, (Due::Nothing, Due::Nothing), "{access} {terms:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_renewal_prolongs_the_access_token_but_not_the_session() {
        let former = record(300, Some("r"), &TERMS);
        let refresh_token = Secret::new("s");
        let now = SIGNED_IN.plus(290);
        let life = Life::renewed(view(&former), &refresh_token, &TERMS, now);
        let renewed = render(&claims(590), &provider("p-proxy"), b"new.token", None, life).record;
        let session = view(&renewed);
        assert_eq!(session.signed_in(), SIGNED_IN);
        assert_eq!(ends(session, &TERMS), SIGNED_IN.plus(1_000));
        assert_eq!(session.refresh_token(), b"s");
        // 200 of its 300 seconds are over at 490, ten before the recheck.
        assert_eq!(calm_until(session, &TERMS), SIGNED_IN.plus(490));
        assert_eq!(dues(session, &TERMS, 490), (Due::Renew, Due::Renew));
        assert_eq!(dues(session, &TERMS, 500), (Due::Recheck, Due::Renew));
    }

    #[test]
    fn a_session_by_credentials_lasts_as_long_as_its_token_and_nothing_is_due() {
        let claims = claims(3_000);
        let life = Life::of_access_token(&claims, SIGNED_IN);
        let record = render(&claims, &provider("p-proxy"), b"raw.token", None, life).record;
        let session = view(&record);
        assert_eq!(ends(session, &TERMS), SIGNED_IN.plus(3_000));
        assert_eq!(dues(session, &TERMS, 2_999), (Due::Nothing, Due::Nothing));
        assert_eq!(calm_until(session, &TERMS), UnixTime(u64::MAX));
    }
}
