//! What a shared store is asked: docs/scaling.md counts on these numbers.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::redis_server::{RedisServer, SECRET};
use super::{SERVER, sign_out};
use crate::harness::{Browser, Builder, Sister, Site, eventually, within};

const HOSTS: usize = 2;
/// Of each host, as the tests configure it.
const WORKERS: usize = 2;

/// What hosts say to the server, as `MONITOR` shows it.
struct Listener(BufReader<TcpStream>);

/// Commands of clients by name, and lookups of one kind that scripts make.
type Said = BTreeMap<String, usize>;

impl Listener {
    fn start(redis: &RedisServer) -> Self {
        let mut tcp = TcpStream::connect(("127.0.0.1", redis.port())).expect("a connection");
        tcp.write_all(b"MONITOR\r\n").expect("sent");
        tcp.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let mut lines = BufReader::new(tcp);
        let mut line = String::new();
        lines.read_line(&mut line).expect("a reply");
        assert_eq!(line, "+OK\r\n");
        Self(lines)
    }

    /// What was said until now. The server itself is asked for something that nobody else says, which
    /// marks the end.
    fn until_now(&mut self, redis: &RedisServer) -> Said {
        redis.command("ECHO enough");
        let mut said = Said::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("a line");
            // `+1700000000.000000 [0 127.0.0.1:40000] "GET" "KEY"`, or `[0 lua]` within a script.
            let (from, words) = line.split_once("] \"").expect("a command");
            let name = words.split('"').next().unwrap_or_default().to_uppercase();
            if name == "ECHO" {
                return said;
            }
            if !from.ends_with("lua") {
                *said.entry(name).or_default() += 1;
            }
        }
    }
}

/// Those that are about sessions: without following the stream, which goes on by itself.
fn asked(mut said: Said) -> Vec<(String, usize)> {
    for of_feed in ["XREAD", "XRANGE", "XREVRANGE", "HELLO", "AUTH", "CLIENT", "SELECT", "PING"] {
        said.remove(of_feed);
    }
    said.into_iter().collect()
}

fn words(of: &[(&str, usize)]) -> Vec<(String, usize)> {
    of.iter().map(|(name, times)| ((*name).to_owned(), *times)).collect()
}

fn builder(redis: &RedisServer) -> Builder {
    Site::builder()
        .http(&redis.directive(""))
        .server(SERVER)
        .secret_file(SECRET, &"0123456789abcdef".repeat(4))
}

fn is_known_at(sister: &Sister, browser: &Browser) {
    assert_eq!(browser.get("/").to(sister.address()).status(), 200);
}

#[test]
fn a_session_costs_a_few_questions_at_its_ends_and_none_in_between() {
    let redis = RedisServer::start();
    let mut site = builder(&redis).start();
    let mut sister = site.sister();
    let mut listener = Listener::start(&redis);
    let mut told = Vec::new();
    let mut note = |what: &str, said: Said, expected: &[(&str, usize)]| {
        let said = asked(said);
        told.push(format!("{what}: {said:?}"));
        assert_eq!(said, words(expected), "{what}");
    };

    listener.until_now(&redis);
    let mut alice = site.signed_in();
    eventually("it is stored", || !redis.list("KEYS *:s:*").is_empty() || count(&redis) >= 4);
    note("a sign-in", of_hosts(listener.until_now(&redis)), &[("EVAL", 4)]);
    for key in redis.list("KEYS *") {
        // The kind of a key follows the prefix.
        let kind: String = key.chars().take("authentik:s".len()).collect();
        eprintln!("scale: a key {kind}: {} bytes", memory(&redis, &key));
    }

    for _ in 0..50 {
        assert_eq!(alice.get("/").status(), 200);
    }
    note("50 requests", of_hosts(listener.until_now(&redis)), &[]);

    for _ in 0..20 {
        is_known_at(&sister, &alice);
    }
    let said = of_hosts(listener.until_now(&redis));
    note("20 requests at another host", said, &[("GET", 1), ("HMGET", 3)]);

    site.restart();
    sister.restart();
    listener.until_now(&redis);
    for _ in 0..20 {
        assert_eq!(alice.get("/").status(), 200);
    }
    note(
        "20 requests after a restart",
        of_hosts(listener.until_now(&redis)),
        &[("GET", 1), ("HMGET", 3)],
    );

    is_known_at(&sister, &alice);
    listener.until_now(&redis);
    let stolen = alice.clone();
    sign_out(&mut alice);
    note("a sign-out", of_hosts(listener.until_now(&redis)), &[("EVAL", 1), ("XADD", 1)]);
    eventually("it is out everywhere", || stolen.get("/").to(sister.address()).status() == 401);
    for _ in 0..20 {
        assert_eq!(stolen.get("/").to(sister.address()).status(), 401);
    }
    // Each worker remembers for a while that the session is over.
    let said = of_hosts(listener.until_now(&redis));
    assert!(said.get("GET").is_none_or(|times| *times <= WORKERS), "{said:?}");
    told.into_iter().for_each(|line| eprintln!("scale: {line}"));
}

