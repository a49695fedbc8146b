/*
 * Checks that the running nginx has the structure layout of the headers that
 * the module was compiled with. See self_check.rs.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>


typedef struct {
    ngx_str_t   name;
    ngx_uint_t  offset;
} ngx_http_fence_offset_t;

#define offset(name, type, field)  { ngx_string(name), offsetof(type, field) }
#define end                        { ngx_null_string, 0 }


/*
 * nginx records some offsets itself, in its tables of directives, variables and
 * header fields. They come from the compiler of the running nginx. A field
 * added by a patch moves all fields after it, so each offset also covers the
 * fields before it.
 */

static const ngx_http_fence_offset_t  ngx_http_fence_main_directives[] = {
    offset("variables_hash_bucket_size", ngx_http_core_main_conf_t, variables_hash_bucket_size),
    end
};

static const ngx_http_fence_offset_t  ngx_http_fence_server_directives[] = {
    offset("connection_pool_size", ngx_http_core_srv_conf_t, connection_pool_size),
    end
};

static const ngx_http_fence_offset_t  ngx_http_fence_location_directives[] = {
    offset("default_type", ngx_http_core_loc_conf_t, default_type),
    offset("satisfy", ngx_http_core_loc_conf_t, satisfy),
    offset("recursive_error_pages", ngx_http_core_loc_conf_t, recursive_error_pages),
    offset("types_hash_bucket_size", ngx_http_core_loc_conf_t, types_hash_bucket_size),
    end
};

static const ngx_http_fence_offset_t  ngx_http_fence_variables[] = {
    offset("http_host", ngx_http_request_t, headers_in.host),
    offset("uri", ngx_http_request_t, uri),
    offset("args", ngx_http_request_t, args),
    offset("request_uri", ngx_http_request_t, unparsed_uri),
    offset("server_protocol", ngx_http_request_t, http_protocol),
    end
};

static const ngx_http_fence_offset_t  ngx_http_fence_headers_in[] = {
    offset("Host", ngx_http_headers_in_t, host),
#if (nginx_version >= 1023000)
    offset("Cookie", ngx_http_headers_in_t, cookie),
#else
    offset("Cookie", ngx_http_headers_in_t, cookies),
#endif
    end
};

static const ngx_http_fence_offset_t  ngx_http_fence_headers_out[] = {
    offset("Location", ngx_http_headers_out_t, location),
    offset("ETag", ngx_http_headers_out_t, etag),
    end
};


static ngx_uint_t
ngx_http_fence_same(const ngx_str_t *one, const ngx_str_t *other)
{
    return one->len == other->len && ngx_memcmp(one->data, other->data, one->len) == 0;
}


static const char *
ngx_http_fence_check_directives(const ngx_http_fence_offset_t *ours, ngx_uint_t conf)
{
    const ngx_command_t  *theirs;

    for ( /* void */ ; ours->name.len; ours++) {
        theirs = ngx_http_core_module.commands;

        while (theirs->name.len
               && (theirs->conf != conf || !ngx_http_fence_same(&theirs->name, &ours->name)))
        {
            theirs++;
        }

        if (theirs->name.len == 0 || theirs->offset != ours->offset) {
            return (const char *) ours->name.data;
        }
    }

    return NULL;
}


static const char *
ngx_http_fence_check_variables(const ngx_http_fence_offset_t *ours, ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    const ngx_array_t          *keys;
    const ngx_hash_key_t       *theirs;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    keys = &cmcf->variables_keys->keys;

    if (keys->size != sizeof(ngx_hash_key_t)) {
        return "ngx_hash_key_t";
    }

    theirs = keys->elts;

    for ( /* void */ ; ours->name.len; ours++) {
        i = 0;

        while (i < keys->nelts && !ngx_http_fence_same(&theirs[i].key, &ours->name)) {
            i++;
        }

        if (i == keys->nelts
            || ((const ngx_http_variable_t *) theirs[i].value)->data != ours->offset)
        {
            return (const char *) ours->name.data;
        }
    }

    return NULL;
}


static const char *
ngx_http_fence_check_headers_in(const ngx_http_fence_offset_t *ours)
{
    const ngx_http_header_t  *theirs;

    for ( /* void */ ; ours->name.len; ours++) {
        theirs = ngx_http_headers_in;

        while (theirs->name.len && !ngx_http_fence_same(&theirs->name, &ours->name)) {
            theirs++;
        }

        if (theirs->name.len == 0 || theirs->offset != ours->offset) {
            return (const char *) ours->name.data;
        }
    }

    return NULL;
}


