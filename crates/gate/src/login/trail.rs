//! The loop breaker: counts failed sign-ins in a row.
//!
//! A browser that returns from authentik without a usable session is sent there again, is signed in
//! silently, returns … (wrong clock, issuer or secret, dropped cookies). A cookie counts this:
//! `authentik_signin_trail_<8 hex digits of the provider>` = `<count>.<valid until>`. It is per
//! provider, since a person may well sign in to four applications of a domain within seconds.
//!
//! Anybody can forge this cookie. All it can do is cause an error page instead of another sign-in.

use super::hex;
use crate::cookie;
use crate::provider::Provider;
use crate::reason::Reason;
use crate::sender::Sender;
use crate::time::UnixTime;

/// Number of sign-ins in a row after which the loop is broken.
const MAX_IN_ROW: u8 = 3;

/// A failed sign-in counts for this long, in seconds.
const FAILURE_COUNTS: u64 = 120;

/// A completed sign-in that is followed by another within this time, in seconds, gave no usable
/// session.
const COMPLETION_COUNTS: u64 = 30;

/// This browser's most recent sign-ins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginTrail {
    count: u8,
    until: UnixTime,
}

/// Whether the next sign-in may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trail {
    /// It may.
    GoOn,
    /// Three in a row failed: show why, and send [`LoginTrail::clear_cookie`] along, so that trying
    /// again by hand gives three more.
    Stop,
}

impl LoginTrail {
    /// The trail of a browser without failed sign-ins.
    #[must_use]
    pub fn none(now: UnixTime) -> Self {
        Self { count: 0, until: now }
    }

    /// Reads the request's `Cookie` headers. A malformed, expired or future value is no trail.
    #[must_use]
    pub fn read(provider: &Provider, cookies: &[&[u8]], now: UnixTime) -> Self {
        let name = cookie_name(provider);
        let trails = cookies.iter().flat_map(|header| cookie::values(header, name.as_bytes()));
        let trails = trails.take(cookie::MAX_CANDIDATES).filter_map(Self::of_value);
        let valid =
            trails.filter(|trail| trail.until > now && trail.until.since(now) <= FAILURE_COUNTS);
        valid.max_by_key(|trail| trail.count).unwrap_or(Self::none(now))
    }

    /// Call before a sign-in begins, and after [`Self::failed`].
    #[must_use]
    pub fn next(self) -> Trail {
        if self.count < MAX_IN_ROW { Trail::GoOn } else { Trail::Stop }
    }

    /// Whether a sign-in that failed for this reason counts. Retrying while authentik is down is no
    /// loop, nor is a second click, nor a frame, which never starts a sign-in on its own.
    #[must_use]
    pub fn counts(reason: Reason, sender: Sender) -> bool {
        let is_for_now = reason.reply().status == 503;
        !is_for_now && reason != Reason::Superseded && sender != Sender::Frame
    }

    /// The trail after a callback without a session.
    #[must_use]
    pub fn failed(self, now: UnixTime) -> Self {
        self.longer(now.plus(FAILURE_COUNTS))
    }

    /// The trail after a callback with a session. If the session works, no sign-in follows and the
    /// trail expires.
    #[must_use]
    pub fn completed(self, now: UnixTime) -> Self {
        self.longer(now.plus(COMPLETION_COUNTS))
    }

    /// `Set-Cookie` value for this trail.
    #[must_use]
    pub fn set_cookie(self, provider: &Provider, now: UnixTime) -> String {
        let value = format!("{}.{}", self.count, self.until.0);
        cookie::set(provider, &cookie_name(provider), &value, self.until.since(now))
    }

    /// `Set-Cookie` value that ends the trail: on the page that breaks the loop, and at sign-out.
    #[must_use]
    pub fn clear_cookie(provider: &Provider) -> String {
        cookie::delete(provider, &cookie_name(provider))
    }

    fn longer(self, until: UnixTime) -> Self {
        Self { count: self.count.saturating_add(1).min(MAX_IN_ROW), until }
    }

    fn of_value(value: &[u8]) -> Option<Self> {
        let (count, until) = std::str::from_utf8(value).ok()?.split_once('.')?;
        Some(Self { count: count.parse().ok()?, until: UnixTime(until.parse().ok()?) })
    }
}

