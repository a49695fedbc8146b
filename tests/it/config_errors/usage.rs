//! Mistakes in the other directives.

use super::Case;

pub(super) const USE_MISTAKES: &[Case] = &[
    (
        "an unknown provider in a server",
        "%%WIKI%% server {
            authentik_provider wikki; # <-
         }",
        "authentik_provider: no provider \"wikki\"; there are wiki",
    ),
    (
        "an unknown provider in a location",
        "%%WIKI%% server { location / {
            authentik_provider wikki; # <-
         } }",
        "authentik_provider: no provider \"wikki\"; there are wiki",
    ),
    (
        "an unknown default provider, used by a server",
        "%%WIKI%%
         authentik_default_provider wikki; # <-
         server { location / { } }",
        "authentik_default_provider: no provider \"wikki\"; there are wiki",
    ),
    (
        "auto as the default without an outpost",
        "%%WIKI%%
         authentik_default_provider auto; # <-
         server { }",
        "authentik_default_provider: \"auto\" needs an outpost; write in http: authentik_outpost",
    ),
    (
        "two default providers",
        "%%WIKI%% authentik_default_provider wiki;
         authentik_default_provider off; # <-
         server { }",
        "\"authentik_default_provider\" directive is duplicate",
    ),
    (
        "a default provider in a server",
        "%%WIKI%% server {
            authentik_default_provider wiki; # <-
         }",
        "\"authentik_default_provider\" directive is not allowed here",
    ),
    (
        "an encoding that is none",
        "%%WIKI%% server { authentik_provider wiki;
            authentik_header_encoding ascii; # <-
         }",
        "authentik_header_encoding: \"ascii\" is not one of utf8, percent, latin1",
    ),
    (
        "auto without an outpost",
        "%%WIKI%% server {
            authentik_provider auto; # <-
         }",
        "authentik_provider: \"auto\" needs an outpost; write in http: authentik_outpost",
    ),
    (
        "a provider twice in a server",
        "%%WIKI%% server {
            authentik_provider wiki;
            authentik_provider off; # <-
         }",
        "\"authentik_provider\" directive is duplicate",
    ),
    (
        "a provider without a name",
        "%%WIKI%% server {
            authentik_provider; # <-
         }",
        "invalid number of arguments in \"authentik_provider\" directive",
    ),
    (
        "a block in a server",
        "%%WIKI%% server {
            authentik_provider wiki { # <-
            }
         }",
        "directive \"authentik_provider\" is not terminated by \";\"",
    ),
    (
        "a format that there is not",
        "server { location / {
            authentik_status format=xml; # <-
         } }",
        "authentik_status: \"format=xml\" is not one of format=html, format=json, format=prometheus",
    ),
    (
        "a format without its name",
        "server { location / {
            authentik_status json; # <-
         } }",
        "authentik_status: \"json\" is not one of format=html",
    ),
    (
        "two formats",
        "server { location / {
            authentik_status format=json format=html; # <-
         } }",
        "authentik_status: \"format=html\" is unexpected",
    ),
    (
        "sessions that anybody can end",
        "server { location / {
            authentik_status end_sessions=on; # <-
         } }",
        "authentik_status: end_sessions=on lets everybody who gets here end everybody's sessions; add \
         authentik_require, or allow and deny",
    ),
    (
        "sessions that every user can end",
        "%%WIKI%% server { authentik_provider wiki; location / {
            authentik_status format=json end_sessions=on; # <-
         } }",
        "authentik_status: end_sessions=on lets everybody",
    ),
    (
        "sessions that every user can end, whatever the address",
        "%%WIKI%% server { authentik_provider wiki; satisfy any; allow 127.0.0.1; deny all; location / {
            authentik_status end_sessions=on; # <-
         } }",
        "authentik_status: end_sessions=on lets everybody",
    ),
    (
        "sessions that nobody is asked about, since the rule is for those who are",
        "%%WIKI%% server { authentik_provider wiki; authentik_require user a; location / {
            authentik_provider off;
            authentik_status end_sessions=on; # <-
         } }",
        "authentik_status: end_sessions=on lets everybody",
    ),
    (
        "the status twice",
        "server { location / {
            authentik_status;
            authentik_status format=json; # <-
         } }",
        "\"authentik_status\" directive is duplicate",
    ),
    (
        "the status in a server",
        "server {
            authentik_status; # <-
         }",
        "\"authentik_status\" directive is not allowed here",
    ),
    (
        "the status where a proxy answers already",
        "server { location / {
            proxy_pass http://127.0.0.1:1;
            authentik_status; # <-
         } }",
        "authentik_status: another directive, like proxy_pass, answers in this location",
    ),
    (
        "the status where a proxy answers after all",
        "server { location / {
            authentik_status; # <-
            proxy_pass http://127.0.0.1:1;
         } }",
        "authentik_status: another directive, like proxy_pass, answers in this location",
    ),
    (
        "a pattern of a location that does not compile",
        "%%WIKI%% server { location / {
            authentik_unauth_paths ^/(public; # <-
         } }",
        "authentik_unauth_paths: \"^/(public\" does not compile",
    ),
    (
        "a pattern as a location has it",
        "authentik_unauth_paths ~ ^/public/; # <-",
        "authentik_unauth_paths: drop the \"~\"",
    ),
    (
        "two lists of patterns",
        "authentik_unauth_paths ^/a;
         authentik_unauth_paths ^/b; # <-",
        "\"authentik_unauth_paths\" directive is duplicate; name all in one",
    ),
    (
        "no pattern",
        "authentik_unauth_paths; # <-",
        "invalid number of arguments in \"authentik_unauth_paths\" directive",
    ),
    (
        "a rule of no kind",
        "%%WIKI%% server {
            authentik_require grup staff; # <-
         }",
        "authentik_require: \"grup\" is not one of group, entitlement, user",
    ),
    (
        "a rule without a name",
        "%%WIKI%% server {
            authentik_require group; # <-
         }",
        "authentik_require: group needs a name",
    ),
    (
        "a rule where nobody is asked",
        "%%WIKI%% server { location / {
            authentik_require group admins; # <-
         } }",
        "authentik_require: nothing is protected here, so everybody gets in; add",
    ),
    (
        "a rule of a server of which a part is protected",
        "%%WIKI%% server {
            authentik_require group admins; # <-
            location / { authentik_provider wiki; }
         }",
        "authentik_require: nothing is protected here",
    ),
    (
        "a rule beside off",
        "%%WIKI%% server { authentik_provider wiki; location / {
            authentik_provider off;
            authentik_require group admins; # <-
         } }",
        "authentik_require: nothing is protected here, so everybody gets in; add \
         authentik_provider NAME; (instead of off, if that is there), or delete the directive",
    ),
    (
        "a rule below off",
        "%%WIKI%% server { authentik_provider wiki; location / { authentik_provider off;
            location /x {
                authentik_require group admins; # <-
            }
         } }",
        "authentik_require: nothing is protected here",
    ),
    (
        "a rule in an if where nobody is asked",
        "%%WIKI%% server { location / { if ($arg_a) {
            authentik_require group admins; # <-
         } } }",
        "authentik_require: nothing is protected here",
    ),
    (
        "open paths where all is open",
        "%%WIKI%% server { location / {
            authentik_unauth_paths ^/public/; # <-
         } }",
        "authentik_unauth_paths: nothing is protected here, so every path is open; add",
    ),
    (
        "open paths beside off",
        "%%WIKI%% server { authentik_provider wiki; location / {
            authentik_provider off;
            authentik_unauth_paths ^/public/; # <-
         } }",
        "authentik_unauth_paths: nothing is protected here",
    ),
    (
        "an answer to strangers that nobody gives",
        "%%WIKI%% server {
            authentik_unauthenticated 401; # <-
            location / { }
         } server { authentik_provider wiki; }",
        "authentik_unauthenticated: nothing is protected here, so everybody gets in",
    ),
    (
        "credentials that nobody checks",
        "%%WIKI%% server { location / {
            authentik_header_auth on; # <-
         } } server { authentik_provider wiki; }",
        "authentik_header_auth: nothing is protected here, so Authorization is not checked",
    ),
    (
        "headers that nobody removes",
        "%%WIKI%% server { location / {
            authentik_identity_headers Remote-User; # <-
         } } server { authentik_provider wiki; }",
        "authentik_identity_headers: nothing in this server is protected",
    ),
    (
        "an unknown answer to the unauthenticated",
        "authentik_unauthenticated 403; # <-",
        "authentik_unauthenticated: \"403\" is not one of auto, redirect, 401, pass",
    ),
    (
        "two answers to the unauthenticated",
        "authentik_unauthenticated auto;
         authentik_unauthenticated pass; # <-",
        "\"authentik_unauthenticated\" directive is duplicate",
    ),
    (
        "a header name with a colon",
        "authentik_identity_headers X-User:; # <-",
        "authentik_identity_headers: \"X-User:\" is not a header name",
    ),
    (
        "a header that the request cannot do without",
        "authentik_identity_headers Host; # <-",
        "authentik_identity_headers: \"Host\" carries the request itself",
    ),
    (
        "a flag that is neither on nor off",
        "authentik_strip_cookie yes; # <-",
        "authentik_strip_cookie: \"yes\" is neither on nor off",
    ),
    (
        "a word that is neither on nor off",
        "authentik_header_auth no; # <-",
        "authentik_header_auth: \"no\" is neither on nor off",
    ),
    (
        "header authentication said twice",
        "authentik_header_auth on; authentik_header_auth off; # <-",
        "authentik_header_auth\" directive is duplicate",
    ),
    (
        "a zone without a size",
        "authentik_shared_zone zone=authentik; # <-",
        "authentik_shared_zone: ",
    ),
    ("a zone without a name", "authentik_shared_zone zone=:16m; # <-", "authentik_shared_zone: "),
    (
        "a zone of no known size",
        "authentik_shared_zone zone=authentik:big; # <-",
        "authentik_shared_zone: ",
    ),
    (
        "a zone that is too small",
        "authentik_shared_zone zone=authentik:8k; # <-",
        "authentik_shared_zone: ",
    ),
    (
        "a zone of another parameter",
        "authentik_shared_zone size=16m; # <-",
        "authentik_shared_zone: ",
    ),
    (
        "two zones",
        "authentik_shared_zone zone=a:16m;
         authentik_shared_zone zone=b:16m; # <-",
        "\"authentik_shared_zone\" directive is duplicate",
    ),
    (
        "a zone in a server",
        "server {
            authentik_shared_zone zone=a:16m; # <-
         }",
        "\"authentik_shared_zone\" directive is not allowed here",
    ),
    (
        "a zone name that another module uses",
        "limit_req_zone $binary_remote_addr zone=mine:1m rate=1r/s;
         authentik_shared_zone zone=mine:16m;
         %%WIKI%%",
        "the shared memory zone \"mine\" is already declared for a different use",
    ),
];
