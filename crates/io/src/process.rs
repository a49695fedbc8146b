//! What /proc says about processes (Linux).

use std::fs;

/// Start time of a process, in milliseconds since boot (CLOCK_BOOTTIME), with a resolution of a
/// hundredth of a second. `None` if there is no such process, or /proc does not show it.
#[must_use]
pub fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    start_in(&stat)
}

/// proc_pid_stat(5). The second field is a name, which may contain spaces and parentheses; the
/// start time is the 22nd, in user-visible ticks: a hundred per second on Linux.
fn start_in(stat: &str) -> Option<u64> {
    const BEHIND_NAME: usize = 22 - 3;
    const TICK: u64 = 10;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(BEHIND_NAME)?.parse::<u64>().ok()?.checked_mul(TICK)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_start_is_found_behind_any_name() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 123456 10 11";
        assert_eq!(start_in(stat), Some(1_234_560));
        for broken in
            ["", "42 (x", "42 (x) S 1 2", "42 (x) S 1 42 42 0 -1 4 1 2 3 4 5 6 7 8 20 0 9 0 x"]
        {
            assert_eq!(start_in(broken), None, "{broken}");
        }
    }

    #[test]
    fn processes_are_told_apart_by_when_they_were_started() {
        let own = started(std::process::id()).expect("/proc");
        assert_eq!(started(std::process::id()), Some(own));
        std::thread::sleep(std::time::Duration::from_millis(30));
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        let childs = started(child.id()).unwrap();
        assert!(childs > own, "{childs} {own}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_ne!(started(child.id()), Some(childs), "it has left");
    }
}
