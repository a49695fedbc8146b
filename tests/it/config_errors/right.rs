//! Correct configurations.

pub(super) const RIGHT: &[(&str, &str)] = &[
    ("the module is loaded and not used", ""),
    ("no store", "authentik_session_store memory; %%WIKI%% server { authentik_provider wiki; }"),
    ("a store that nobody uses", "authentik_session_store file %%DIR%%/s/sessions;"),
    (
        "a store beside the settings of an outpost",
        "authentik_outpost https://sso.example.com { token x; state_path %%DIR%%/both; }
         authentik_session_store file %%DIR%%/both/sessions;
         server { authentik_provider auto; }",
    ),
    (
        "a store with its secrets elsewhere",
        "%%WIKI%% server { authentik_provider wiki; }
         authentik_session_store file %%DIR%%/s/sessions secret_file=%%DIR%%/long
             former_secret_file=%%DIR%%/s/sessions.secret;",
    ),
    (
        "a store in Redis with everything",
        "%%WIKI%% server { authentik_provider wiki; }
         authentik_session_store redis rediss://[::1]:6380/1 rediss://redis-2.example.com/1
             secret_file=%%DIR%%/long ends_file=%%DIR%%/e/ends user=nginx password_file=%%DIR%%/secret prefix=sso:
             timeout=500ms ssl_trusted_certificate=%%DIR%%/cert.pem sentinel=mymaster cluster=off;",
    ),
    (
        "a store in Redis on a host without files",
        "authentik_session_store redis redis://127.0.0.1 secret_file=%%DIR%%/long ends_file=off;",
    ),
    (
        "a store and its ends in one directory",
        "authentik_session_store file %%DIR%%/s/sessions ends_file=%%DIR%%/s/ends;",
    ),
    ("the ten lines of the README", "%%WIKI%% server { authentik_provider wiki; }"),
    ("the use stands before the definition", "server { authentik_provider wiki; } %%WIKI%%"),
    (
        "a default for servers that say nothing, one of which redirects to https",
        "authentik_default_provider wiki; %%WIKI%%
         server { return 301 https://$host$request_uri; }
         server { server_name open; authentik_provider off; }
         server { server_name other; authentik_unauth_paths ^/a; location /x { authentik_provider off; } }",
    ),
    (
        "a status where nothing is protected",
        "server { location = /status { authentik_status; allow 127.0.0.1; deny all; } }",
    ),
    (
        "a status in each format",
        "%%WIKI%% server {
             authentik_provider wiki;
             location /s/ { authentik_status format=html; location /s/j { authentik_status format=json; } }
             location = /metrics { authentik_status format=prometheus; authentik_provider off; }
         }",
    ),
    (
        "a status that ends sessions, for whom the location chooses",
        "%%WIKI%% server {
             authentik_provider wiki;
             location /a { authentik_status end_sessions=off; }
             location /b { authentik_require user a; authentik_status end_sessions=on; }
             location /c { authentik_provider off; deny all; authentik_status end_sessions=on format=json; }
         }
         server {
             server_name other; allow 127.0.0.1; deny all;
             location / { authentik_status end_sessions=on; }
         }",
    ),
    (
        "rules of http",
        "allow 127.0.0.1; deny all; server { location / { authentik_status end_sessions=on; } }",
    ),
    (
        "an outpost",
        "authentik_outpost https://10.0.0.1:9000/auth {
             token_file %%DIR%%/secret;
             browser_url https://sso.example.com;
             ssl_trusted_certificate %%DIR%%/cert.pem;
             state_path %%DIR%%/state;
         }
         server { authentik_provider auto; location /one { authentik_provider auto fallback=single; } }",
    ),
    (
        "sessions of any length",
        "authentik_outpost https://sso.example.com {
             token_file %%DIR%%/secret; session_lifetime 400d; recheck off; idle_timeout 399d;
         }
         authentik_provider x {
             issuer https://sso.example.com/application/o/x/; client_id c;
             client_secret_file %%DIR%%/secret; external_host https://x.example.com;
             session_lifetime 1800; recheck \"1m 30s\"; idle_timeout off;
         }
         server { authentik_provider auto; location /x { authentik_provider x; } }",
    ),
    (
        "endpoints for other proxies",
        "%%WIKI%%
         authentik_outpost https://sso.example.com { token_file %%DIR%%/secret; }
         server {
             location /outpost.goauthentik.io/ {
                 authentik_provider auto;
                 authentik_outpost_endpoint trusted=10.0.0.0/8 trusted=2001:db8::/32 trusted=unix:;
                 allow 10.0.0.0/8; deny all;
             }
         }
         server {
             server_name wiki.example.com;
             authentik_provider wiki;
             location /outpost.goauthentik.io/ { authentik_outpost_endpoint trusted=192.0.2.1; }
         }",
    ),
    (
        "directives for parts that are protected",
        "%%WIKI%%
         authentik_unauthenticated 401;
         authentik_unauth_paths ^/public/;
         authentik_identity_headers Remote-User;
         authentik_strip_cookie off;
         authentik_header_auth on;
         authentik_header_encoding latin1;
         server { server_name not.protected; }
         server {
             authentik_unauthenticated redirect;
             authentik_unauth_paths ^/open/;
             location / { authentik_provider wiki; }
             location /headers { authentik_identity_headers X-Other; authentik_strip_cookie on; }
         }
         server {
             server_name rules;
             authentik_provider wiki;
             authentik_require group staff;
             location /off { authentik_provider off; location /off/too { } }
             location /if { if ($arg_a) { authentik_require user jane; } }
         }",
    ),
    (
        "everything",
        "authentik_shared_zone zone=sso:1m;
         authentik_unauthenticated auto;
         authentik_unauth_paths ^/healthz$ ^/public/ \"^/with space/\";
         authentik_identity_headers Remote-User X-Department;
         authentik_strip_cookie on;
         authentik_header_auth on;
         authentik_provider full {
             issuer https://sso.example.com/application/o/full/;
             client_id full-client;
             client_secret direct-secret;
             external_host https://full.example.com:8443/;
             mode forward_single;
             cookie_domain example.com;
             cookie_secret 0123456789abcdef0123456789abcdef;
             unauth_paths ^/a$ ^/b$;
             scope openid profile email entitlements ak_proxy goauthentik.io/api;
             application full;
             ssl_verify on;
             authorization_endpoint https://sso.example.com/application/o/authorize/;
             token_endpoint https://10.0.0.1:9000/application/o/token/;
             end_session_endpoint https://sso.example.com/application/o/full/end-session/;
             jwks_uri https://sso.example.com/application/o/full/jwks/;
         }
         authentik_provider second {
             issuer https://sso.example.com/;
             application second;
             client_id second-client;
             client_secret_file %%DIR%%/secret;
             external_host https://auth.example.com;
             cookie_domain .example.com;
             cookie_secret_file %%DIR%%/secret;
             ssl_trusted_certificate %%DIR%%/cert.pem;
         }
         server {
             authentik_provider full;
             authentik_unauth_paths ^/server/;
             location / {
                 authentik_unauthenticated 401;
                 authentik_unauth_paths ^/location/;
                 authentik_identity_headers X-Other;
                 authentik_strip_cookie off;
                 authentik_header_auth off;
             }
             location /off { authentik_provider off; return 200; }
             location /second { authentik_provider second; }
         }
         log_format sso '$authentik_status $authentik_reason $authentik_username $authentik_groups
             $authentik_entitlements $authentik_email $authentik_name $authentik_uid
             $authentik_provider';",
    ),
    (
        "an authentik that nobody can reach: nothing asks for it at -t",
        "authentik_provider far {
             issuer https://no-such-host.invalid/application/o/far/;
             client_id c; client_secret s; external_host http://far.example.com;
         }
         server { authentik_provider far; }",
    ),
];
