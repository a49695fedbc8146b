//! A cluster of three masters, and one replica.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use authentik_store::Ended;
use authentik_store::redis::{Kind, Settings, commands};

use super::conformance::{self, end, row};
use super::server::{PASSWORD, Running, free_port, password, start};
use super::{now, open, setup_fault};

fn nodes(program: &'static str, cli: &str) -> Vec<Running> {
    let nodes: Vec<Running> = (0..4)
        .map(|_| {
            let lines = format!(
                "cluster-enabled yes\ncluster-config-file nodes\ncluster-port {}\n\
                 cluster-node-timeout 1000\nuser app on >{PASSWORD} ~app:* {}\n",
                free_port(),
                commands(&Kind::Cluster)
            );
            start(program, &lines)
        })
        .collect();
    let address = |node: &Running| node.address().to_string();
    let mut create = Command::new(cli);
    create.args(["--cluster", "create"]).args(nodes[..3].iter().map(address));
    let made = create.arg("--cluster-yes").stdout(Stdio::null()).status().unwrap();
    assert!(made.success());
    let mut add = Command::new(cli);
    add.args(["--cluster", "add-node", &address(&nodes[3]), &address(&nodes[0])]);
    until(|| {
        nodes[..3].iter().all(|node| node.command("CLUSTER INFO").contains("cluster_state:ok"))
    });
    assert!(add.arg("--cluster-slave").stdout(Stdio::null()).status().unwrap().success());
    until(|| nodes[3].command("INFO replication").contains("master_link_status:up"));
    nodes
}

fn until(holds: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < patience);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_cluster_conforms_moves_slots_and_loses_a_node() {
    let mut nodes = nodes("redis-server", "redis-cli");
    let settings = Settings {
        servers: nodes[..2].iter().map(Running::address).collect(),
        kind: Kind::Cluster,
        user: Some("app".to_owned()),
        password: password(PASSWORD),
        ..nodes[0].settings("app")
    };
    conformance::all(&|name| open(Settings { prefix: format!("app:{name}:"), ..settings.clone() }));
    let mut store = open(settings.clone());
    for number in 1..=100 {
        assert!(store.put(&row(number), now()).unwrap());
    }
    end(&mut store, Ended::Session([1; 32]), now());
    let all_there = |store: &mut authentik_store::Store| {
        for number in 2..=100 {
            assert_eq!(store.get(&[number; 32], now()).unwrap(), Some(row(number)));
        }
        assert_eq!(store.get(&[1; 32], now()).unwrap(), None);
    };

    // One that may forget ends is found among them.
    let mut other = open(Settings { user: None, password: None, ..settings.clone() });
    assert_eq!(other.evictions().unwrap(), [""; 0]);
    nodes[2].command("CONFIG SET maxmemory 100mb\r\nCONFIG SET maxmemory-policy volatile-lru");
    assert_eq!(other.evictions().unwrap(), ["volatile-lru"]);
    assert_eq!(store.evictions().unwrap(), [""; 0], "nothing is known");

    // Slots move, also while they are asked for.
    let id = |node: &Running| {
        let said = node.command("CLUSTER MYID");
        said.lines().nth(1).unwrap().trim().to_owned()
    };
    let address = nodes[0].address().to_string();
    let mut reshard = Command::new("redis-cli")
        .args(["--cluster", "reshard", &address, "--cluster-from", &id(&nodes[0])])
        .args(["--cluster-to", &id(&nodes[2]), "--cluster-slots", "1500", "--cluster-yes"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while reshard.try_wait().unwrap().is_none() {
        all_there(&mut store);
    }
    all_there(&mut store);

    // The master that has the replica dies.
    let said = nodes[3].command("INFO replication");
    let port = said.lines().find_map(|line| line.strip_prefix("master_port:")).unwrap();
    let port: u16 = port.trim().parse().unwrap();
    let lost = nodes.iter().position(|node| node.port == port).unwrap();
    nodes[lost].kill();
    let begun = Instant::now();
    loop {
        let mut asked = (1..=100).map(|number| store.get(&[number; 32], now()));
        match asked.find_map(Result::err) {
            None => break,
            Some(fault) => assert!(begun.elapsed() < Duration::from_secs(20), "{fault}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    all_there(&mut store);
    assert!(!store.put(&row(1), now()).unwrap(), "its end is remembered");

    let alone =
        Settings { kind: Kind::Alone, servers: vec![nodes[3].address()], ..settings.clone() };
    let fault = setup_fault(open(alone).get(&[1; 32], now()));
    assert!(fault.contains("cluster=on"), "{fault}");
    let single = start("redis-server", "");
    let wrong =
        Settings { servers: vec![single.address()], user: None, password: None, ..settings };
    let fault = setup_fault(open(wrong).get(&[1; 32], now()));
    assert!(fault.contains("remove cluster=on"), "{fault}");
}
