//! Information about nginx's processes from /proc, and signals to them.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Sends a signal by name.
pub(super) fn signal(pid: u32, name: &str) {
    // The command instead of kill(2), since this crate has no unsafe code.
    let _ = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
}

/// Resident anonymous memory of a process, in KiB (proc_pid_status(5)); 0 if sizes are meaningless
/// for the module (ci/asan.sh).
pub(super) fn private_memory(pid: u32) -> u64 {
    if std::env::var_os("AUTHENTIK_UNMEASURED").is_some() {
        return 0;
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("RssAnon");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// A memory area shared by nginx's processes.
pub(crate) struct SharedMemory {
    bytes: Vec<u8>,
    /// Whether core dumps include it.
    pub(crate) is_dumped: bool,
}

impl SharedMemory {
    pub(crate) fn holds(&self, wanted: &[u8]) -> bool {
        let Some(first) = wanted.first() else { return true };
        let starts = (0..self.bytes.len()).filter(|at| self.bytes[*at] == *first);
        starts.into_iter().any(|at| self.bytes[at..].starts_with(wanted))
    }

    /// New contents since `before`, in pieces: without numbers, which are mostly zeros.
    pub(crate) fn pieces_since(&self, before: &Self) -> Vec<Vec<u8>> {
        const PIECE: usize = 24;
        let is_text = |piece: &[u8]| piece.iter().filter(|byte| **byte == 0).count() < 3;
        let then = before.bytes.chunks_exact(PIECE).map(Some).chain(std::iter::repeat(None));
        let pairs = self.bytes.chunks_exact(PIECE).zip(then);
        let fresh = pairs.filter(|(now, then)| Some(*now) != *then && is_text(now));
        fresh.map(|(now, _)| now.to_vec()).collect()
    }
}

/// Whether a process has private memory that core dumps exclude.
pub(crate) fn has_hidden_memory(pid: u32) -> bool {
    let smaps = fs::read_to_string(format!("/proc/{pid}/smaps")).expect("smaps");
    let mut is_own = false;
    smaps.lines().any(|line| {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("VmFlags:") => is_own && words.any(|flag| flag == "dd"),
            Some(range) if range.contains('-') => {
                is_own = words.next() == Some("rw-p");
                false
            }
            _ => false,
        }
    })
}

/// The current shared memory of a process (proc_pid_smaps(5), proc_pid_mem(5)).
pub(super) fn shared_memory(pid: u32) -> Vec<SharedMemory> {
    let smaps = fs::read_to_string(format!("/proc/{pid}/smaps")).expect("smaps");
    let mut memory = File::open(format!("/proc/{pid}/mem")).expect("the memory of a child");
    let mut found: Vec<SharedMemory> = Vec::new();
    let mut is_shared = false;
    for line in smaps.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [range, "rw-s", ..] => {
                let (from, to) = range.split_once('-').expect("a range");
                let number = |text| u64::from_str_radix(text, 16).expect("an address");
                let (from, to) = (number(from), number(to));
                let mut bytes = vec![0; usize::try_from(to - from).expect("a size")];
                memory.seek(SeekFrom::Start(from)).expect("a place in memory");
                memory.read_exact(&mut bytes).expect("readable memory");
                // Most of it was never used, and is searched repeatedly.
                let used = bytes.rchunks(4096).position(|page| page.iter().any(|byte| *byte != 0));
                bytes.truncate(bytes.len() - 4096 * used.unwrap_or(bytes.len() / 4096));
                found.push(SharedMemory { bytes, is_dumped: true });
                is_shared = true;
            }
            [range, ..] if range.contains('-') => is_shared = false,
            ["VmFlags:", flags @ ..] if is_shared => {
                let last = found.last_mut().expect("the mapping before");
                last.is_dumped = !flags.contains(&"dd");
            }
            _ => {}
        }
    }
    found
}

/// Processor time used by a process and its threads.
pub(crate) fn cpu_time(pid: u32) -> Duration {
    // In hundredths of a second: USER_HZ on Linux.
    let ticks = [USER_TIME, SYSTEM_TIME].map(|field| {
        let field = field_of(pid, field).expect("a process");
        field.parse::<u64>().expect("a number")
    });
    Duration::from_millis(10 * ticks.iter().sum::<u64>())
}

/// Number of times a thread of a process has waited for something (proc_pid_status(5)).
pub(crate) fn context_switches(pid: u32, thread: &str) -> u64 {
    let thread = self::thread(pid, thread).expect("the thread");
    let status = fs::read_to_string(thread.join("status")).expect("a thread");
    let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).expect("a number")
}

/// Whether the process has a thread with this name.
pub(crate) fn has_thread(pid: u32, name: &str) -> bool {
    thread(pid, name).is_some()
}

fn thread(pid: u32, name: &str) -> Option<PathBuf> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("threads");
    tasks.filter_map(|task| Some(task.ok()?.path())).find(|task| {
        fs::read_to_string(task.join("comm")).is_ok_and(|found| found.trim_end() == name)
    })
}

/// Running children of this process.
pub(super) fn children_of(pid: u32) -> Vec<u32> {
    let mut pids: Vec<u32> = fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|child| parent_of(*child) == Some(pid))
        .collect();
    pids.sort_unstable();
    pids
}

/// Whether the process exists. A process that has exited does not count, even before its parent has
/// reaped it.
pub(super) fn is_running(pid: u32) -> bool {
    field_of(pid, STATE).is_some_and(|state| state != "Z")
}

fn parent_of(pid: u32) -> Option<u32> {
    field_of(pid, PARENT)?.parse().ok()
}

/// A field of proc_pid_stat(5), counted from after the name, which may contain spaces and
/// parentheses.
fn field_of(pid: u32, number: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(number).map(str::to_owned)
}

pub(super) fn title_of(pid: u32) -> String {
    let path = PathBuf::from(format!("/proc/{pid}/cmdline"));
    let title = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&title).trim_end_matches(['\0', ' ']).to_owned()
}

const STATE: usize = 0;
const PARENT: usize = 1;
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;
