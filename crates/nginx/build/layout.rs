//! All structures, constants and variables of nginx that the fence (src) uses. The C compiler is
//! asked about each row, and the bindings must agree.
//!
//! What is missing here cannot be used: see ci/fence. Bit-fields have no row, since only C code
//! accesses them (src/bits.c).

/// A structure as named in Rust, and its fields. Their names are nginx's, except for a `_` appended
/// to words reserved in Rust.
pub(crate) type Structure = (&'static str, &'static [&'static str]);

/// In all versions of nginx.
pub(crate) const STRUCTURES: &[Structure] = &[
    // Core.
    ("ngx_str_t", &["len", "data"]),
    ("ngx_array_t", &["elts", "nelts", "size", "nalloc", "pool"]),
    ("ngx_list_part_t", &["elts", "nelts", "next"]),
    ("ngx_list_t", &["last", "part", "nalloc", "pool", "size"]),
    ("ngx_table_elt_t", &["hash", "key", "value", "lowcase_key"]),
    ("ngx_pool_t", &["cleanup"]),
    ("ngx_pool_cleanup_t", &["handler", "data", "next"]),
    ("ngx_time_t", &["sec", "msec"]),
    ("ngx_log_t", &["log_level", "file", "data"]),
    ("ngx_open_file_t", &["fd"]),
    ("ngx_file_t", &["name"]),
    ("ngx_path_t", &["name"]),
    ("ngx_cidr_t", &["family", "u", "u.in_", "u.in6"]),
    ("ngx_in_cidr_t", &["mask"]),
    ("ngx_in6_cidr_t", &["mask"]),
    ("sockaddr", &["sa_family"]),
    ("ngx_variable_value_t", &["data"]),
    ("ngx_buf_t", &["pos"]),
    ("ngx_chain_t", &["buf", "next"]),
    // Modules, cycles, configurations.
    (
        "ngx_module_t",
        &[
            "ctx_index",
            "index",
            "name",
            "spare0",
            "spare1",
            "version",
            "signature",
            "ctx",
            "commands",
            "type_",
            "init_master",
            "init_module",
            "init_process",
            "init_thread",
            "exit_thread",
            "exit_process",
            "exit_master",
            "spare_hook0",
            "spare_hook1",
            "spare_hook2",
            "spare_hook3",
            "spare_hook4",
            "spare_hook5",
            "spare_hook6",
            "spare_hook7",
        ],
    ),
    ("ngx_command_t", &["name", "type_", "set", "conf", "offset", "post"]),
    ("ngx_cycle_t", &["conf_ctx", "log", "new_log", "modules"]),
    (
        "ngx_conf_t",
        &[
            "args",
            "cycle",
            "pool",
            "cmd_type",
            "conf_file",
            "log",
            "ctx",
            "handler",
            "handler_conf",
        ],
    ),
    ("ngx_conf_file_t", &["file", "line"]),
    // Shared memory.
    ("ngx_shm_t", &["addr", "size", "exists"]),
    ("ngx_shm_zone_t", &["data", "shm", "init"]),
    ("ngx_slab_pool_t", &["mutex", "pfree", "data"]),
    // Events.
    ("ngx_event_t", &["data", "handler", "log"]),
    (
        "ngx_connection_t",
        &["data", "read", "write", "fd", "log", "sockaddr", "addr_text", "local_sockaddr"],
    ),
    // HTTP.
    (
        "ngx_http_module_t",
        &[
            "preconfiguration",
            "postconfiguration",
            "create_main_conf",
            "init_main_conf",
            "create_srv_conf",
            "merge_srv_conf",
            "create_loc_conf",
            "merge_loc_conf",
        ],
    ),
    ("ngx_http_conf_ctx_t", &["main_conf", "srv_conf", "loc_conf"]),
    ("ngx_http_phase_t", &["handlers"]),
    ("ngx_http_core_main_conf_t", &["phases", "variables"]),
    ("ngx_http_core_srv_conf_t", &["file_name", "line", "server_names"]),
    ("ngx_http_server_name_t", &["regex", "name"]),
    (
        "ngx_http_core_loc_conf_t",
        &[
            "name",
            "handler",
            "satisfy",
            "internal",
            "recursive_error_pages",
            "error_log",
            "error_pages",
        ],
    ),
    ("ngx_http_err_page_t", &["status"]),
    ("ngx_http_complex_value_t", &["value"]),
    ("ngx_http_script_regex_code_t", &["code"]),
    ("ngx_http_variable_t", &["name", "set_handler", "get_handler", "data"]),
    ("ngx_http_log_ctx_t", &["current_request"]),
    ("ngx_http_header_t", &["name", "offset"]),
    ("ngx_http_headers_in_t", &["headers", "host", "server", "content_length_n"]),
    ("ngx_http_request_body_t", &["bufs"]),
    ("ngx_http_headers_out_t", &["headers", "location"]),
    (
        "ngx_http_request_t",
        &[
            "connection",
            "ctx",
            "main_conf",
            "srv_conf",
            "loc_conf",
            "read_event_handler",
            "write_event_handler",
            "pool",
            "headers_in",
            "headers_out",
            "request_body",
            "method",
            "request_line",
            "uri",
            "args",
            "unparsed_uri",
            "method_name",
            "http_protocol",
            "main",
            "err_status",
            "variables",
            "http_version",
            "host_start",
            "host_end",
            "request_end",
        ],
    ),
];

/// Since 1.23.0, which links header elements with the same name.
pub(crate) const WITH_LINKED_HEADERS: &[Structure] =
    &[("ngx_table_elt_t", &["next"]), ("ngx_http_headers_in_t", &["cookie"])];

/// Before 1.23.0.
pub(crate) const WITH_HEADER_ARRAYS: &[Structure] = &[("ngx_http_headers_in_t", &["cookies"])];

/// Constants, named as in nginx and in the system headers.
pub(crate) const CONSTANTS: &[&str] = &[
    "NGX_OK",
    "NGX_ERROR",
    "NGX_AGAIN",
    "NGX_DONE",
    "NGX_DECLINED",
    "NGX_LOG_EMERG",
    "NGX_LOG_ALERT",
    "NGX_LOG_CRIT",
    "NGX_LOG_ERR",
    "NGX_LOG_WARN",
    "NGX_LOG_NOTICE",
    "NGX_LOG_INFO",
    "NGX_PROCESS_SINGLE",
    "NGX_PROCESS_WORKER",
    "NGX_CONF_NOARGS",
    "NGX_CONF_TAKE1",
    "NGX_CONF_TAKE12",
    "NGX_CONF_1MORE",
    "NGX_CONF_BLOCK",
    "NGX_CONF_FLAG",
    "NGX_HTTP_MODULE",
    "NGX_HTTP_MAIN_CONF",
    "NGX_HTTP_SRV_CONF",
    "NGX_HTTP_LOC_CONF",
    "NGX_HTTP_LIF_CONF",
    "NGX_HTTP_SATISFY_ANY",
    "NGX_HTTP_GET",
    "NGX_HTTP_HEAD",
    "NGX_HTTP_SPECIAL_RESPONSE",
    "NGX_HTTP_VERSION_20",
    "NGX_HTTP_VAR_CHANGEABLE",
    "AF_INET",
    "AF_INET6",
    "AF_UNIX",
    "nginx_version",
];

/// Constants of `ngx_http_phases`; the bindings prefix them with the name of the enumeration.
pub(crate) const PHASES: &[&str] =
    &["NGX_HTTP_POST_READ_PHASE", "NGX_HTTP_PREACCESS_PHASE", "NGX_HTTP_ACCESS_PHASE"];

/// String constants, only displayed.
#[allow(dead_code, reason = "ci/fence asks for them, the probe does not")]
pub(crate) const TEXTS: &[&str] = &["NGINX_VERSION"];

/// nginx's variables.
pub(crate) const VARIABLES: &[&str] = &[
    "ngx_cycle",
    "ngx_process",
    "ngx_worker",
    "ngx_exiting",
    "ngx_pagesize",
    "ngx_test_config",
    "ngx_quiet_mode",
    "ngx_cached_time",
    "ngx_http_module",
    "ngx_http_core_module",
];
