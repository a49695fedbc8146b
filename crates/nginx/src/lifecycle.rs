//! A configuration takes effect; workers start and stop.

use core::sync::atomic::{AtomicUsize, Ordering};

use ngx::ffi::{
    NGX_PROCESS_SINGLE, NGX_PROCESS_WORKER, ngx_cycle_t, ngx_exiting, ngx_http_conf_ctx_t,
    ngx_http_module, ngx_int_t, ngx_process, ngx_uint_t,
};

use super::guard;
use super::log;
use super::module::{self, Module};

/// Called in the master once nothing of a configuration can fail any more.
pub(super) unsafe extern "C" fn init_module<M: Module>(cycle: *mut ngx_cycle_t) -> ngx_int_t {
    guard::status::<M>("configuration", || {
        // SAFETY: nginx passes the cycle that takes effect next; its log is open.
        unsafe { M::begin(main_conf::<M>(cycle), log::hides_errors(&raw const (*cycle).new_log)) };
        Ok(())
    })
}

/// Called in workers, and also in nginx's cache helper processes, which serve no requests.
pub(super) unsafe extern "C" fn init_process<M: Module>(cycle: *mut ngx_cycle_t) -> ngx_int_t {
    guard::status::<M>("worker start", || {
        if !is_worker() {
            return Ok(());
        }
        // SAFETY: the cycle is the one that is running.
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
/// The cycle is configured and outlives the result.
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

/// Number of this worker, from 0; its replacement gets the same.
pub fn worker_number() -> usize {
    // SAFETY: set by nginx before it starts a worker.
    unsafe { ngx::ffi::ngx_worker }
}

/// The nginx version that this module was built for; no other can load it.
pub const NGINX_VERSION: &str = match ngx::ffi::NGINX_VERSION.to_str() {
    Ok(version) => version,
    Err(_) => "",
};

/// Lowers the priority of the calling thread (Linux), so that the event loop goes first when
/// processors are scarce: visitors with a session must not notice that others sign in.
pub fn give_way() {
    const NICE: i32 = 5;
    // SAFETY: a plain system call; 0 is the calling thread. A failure does no harm.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
}

/// Whether the worker accepts no more requests and exits once it has finished its current ones. May
/// be called on any thread.
pub fn is_leaving() -> bool {
    // SAFETY: a variable of nginx that lives as long as the process and changes from 0 to 1 once
    // (`ngx_worker_process_cycle`); it does not matter when a thread notices.
    unsafe { AtomicUsize::from_ptr(&raw mut ngx_exiting) }.load(Ordering::Relaxed) != 0
}

/// The id of this process.
pub fn process_id() -> u32 {
    std::process::id()
}

/// Whether a process exists, even if it is another user's.
pub fn is_alive(pid: u32) -> bool {
    let Ok(pid) = libc::pid_t::try_from(pid) else { return false };
    // SAFETY: a plain system call; signal 0 is never delivered.
    unsafe { libc::kill(pid, 0) == 0 || *libc::__errno_location() == libc::EPERM }
}

/// A clock that is the same for all processes and is never set: milliseconds since boot.
pub fn uptime_millis() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a plain system call that fills `time`.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    let [seconds, nanos] = [time.tv_sec, time.tv_nsec].map(|part| u64::try_from(part).unwrap_or(0));
    seconds * 1000 + nanos / 1_000_000
}

/// The same in seconds: for durations, independent of changes to the system time.
#[must_use]
pub fn uptime() -> u64 {
    uptime_millis() / 1000
}

/// Host name of this machine.
pub fn hostname() -> String {
    let mut name = [0_u8; 256];
    // SAFETY: the buffer is as long as stated; its last byte stays NUL.
    unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) };
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(0);
    String::from_utf8_lossy(name.get(..end).unwrap_or_default()).into_owned()
}

/// Runs `spawn` with all signals blocked, so that the threads it starts inherit the mask: a signal
/// delivered to a thread would not interrupt the event loop (`epoll_wait` keeps sleeping).
pub fn with_signals_blocked<R>(spawn: impl FnOnce() -> R) -> R {
    // SAFETY: plain libc calls on our own sets; the old mask is restored on this thread.
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
