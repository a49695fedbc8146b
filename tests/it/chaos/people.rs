//! People who sign in and out, whatever goes wrong.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{Browser, Request, Site, within};

use super::{Dice, TOLD, page_of};

/// What is known of a user's sessions.
#[derive(Default)]
pub(super) struct Person {
    pub(super) live: Vec<Browser>,
    /// Signed out: nobody may be admitted with their cookies, ever.
    pub(super) out: Vec<Browser>,
    /// When each of them did.
    since: Vec<Instant>,
    /// How soon it has to be known.
    pub(super) known_within: Duration,
    /// What authentik sends if the user logs out there; each works once.
    pub(super) notices: Vec<Request>,
    pub(super) sign_ins: u64,
    pub(super) sign_outs: u64,
    /// Logouts that authentik reported.
    pub(super) logouts: u64,
    /// Sign-outs and logouts without an answer.
    pub(super) unsure: u64,
    pub(super) checks: u64,
}

/// A sign-in that may fail, because somebody is killed.
fn sign_in(home: &str, user: &str) -> Option<Browser> {
    let mut browser = Browser::new(home);
    browser.become_user(user);
    let mut address = page_of(user);
    for _ in 0..10 {
        let answer = browser.try_step(&address).ok()?;
        match answer.status() {
            302 => {
                let base = url::Url::parse(home).and_then(|home| home.join(&address)).ok()?;
                address = base.join(answer.location()).ok()?.to_string();
            }
            200 if browser.session_cookies().len() == 1 => return Some(browser),
            _ => return None,
        }
    }
    None
}

impl Person {
    /// Signs in, signs out, and looks, until it is enough.
    pub(super) fn act(&mut self, home: &str, user: &str, round: u64, done: &AtomicBool) {
        let mut dice = Dice(round * 10 + user.len() as u64);
        while !done.load(Ordering::Relaxed) {
            match dice.below(11) {
                0..=2 if self.live.len() < 6 => {
                    if let Some(browser) = sign_in(home, user) {
                        self.live.push(browser);
                        self.sign_ins += 1;
                    }
                }
                3 if self.live.len() > 1 => self.sign_out(user),
                10 if self.live.len() > 1 => self.log_out(),
                4..=6 if !self.out.is_empty() => {
                    let at = dice.below(self.out.len().min(20) as u64) as usize;
                    let place = self.out.len() - 1 - at;
                    let is_known = self.since[place].elapsed() >= self.known_within;
                    let answer = self.out[place].get(&page_of(user)).try_send();
                    let status = answer.map_or(0, |answer| answer.status());
                    let is_in = status == 200 && !is_known;
                    assert!(is_in || matches!(status, 0 | 401 | 503), "signed out, then {status}");
                    self.checks += 1;
                }
                _ => {
                    let Some(live) = self.live.last() else { continue };
                    let answer = live.get(&page_of(user)).try_send();
                    let status = answer.map_or(0, |answer| answer.status());
                    // An unanswered sign-in may have ended it, or a killed store has lost it.
                    assert!(matches!(status, 0 | 200 | 401 | 503), "{status}");
                    self.checks += 1;
                }
            }
        }
    }

    /// All sessions of the user end with one of them.
    fn sign_out(&mut self, user: &str) {
        let Some(browser) = self.live.last() else { return };
        // A session that a killed server has lost ends no others.
        if !browser.get(&page_of(user)).try_send().is_ok_and(|page| page.status() == 200) {
            return;
        }
        let request = browser.get("/outpost.goauthentik.io/sign_out").navigation();
        match request.try_send() {
            Ok(answer) if answer.status() == 302 && answer.location().contains("end-session") => {
                self.sign_outs += 1;
                self.are_out();
            }
            // The session was unknown or could not be looked up: nothing was promised.
            Ok(_) => {}
            Err(_) => {
                self.unsure += 1;
                self.live.clear();
            }
        }
    }

    /// authentik reports that the user logged out there.
    fn log_out(&mut self) {
        let Some(notice) = self.notices.pop() else { return };
        match notice.try_send() {
            Ok(answer) if answer.status() == 200 => {
                self.logouts += 1;
                self.are_out();
            }
            // The clock was set, or the keys could not be fetched: authentik would try again.
            Ok(answer) => assert!(matches!(answer.status(), 400 | 502 | 503 | 504), "{answer:?}"),
            Err(_) => {
                self.unsure += 1;
                self.live.clear();
            }
        }
    }

    fn are_out(&mut self) {
        self.out.append(&mut self.live);
        self.since.resize(self.out.len(), Instant::now());
    }

    /// Who signed out is out, the last `count` sessions at each of the hosts; the others are in, or
    /// the store has lost them. `may_be_late`: a host may hear of it a moment later.
    pub(super) fn look(
        &mut self,
        user: &str,
        hosts: &[SocketAddr],
        count: usize,
        may_be_late: bool,
    ) -> Looked {
        let mut looked = Looked::default();
        let from = self.out.len().saturating_sub(count);
        for (gone, host) in
            self.out[from..].iter().flat_map(|gone| hosts.iter().map(move |host| (gone, host)))
        {
            let request = gone.get(&page_of(user)).to(*host);
            within(TOLD, &format!("the sign-out is known at {host}"), || {
                let status = request.status();
                assert!(may_be_late || status != 200, "{user} is out");
                status == 401
            });
            looked.refused += 1;
        }
        self.live.retain(|live| {
            let mut status = 0;
            within(TOLD, "the store is there again", || {
                status = live.get(&page_of(user)).status();
                status != 503
            });
            looked.lost += u64::from(status != 200);
            status == 200
        });
        looked
    }
}

/// What [`Person::look`] has seen.
#[derive(Default)]
pub(super) struct Looked {
    /// Requests with cookies of those who signed out.
    pub(super) refused: u64,
    /// Sessions that have ended without a sign-out.
    pub(super) lost: u64,
}

/// Nobody has been admitted as somebody else.
pub(super) fn assert_everybody_was_who_they_are(site: &Site) -> usize {
    let received = site.app.received();
    for request in &received {
        let user = request.target.strip_prefix("/page?of=").expect("a target");
        assert_eq!(request.header("X-authentik-username"), Some(user), "{request:?}");
    }
    site.app.forget();
    received.len()
}
