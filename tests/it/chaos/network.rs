//! A network that loses packets of nginx, in a namespace of its own (ci/namespace.sh).

use std::io::Write;
use std::process::{Command, Stdio};

/// The kernel's filter drops packets at random, as a bad line does: TCP sends them again, after
/// 200 ms at first and more each time; those that open a connection after a second. In both
/// directions, of connections that workers opened. These run as another user than the test, whose
/// packets arrive.
pub(super) struct Network(());

impl Network {
    pub(super) fn new() -> Self {
        let own = std::env::var_os("AUTHENTIK_OWN_NAMESPACE").is_some();
        assert!(own, "packets are lost in a namespace of its own only: make chaos");
        nft(RULES);
        Self(())
    }

    /// Loses a part of all packets between the workers and this port of 127.0.0.1.
    pub(super) fn lose(&self, port: u16) {
        nft(&format!("add element inet chaos bad {{ {port} }}\n"));
    }

    /// Loses nothing any more.
    pub(super) fn mend(&self) {
        nft("flush set inet chaos bad\n");
    }

    /// How many packets were lost so far.
    pub(super) fn lost(&self) -> u64 {
        let output =
            Command::new("nft").args(["list", "counter", "inet", "chaos", "lost"]).output();
        let text = String::from_utf8(output.expect("nft").stdout).expect("text");
        let mut words = text.split_whitespace().skip_while(|word| *word != "packets");
        words.nth(1).and_then(|number| number.parse().ok()).expect("a number of packets")
    }
}

const RULES: &str = "table inet chaos
delete table inet chaos
table inet chaos {
    set bad { type inet_service; }
    counter lost { }
    chain out {
        type filter hook output priority 0;
        meta skuid != 0 tcp dport @bad ct mark set 1
    }
    chain in {
        type filter hook input priority 0;
        ct mark 1 tcp dport @bad numgen random mod 100 < 25 counter name lost drop
        ct mark 1 tcp sport @bad numgen random mod 100 < 25 counter name lost drop
    }
}
";

fn nft(commands: &str) {
    let mut child = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn();
    let child = child.as_mut().expect("nft is installed: apt-get install nftables");
    child.stdin.take().expect("its input").write_all(commands.as_bytes()).expect("commands");
    assert!(child.wait().expect("nft").success(), "nft refuses: {commands}");
}
