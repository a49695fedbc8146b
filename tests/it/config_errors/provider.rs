//! Mistakes in `authentik_provider NAME { }`.

use super::Case;

pub(super) const PROVIDER_MISTAKES: &[Case] = &[
    (
        "no name",
        "authentik_provider { # <-
         }",
        "authentik_provider",
    ),
    (
        "two names",
        "authentik_provider a b { # <-
         }",
        "authentik_provider",
    ),
    (
        "a reserved name",
        "authentik_provider off { # <-
         }",
        "authentik_provider: a provider cannot be called \"off\"",
    ),
    (
        "another reserved name",
        "authentik_provider auto { # <-
         }",
        "authentik_provider: a provider cannot be called \"auto\"",
    ),
    (
        "a name twice",
        "%%WIKI%% authentik_provider wiki { # <-
         }",
        "authentik_provider \"wiki\" is duplicate, see ",
    ),
    (
        "the other form in http",
        "%%WIKI%% authentik_provider wiki; # <-",
        "directive \"authentik_provider\" has no opening \"{\"",
    ),
    (
        "the discovery document as the issuer",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/.well-known/openid-configuration;
            client_id c; client_secret s; external_host https://x.example.com;
         } # <-",
        "is the discovery document; write https://sso.example.com/application/o/x/",
    ),
    (
        "an endpoint as the issuer",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/authorize/;
            client_id c; client_secret s; external_host https://x.example.com;
         } # <-",
        "is an endpoint; write what authentik's provider page calls OpenID Configuration Issuer",
    ),
    (
        "a secret file with two lines",
        "authentik_provider x {
            client_secret_file %%DIR%%/two-lines; # <-
         }",
        "has several lines, it should hold the secret only",
    ),
    (
        "no issuer",
        "authentik_provider x {
            client_id c; client_secret_file %%DIR%%/secret; external_host https://x.example.com;
         } # <-",
        "authentik_provider \"x\": issuer is missing",
    ),
    (
        "an unknown cookie_samesite",
        "authentik_provider x {
            cookie_samesite sometimes; # <-
         }",
        "cookie_samesite: \"sometimes\" is not one of lax, none, strict",
    ),
    (
        "a session that lasts no time",
        "authentik_provider x {
            session_lifetime 0; # <-
         }",
        "session_lifetime: \"0\" is no time; use one from 1s to 400d, e.g. 1h",
    ),
    (
        "a session without end",
        "authentik_provider x {
            session_lifetime off; # <-
         }",
        "session_lifetime: cannot be off, since a session has to end; use a time like 12h",
    ),
    (
        "a session that no browser keeps",
        "authentik_provider x {
            session_lifetime 401d; # <-
         }",
        "session_lifetime: \"401d\" is too long; browsers keep a session for at most 400d",
    ),
    (
        "a recheck that is no time",
        "authentik_provider x {
            recheck often; # <-
         }",
        "recheck: \"often\" is not a time; use one like 90s, 30m, 12h or 7d, or off",
    ),
    (
        "a recheck in milliseconds",
        "authentik_provider x {
            recheck 500ms; # <-
         }",
        "recheck: \"500ms\" is not a time",
    ),
    (
        "a recheck of nothing",
        "authentik_provider x {
            recheck 0s; # <-
         }",
        "recheck: \"0s\" is no time; use one from 1s to 400d, e.g. 1h, or off",
    ),
    (
        "a recheck that never comes",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret; external_host https://x.example.com;
            session_lifetime 30m; recheck 1h;
         } # <-",
        "recheck: 3600 seconds have no effect, since sessions end after session_lifetime, 1800",
    ),
    (
        "a session that may not rest at all",
        "authentik_provider x {
            idle_timeout 0; # <-
         }",
        "idle_timeout: \"0\" is no time; use one from 1s to 400d, e.g. 1h, or off",
    ),
    (
        "a rest that never ends a session",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret; external_host https://x.example.com;
            idle_timeout 1d;
         } # <-",
        "idle_timeout: 86400 seconds have no effect, since sessions end after session_lifetime, 43200",
    ),
    (
        "cookies for all sites over http",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret; external_host http://x.example.com;
            cookie_samesite none;
         } # <-",
        "authentik_provider \"x\": cookie_samesite none needs an https external_host",
    ),
    (
        "a way back that is no URL",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret; external_host https://x.example.com;
            post_logout_redirect_uri /bye;
         } # <-",
        "authentik_provider \"x\": post_logout_redirect_uri \"/bye\" is not a URL",
    ),
    (
        "no client id",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/;
            client_secret_file %%DIR%%/secret; external_host https://x.example.com;
         } # <-",
        "authentik_provider \"x\": client_id is missing",
    ),
    (
        "no secret",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/;
            client_id c; external_host https://x.example.com;
         } # <-",
        "authentik_provider \"x\": client_secret_file is missing",
    ),
    (
        "no external host",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/;
            client_id c; client_secret_file %%DIR%%/secret;
         } # <-",
        "authentik_provider \"x\": external_host is missing",
    ),
    (
        "an unknown key",
        "authentik_provider x {
            isuer https://sso.example.com/application/o/x/; # <-
         }",
        "authentik_provider: unknown key \"isuer\"; there are issuer, ",
    ),
    (
        "a key twice",
        "authentik_provider x {
            client_id a;
            client_id b; # <-
         }",
        "\"client_id\" directive is duplicate",
    ),
    (
        "a key without value",
        "authentik_provider x {
            client_id; # <-
         }",
        "client_id: takes one value",
    ),
    (
        "a key with too many values",
        "authentik_provider x {
            client_id a b; # <-
         }",
        "client_id: takes one value",
    ),
    (
        "a block within",
        "authentik_provider x {
            endpoints { # <-
            }
         }",
        "unexpected \"{\"",
    ),
    (
        "an issuer that is no URL",
        "authentik_provider x {
            issuer sso.example.com;
         } # <-",
        "authentik_provider \"x\": issuer \"sso.example.com\" is not a URL",
    ),
    (
        "an issuer of another scheme",
        "authentik_provider x {
            issuer ldap://sso.example.com/;
         } # <-",
        "authentik_provider \"x\": issuer \"ldap://sso.example.com/\" is not an http or https URL",
    ),
    (
        "an issuer that names no application",
        "authentik_provider x {
            issuer https://sso.example.com/; client_id c;
            client_secret_file %%DIR%%/secret; external_host https://x.example.com;
         } # <-",
        "authentik_provider \"x\": issuer \"https://sso.example.com/\" does not name the application",
    ),
    (
        "an issuer without its final slash",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x;
         } # <-",
        "authentik_provider \"x\": issuer \"https://sso.example.com/application/o/x\" lacks the final \
         slash of authentik's issuers; write https://sso.example.com/application/o/x/",
    ),
    (
        "a variable",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret; external_host https://$host;
         } # <-",
        "authentik_provider \"x\": external_host \"https://$host\" contains a \"$\"",
    ),
    (
        "a semicolon forgotten",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/
            client_id c; # <-
         }",
        "issuer: takes one value, not 3; is a \";\" missing?",
    ),
    (
        "a cookie domain that browsers refuse",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret; external_host https://x.example.com;
            cookie_domain com;
         } # <-",
        "authentik_provider \"x\": cookie_domain \"com\" is a top-level domain",
    ),
    (
        "an application that is no slug",
        "authentik_provider x {
            issuer https://sso.example.com/; client_id c; application \"My Wiki\";
            client_secret_file %%DIR%%/secret; external_host https://x.example.com;
         } # <-",
        "authentik_provider \"x\": application \"My Wiki\" is not a slug",
    ),
    (
        "an external host with a query",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret;
            external_host https://x.example.com/?y;
         } # <-",
        "authentik_provider \"x\": external_host \"https://x.example.com/?y\" has a query",
    ),
    (
        "an external host with a password",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret;
            external_host https://user:hush@x.example.com/;
         } # <-",
        "authentik_provider \"x\": external_host",
    ),
    (
        "a secret file that does not exist",
        "authentik_provider x {
            client_secret_file %%DIR%%/nowhere; # <-
         }",
        "client_secret_file: ",
    ),
    (
        "a secret file that is empty",
        "authentik_provider x {
            client_secret_file %%DIR%%/empty; # <-
         }",
        "client_secret_file: ",
    ),
    (
        "a secret file that is a directory",
        "authentik_provider x {
            client_secret_file %%DIR%%; # <-
         }",
        "client_secret_file: ",
    ),
    (
        "a secret and a secret file",
        "authentik_provider x {
            client_secret a;
            client_secret_file %%DIR%%/secret; # <-
         }",
        "client_secret",
    ),
    (
        "an unknown mode",
        "authentik_provider x {
            mode forward; # <-
         }",
        "mode: \"forward\" is not a mode; use forward_single",
    ),
    (
        "domain level without a domain",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/;
            client_id x; client_secret s; external_host https://x.example.com;
            mode forward_domain;
         } # <-",
        "authentik_provider \"x\": cookie_domain is missing",
    ),
    (
        "proxy mode without a backend",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/;
            client_id x; client_secret s; external_host https://x.example.com;
            mode proxy;
         } # <-",
        "authentik_provider \"x\": internal_host is missing",
    ),
    (
        "a backend that is no URL",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/;
            client_id x; client_secret s; external_host https://x.example.com;
            mode proxy; internal_host app:3000;
         } # <-",
        "authentik_provider \"x\": internal_host \"app:3000\"",
    ),
    (
        "HTTP Basic with one attribute",
        "authentik_provider x {
            basic_auth app_password; # <-
         }",
        "basic_auth: takes two attribute names",
    ),
    (
        "a switch that is neither on nor off",
        "authentik_provider x {
            intercept_header_auth maybe; # <-
         }",
        "intercept_header_auth: \"maybe\" is neither on nor off",
    ),
    (
        "a cookie domain that does not cover the external host",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret; external_host https://auth.example.com;
            cookie_domain ample.com;
         } # <-",
        "authentik_provider \"x\": cookie_domain \"ample.com\" does not cover external_host",
    ),
    (
        "verification both off and by a certificate",
        "authentik_provider x {
            ssl_verify off; ssl_trusted_certificate %%DIR%%/cert.pem;
         } # <-",
        "ssl_trusted_certificate: has no effect with ssl_verify off",
    ),
    (
        "a pattern that does not compile",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret;
            external_host https://x.example.com; unauth_paths ^/ok$ ^/(public; # <-
         }",
        "unauth_paths: \"^/(public\" does not compile",
    ),
    (
        "a pattern of another dialect",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret;
            external_host https://x.example.com; unauth_paths (?!private); # <-
         }",
        "unauth_paths: \"(?!private)\" does not compile",
    ),
    (
        "an endpoint that is no URL",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret;
            external_host https://x.example.com; token_endpoint /application/o/token/;
         } # <-",
        "authentik_provider \"x\": token_endpoint \"/application/o/token/\" is not a URL",
    ),
    (
        "a switch that is neither on nor off",
        "authentik_provider x {
            ssl_verify maybe; # <-
         }",
        "ssl_verify: \"maybe\" is neither on nor off",
    ),
    (
        "a certificate file that does not exist",
        "authentik_provider x {
            ssl_trusted_certificate %%DIR%%/nowhere.pem; # <-
         }",
        "ssl_trusted_certificate: ",
    ),
    (
        "a certificate file without a certificate",
        "authentik_provider x {
            ssl_trusted_certificate %%DIR%%/secret; # <-
         }",
        "ssl_trusted_certificate: ",
    ),
    (
        "a block that is not closed",
        "authentik_provider x {
            issuer https://sso.example.com/application/o/x/; client_id c;
            client_secret_file %%DIR%%/secret; external_host https://x.example.com;",
        "unexpected end of file, expecting \"}\"",
    ),
];
