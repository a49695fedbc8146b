//! A replaced login key: lets sign-ins survive a change of the secret.

use serde::{Deserialize, Serialize};

use super::LoginKey;
use crate::time::UnixTime;

/// Time limit for signing in, in seconds.
pub const STATE_LIFE: u64 = 600;

/// How far in the future a state may be, in seconds: clocks of several nginx hosts differ.
pub const CLOCK_SKEW: u64 = 60;

/// Opens what it sealed for as long as a sign-in may take, and seals nothing new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerKey {
    key: LoginKey,
    until: UnixTime,
}

impl FormerKey {
    /// The former key of a provider from `now` on: the one just `replaced`, otherwise its existing
    /// one if still valid.
    pub(crate) fn next(
        replaced: Option<LoginKey>,
        former: Option<&Self>,
        now: UnixTime,
    ) -> Option<Self> {
        match replaced {
            Some(key) => Some(Self { key, until: now.plus(STATE_LIFE) }),
            None => former.filter(|former| former.at(now).is_some()).cloned(),
        }
    }

    /// The key, if states sealed with it may still come back. Setting the clock back extends
    /// nothing.
    pub(crate) fn at(&self, now: UnixTime) -> Option<&LoginKey> {
        let Self { key, until } = self;
        (now <= *until && until.since(now) <= STATE_LIFE + CLOCK_SKEW).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_795_352_157);

    #[test]
    fn a_former_key_ends_with_the_last_sign_in_that_it_may_have_sealed() {
        let key = || LoginKey([7; 32]);
        let former = FormerKey::next(Some(key()), None, NOW).unwrap();
        for (now, is_of_use) in [
            (NOW, true),
            (NOW.plus(STATE_LIFE), true),
            (NOW.plus(STATE_LIFE + 1), false),
            (UnixTime(NOW.0 - CLOCK_SKEW), true),
            (UnixTime(NOW.0 - CLOCK_SKEW - 1), false),
        ] {
            assert_eq!(former.at(now).is_some(), is_of_use, "{now:?}");
            let left = FormerKey::next(None, Some(&former), now);
            assert_eq!(left, is_of_use.then(|| former.clone()), "{now:?}: never longer");
        }
        let newer = FormerKey::next(Some(LoginKey([8; 32])), Some(&former), NOW).unwrap();
        assert_eq!(newer.at(NOW), Some(&LoginKey([8; 32])), "one at most");
    }

    #[test]
    fn it_is_read_as_it_was_written_and_not_printed() {
        let former = FormerKey::next(Some(LoginKey([7; 32])), None, NOW).unwrap();
        let json = serde_json::to_string(&former).unwrap();
        assert_eq!(serde_json::from_str::<FormerKey>(&json).unwrap(), former);
        for broken in [json.replace("Bw", "!"), json.replace("BwcH", ""), "{}".to_owned()] {
            assert!(serde_json::from_str::<FormerKey>(&broken).is_err(), "{broken}");
        }
        assert!(format!("{former:?}").contains("LoginKey(32 bytes)"));
    }
}
