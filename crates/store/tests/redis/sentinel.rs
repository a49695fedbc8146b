//! A master, a replica and three Sentinels.

use std::time::{Duration, Instant};

use authentik_store::redis::{Kind, Settings};
use authentik_store::{End, Ended};

use super::conformance::{self, end, row};
use super::server::{PASSWORD, Running, password, start};
use super::{away, now, open, setup_fault};

struct Watched {
    master: Running,
    replica: Running,
    sentinels: Vec<Running>,
}

impl Watched {
    fn new(prefix: &str) -> (Self, Settings) {
        let master =
            start("redis-server", &format!("requirepass {PASSWORD}\nmasterauth {PASSWORD}\n"));
        let port = master.port;
        let replica = start(
            "redis-server",
            &format!(
                "requirepass {PASSWORD}\nmasterauth {PASSWORD}\nreplicaof 127.0.0.1 {port}\n\
                 repl-ping-replica-period 1\n"
            ),
        );
        // Sentinels that do not find it at first look for it every ten seconds.
        let patience = Instant::now() + Duration::from_secs(20);
        let info = format!("AUTH {PASSWORD}\r\nINFO replication");
        while !master.command(&info).contains("state=online") {
            assert!(Instant::now() < patience, "{}", master.command(&info));
            std::thread::sleep(Duration::from_millis(20));
        }
        let lines = format!(
            "sentinel monitor ours 127.0.0.1 {port} 2\nsentinel auth-pass ours {PASSWORD}\n\
             sentinel down-after-milliseconds ours 500\nsentinel failover-timeout ours 3000\n"
        );
        let sentinels: Vec<Running> = (0..3).map(|_| start("redis-server", &lines)).collect();
        let settings = Settings {
            servers: sentinels.iter().map(Running::address).collect(),
            kind: Kind::Sentinel("ours".to_owned()),
            password: password(PASSWORD),
            ..master.settings(prefix)
        };
        let watched = Self { master, replica, sentinels };
        watched.until(|one| one.command("SENTINEL CKQUORUM ours").contains("+OK 3 usable"));
        watched.until(|one| one.command("SENTINEL REPLICAS ours").contains("127.0.0.1"));
        (watched, settings)
    }

    fn until(&self, holds: impl Fn(&Running) -> bool) {
        let patience = Instant::now() + Duration::from_secs(20);
        while !self.sentinels.iter().all(&holds) {
            assert!(Instant::now() < patience, "{}", self.sentinels[0].log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn the_store_moves_to_the_new_master_with_all_ends() {
    let (mut watched, settings) = Watched::new("moves");
    conformance::all(&|name| {
        open(Settings { prefix: format!("moves:{name}:"), ..settings.clone() })
    });
    let mut store = open(settings.clone());
    let mut follower = open(settings.clone());
    let mark = follower.changes([0, 0], Duration::ZERO).unwrap().mark;
    store.put(&row(1), now()).unwrap();
    store.put(&row(2), now()).unwrap();
    end(&mut store, Ended::Session([2; 32]), now());
    let patience = Instant::now() + Duration::from_secs(20);
    let replica = |command: &str| watched.replica.command(&format!("AUTH {PASSWORD}\r\n{command}"));
    while !replica("XLEN moves:ends").contains(":2") {
        assert!(Instant::now() < patience, "{}", replica("INFO replication"));
        std::thread::sleep(Duration::from_millis(20));
    }

    watched.master.kill();
    let begun = Instant::now();
    let back = loop {
        let asked = Instant::now();
        match store.get(&[1; 32], now()) {
            Ok(back) => break back,
            Err(fault) => {
                let said = fault.to_string();
                assert!(said.contains("refuses connections") || said.contains("replica"), "{said}");
            }
        }
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(back, Some(row(1)));
    // Another Sentinel knows it as well.
    watched.sentinels[0].kill();
    let mut store = open(settings.clone());
    let begun = Instant::now();
    let gone = loop {
        match store.get(&[2; 32], now()) {
            Ok(gone) => break gone,
            // That Sentinel hears of the new master from the others a moment later.
            Err(fault) => assert!(fault.to_string().contains("refuses connections"), "{fault}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(gone, None, "ended before");
    assert!(!store.put(&row(2), now()).unwrap());
    // The stream goes on where it was.
    let heard = follower.changes(mark, Duration::ZERO).unwrap();
    assert!(!heard.missed);
    assert_eq!(
        heard.ends.iter().map(|end| end.ended).collect::<Vec<_>>(),
        [Ended::Session([2; 32])]
    );
    end(&mut store, Ended::Session([1; 32]), now());
    let heard = follower.changes(heard.mark, Duration::from_secs(5)).unwrap();
    assert_eq!(heard.ends[0].ended, Ended::Session([1; 32]));
    assert_eq!(heard.ends.len(), 1);

    // What the old master had and the new one has not: everything may have been missed.
    let unheard = follower.changes([heard.mark[0] + 1, 0], Duration::from_secs(5)).unwrap();
    assert_eq!((unheard.missed, unheard.mark), (true, heard.mark));

    let unknown = Settings { kind: Kind::Sentinel("theirs".to_owned()), ..settings.clone() };
    let servers = settings.servers[1..].to_vec();
    let fault = setup_fault(open(Settings { servers, ..unknown }).get(&[1; 32], now()));
    assert!(fault.contains("no master \"theirs\""), "{fault}");
    let servers = vec![watched.replica.address()];
    let plain = Settings { servers, ..settings.clone() };
    let fault = setup_fault(open(plain).get(&[1; 32], now()));
    assert!(fault.contains("it wants a password") || fault.contains("not a Sentinel"), "{fault}");
    let alone = Settings { kind: Kind::Alone, password: None, ..settings };
    let servers = alone.servers[1..].to_vec();
    let fault = setup_fault(open(Settings { servers, ..alone }).get(&[1; 32], now()));
    assert!(fault.contains("sentinel="), "{fault}");
}

#[test]
fn a_replica_takes_no_writes_and_one_that_becomes_master_does() {
    let master = start("redis-server", "");
    let replica = start("redis-server", &format!("replicaof 127.0.0.1 {}\n", master.port));
    let fault = away(open(replica.settings("r")).get(&[1; 32], now()));
    assert!(fault.contains("it is a replica") && fault.contains("sentinel="), "{fault}");
    let both = vec![replica.address(), master.address()];
    let mut store = open(super::Settings { servers: both, ..master.settings("r") });
    assert!(store.put(&row(1), now()).unwrap(), "the first that takes writes");
    // The two change places while connections are open.
    let patience = Instant::now() + Duration::from_secs(10);
    while !replica.command("KEYS *").contains("r:s:") {
        assert!(Instant::now() < patience);
        std::thread::sleep(Duration::from_millis(20));
    }
    replica.command("REPLICAOF NO ONE");
    master.command(&format!("REPLICAOF 127.0.0.1 {}", replica.port));
    let end = End { ended: Ended::Session([1; 32]), at: 0 };
    assert_eq!(store.end(&end, now() + 100).unwrap(), 1, "at once");
}
