//! A configuration comes into use; start and end of a worker.

use core::sync::atomic::{AtomicUsize, Ordering};

use ngx::ffi::{
    NGX_PROCESS_SINGLE, NGX_PROCESS_WORKER, ngx_cycle_t, ngx_exiting, ngx_http_conf_ctx_t,
    ngx_http_module, ngx_int_t, ngx_process, ngx_uint_t,
};

use super::guard;
use super::module::{self, Module};

/// nginx calls this in the master, when nothing of a configuration can fail any more.
pub(super) unsafe extern "C" fn init_module<M: Module>(cycle: *mut ngx_cycle_t) -> ngx_int_t {
    guard::status::<M>("configuration", || {
        // SAFETY: nginx passes the cycle that it is about to use.
        M::begin(unsafe { main_conf::<M>(cycle) });
        Ok(())
    })
}

/// nginx calls this in workers, and also in its cache helpers, which serve no requests.
pub(super) unsafe extern "C" fn init_process<M: Module>(cycle: *mut ngx_cycle_t) -> ngx_int_t {
    guard::status::<M>("worker start", || {
        if !is_worker() {
            return Ok(());
        }
        // SAFETY: the cycle is the one that runs.
        if let Some(conf) = unsafe { main_conf::<M>(cycle) } {
            M::start_worker(conf);
        }
        Ok(())
    })
}

pub(super) unsafe extern "C" fn exit_process<M: Module>(_cycle: *mut ngx_cycle_t) {
    guard::event::<M>("worker exit", M::stop_worker);
}

/// # Safety
/// The cycle is configured and lives as long as what is made of the answer.
unsafe fn main_conf<'a, M: Module>(cycle: *mut ngx_cycle_t) -> Option<&'a M::Main> {
    // SAFETY: by this function's contract; without an `http` block there is no table.
    unsafe {
        let index = ngx_http_module.index;
        let context = (*(*cycle).conf_ctx.add(index)).cast::<ngx_http_conf_ctx_t>();
        (!context.is_null()).then(|| &module::main_conf::<M>((*context).main_conf).main)
    }
}

/// Whether this process serves requests.
pub(super) fn is_worker() -> bool {
    // SAFETY: set by nginx before it starts a process.
    let process = unsafe { ngx_process };
    let serves = [NGX_PROCESS_WORKER, NGX_PROCESS_SINGLE];
    serves.iter().any(|kind| *kind as ngx_uint_t == process)
}

/// Number of this worker, from 0; whoever replaces it has the same.
pub fn worker_number() -> usize {
    // SAFETY: set by nginx before it starts a worker.
    unsafe { ngx::ffi::ngx_worker }
}

/// The nginx that this module was built for; it is loaded by no other.
pub const NGINX_VERSION: &str = match ngx::ffi::NGINX_VERSION.to_str() {
    Ok(version) => version,
    Err(_) => "",
};

/// Lets the event loop go first where there are fewer processors than work: visitors with a session
/// must not notice that others sign in. Of the calling thread only (Linux).
pub fn give_way() {
    const NICE: i32 = 5;
    // SAFETY: a plain system call; 0 is the calling thread. If it is refused nothing is lost.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
}

/// Whether the worker accepts no more requests and exits when those that it has are over. May be
/// asked on any thread.
pub fn is_leaving() -> bool {
    // SAFETY: a word of nginx's that lives as long as the process and goes from 0 to 1 once
    // (`ngx_worker_process_cycle`); nothing depends on when a thread sees that.
    unsafe { AtomicUsize::from_ptr(&raw mut ngx_exiting) }.load(Ordering::Relaxed) != 0
}

/// This process.
pub fn process_id() -> u32 {
    std::process::id()
}

/// Whether a process exists, also when it is another user's.
pub fn is_alive(pid: u32) -> bool {
    let Ok(pid) = libc::pid_t::try_from(pid) else { return false };
    // SAFETY: a plain system call; signal 0 is never delivered.
    unsafe { libc::kill(pid, 0) == 0 || *libc::__errno_location() == libc::EPERM }
}

/// A clock that all processes share and nobody sets: milliseconds since the machine was started.
pub fn uptime_millis() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a plain system call that fills `time`.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    let [seconds, nanos] = [time.tv_sec, time.tv_nsec].map(|part| u64::try_from(part).unwrap_or(0));
    seconds * 1000 + nanos / 1_000_000
}

/// The same in seconds: for all that lasts a while, whatever the time of day becomes.
#[must_use]
pub fn uptime() -> u64 {
    uptime_millis() / 1000
}

/// Name of this machine.
pub fn hostname() -> String {
    let mut name = [0_u8; 256];
    // SAFETY: the buffer is as long as it is said to be; the last byte stays NUL.
    unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) };
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(0);
    String::from_utf8_lossy(name.get(..end).unwrap_or_default()).into_owned()
}

/// Runs `spawn` with all signals blocked, so that the threads it starts inherit the mask: a signal
/// taken by a thread would not interrupt the event loop (nginx-rust: `epoll_wait` sleeps on).
pub fn with_signals_blocked<R>(spawn: impl FnOnce() -> R) -> R {
    // SAFETY: plain libc calls on sets of our own; the old mask is put back on this thread.
    unsafe {
        let mut all = core::mem::zeroed();
        let mut before = core::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let result = spawn();
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, core::ptr::null_mut());
        result
    }
}
