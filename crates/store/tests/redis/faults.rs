//! Servers that die, hang, are full, or are none.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use authentik_store::redis::{Kind, Server, Settings, commands};
use authentik_store::{End, Ended};

use super::conformance::{end, row};
use super::server::{PASSWORD, free_port, password, start};
use super::{away, now, open, setup_fault};

#[test]
fn a_killed_server_loses_no_end_that_it_took() {
    // Otherwise, what was written while the disk was busy is only in memory for up to two seconds.
    let mut server = start("redis-server", "appendonly yes\nappendfsync always\n");
    let mut store = open(server.settings("killed"));
    let mut follower = open(server.settings("killed"));
    let mut mark = follower.changes([0, 0], Duration::ZERO).unwrap().mark;
    for round in 0..10_u8 {
        let (kept, ended) = (2 * round + 1, 2 * round + 2);
        store.put(&row(kept), now()).unwrap();
        store.put(&row(ended), now()).unwrap();
        end(&mut store, Ended::Session([ended; 32]), now());
        server.kill();
        let fault = away(store.get(&[kept; 32], now()));
        assert!(fault.contains("it refuses connections"), "{fault}");
        server.restart();
        for number in 1..=ended {
            let there = (number % 2 == 1).then(|| row(number));
            assert!(store.get(&[number; 32], now()).unwrap() == there, "{number}");
        }
        assert!(!store.put(&row(ended), now()).unwrap());
        let heard = follower.changes(mark, Duration::ZERO).unwrap();
        assert!(!heard.missed && heard.ends.len() == 1);
        mark = heard.mark;
    }
    // A server that begins anew knows nothing, and says so.
    assert!(server.command("FLUSHALL").starts_with("+OK"));
    let heard = follower.changes(mark, Duration::from_secs(5)).unwrap();
    assert!(heard.missed && heard.ends.is_empty());
}

#[test]
fn a_server_that_hangs_is_not_waited_for() {
    let server = start("redis-server", "");
    let settings = Settings { timeout: Duration::from_millis(300), ..server.settings("hangs") };
    let mut store = open(settings.clone());
    let mark = store.changes([0, 0], Duration::ZERO).unwrap().mark;
    server.signal("STOP");
    let limit = Duration::from_millis(300);
    let timed = |wait: Duration, ask: &mut dyn FnMut() -> String| {
        let begun = Instant::now();
        let said = ask();
        let took = begun.elapsed();
        assert!(said.contains("does not answer within 300ms"), "{said}");
        assert!(took >= limit + wait && took < limit + wait + limit, "{took:?}");
    };
    timed(Duration::ZERO, &mut || away(store.get(&[1; 32], now())));
    timed(Duration::ZERO, &mut || away(store.put(&row(1), now())));
    let mut fresh = open(settings.clone());
    timed(Duration::ZERO, &mut || away(fresh.changes(mark, Duration::from_secs(10))));
    server.signal("CONT");
    assert!(store.put(&row(1), now()).unwrap(), "it goes on");
    assert!(!fresh.changes(mark, Duration::ZERO).unwrap().missed);
    // Another one is there.
    let other = start("redis-server", "");
    server.signal("STOP");
    let servers = vec![server.address(), other.address()];
    assert!(open(Settings { servers, ..settings }).put(&row(1), now()).unwrap());
    server.signal("CONT");
}

#[test]
fn a_hanging_feed_ends_after_its_time() {
    let server = start("redis-server", "");
    let settings = Settings { timeout: Duration::from_millis(300), ..server.settings("feed") };
    let mut store = open(settings);
    let mark = store.changes([0, 0], Duration::ZERO).unwrap().mark;
    std::thread::scope(|scope| {
        let follower = scope.spawn(|| {
            let begun = Instant::now();
            (away(store.changes(mark, Duration::from_millis(500))), begun.elapsed())
        });
        std::thread::sleep(Duration::from_millis(100));
        server.signal("STOP");
        let (said, took) = follower.join().unwrap();
        assert!(said.contains("does not answer"), "{said}");
        assert!(took < Duration::from_millis(1500), "{took:?}");
    });
    server.signal("CONT");
}

#[test]
fn a_full_server_takes_no_session_and_lets_go_of_those_that_end() {
    let server = start("redis-server", "");
    let mut store = open(server.settings("full"));
    store.put(&row(1), now()).unwrap();
    store.put(&row(2), now()).unwrap();
    server.command("CONFIG SET maxmemory 1");
    let fault = away(store.put(&row(3), now()));
    assert!(fault.contains("maxmemory") && fault.contains("noeviction"), "{fault}");
    assert_eq!(store.get(&[1; 32], now()).unwrap(), Some(row(1)));
    let one = End { ended: Ended::Session([1; 32]), at: now() * 1000 };
    assert!(away(store.end(&one, now() + 100)).contains("maxmemory"));
    assert_eq!(store.get(&[1; 32], now()).unwrap(), None, "gone, though it has to be said again");
    server.command("CONFIG SET maxmemory 0");
    store.end(&one, now() + 100).unwrap();
    assert!(!store.put(&row(1), now()).unwrap());
}

