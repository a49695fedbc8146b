//! Lets a thread wake the event loop: an eventfd that nginx watches like a connection.
//!
//! `ngx_notify` is not used: it has a single global handler, which belongs to nginx's thread pools.

use core::ffi::c_void;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;

use ngx::ffi::{
    NGX_OK, ngx_close_connection, ngx_connection_t, ngx_cycle, ngx_event_t, ngx_get_connection,
    ngx_handle_read_event, ngx_int_t,
};

use super::{Module, bits, guard};

/// The event loop's end. Dropped in `stop_worker`.
pub struct Wakeup {
    connection: *mut ngx_connection_t,
    waker: Waker,
}

/// The threads' end: has its own descriptor, so that closing the loop's end does no harm.
#[derive(Clone)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// Makes the loop call back soon. Never blocks; several signals may result in one call.
    pub fn signal(&self) {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: eight readable bytes to an open descriptor. EAGAIN means that a signal is pending
        // anyway.
        unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }
}

impl Wakeup {
    /// Opens the eventfd and registers it with the event loop, which calls `call` when it is
    /// signalled. Uses one of `worker_connections`. Must be called when a worker starts.
    ///
    /// # Errors
    /// The system or nginx refuses.
    pub fn open<M: Module>(call: fn()) -> io::Result<Self> {
        // SAFETY: plain system calls; each descriptor is owned by exactly one value.
        let (read_end, write_end) = unsafe {
            let fd = libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            let copy = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0);
            if copy < 0 {
                let error = io::Error::last_os_error();
                libc::close(fd);
                return Err(error);
            }
            (fd, OwnedFd::from_raw_fd(copy))
        };
        // SAFETY: in `init_process` the cycle, its log and its free connections exist. From here on
        // the connection owns `read_end`.
        let connection = unsafe {
            let connection = ngx_get_connection(read_end, (*ngx_cycle).log);
            if connection.is_null() {
                libc::close(read_end);
                return Err(io::Error::other("worker_connections are not enough"));
            }
            (*connection).data = call as *mut c_void;
            let read = (*connection).read;
            (*read).handler = Some(on_signal::<M>);
            (*read).log = (*ngx_cycle).log;
            // Not a client: nginx must not count it as an open connection at shutdown.
            bits::set_channel(read);
            bits::set_channel((*connection).write);
            if ngx_handle_read_event(read, 0) != NGX_OK as ngx_int_t {
                ngx_close_connection(connection);
                return Err(io::Error::other("the event loop does not take an eventfd"));
            }
            connection
        };
        Ok(Self { connection, waker: Waker(Arc::new(write_end)) })
    }

    /// A handle for threads.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

impl Drop for Wakeup {
    fn drop(&mut self) {
        // SAFETY: opened by `open`, closed once, on the event-loop thread.
        unsafe { ngx_close_connection(self.connection) };
    }
}

unsafe extern "C" fn on_signal<M: Module>(event: *mut ngx_event_t) {
    guard::event::<M>("wake-up", || {
        let mut counter = [0_u8; 8];
        // SAFETY: nginx passes the read event of our connection, whose descriptor is the eventfd
        // and whose data is the function passed to `open`.
        let call = unsafe {
            let connection = (*event).data.cast::<ngx_connection_t>();
            libc::read((*connection).fd, counter.as_mut_ptr().cast(), counter.len());
            // All data has been read. For level-triggered methods (select, poll) `ready` means that
            // some is left, and `ngx_handle_read_event` would stop watching; epoll does not care.
            bits::clear_ready(event);
            ngx_handle_read_event(event, 0);
            core::mem::transmute::<*mut c_void, fn()>((*connection).data)
        };
        call();
    });
}