static const char *
ngx_http_fence_check_headers_out(const ngx_http_fence_offset_t *ours)
{
    const ngx_http_header_out_t  *theirs;

    for ( /* void */ ; ours->name.len; ours++) {
        theirs = ngx_http_headers_out;

        while (theirs->name.len && !ngx_http_fence_same(&theirs->name, &ours->name)) {
            theirs++;
        }

        if (theirs->name.len == 0 || theirs->offset != ours->offset) {
            return (const char *) ours->name.data;
        }
    }

    return NULL;
}


/*
 * Called when the "http" block begins: returns NULL, or the name of something
 * at another offset. Each check relies on those before it.
 */

const char *
ngx_http_fence_check_conf(ngx_conf_t *cf)
{
    const char  *differs;

    if (cf->cycle->modules[ngx_http_core_module.index] != &ngx_http_core_module
        || cf->ctx != cf->cycle->conf_ctx[ngx_http_module.index]
        || cf->args->size != sizeof(ngx_str_t)
        || cf->pool != cf->cycle->pool
        || cf->log != cf->cycle->log)
    {
        return "ngx_conf_t";
    }

    differs = ngx_http_fence_check_directives(ngx_http_fence_main_directives,
                                                  NGX_HTTP_MAIN_CONF_OFFSET);
    if (differs == NULL) {
        differs = ngx_http_fence_check_directives(ngx_http_fence_server_directives,
                                                      NGX_HTTP_SRV_CONF_OFFSET);
    }

    if (differs == NULL) {
        differs = ngx_http_fence_check_directives(ngx_http_fence_location_directives,
                                                      NGX_HTTP_LOC_CONF_OFFSET);
    }

    if (differs == NULL) {
        differs = ngx_http_fence_check_headers_in(ngx_http_fence_headers_in);
    }

    if (differs == NULL) {
        differs = ngx_http_fence_check_headers_out(ngx_http_fence_headers_out);
    }

    if (differs == NULL) {
        differs = ngx_http_fence_check_variables(ngx_http_fence_variables, cf);
    }

    return differs;
}


/*
 * Checks what only a request reveals: its bit-fields and the fields after them,
 * and the size of connections and events. For a subrequest, its main request is
 * checked. A wrong offset yields another value somewhere: nginx sets two fields
 * to unusual numbers, and stores the version twice. Some build nginx with
 * another NGX_HTTP_MAX_SUBREQUESTS, but a round one.
 *
 * 0: something is at another offset. 1: nothing is. 2: nothing is, as far as
 * this request can tell. It is an internal one, which nginx may have been unable
 * to parse and which then has neither version nor headers; or one of HTTP/0.9,
 * for which nginx creates no header list (header_list.rs may have created one if
 * the request line had a host).
 */

ngx_uint_t
ngx_http_fence_check_request(const ngx_http_request_t *r)
{
    const ngx_connection_t    *c;
    const ngx_http_log_ctx_t  *log;

    if (r->signature != NGX_HTTP_MODULE) {
        return 0;
    }

    r = r->main;
    c = r->connection;
    log = c->log->data;

    if (r->signature != NGX_HTTP_MODULE
        || r->subrequests % 50 != 1
        || r->headers_out.headers.size != sizeof(ngx_table_elt_t)
        || c->read->data != c
        || c->write->data != c
        || log->request != r
        || ngx_cycle->connections[1].read != &ngx_cycle->read_events[1]
        || ngx_cycle->connections[1].write != &ngx_cycle->write_events[1])
    {
        return 0;
    }

    if (r->internal) {
        return r->uri_changes <= NGX_HTTP_MAX_URI_CHANGES ? 2 : 0;
    }

    if (r->uri_changes != NGX_HTTP_MAX_URI_CHANGES + 1
        || (r->http_version < NGX_HTTP_VERSION_20
            && r->http_version != (ngx_uint_t) r->http_major * 1000 + r->http_minor))
    {
        return 0;
    }

    if (r->http_version == NGX_HTTP_VERSION_9) {
        return r->headers_in.headers.size == 0
               || r->headers_in.headers.size == sizeof(ngx_table_elt_t) ? 2 : 0;
    }

    return r->headers_in.headers.size == sizeof(ngx_table_elt_t);
}
