//! One thing after another goes wrong, with people all the while.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use authentik_standin::subject;
use serde_json::json;

use crate::harness::{Builder, Disk, Request, Site};
use crate::logout::sent;
use crate::session_store::redis_server::{RedisServer, SECRET};

use super::clock::Clock;
use super::field::{Blow, Field, Store};
use super::network::Network;
use super::people::{Person, assert_everybody_was_who_they_are};
use super::{Dice, SERVER, USERS, page_of, strangers};

/// What the log may say of it.
const EXPECTED: [&str; 7] = [
    // The clock was set, or the keys could not be fetched.
    "logout refused",
    "exited on signal 9",
    "the store of sessions cannot be",
    "a worker exits with",
    // Of 200 workers, one or the other is killed while it holds the lock.
    "was locked by",
    "a worker died while it wrote to the zone",
    // nginx tries again to listen while those that were killed are leaving.
    "(98: Address already in use)",
];

/// Sessions of each person that are looked at after each round; at the end, all are.
const LAST: usize = 8;

/// Logouts at authentik of which it tells for each person in a round.
const NOTICES: usize = 3;

/// When another nginx on the same host knows of a sign-out: a second, and what a busy machine takes.
const ELSEWHERE: Duration = Duration::from_secs(4);

/// How long it goes on, and what goes wrong.
enum Extent {
    /// Everything that can.
    For(Duration),
    /// Processes are killed.
    Kills(u64),
}

impl Extent {
    /// There are two stores, with half of the time for each.
    fn ten_minutes() -> Self {
        Self::For(Duration::from_secs(number("CHAOS_SECONDS", 600) / 2))
    }

    fn kills() -> Self {
        Self::Kills(number("CHAOS_ROUNDS", 200))
    }

    fn is_over(&self, begun: Instant, rounds: usize) -> bool {
        match *self {
            Self::For(time) => begun.elapsed() >= time,
            Self::Kills(most) => rounds as u64 >= most,
        }
    }

    fn includes(&self, blow: Blow) -> bool {
        matches!(self, Self::For(_)) || blow.is_a_kill()
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|number| number.parse().ok()).unwrap_or(default)
}

/// Stops the others even if this thread panics.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Figures {
    struck: Vec<Blow>,
    admitted: usize,
    strangers: u64,
    /// Requests with cookies of those who signed out, between the rounds.
    refused: u64,
    lost: u64,
}

impl Figures {
    fn look(
        &mut self,
        people: &mut [Person],
        hosts: &[SocketAddr],
        count: usize,
        may_be_late: bool,
    ) {
        for (person, user) in people.iter_mut().zip(USERS) {
            let looked = person.look(user, hosts, count, may_be_late);
            self.refused += looked.refused;
            self.lost += looked.lost;
        }
    }
}

/// What authentik sends if a user logs out there, for all sessions of the user.
fn notices(site: &Site, user: &str) -> Vec<Request> {
    let notice = |_| {
        let token = site.sso.logout_token("wiki", "", |_, claims| {
            claims.remove("sid");
            claims.insert("sub".to_owned(), json!(subject(user)));
        });
        sent(site, &token)
    };
    (0..NOTICES).map(notice).collect()
}

fn storm(extent: &Extent, start: impl FnOnce(Builder) -> Site, store: Store) {
    let clock = Clock::new();
    let mut site = start(clock.of(Site::builder().daemon().server(SERVER)));
    for text in EXPECTED {
        site.expect_in_error_log(text);
    }
    // Its clock is right.
    let sister = site.sister();
    let (home, hosts) = (site.url(), [site.address(), sister.address()]);
    let cookie = site.signed_in().session_cookies().remove(0);
    let ways = strangers::ways(&site, &cookie.name, &cookie.value);
    let mut field = Field { site, clock, network: Network::new(), store };
    let mut people: Vec<Person> = USERS.iter().map(|_| Person::default()).collect();
    let (mut dice, mut figures) = (Dice(11), Figures::default());
    let (begun, mut left) = (Instant::now(), Vec::new());
    while !extent.is_over(begun, figures.struck.len()) {
        // Each of them, in another order each time.
        if left.is_empty() {
            left = field.blows();
            left.retain(|blow| extent.includes(*blow));
        }
        let blow = left.swap_remove(dice.below(left.len() as u64) as usize);
        let round = figures.struck.len() as u64;
        figures.struck.push(blow);
        eprintln!("{:5.0?} {blow:?}", begun.elapsed());
        for (person, user) in people.iter_mut().zip(USERS) {
            person.notices = notices(&field.site, user);
            // Until the former workers have left, there are two nginx with one store.
            person.known_within = if blow.is_upgrade() { ELSEWHERE } else { Duration::ZERO };
            if blow.may_set_the_clock_back() {
                person.live.clear();
            }
        }
        if blow == Blow::ClockBack {
            field.clock.go_back(&mut dice);
        }
        if blow == Blow::ClockLeaps {
            let before = hour(&field.site);
            field.clock.leap(&mut dice);
            assert_ne!(hour(&field.site), before, "nginx does not see the leap");
        }
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let stop = Stop(&done);
            for (number, person) in people.iter_mut().enumerate() {
                let (home, done) = (&home, &done);
                scope.spawn(move || person.act(home, USERS[number], round, done));
            }
            let strangers = scope.spawn(|| strangers::knock(&ways, round, &done));
            thread::sleep(Duration::from_millis(40 + dice.below(200)));
            field.strike(blow, &mut dice);
            thread::sleep(Duration::from_millis(30 + dice.below(60)));
            drop(stop);
            figures.strangers += strangers.join().expect("no stranger is let in");
        });
        figures.admitted += assert_everybody_was_who_they_are(&field.site);
        figures.look(&mut people, &hosts, LAST, true);
        figures.admitted += assert_everybody_was_who_they_are(&field.site);
        let offences = field.site.error_log().offences();
        assert!(offences.is_empty(), "after {blow:?}: {offences:#?}");
    }
    field.site.restart();
    // Nothing comes back, in memory or out of the store.
    figures.look(&mut people, &hosts, usize::MAX, false);
    assert_everybody_was_who_they_are(&field.site);
    report(&field, &people, &figures, begun.elapsed());
}

