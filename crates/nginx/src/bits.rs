//! Bit-fields of nginx's structures: read and written by C, see bits.c.
//!
//! bindgen's own accessors are not used, since with some versions of nginx they access the wrong
//! bits; `make check` rejects them.

use ngx::ffi::{
    ngx_buf_t, ngx_event_t, ngx_http_request_t, ngx_http_script_regex_code_t,
    ngx_http_variable_value_t, ngx_int_t, ngx_msec_t, ngx_uint_t,
};

unsafe extern "C" {
    fn ngx_http_fence_is_internal(r: *const ngx_http_request_t) -> ngx_uint_t;
    fn ngx_http_fence_is_error_page(r: *const ngx_http_request_t) -> ngx_uint_t;
    fn ngx_http_fence_set_expect_tested(r: *mut ngx_http_request_t);
    fn ngx_http_fence_hold(r: *mut ngx_http_request_t);
    fn ngx_http_fence_buffer_length(b: *const ngx_buf_t) -> isize;
    fn ngx_http_fence_lost_contexts(r: *const ngx_http_request_t) -> ngx_uint_t;
    fn ngx_http_fence_reads_no_body(r: *const ngx_http_request_t) -> ngx_uint_t;
    fn ngx_http_fence_shakes_hands(r: *const ngx_http_request_t) -> ngx_uint_t;
    fn ngx_http_fence_value_length(v: *const ngx_http_variable_value_t) -> ngx_int_t;
    fn ngx_http_fence_set_value(v: *mut ngx_http_variable_value_t, data: *mut u8, len: usize);
    fn ngx_http_fence_keep_value(
        kept: *mut ngx_http_variable_value_t,
        v: *const ngx_http_variable_value_t,
    );
    fn ngx_http_fence_drop_value(v: *mut ngx_http_variable_value_t);
    fn ngx_http_fence_is_ready(ev: *const ngx_event_t) -> ngx_uint_t;
    fn ngx_http_fence_clear_ready(ev: *mut ngx_event_t);
    fn ngx_http_fence_set_channel(ev: *mut ngx_event_t);
    fn ngx_http_fence_set_cancelable(ev: *mut ngx_event_t);
    fn ngx_http_fence_add_timer(ev: *mut ngx_event_t, timer: ngx_msec_t);
    fn ngx_http_fence_del_timer(ev: *mut ngx_event_t);
    fn ngx_http_fence_post_event(ev: *mut ngx_event_t);
    fn ngx_http_fence_redirects(code: *const ngx_http_script_regex_code_t) -> ngx_uint_t;
}

/// Whether nginx itself redirected the request to this location.
///
/// # Safety
/// `r` is live.
pub(super) unsafe fn is_internal(r: *const ngx_http_request_t) -> bool {
    // SAFETY: by this function's contract.
    unsafe { ngx_http_fence_is_internal(r) != 0 }
}

/// Whether an `error_page` is being served.
///
/// # Safety
/// `r` is live.
pub(super) unsafe fn is_error_page(r: *const ngx_http_request_t) -> bool {
    // SAFETY: by this function's contract.
    unsafe { ngx_http_fence_is_error_page(r) != 0 }
}

/// Keeps nginx from answering `Expect: 100-continue`.
///
/// # Safety
/// `r` is live.
pub(super) unsafe fn set_expect_tested(r: *mut ngx_http_request_t) {
    // SAFETY: by this function's contract.
    unsafe { ngx_http_fence_set_expect_tested(r) };
}

/// Adds a reference to the request.
///
/// # Safety
/// `r` is live.
pub(super) unsafe fn hold(r: *mut ngx_http_request_t) {
    // SAFETY: by this function's contract.
    unsafe { ngx_http_fence_hold(r) };
}

/// The number of bytes in memory of a buffer; `None` if they are in a file.
///
/// # Safety
/// `b` is live.
pub(super) unsafe fn buffer_length(b: *const ngx_buf_t) -> Option<usize> {
    // SAFETY: by this function's contract.
    usize::try_from(unsafe { ngx_http_fence_buffer_length(b) }).ok()
}

/// Whether nginx has cleared the modules' contexts.
///
/// # Safety
/// `r` is live.
pub(super) unsafe fn lost_contexts(r: *const ngx_http_request_t) -> bool {
    // SAFETY: by this function's contract.
    unsafe { ngx_http_fence_lost_contexts(r) != 0 }
}

