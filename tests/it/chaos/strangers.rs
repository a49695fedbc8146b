//! People whom nobody may let in.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::harness::{Request, Site};

use super::{Dice, USERS, page_of};

/// Asks without a session, in ways that have worked elsewhere, until it is enough. Returns how
/// often.
pub(super) fn knock(ways: &[Request], round: u64, done: &AtomicBool) -> u64 {
    let (mut asked, mut dice) = (0, Dice(round));
    while !done.load(Ordering::Relaxed) {
        let way = &ways[usize::try_from(dice.below(ways.len() as u64)).expect("small")];
        let status = way.try_send().map_or(0, |answer| answer.status());
        assert!(matches!(status, 0 | 401 | 503), "{status} for a stranger: {way:?}");
        asked += 1;
    }
    asked
}

/// The ways. `name` is that of the session cookie.
pub(super) fn ways(site: &Site, name: &str, value: &str) -> Vec<Request> {
    let page = |user| site.get(&page_of(user));
    // The last letter of an id has bits to spare, so another one may be the same id.
    let other = if value.starts_with('A') { "B" } else { "A" };
    let near = format!("{name}={other}{}", &value[1..]);
    let invented = format!("{name}={:0>43}", 1);
    let mut ways = vec![page("alice")];
    for user in USERS {
        ways.push(page(user).header("X-authentik-username", user));
        ways.push(page(user).header("X_authentik_username", user));
        ways.push(page(user).header("Cookie", &near));
        ways.push(page(user).header("Cookie", &invented));
    }
    ways
}
