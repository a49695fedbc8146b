//! Mistakes in `authentik_outpost`.

use super::Case;

pub(super) const OUTPOST_MISTAKES: &[Case] = &[
    (
        "a state_path below a directory that does not exist",
        "authentik_outpost https://sso.example.com {
            token x; state_path %%DIR%%/no/such;
         } # <-",
        "/no/such\" cannot be created, since there is no directory",
    ),
    (
        "no URL",
        "authentik_outpost sso.example.com { token x;
         } # <-",
        "authentik_outpost: authentik_outpost \"sso.example.com\" is not a URL",
    ),
    (
        "a URL with a query",
        "authentik_outpost https://sso.example.com/?x { token x;
         } # <-",
        "has a query or fragment",
    ),
    (
        "no token",
        "authentik_outpost https://sso.example.com {
         } # <-",
        "authentik_outpost: token_file is missing: a file that holds the outpost's token",
    ),
    (
        "two tokens",
        "authentik_outpost https://sso.example.com {
            token x;
            token_file %%DIR%%/secret; # <-
         }",
        "token_file: the token is already set",
    ),
    (
        "an unknown cookie_samesite",
        "authentik_outpost https://sso.example.com {
            cookie_samesite on; # <-
         }",
        "cookie_samesite: \"on\" is not one of lax, none, strict",
    ),
    (
        "a session that lasts no time",
        "authentik_outpost https://sso.example.com {
            session_lifetime 0h; # <-
         }",
        "session_lifetime: \"0h\" is no time; use one from 1s to 400d",
    ),
    (
        "a recheck that never comes",
        "authentik_outpost https://sso.example.com {
            token x; recheck 12h;
         } # <-",
        "recheck: 43200 seconds have no effect, since sessions end after session_lifetime, 43200",
    ),
    (
        "an unreadable token file",
        "authentik_outpost https://sso.example.com {
            token_file %%DIR%%/nowhere; # <-
         }",
        "cannot be read",
    ),
    (
        "an unknown key",
        "authentik_outpost https://sso.example.com {
            tokenfile x; # <-
         }",
        "authentik_outpost: unknown key \"tokenfile\"; there are token, token_file, browser_url",
    ),
    (
        "a key twice",
        "authentik_outpost https://sso.example.com {
            ssl_verify on;
            ssl_verify on; # <-
         }",
        "\"ssl_verify\" directive is duplicate",
    ),
    (
        "a key without value",
        "authentik_outpost https://sso.example.com {
            state_path; # <-
         }",
        "state_path: takes one value",
    ),
    (
        "a browser URL that is none",
        "authentik_outpost https://sso.example.com { token x; browser_url ftp://sso.example.com;
         } # <-",
        "browser_url \"ftp://sso.example.com\" is not an http",
    ),
    (
        "two outposts",
        "authentik_outpost https://sso.example.com { token x; }
         authentik_outpost https://sso.example.com { token x; } # <-",
        "\"authentik_outpost\" directive is duplicate, see ",
    ),
    (
        "an unknown option of auto",
        "authentik_outpost https://sso.example.com { token x; }
         server {
            authentik_provider auto fallback=first; # <-
         }",
        "authentik_provider: unknown option \"fallback=first\"; auto takes fallback=single",
    ),
    (
        "two providers in one line",
        "%%WIKI%% server {
            authentik_provider wiki blog; # <-
         }",
        "\"blog\" is unexpected",
    ),
    (
        "an endpoint that trusts nobody",
        "%%WIKI%% server { location / {
            authentik_provider wiki;
            authentik_outpost_endpoint; # <-
         } }",
        "invalid number of arguments in \"authentik_outpost_endpoint\"",
    ),
    (
        "an endpoint that trusts a name",
        "%%WIKI%% server { location / {
            authentik_provider wiki;
            authentik_outpost_endpoint trusted=proxy.example.com; # <-
         } }",
        "\"proxy.example.com\" is neither an address nor a network nor \"unix:\"; write e.g.",
    ),
    (
        "an endpoint with another option",
        "%%WIKI%% server { location / {
            authentik_provider wiki;
            authentik_outpost_endpoint 10.0.0.0/8; # <-
         } }",
        "unknown option \"10.0.0.0/8\"; write trusted=ADDRESS",
    ),
    (
        "an endpoint twice",
        "%%WIKI%% server { location / {
            authentik_provider wiki;
            authentik_outpost_endpoint trusted=10.0.0.1;
            authentik_outpost_endpoint trusted=10.0.0.2; # <-
         } }",
        "\"authentik_outpost_endpoint\" directive is duplicate",
    ),
    (
        "an endpoint for a whole server",
        "%%WIKI%% server {
            authentik_provider wiki;
            authentik_outpost_endpoint trusted=10.0.0.1; # <-
         }",
        "\"authentik_outpost_endpoint\" directive is not allowed here",
    ),
    (
        "an endpoint without provider",
        "%%WIKI%% server { location / {
            authentik_outpost_endpoint trusted=10.0.0.1; # <-
         } }",
        "authentik_outpost_endpoint: no provider; add authentik_provider auto;",
    ),
    (
        "an endpoint that says yes by itself",
        "%%WIKI%% server { location / {
            authentik_provider wiki;
            authentik_outpost_endpoint trusted=10.0.0.1; # <-
            return 200;
         } }",
        "\"return\" of the location answers before access is checked",
    ),
    (
        "an endpoint where another directive answers",
        "%%WIKI%% server { location / {
            authentik_provider wiki;
            authentik_outpost_endpoint trusted=10.0.0.1; # <-
            proxy_pass http://127.0.0.1;
         } }",
        "another directive, like proxy_pass, answers in this location",
    ),
    (
        "an endpoint where others say yes",
        "%%WIKI%% server { satisfy any; location / {
            authentik_provider wiki;
            authentik_outpost_endpoint trusted=10.0.0.1; # <-
         } }",
        "with \"satisfy any\" others admit before access is checked",
    ),
];
