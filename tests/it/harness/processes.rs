//! What /proc tells of nginx's processes, and signals to them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Sends a signal by name.
pub(super) fn signal(pid: u32, name: &str) {
    // The command instead of kill(2): this crate has no unsafe code.
    let _ = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
}

/// Anonymous memory of a process that is resident, in KiB (proc_pid_status(5)).
pub(super) fn private_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("RssAnon");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

pub(super) fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // pid (name) state ppid: the name may hold spaces and parentheses.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

pub(super) fn title_of(pid: u32) -> String {
    let path = PathBuf::from(format!("/proc/{pid}/cmdline"));
    let title = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&title).trim_end_matches(['\0', ' ']).to_owned()
}