/// Until the hour, what time it is for nginx: `Sat, 28 Nov 2026 11`.
fn hour(site: &Site) -> String {
    let answer = site.get(&page_of("alice")).send();
    answer.header("Date").and_then(|date| date.split(':').next()).expect("a time").to_owned()
}

fn report(field: &Field, people: &[Person], figures: &Figures, took: Duration) {
    let sum = |of: fn(&Person) -> u64| people.iter().map(of).sum::<u64>();
    let struck = field.blows().into_iter().filter_map(|blow| {
        let times = figures.struck.iter().filter(|struck| **struck == blow).count();
        (times > 0).then(|| format!("{blow:?} {times}×"))
    });
    let struck = struck.collect::<Vec<_>>().join(", ");
    eprintln!(
        "storm: {} rounds in {took:.0?}: {struck}; {} packets lost; {} sign-ins, {} sign-outs and {} logouts \
         answered, {} without an answer; {} requests of people meanwhile and {} of strangers; {} admitted, each as who \
         they are; {} requests with cookies of the signed-out between the rounds, none admitted in the \
         end; sessions lost: {}",
        figures.struck.len(),
        field.network.lost(),
        sum(|one| one.sign_ins),
        sum(|one| one.sign_outs),
        sum(|one| one.logouts),
        sum(|one| one.unsure),
        sum(|one| one.checks),
        figures.strangers,
        figures.admitted,
        figures.refused,
        figures.lost,
    );
    let rounds = figures.struck.len() as u64;
    let ended = [sum(|one| one.sign_outs), sum(|one| one.logouts)];
    assert!(ended.iter().all(|ended| *ended > rounds / 4), "there was something to lose");
    assert!(figures.strangers > rounds, "strangers came");
    let struck = |is_it: fn(Blow) -> bool| figures.struck.iter().filter(|one| is_it(**one)).count();
    let lossy = struck(|blow| matches!(blow, Blow::AuthentikLossy | Blow::StoreLossy));
    assert_eq!(lossy > 0, field.network.lost() > 0, "packets were lost");
    // A full disk may have had room in the file for as long as it lasted, but not each time.
    let complaints = field.site.error_log().lines_with("the store of sessions cannot be");
    let away = struck(Blow::keeps_from_store);
    assert!(away < 4 || !complaints.is_empty(), "the store was away, and nginx did not notice");
}

fn on_a_small_disk(extent: &Extent) {
    let disk = Disk::mount("16m").expect("only root may mount a small file system");
    let file = disk.path().join("store/sessions");
    let http = format!("authentik_session_store file {};", file.display());
    storm(extent, |site| site.http(&http).start(), Store::File(disk));
}

fn with_redis(extent: &Extent) {
    let redis = match std::env::var("CHAOS_APPENDFSYNC") {
        Ok(when) => RedisServer::with(&format!("appendfsync {when}")),
        Err(_) => RedisServer::start(),
    };
    let http = redis.directive("timeout=500ms");
    let secret = "0123456789abcdef".repeat(4);
    let start = |site: Builder| site.http(&http).secret_file(SECRET, &secret).start();
    storm(extent, start, Store::Redis(redis));
}

#[test]
#[ignore = "minutes; make chaos runs it"]
fn with_a_file_whatever_goes_wrong_nobody_is_let_in_who_may_not() {
    on_a_small_disk(&Extent::ten_minutes());
}

#[test]
#[ignore = "minutes; make chaos runs it"]
fn with_redis_whatever_goes_wrong_nobody_is_let_in_who_may_not() {
    with_redis(&Extent::ten_minutes());
}

#[test]
#[ignore = "minutes; make chaos runs it"]
fn with_a_file_whoever_is_killed_no_sign_out_is_lost_and_nobody_is_somebody_else() {
    on_a_small_disk(&Extent::kills());
}

#[test]
#[ignore = "minutes; make chaos runs it"]
fn with_redis_whoever_is_killed_no_sign_out_is_lost_and_nobody_is_somebody_else() {
    with_redis(&Extent::kills());
}
