/*
 * Bit-fields of nginx's structures, and nginx's macros and inline functions
 * that use them.
 *
 * Compiled by build/main.rs with the headers and flags of the nginx that the
 * module is built for. Only the C compiler knows the layout of bit-fields;
 * bindgen guesses, and has been wrong (nginx 1.29.3, rust-bindgen #3384). The
 * Rust declarations are in bits.rs.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>


/* crates/nginx/src/pool.rs relies on it. */
typedef char  ngx_http_fence_pools_align[
                              NGX_ALIGNMENT >= sizeof(unsigned long) ? 1 : -1];


ngx_uint_t
ngx_http_fence_is_internal(const ngx_http_request_t *r)
{
    return r->internal;
}


ngx_uint_t
ngx_http_fence_is_error_page(const ngx_http_request_t *r)
{
    return r->error_page;
}


void
ngx_http_fence_set_expect_tested(ngx_http_request_t *r)
{
    r->expect_tested = 1;
}


/* Adds a reference to the request. */
void
ngx_http_fence_hold(ngx_http_request_t *r)
{
    r->main->count++;
}


/* The number of bytes in memory, or -1 if they are in a file. A special buffer may have neither. */
ssize_t
ngx_http_fence_buffer_length(const ngx_buf_t *b)
{
    if (ngx_buf_in_memory(b)) {
        return b->last - b->pos;
    }

    return b->in_file ? -1 : 0;
}


/*
 * Whether the modules' contexts were cleared, see ngx_http_internal_redirect()
 * and ngx_http_filter_finalize_request().
 */
ngx_uint_t
ngx_http_fence_lost_contexts(const ngx_http_request_t *r)
{
    return r->internal || r->filter_finalize;
}


/* Whether nginx reads no body for this request: a subrequest, or the body was discarded. */
ngx_uint_t
ngx_http_fence_reads_no_body(const ngx_http_request_t *r)
{
    return r != r->main || r->discard_body;
}


/*
 * 0 unless a TLS handshake is in progress. Also 0 for every client request:
 * over QUIC, one may arrive before the handshake completes (0-RTT). Only the
 * request that nginx itself creates to evaluate variables in ssl_certificate
 * has "logged" set.
 */
ngx_uint_t
ngx_http_fence_shakes_hands(const ngx_http_request_t *r)
{
#if (NGX_HTTP_SSL)
    return r->logged && r->connection->ssl != NULL
           && !r->connection->ssl->handshaked;
#else
    return 0;
#endif
}


/* The length of a value, or -1 if there is none. */
ngx_int_t
ngx_http_fence_value_length(const ngx_http_variable_value_t *v)
{
    return v->not_found || v->data == NULL ? -1 : (ngx_int_t) v->len;
}


void
ngx_http_fence_set_value(ngx_http_variable_value_t *v, u_char *data, size_t len)
{
    v->len = (unsigned) len;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;
    v->data = data;
}


/* Stores the value as "set" does, without consulting the handler again. */
void
ngx_http_fence_keep_value(ngx_http_variable_value_t *kept,
    const ngx_http_variable_value_t *v)
{
    *kept = *v;
    kept->valid = 1;
    kept->no_cacheable = 0;
    kept->not_found = 0;
}


/* The handler is consulted again. */
void
ngx_http_fence_drop_value(ngx_http_variable_value_t *v)
{
    v->valid = 0;
    v->not_found = 0;
}


ngx_uint_t
ngx_http_fence_is_ready(const ngx_event_t *ev)
{
    return ev->ready;
}


void
ngx_http_fence_clear_ready(ngx_event_t *ev)
{
    ev->ready = 0;
}


void
ngx_http_fence_set_channel(ngx_event_t *ev)
{
    ev->channel = 1;
}


void
ngx_http_fence_set_cancelable(ngx_event_t *ev)
{
    ev->cancelable = 1;
}


void
ngx_http_fence_add_timer(ngx_event_t *ev, ngx_msec_t timer)
{
    ngx_add_timer(ev, timer);
}


/* Does nothing if the timer is not set. */
void
ngx_http_fence_del_timer(ngx_event_t *ev)
{
    if (ev->timer_set) {
        ngx_del_timer(ev);
    }
}


void
ngx_http_fence_post_event(ngx_event_t *ev)
{
    ngx_post_event(ev, &ngx_posted_events);
}


/* Whether the code of a "rewrite" ends in a redirect. */
ngx_uint_t
ngx_http_fence_redirects(const ngx_http_script_regex_code_t *code)
{
    return code->redirect;
}
