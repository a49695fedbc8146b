/*
 * A neighbour for the tests: adds headers to every request as nginx itself never does, without
 * lowcase_key. Built by ci/careless-module.sh.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


static ngx_int_t ngx_http_careless_init(ngx_conf_t *cf);


static ngx_http_module_t  ngx_http_careless_module_ctx = {
    NULL, ngx_http_careless_init,
    NULL, NULL,
    NULL, NULL,
    NULL, NULL
};


ngx_module_t  ngx_http_careless_module = {
    NGX_MODULE_V1,
    &ngx_http_careless_module_ctx, NULL,
    NGX_HTTP_MODULE,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_careless_add(ngx_http_request_t *r, char *name, char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_in.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));
    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value.data = (u_char *) value;
    h->value.len = ngx_strlen(value);

    return NGX_DECLINED;
}


/* Before our module looks for what clients claim. */

static ngx_int_t
ngx_http_careless_post_read(ngx_http_request_t *r)
{
    return ngx_http_careless_add(r, "X-Authentik-Groups", "admins");
}


/* After that: a name as long as "Cookie", one as long as "Authorization". */

static ngx_int_t
ngx_http_careless_rewrite(ngx_http_request_t *r)
{
    (void) ngx_http_careless_add(r, "X-Care", "none");

    return ngx_http_careless_add(r, "X-Carefulness", "none");
}


static ngx_int_t
ngx_http_careless_push(ngx_http_core_main_conf_t *cmcf, ngx_uint_t phase,
    ngx_http_handler_pt handler)
{
    ngx_http_handler_pt  *h;

    h = ngx_array_push(&cmcf->phases[phase].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = handler;

    return NGX_OK;
}


static ngx_int_t
ngx_http_careless_init(ngx_conf_t *cf)
{
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (ngx_http_careless_push(cmcf, NGX_HTTP_POST_READ_PHASE,
                               ngx_http_careless_post_read)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_careless_push(cmcf, NGX_HTTP_REWRITE_PHASE,
                                  ngx_http_careless_rewrite);
}


ngx_module_t *ngx_modules[] = { &ngx_http_careless_module, NULL };

char *ngx_module_names[] = { "ngx_http_careless_module", NULL };

char *ngx_module_order[] = { NULL };
