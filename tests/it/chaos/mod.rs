//! Heavy evidence, run by `make chaos` only: processes are killed amid sign-ins and sign-outs, and
//! strangers invent cookies.

mod clock;
mod field;
mod network;
mod storm;
mod strangers;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Browser, Connection, Site, within};
use crate::session_store::redis_server::{RedisServer, SECRET};
use crate::status::status;

const SERVER: &str = "authentik_provider wiki;
    location / { proxy_pass http://app; }
    location = /status.json { authentik_provider off; authentik_status format=json; }";

const USERS: [&str; 5] = ["alice", "bob", "zoe", "carol", "suse"];

/// What the log may say of it.
const EXPECTED: [&str; 6] = [
    "exited on signal 9",
    "the store of sessions cannot be",
    "a worker exits with",
    // Of 200 workers, one or the other is killed while it holds the lock.
    "was locked by",
    "a worker died while it wrote to the zone",
    // nginx tries again to listen while those that were killed are leaving.
    "(98: Address already in use)",
];

const ROUNDS: u64 = 200;

/// Redis is told again what it could not take, after a few seconds.
const TOLD: Duration = Duration::from_secs(20);

fn rounds() -> u64 {
    std::env::var("CHAOS_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}

/// Numbers that look random, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What is known of a user's sessions.
#[derive(Default)]
struct Person {
    live: Vec<Browser>,
    /// Signed out: nobody may be admitted with their cookies, ever.
    out: Vec<Browser>,
    /// In which round each of them did, and when.
    rounds: Vec<u64>,
    since: Vec<Instant>,
    /// How soon it has to be known.
    known_within: Duration,
    sign_ins: u64,
    sign_outs: u64,
    /// Sign-outs without an answer.
    unsure: u64,
    checks: u64,
}

fn page_of(user: &str) -> String {
    format!("/page?of={user}")
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
    fn act(&mut self, home: &str, user: &str, round: u64, done: &AtomicBool) {
        let mut dice = Dice(round * 10 + user.len() as u64);
        while !done.load(Ordering::Relaxed) {
            match dice.below(10) {
                0..=2 if self.live.len() < 6 => {
                    if let Some(browser) = sign_in(home, user) {
                        self.live.push(browser);
                        self.sign_ins += 1;
                    }
                }
                3 if self.live.len() > 1 => self.sign_out(user, round),
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
    fn sign_out(&mut self, user: &str, round: u64) {
        let Some(browser) = self.live.last() else { return };
        // A session that a killed server has lost ends no others.
        if !browser.get(&page_of(user)).try_send().is_ok_and(|page| page.status() == 200) {
            return;
        }
        let request = browser.get("/outpost.goauthentik.io/sign_out").navigation();
        match request.try_send() {
            Ok(answer) if answer.status() == 302 && answer.location().contains("end-session") => {
                self.sign_outs += 1;
                self.rounds.extend(self.live.iter().map(|_| round));
                self.since.resize(self.rounds.len(), Instant::now());
                self.out.append(&mut self.live);
            }
            // The session was unknown or could not be looked up: nothing was promised.
            Ok(_) => {}
            Err(_) => {
                self.unsure += 1;
                self.live.clear();
            }
        }
    }
}

/// Stops the others even if this thread panics.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Nobody has been admitted as somebody else.
fn assert_everybody_was_who_they_are(site: &Site) -> usize {
    let received = site.app.received();
    for request in &received {
        let user = request.target.strip_prefix("/page?of=").expect("a target");
        assert_eq!(request.header("X-authentik-username"), Some(user), "{request:?}");
    }
    site.app.forget();
    received.len()
}

fn chaos(mut site: Site, mut redis: Option<RedisServer>) {
    let kinds: &[&str] = match redis {
        Some(_) => &["a worker", "all of nginx", "redis-server"],
        None => &["a worker", "all of nginx"],
    };
    for text in EXPECTED {
        site.expect_in_error_log(text);
    }
    let sister = site.sister();
    let (home, hosts) = (site.url(), [site.address(), sister.address()]);
    let mut people: Vec<Person> = USERS.iter().map(|_| Person::default()).collect();
    let mut dice = Dice(11);
    let (mut killed, mut admitted, mut lost) = (Vec::<usize>::new(), 0, 0_u64);
    let begun = Instant::now();
    for round in 0..rounds() {
        let kind = dice.below(kinds.len() as u64) as usize;
        killed.push(kind);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let stop = Stop(&done);
            for (number, person) in people.iter_mut().enumerate() {
                let (home, done) = (&home, &done);
                scope.spawn(move || person.act(home, USERS[number], round, done));
            }
            thread::sleep(Duration::from_millis(40 + dice.below(200)));
            match (kind, &mut redis) {
                (0, _) => {
                    let workers = site.worker_pids();
                    site.kill_worker(workers[dice.below(workers.len() as u64) as usize]);
                }
                (2, Some(redis)) => {
                    redis.kill();
                    thread::sleep(Duration::from_millis(dice.below(300)));
                    redis.start_again();
                }
                _ => site.kill_all_and_start(),
            }
            thread::sleep(Duration::from_millis(30 + dice.below(60)));
            drop(stop);
        });
        admitted += assert_everybody_was_who_they_are(&site);
        // Of those, the last ones; at the end, all.
        for (person, user) in people.iter_mut().zip(USERS) {
            let from = person.out.len().saturating_sub(8);
            for (gone, host) in
                person.out[from..].iter().flat_map(|gone| hosts.map(|host| (gone, host)))
            {
                let request = gone.get(&page_of(user)).to(host);
                within(TOLD, "the sign-out is known", || request.status() == 401);
            }
            person.live.retain(|live| {
                let mut status = 0;
                within(TOLD, "the store is there again", || {
                    status = live.get(&page_of(user)).status();
                    status != 503
                });
                lost += u64::from(status != 200);
                status == 200
            });
        }
        admitted += assert_everybody_was_who_they_are(&site);
    }
    // Nothing comes back, in memory or out of the store.
    site.restart();
    let mut out = 0;
    for (person, user) in people.iter().zip(USERS) {
        for (gone, round) in person.out.iter().zip(&person.rounds) {
            for host in hosts {
                let status = gone.get(&page_of(user)).to(host).status();
                assert_eq!(status, 401, "{user} is out since round {round} of {killed:?}");
                out += 1;
            }
        }
    }
    assert_eq!(site.app.hits(), 0, "the application was reached");
    let sum = |of: fn(&Person) -> u64| people.iter().map(of).sum::<u64>();
    eprintln!(
        "chaos: {} rounds in {:.0?}; killed: {}; {} sign-ins, {} sign-outs answered, {} without an answer; \
         {} requests meanwhile, {admitted} admitted, each as who they are; {out} requests of signed-out \
         cookies at the end, none admitted; sessions lost: {lost}",
        rounds(),
        begun.elapsed(),
        (0..kinds.len())
            .map(|kind| {
                let times = killed.iter().filter(|killed| **killed == kind).count();
                format!("{} {times}×", kinds[kind])
            })
            .collect::<Vec<_>>()
            .join(", "),
        sum(|one| one.sign_ins),
        sum(|one| one.sign_outs),
        sum(|one| one.unsure),
        sum(|one| one.checks),
    );
    assert!(sum(|one| one.sign_outs) > rounds() / 4, "there was something to lose");
}

const FILE: &str = "authentik_session_store file %%PREFIX%%/store/sessions;";

fn with_redis(redis: &RedisServer) -> Site {
    Site::builder()
        .http(&redis.directive("timeout=500ms"))
        .server(SERVER)
        .secret_file(SECRET, &"0123456789abcdef".repeat(4))
        .start()
}

#[test]
#[ignore = "minutes; make chaos runs it"]
fn with_a_file_whoever_is_killed_no_sign_out_is_lost_and_nobody_is_somebody_else() {
    chaos(Site::builder().http(FILE).server(SERVER).start(), None);
}

#[test]
#[ignore = "minutes; make chaos runs it"]
fn with_redis_whoever_is_killed_no_sign_out_is_lost_and_nobody_is_somebody_else() {
    let redis = match std::env::var("CHAOS_APPENDFSYNC") {
        Ok(when) => RedisServer::with(&format!("appendfsync {when}")),
        Err(_) => RedisServer::start(),
    };
    chaos(with_redis(&redis), Some(redis));
}

/// Asks with 100,000 cookies that look like ours.
fn strangers_cost_nothing(site: &Site) {
    const COOKIES: usize = 100_000;
    let alice = site.signed_in();
    let name = alice.session_cookies().remove(0).name;
    let questions = || status(site)["store"]["questions"].as_u64().expect("a number");
    let (before, mut dice) = (questions(), Dice(7));
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut connection = Connection::open(site.address());
    for number in 0..COOKIES {
        if number % 500 == 499 {
            connection = Connection::open(site.address());
        }
        let mut id: String =
            (0..42).map(|_| char::from(LETTERS[dice.below(64) as usize])).collect();
        id.push('A');
        let request = site.get("/page").header("Cookie", format!("{name}={id}"));
        assert_eq!(connection.request(&request).status(), 401);
    }
    let asked = questions() - before;
    eprintln!("strangers: {COOKIES} invented cookies, {asked} questions to the store");
    assert_eq!((asked, site.app.hits()), (0, 0));
}

#[test]
#[ignore = "minutes; make chaos runs it"]
fn a_hundred_thousand_invented_cookies_cost_no_question_to_a_file_or_to_redis() {
    strangers_cost_nothing(&Site::builder().http(FILE).server(SERVER).start());
    let redis = RedisServer::start();
    strangers_cost_nothing(&with_redis(&redis));
}