fn cookie_name(provider: &Provider) -> String {
    let tag = provider.key.0.first_chunk().copied().unwrap_or_default();
    format!("{}authentik_signin_trail_{}", provider.cookie_prefix, hex(tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{other_provider, provider};

    const NOW: UnixTime = UnixTime(1_795_352_157);

    /// What a browser returns after that `Set-Cookie`.
    fn sent(set_cookie: &str) -> String {
        set_cookie.split(';').next().unwrap().to_owned()
    }

    fn read(header: &str, now: UnixTime) -> LoginTrail {
        LoginTrail::read(&provider(), &[header.as_bytes()], now)
    }

    #[test]
    fn only_what_would_happen_again_at_once_counts() {
        for (reason, sender, counts) in [
            (Reason::StateExpired, Sender::Navigation, true),
            (Reason::TokenSignature, Sender::Navigation, true),
            (Reason::TokenSignature, Sender::Frame, false),
            (Reason::CoreUnreachable, Sender::Navigation, false),
            (Reason::ZoneFull, Sender::Navigation, false),
            (Reason::Superseded, Sender::Navigation, false),
        ] {
            assert_eq!(LoginTrail::counts(reason, sender), counts, "{reason:?} {sender:?}");
        }
    }

    #[test]
    fn the_third_sign_in_in_a_row_is_the_last() {
        for ends in [LoginTrail::failed, LoginTrail::completed] {
            let (mut header, mut now) = (String::new(), NOW);
            for expected in [Trail::GoOn, Trail::GoOn, Trail::Stop] {
                assert_eq!(read(&header, now).next(), Trail::GoOn);
                let trail = ends(read(&header, now), now);
                assert_eq!(trail.next(), expected);
                header = sent(&trail.set_cookie(&provider(), now));
                now = now.plus(29);
            }
            assert_eq!(read(&header, now).next(), Trail::Stop);
            assert_eq!(
                read(&sent(&LoginTrail::clear_cookie(&provider())), now).next(),
                Trail::GoOn
            );
        }
    }

    #[test]
    fn a_trail_ends_by_itself() {
        let three = LoginTrail { count: 2, until: NOW };
        for (trail, last, name) in
            [(three.failed(NOW), 119, "failed"), (three.completed(NOW), 29, "completed")]
        {
            let set_cookie = trail.set_cookie(&provider(), NOW);
            assert!(set_cookie.ends_with(&format!("; Max-Age={}", last + 1)), "{set_cookie}");
            let header = sent(&set_cookie);
            assert_eq!(read(&header, NOW.plus(last)).next(), Trail::Stop, "{name}");
            assert_eq!(read(&header, NOW.plus(last + 1)).next(), Trail::GoOn, "{name}");
        }
    }

    #[test]
    fn only_a_well_formed_trail_of_this_provider_counts() {
        let (soon, late) = (NOW.plus(30).0, NOW.plus(121).0);
        for (header, next) in [
            (format!("__Host-authentik_signin_trail_39eda669=3.{soon}"), Trail::Stop),
            (format!("__Host-authentik_signin_trail_39eda669=255.{soon}"), Trail::Stop),
            (
                format!(
                    "a=b; __Host-authentik_signin_trail_39eda669=0.{soon}; __Host-authentik_signin_trail_39eda669=3.{soon}"
                ),
                Trail::Stop,
            ),
            (format!("__Host-authentik_signin_trail_39eda669=2.{soon}"), Trail::GoOn),
            // Any host of the domain can set this.
            (format!("authentik_signin_trail_39eda669=3.{soon}"), Trail::GoOn),
            (format!("__Host-authentik_signin_trail_39eda669=256.{soon}"), Trail::GoOn),
            (format!("__Host-authentik_signin_trail_39eda669=-3.{soon}"), Trail::GoOn),
            (format!("__Host-authentik_signin_trail_39eda669=3.{late}"), Trail::GoOn),
            (format!("__Host-authentik_signin_trail_39eda669=3.{}", NOW.0), Trail::GoOn),
            (format!("__Host-authentik_signin_trail_39eda669=3{soon}"), Trail::GoOn),
            (
                "__Host-authentik_signin_trail_39eda669=3.99999999999999999999".to_owned(),
                Trail::GoOn,
            ),
            (format!("__Host-authentik_signin_trail_ef1048ea=3.{soon}"), Trail::GoOn),
        ] {
            assert_eq!(read(&header, NOW).next(), next, "{header}");
        }
        let other = LoginTrail { count: 2, until: NOW }.failed(NOW);
        assert_eq!(read(&sent(&other.set_cookie(&other_provider(), NOW)), NOW).next(), Trail::GoOn);
    }
}
