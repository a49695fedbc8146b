//! Ten minutes in which one thing after another goes wrong, with people all the while.

use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Builder, Disk, Site, within};
use crate::session_store::redis_server::{RedisServer, SECRET};

use super::clock::Clock;
use super::field::{Blow, Field, Store};
use super::network::Network;
use super::strangers;
use super::{
    Dice, EXPECTED, Person, SERVER, Stop, TOLD, USERS, assert_everybody_was_who_they_are, page_of,
};

const SECONDS: u64 = 600;

/// When another nginx on the same host knows of a sign-out: a second, and what a busy machine takes.
const ELSEWHERE: Duration = Duration::from_secs(4);

/// There are two stores, with half of the time for each.
fn time() -> Duration {
    let given = std::env::var("CHAOS_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(given.unwrap_or(SECONDS) / 2)
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

fn storm(start: impl FnOnce(Builder) -> Site, store: Store) {
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
    while begun.elapsed() < time() {
        // Each of them, in another order each time.
        if left.is_empty() {
            left = field.blows();
        }
        let blow = left.swap_remove(dice.below(left.len() as u64) as usize);
        let round = figures.struck.len() as u64;
        figures.struck.push(blow);
        eprintln!("{:5.0?} {blow:?}", begun.elapsed());
        for person in &mut people {
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
        look(&mut people, &hosts, 8, blow, &mut figures);
        figures.admitted += assert_everybody_was_who_they_are(&field.site);
        let offences = field.site.error_log().offences();
        assert!(offences.is_empty(), "after {blow:?}: {offences:#?}");
    }
    field.site.restart();
    look(&mut people, &hosts, usize::MAX, Blow::Reload, &mut figures);
    report(&field, &people, &figures, begun.elapsed());
}

/// Until the hour, what time it is for nginx: `Sat, 28 Nov 2026 11`.
fn hour(site: &Site) -> String {
    let answer = site.get(&page_of("alice")).send();
    answer.header("Date").and_then(|date| date.split(':').next()).expect("a time").to_owned()
}

/// Those who signed out are out, the last `count` of each; the others are in, or must sign in.
fn look(
    people: &mut [Person],
    hosts: &[std::net::SocketAddr],
    count: usize,
    blow: Blow,
    figures: &mut Figures,
) {
    for (person, user) in people.iter_mut().zip(USERS) {
        let from = person.out.len().saturating_sub(count);
        for gone in &person.out[from..] {
            for host in hosts {
                let request = gone.get(&page_of(user)).to(*host);
                let what = format!("after {blow:?} the sign-out is known at {host}");
                within(TOLD, &what, || request.status() == 401);
                figures.refused += 1;
            }
        }
        person.live.retain(|live| {
            let mut status = 0;
            within(TOLD, "the store is there again", || {
                status = live.get(&page_of(user)).status();
                status != 503
            });
            figures.lost += u64::from(status != 200);
            status == 200
        });
    }
}

fn report(field: &Field, people: &[Person], figures: &Figures, took: Duration) {
    let sum = |of: fn(&Person) -> u64| people.iter().map(of).sum::<u64>();
    let struck = field.blows().into_iter().map(|blow| {
        let times = figures.struck.iter().filter(|struck| **struck == blow).count();
        format!("{blow:?} {times}×")
    });
    let struck = struck.collect::<Vec<_>>().join(", ");
    eprintln!(
        "storm: {} rounds in {took:.0?}: {struck}; {} packets lost; {} sign-ins, {} sign-outs answered, \
         {} without an answer; {} requests of people meanwhile and {} of strangers; {} admitted, each as who \
         they are; {} requests with cookies of the signed-out between the rounds, none admitted in the \
         end; sessions lost: {}",
        figures.struck.len(),
        field.network.lost(),
        sum(|one| one.sign_ins),
        sum(|one| one.sign_outs),
        sum(|one| one.unsure),
        sum(|one| one.checks),
        figures.strangers,
        figures.admitted,
        figures.refused,
        figures.lost,
    );
    let rounds = figures.struck.len() as u64;
    assert!(sum(|one| one.sign_outs) > rounds && figures.strangers > rounds, "it was no test");
    let struck = |is_it: fn(Blow) -> bool| figures.struck.iter().filter(|one| is_it(**one)).count();
    let lossy = struck(|blow| matches!(blow, Blow::AuthentikLossy | Blow::StoreLossy));
    assert_eq!(lossy > 0, field.network.lost() > 0, "packets were lost");
    // A full disk may have had room in the file for as long as it lasted, but not each time.
    let complaints = field.site.error_log().lines_with("the store of sessions cannot be");
    let away = struck(Blow::keeps_from_store);
    assert!(away < 4 || !complaints.is_empty(), "the store was away, and nginx did not notice");
}

#[test]
#[ignore = "minutes; make chaos runs it"]
fn with_a_file_whatever_goes_wrong_nobody_is_let_in_who_may_not() {
    let disk = Disk::mount("16m").expect("only root may mount a small file system");
    let file = disk.path().join("store/sessions");
    let http = format!("authentik_session_store file {};", file.display());
    storm(|site| site.http(&http).start(), Store::File(disk));
}

#[test]
#[ignore = "minutes; make chaos runs it"]
fn with_redis_whatever_goes_wrong_nobody_is_let_in_who_may_not() {
    let redis = RedisServer::start();
    let http = redis.directive("timeout=500ms");
    let secret = "0123456789abcdef".repeat(4);
    storm(|site| site.http(&http).secret_file(SECRET, &secret).start(), Store::Redis(redis));
}