#[test]
fn a_server_that_may_forget_ends_is_found_out() {
    let user = format!("user app on >{PASSWORD} ~* {}\n", commands(&Kind::Alone));
    let server = start("redis-server", &user);
    let settings = server.settings("evicts");
    let mut store = open(settings.clone());
    assert_eq!(store.evictions().unwrap(), [""; 0]);
    server.command("CONFIG SET maxmemory-policy volatile-ttl");
    assert_eq!(store.evictions().unwrap(), [""; 0], "there is no limit");
    server.command("CONFIG SET maxmemory 100mb");
    assert_eq!(store.evictions().unwrap(), ["volatile-ttl"]);
    let user = Some("app".to_owned());
    let mut denied = open(Settings { user, password: password(PASSWORD), ..settings });
    assert_eq!(denied.evictions().unwrap(), [""; 0], "nothing is known");
    assert!(denied.put(&row(1), now()).unwrap(), "and nothing else is wrong");
    server.command("CONFIG SET maxmemory-policy noeviction");
    assert_eq!(store.evictions().unwrap(), [""; 0]);
}

#[test]
fn keys_of_others_and_spoilt_values_are_no_sessions() {
    let server = start("redis-server", "");
    let mut store = open(server.settings("x"));
    store.put(&row(1), now()).unwrap();
    let key = format!("x:s:{}", "01".repeat(32));
    for value in ["\"\"", "\"\\x00\"", "\"\\x02aaaaaaaaa\"", "\"\\x01aaaaaaaaa\"", "hello"] {
        server.command(&format!("SET {key} {value}"));
        assert_eq!(store.get(&[1; 32], now()).unwrap(), None, "{value}");
    }
    server.command(&format!("DEL {key}\r\nLPUSH {key} 1"));
    let fault = setup_fault(store.get(&[1; 32], now()));
    assert!(fault.contains("prefix="), "{fault}");
    server.command("SET x:ends 1");
    assert!(setup_fault(store.changes([0, 0], Duration::ZERO)).contains("prefix="));
    // An end that is not as it was written rather ends too much.
    store.put(&row(2), now()).unwrap();
    let whose = format!("x:w:u:{}", "03".repeat(16));
    assert!(server.command(&format!("HSET {whose} * soon")).starts_with(":1"));
    assert_eq!(store.get(&[2; 32], now()).unwrap(), None);
}

#[test]
fn what_is_no_redis_is_named_and_no_password_is() {
    /// Answers each connection like this, and goes on for ever if there is no end to it.
    fn answering(answer: &'static [u8], is_endless: bool) -> Server {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let mut heard = [0; 1000];
                let _ = connection.read(&mut heard);
                let _ = connection.write_all(answer);
                while is_endless && connection.write_all(&[b'a'; 65536]).is_ok() {}
            }
        });
        Server { host: "127.0.0.1".to_owned(), port }
    }
    let server = start("redis-server", "");
    let ask = |address: Server| {
        let begun = Instant::now();
        let settings = Settings {
            servers: vec![address],
            password: password(PASSWORD),
            timeout: Duration::from_millis(500),
            ..server.settings("x")
        };
        let fault = open(settings).get(&[1; 32], now()).unwrap_err().to_string();
        assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
        assert!(!fault.contains(PASSWORD) && !fault.contains('\n'), "{fault}");
        fault
    };
    let old = b"-ERR unknown command `HELLO`, with args beginning with: `2`, `AUTH`, `default`, \
                `Gr\xc3\xbcn&geheim-7`\r\n";
    for (answer, is_endless, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], false, "as Redis does"),
        (b"", false, "hangs up at once"),
        (old, false, "Redis 6.2 or later"),
        (b"$1000000000\r\n", true, "as Redis does"),
        (b"*1000000000\r\n", false, "hangs up"),
        (b"*2\r\n", true, "as Redis does"),
        (b"+OK\r\n", false, "as Redis does"),
        (
            b"*4\r\n$7\r\nversion\r\n$5\r\n5.0.9\r\n$4\r\nrole\r\n$6\r\nmaster\r\n",
            false,
            "5.0; 6.2",
        ),
        (b"-WRONGPASS Gr\xc3\xbcn&geheim-7\r\n", false, "refuses the password"),
        (b"-Gr\xc3\xbcn&geheim-7-Gr\xc3\xbcn&geheim-7\r\n", false, "refuses the greeting"),
    ] {
        let fault = ask(answering(answer, is_endless));
        assert!(fault.contains(words), "{words}: {fault}");
    }
    let nobody = ask(Server { host: "127.0.0.1".to_owned(), port: free_port() });
    assert!(nobody.contains("it refuses connections"), "{nobody}");
    let nowhere = ask(Server { host: "redis.invalid".to_owned(), port: 6379 });
    assert!(nowhere.contains("its name has no address"), "{nowhere}");
}