/// Bytes that a key and its value take in the server.
fn memory(redis: &RedisServer, key: &str) -> u64 {
    let said = redis.command(&format!("MEMORY USAGE {key}"));
    let said = String::from_utf8_lossy(&said).into_owned();
    said.trim_start_matches(':').trim().parse().unwrap_or_else(|_| panic!("{key}: {said}"))
}

fn count(redis: &RedisServer) -> usize {
    redis.list("KEYS *").len()
}

/// Without our own.
fn of_hosts(mut said: Said) -> Said {
    for own in ["KEYS", "MEMORY", "INFO", "CONFIG"] {
        said.remove(own);
    }
    said
}

#[test]
fn a_renewal_costs_a_lease_a_lookup_and_what_a_sign_in_costs() {
    const ACCESS: u64 = 6;
    let redis = RedisServer::start();
    let site = builder(&redis)
        .settings(|settings, _| {
            settings.providers[0].give_refresh_tokens();
            settings.providers[0].access_token_seconds = ACCESS;
        })
        .start();
    let mut listener = Listener::start(&redis);
    let begun = Instant::now();
    let alice = site.signed_in();
    site.sso.change(|settings| settings.providers[0].access_token_seconds = 3600);
    thread::sleep((begun + Duration::from_millis(ACCESS * 1000 + 1100)) - Instant::now());
    eventually("it is stored", || count(&redis) >= 4);
    listener.until_now(&redis);
    assert_eq!(alice.get("/").status(), 200);
    eventually("its lease is given back", || redis.list("KEYS *:l:*").is_empty());
    let said = asked(of_hosts(listener.until_now(&redis)));
    eprintln!("scale: a renewal: {said:?}");
    assert_eq!(said, words(&[("EVAL", 6), ("GET", 1), ("HMGET", 3)]));
}

#[test]
fn an_idle_host_waits_at_the_stream_with_one_connection() {
    let redis = RedisServer::start();
    let site = builder(&redis).start();
    let _sister = site.sister();
    let mut listener = Listener::start(&redis);
    thread::sleep(Duration::from_secs(2));
    listener.until_now(&redis);
    let begun = Instant::now();
    thread::sleep(Duration::from_secs(5));
    let said = listener.until_now(&redis);
    let seconds = begun.elapsed().as_secs_f64();
    let per_second = said.values().sum::<usize>() as f64 / seconds / HOSTS as f64;
    eprintln!("scale: an idle host: {per_second:.2} commands a second: {said:?} in {seconds:.1} s");
    assert!(per_second < 3.0, "{said:?} of {HOSTS} hosts in {seconds} s");
}

/// Firewalls between hosts forget connections that say nothing.
#[test]
fn connections_that_were_not_used_for_a_minute_are_closed() {
    let redis = RedisServer::start();
    let site = builder(&redis).start();
    let alice = site.signed_in();
    // Without the one that waits at the stream, and the one that asks.
    let others = || {
        let clients = redis.list("CLIENT LIST");
        let is_other = |line: &&String| !line.contains("cmd=xread") && !line.contains("cmd=client");
        clients.iter().filter(|line| line.starts_with("id=")).filter(is_other).count()
    };
    eventually("it is stored", || !redis.list("KEYS authentik:s:*").is_empty());
    let used = Instant::now();
    assert!(others() > 0, "{:?}", redis.list("CLIENT LIST"));
    thread::sleep(Duration::from_secs(50));
    assert!(others() > 0 || used.elapsed() > Duration::from_secs(59), "too early");
    within(Duration::from_secs(25), "they are closed", || others() == 0);
    assert_eq!(alice.get("/").status(), 200);
    let bob = site.signed_in_as("bob");
    assert_eq!(bob.get("/").status(), 200);
    eventually("another one is used", || redis.list("KEYS authentik:s:*").len() == 2);
}
