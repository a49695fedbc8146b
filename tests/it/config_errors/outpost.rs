//! What can be wrong in `authentik_outpost`.

use super::Case;

pub(super) const OUTPOST_MISTAKES: &[Case] = &[
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
        "token_file: the token was given already",
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
        "\"blog\" is one too many",
    ),
];