/// Whether nginx reads no body for the request: it discards it, or this is a subrequest and the
/// body is its parent's.
///
/// # Safety
/// `r` is live.
pub(super) unsafe fn reads_no_body(r: *const ngx_http_request_t) -> bool {
    // SAFETY: by this function's contract.
    unsafe { ngx_http_fence_reads_no_body(r) != 0 }
}

/// Whether nginx created the request for a TLS handshake in progress.
///
/// # Safety
/// `r` is live.
pub(super) unsafe fn shakes_hands(r: *const ngx_http_request_t) -> bool {
    // SAFETY: by this function's contract; a request has a connection, whose `ssl` is NULL or lives
    // as long as the connection.
    unsafe { ngx_http_fence_shakes_hands(r) != 0 }
}

/// Length of a variable's value; `None` if it has none.
///
/// # Safety
/// `value` has been filled by nginx.
pub(super) unsafe fn value_length(value: *const ngx_http_variable_value_t) -> Option<usize> {
    // SAFETY: by this function's contract.
    usize::try_from(unsafe { ngx_http_fence_value_length(value) }).ok()
}

/// Sets the value of a variable, for this evaluation only.
///
/// # Safety
/// `value` is passed by nginx to be filled; `text` lives as long as the request.
pub(super) unsafe fn set_value(value: *mut ngx_http_variable_value_t, text: &[u8]) {
    // SAFETY: by this function's contract; nginx never writes through the pointer.
    unsafe { ngx_http_fence_set_value(value, text.as_ptr().cast_mut(), text.len()) };
}

/// Stores `value` as the request's cached value of a variable.
///
/// # Safety
/// `kept` belongs to a live request, `value` has been filled by nginx.
pub(super) unsafe fn keep_value(
    kept: *mut ngx_http_variable_value_t,
    value: *const ngx_http_variable_value_t,
) {
    // SAFETY: by this function's contract.
    unsafe { ngx_http_fence_keep_value(kept, value) };
}

/// Makes nginx evaluate a variable again.
///
/// # Safety
/// `value` is one of nginx's.
pub(super) unsafe fn drop_value(value: *mut ngx_http_variable_value_t) {
    // SAFETY: by this function's contract.
    unsafe { ngx_http_fence_drop_value(value) };
}

/// Whether there may be something to read.
///
/// # Safety
/// `event` is a live read event.
pub(super) unsafe fn is_ready(event: *const ngx_event_t) -> bool {
    // SAFETY: by this function's contract.
    unsafe { ngx_http_fence_is_ready(event) != 0 }
}

/// Marks the event as fully read.
///
/// # Safety
/// `event` is a live read event.
pub(super) unsafe fn clear_ready(event: *mut ngx_event_t) {
    // SAFETY: by this function's contract.
    unsafe { ngx_http_fence_clear_ready(event) };
}

/// Marks the event's connection as not a client's: nginx does not count it as open at shutdown.
///
/// # Safety
/// `event` is live.
pub(super) unsafe fn set_channel(event: *mut ngx_event_t) {
    // SAFETY: by this function's contract.
    unsafe { ngx_http_fence_set_channel(event) };
}

/// Lets a worker shut down without waiting for the event's timer.
///
/// # Safety
/// `event` is live.
pub(super) unsafe fn set_cancelable(event: *mut ngx_event_t) {
    // SAFETY: by this function's contract.
    unsafe { ngx_http_fence_set_cancelable(event) };
}

/// Sets or resets the timer of an event.
///
/// # Safety
/// `event` is live, has a handler and a log, and does not move until the timer is deleted.
pub(super) unsafe fn add_timer(event: *mut ngx_event_t, milliseconds: ngx_msec_t) {
    // SAFETY: by this function's contract.
    unsafe { ngx_http_fence_add_timer(event, milliseconds) };
}

/// Deletes the timer of an event, if it is set.
///
/// # Safety
/// `event` is live.
pub(super) unsafe fn del_timer(event: *mut ngx_event_t) {
    // SAFETY: by this function's contract.
    unsafe { ngx_http_fence_del_timer(event) };
}

/// Queues an event for this turn of the event loop.
///
/// # Safety
/// `event` is live until it is handled.
pub(super) unsafe fn post_event(event: *mut ngx_event_t) {
    // SAFETY: by this function's contract.
    unsafe { ngx_http_fence_post_event(event) };
}

/// Whether a `rewrite` ends in a redirect.
///
/// # Safety
/// `code` is complete.
pub(super) unsafe fn redirects(code: *const ngx_http_script_regex_code_t) -> bool {
    // SAFETY: by this function's contract.
    unsafe { ngx_http_fence_redirects(code) != 0 }
}
