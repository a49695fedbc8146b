//! Redis that fails over while nginx runs: Sentinel, a cluster, and a certificate that is not trusted.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::redis_server::{RedisServer, SECRET, directive};
use super::{SERVER, of_store, sign_out};
use crate::harness::{
    Browser, Request, Sister, Site, TempDir, certificate, eventually, free_port, within,
};

const SOON: Duration = Duration::from_secs(30);

fn site(directive: &str) -> Site {
    let mut site = Site::builder()
        .http(directive)
        .server(SERVER)
        .secret_file(SECRET, &"0123456789abcdef".repeat(4))
        .start();
    site.expect_in_error_log("the store of sessions cannot be");
    site
}

fn at(sister: &Sister, browser: &Browser) -> Request {
    browser.get("/").to(sister.address())
}

/// A server is lost, and another one takes over. Who was signed in goes on on both hosts; who signs
/// out meanwhile is out on both, also after a restart; and who signs in is known on both.
fn assert_nothing_is_lost(site: &mut Site, lose: impl FnOnce()) {
    let sister = site.sister();
    let alice = site.signed_in();
    let mut early = site.signed_in_as("bob");
    let mut late = site.signed_in_as("zoe");
    let out = [early.clone(), late.clone()];
    for browser in [&alice, &early, &late] {
        assert_eq!(at(&sister, browser).status(), 200, "in memory there too");
    }
    sign_out(&mut early);
    within(SOON, "out on the other host", || at(&sister, &out[0]).status() == 401);
    // What Redis took is told once more: by then, the replica has it.
    eventually("Redis has taken it", || of_store(site, "backlog") == 0);

    lose();
    let meanwhile = [alice.get("/").status(), at(&sister, &alice).status()];
    assert_eq!(meanwhile, [200, 200], "known here and there");
    sign_out(&mut late);
    let hits = site.app.hits();
    assert!(matches!(out[1].get("/").status(), 401 | 503));
    assert_eq!(site.app.hits(), hits, "the application was reached");
    within(SOON, "out on the other host", || at(&sister, &out[1]).status() == 401);

    let carol = site.signed_in_as("carol");
    within(SOON, "known on the other host", || at(&sister, &carol).status() == 200);
    site.restart();
    for browser in [&alice, &carol] {
        within(SOON, "known after a restart", || browser.get("/").status() == 200);
    }
    site.app.forget();
    for browser in &out {
        // Each worker finds out by itself where Redis is now.
        within(SOON, "out", || browser.get("/").status() == 401);
        within(SOON, "out on the other host", || at(&sister, browser).status() == 401);
    }
    assert_eq!(site.app.hits(), 0, "the application was reached");
}

/// Three Sentinels replace a master by its replica.
pub(super) fn sentinels_replace_the_master(program: &'static str) {
    let mut master = RedisServer::of(program, "");
    let port = master.port();
    let lines = format!("replicaof 127.0.0.1 {port}\nrepl-ping-replica-period 1");
    let replica = RedisServer::of(program, &lines);
    let info = || String::from_utf8_lossy(&master.command("INFO replication")).into_owned();
    within(SOON, "the replica follows", || info().contains("state=online"));
    let lines = format!(
        "sentinel monitor ours 127.0.0.1 {port} 2\nsentinel down-after-milliseconds ours 500\n\
         sentinel failover-timeout ours 3000"
    );
    let sentinels: Vec<_> = (0..3).map(|_| RedisServer::of(program, &lines)).collect();
    let all_say = |command: &str, wanted: &str| {
        let said = |one: &RedisServer| String::from_utf8_lossy(&one.command(command)).into_owned();
        within(SOON, wanted, || sentinels.iter().all(|one| said(one).contains(wanted)));
    };
    all_say("SENTINEL CKQUORUM ours", "+OK 3 usable");
    all_say("SENTINEL REPLICAS ours", "127.0.0.1");

    let urls = RedisServer::urls(&sentinels);
    let mut site = site(&directive(&format!("{urls} sentinel=ours timeout=500ms")));
    assert_nothing_is_lost(&mut site, || master.kill());
    assert!(!replica.list("KEYS authentik:s:*").is_empty(), "it has the sessions");
}

/// Three masters, and a replica of one of them.
fn cluster(program: &'static str) -> Vec<RedisServer> {
    let nodes: Vec<_> = (0..4)
        .map(|_| {
            let lines = format!(
                "cluster-enabled yes\ncluster-config-file nodes\ncluster-port {}\n\
                 cluster-node-timeout 1000",
                free_port()
            );
            RedisServer::of(program, &lines)
        })
        .collect();
    let address = |node: &RedisServer| format!("127.0.0.1:{}", node.port());
    let client = program.replace("-server", "-cli");
    let run = |arguments: Vec<String>| {
        let mut command = Command::new(&client);
        let ran = command.arg("--cluster").args(&arguments).stdout(Stdio::null()).status();
        assert!(ran.expect("see ci/install.sh").success(), "{client} {arguments:?}");
    };
    let mut create = vec!["create".to_owned()];
    create.extend(nodes[..3].iter().map(address));
    create.push("--cluster-yes".to_owned());
    run(create);
    let holds = |node: &RedisServer, command: &str, text: &str| {
        String::from_utf8_lossy(&node.command(command)).contains(text)
    };
    let is_ok = |node: &RedisServer| holds(node, "CLUSTER INFO", "cluster_state:ok");
    within(SOON, "a cluster", || nodes[..3].iter().all(is_ok));
    let [node, first] = [&nodes[3], &nodes[0]].map(address);
    run(vec!["add-node".to_owned(), node, first, "--cluster-slave".to_owned()]);
    within(SOON, "a replica", || {
        holds(&nodes[3], "INFO replication", "master_link_status:up")
            && nodes.iter().all(|node| holds(node, "CLUSTER NODES", "slave"))
    });
    nodes
}

/// A cluster loses the master that has a replica.
pub(super) fn a_cluster_loses_a_node(program: &'static str) {
    let mut nodes = cluster(program);
    let said = String::from_utf8_lossy(&nodes[3].command("INFO replication")).into_owned();
    let port = said.lines().find_map(|line| line.strip_prefix("master_port:"));
    let port: u16 = port.and_then(|port| port.trim().parse().ok()).expect("its master");
    let lost = nodes.iter().position(|node| node.port() == port).expect("a node");
    let urls = RedisServer::urls(&nodes[..3]);
    let mut site = site(&directive(&format!("{urls} cluster=on timeout=500ms")));
    assert_nothing_is_lost(&mut site, || nodes[lost].kill());
}

#[test]
fn a_redis_whose_certificate_is_not_trusted_is_told_nothing() {
    let directory = TempDir::new();
    let read = |path| std::fs::read_to_string(path).expect("a PEM file");
    let (other, _) = certificate("redis.test", "127.0.0.1", &directory);
    let other = read(other);
    let (own, key) = certificate("redis.test", "127.0.0.1", &directory);
    let redis = RedisServer::with(&format!(
        "tls-auth-clients no\ntls-cert-file {}\ntls-key-file {}",
        own.display(),
        key.display()
    ));
    let trust = "ssl_trusted_certificate=%%PREFIX%%/trusted.pem";
    let mut site = Site::builder()
        .http(&redis.directive(trust))
        .server(SERVER)
        .secret_file(SECRET, &"0123456789abcdef".repeat(4))
        .file("trusted.pem", &other)
        .start();
    site.expect_in_error_log("the store of sessions cannot be");
    let alice = site.signed_in();
    assert_eq!(alice.get("/").status(), 200);
    eventually("it is said", || !site.error_log().lines_with("cannot be written").is_empty());
    let said = site.error_log().lines_with("the store of sessions cannot be");
    assert!(said.iter().all(|line| line.contains("ssl_trusted_certificate")), "{said:#?}");
    site.expect_in_error_log("a worker exits with");
    site.restart();
    let hits = site.app.hits();
    assert_eq!(alice.get("/").status(), 503, "nobody knows whether there is such a session");
    assert_eq!(site.app.hits(), hits);

    std::fs::write(site.path("trusted.pem"), read(own)).expect("the right one");
    site.reload();
    let bob = site.signed_in_as("bob");
    eventually("it is written", || of_store(&site, "backlog") == 0);
    site.restart();
    assert_eq!(bob.get("/").status(), 200);
    assert_eq!(alice.get("/").status(), 401, "never written");
}
