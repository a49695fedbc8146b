//! Mistakes in `authentik_session_store`.

use super::Case;

pub(super) const STORE_MISTAKES: &[Case] = &[
    (
        "two stores",
        "authentik_session_store memory;
         authentik_session_store memory; # <-",
        "\"authentik_session_store\" directive is duplicate",
    ),
    (
        "in a server",
        "server {
            authentik_session_store memory; # <-
         }",
        "\"authentik_session_store\" directive is not allowed here",
    ),
    (
        "an unknown kind",
        "authentik_session_store sqlite /var/lib/x; # <-",
        "authentik_session_store: unknown store \"sqlite\"; write memory, file PATH, or redis URL",
    ),
    (
        "a URL without its kind",
        "authentik_session_store redis://user:hush-hush@127.0.0.1; # <-",
        "the kind of store comes first: write redis URL secret_file=FILE",
    ),
    (
        "memory somewhere",
        "authentik_session_store memory /x; # <-",
        "memory takes no parameters; drop \"/x\"",
    ),
    (
        "a file without path",
        "authentik_session_store file; # <-",
        "the path of the file is missing, e.g. file /var/lib/nginx/authentik/sessions",
    ),
    (
        "a parameter instead of the path",
        "authentik_session_store file secret_file=%%DIR%%/long; # <-",
        "the path of the file is missing",
    ),
    (
        "a relative path",
        "authentik_session_store file sessions; # <-",
        "\"sessions\" is not the absolute path of a file, like /var/lib/nginx",
    ),
    (
        "a directory",
        "authentik_session_store file /; # <-",
        "\"/\" is not the absolute path of a file",
    ),
    (
        "a directory that is not there, in one that is not there",
        "authentik_session_store file %%DIR%%/no/such/sessions; # <-",
        "does not exist; make it: mkdir -p ",
    ),
    (
        "a directory that cannot be made",
        "authentik_session_store file /dev/null/authentik/sessions; # <-",
        "the directory \"/dev/null/authentik\" cannot be made: ",
    ),
    (
        "a directory of others",
        "authentik_session_store file %%DIR%%/sessions; # <-",
        "is open to other users; choose a directory of its own, like that of /var/lib/nginx",
    ),
    (
        "a directory of root with other files",
        "authentik_session_store file %%DIR%%/roots/sessions; # <-",
        "has other files, and would be given to the workers' user; choose a directory of its own",
    ),
    (
        "no directory",
        "authentik_session_store file %%DIR%%/secret/sessions; # <-",
        "secret\" is not a directory",
    ),
    (
        "an unknown parameter",
        "authentik_session_store file %%DIR%%/s/sessions secretfile=x; # <-",
        "unknown parameter \"secretfile\" of file; there are secret_file, former_secret_file",
    ),
    (
        "a parameter without value",
        "authentik_session_store file %%DIR%%/s/sessions secret_file=; # <-",
        "secret_file: is empty",
    ),
    (
        "no parameter",
        "authentik_session_store file %%DIR%%/s/sessions %%DIR%%/long; # <-",
        "parameters are written KEY=VALUE",
    ),
    (
        "a parameter twice",
        "authentik_session_store file %%DIR%%/s/sessions secret_file=%%DIR%%/long
             secret_file=%%DIR%%/long; # <-",
        "secret_file: is duplicate",
    ),
    (
        "a secret that is not there",
        "authentik_session_store file %%DIR%%/s/sessions secret_file=%%DIR%%/nowhere; # <-",
        "nowhere\" does not exist; make it: (umask 077; openssl rand -hex 32 >",
    ),
    (
        "a former secret that is not there",
        "authentik_session_store file %%DIR%%/s/sessions former_secret_file=%%DIR%%/nowhere; # <-",
        "former_secret_file: \"",
    ),
    (
        "a secret that others can read",
        "authentik_session_store file %%DIR%%/s/sessions secret_file=%%DIR%%/public; # <-",
        "public\" is open to other users; chmod 600 ",
    ),
    (
        "a secret that is too short",
        "authentik_session_store file %%DIR%%/s/sessions secret_file=%%DIR%%/secret; # <-",
        "has 15 bytes, a secret has at least 32; make one with: openssl rand -hex 32",
    ),
    (
        "redis without URL",
        "authentik_session_store redis secret_file=%%DIR%%/long; # <-",
        "the URL is missing, e.g. redis redis://127.0.0.1:6379",
    ),
    (
        "redis without secret",
        "authentik_session_store redis redis://127.0.0.1; # <-",
        "secret_file is missing: the same file on all hosts",
    ),
    (
        "ends in a file that is something else",
        "authentik_session_store redis redis://127.0.0.1 secret_file=%%DIR%%/long
             ends_file=%%DIR%%/roots/.profile; # <-",
        "/roots/.profile\" is not a file of ended sessions; choose another name",
    ),
    (
        "ends in a directory that is not there, in one that is not there",
        "authentik_session_store redis redis://127.0.0.1 secret_file=%%DIR%%/long
             ends_file=%%DIR%%/no/such/ends; # <-",
        "ends_file: the directory ",
    ),
    (
        "ends twice",
        "authentik_session_store file %%DIR%%/s/sessions ends_file=off ends_file=off; # <-",
        "ends_file: is duplicate",
    ),
    (
        "a password in the URL",
        "authentik_session_store redis redis://:hush-hush@127.0.0.1 secret_file=%%DIR%%/long; # <-",
        "a URL must not contain a user or password, which everybody could read there; use user=NAME \
         and password_file=FILE",
    ),
    (
        "a password as a parameter",
        "authentik_session_store redis redis://127.0.0.1 password=hush-hush; # <-",
        "password: is not allowed here",
    ),
    (
        "an unknown scheme",
        "authentik_session_store redis https://127.0.0.1 secret_file=%%DIR%%/long; # <-",
        "\"https://127.0.0.1\" has an unknown scheme; write redis://HOST:PORT, or rediss:// for TLS",
    ),
    (
        "a URL without host",
        "authentik_session_store redis redis:///1 secret_file=%%DIR%%/long; # <-",
        "\"redis:///1\" has no host",
    ),
    (
        "a URL with an impossible port",
        "authentik_session_store redis redis://127.0.0.1:99999 secret_file=%%DIR%%/long; # <-",
        "\"redis://127.0.0.1:99999\": invalid port number",
    ),
    (
        "a URL with a query",
        "authentik_session_store redis redis://127.0.0.1/?timeout=1s secret_file=%%DIR%%/long; # <-",
        "has a query or fragment; settings are parameters of the directive",
    ),
    (
        "a database that is no number",
        "authentik_session_store redis redis://127.0.0.1/nginx secret_file=%%DIR%%/long; # <-",
        "\"nginx\" is not the number of a database",
    ),
    (
        "two databases",
        "authentik_session_store redis redis://127.0.0.1/1 redis://127.0.0.2/2
             secret_file=%%DIR%%/long; # <-",
        "all URLs must have the same scheme and the same database",
    ),
    (
        "no timeout",
        "authentik_session_store redis redis://127.0.0.1 secret_file=%%DIR%%/long timeout=0; # <-",
        "timeout: \"0\" is not a time from 10ms to 30s, e.g. timeout=2s",
    ),
    (
        "a timeout of an hour",
        "authentik_session_store redis redis://127.0.0.1 secret_file=%%DIR%%/long timeout=1h; # <-",
        "timeout: \"1h\" is not a time from 10ms to 30s",
    ),
    (
        "no time",
        "authentik_session_store redis redis://127.0.0.1 secret_file=%%DIR%%/long timeout=soon; # <-",
        "timeout: \"soon\" is not a time",
    ),
    (
        "a prefix with braces",
        "authentik_session_store redis redis://127.0.0.1 secret_file=%%DIR%%/long
             \"prefix={a}\"; # <-",
        "prefix: \"{a}\" is not up to 64 letters",
    ),
    (
        "a user without password",
        "authentik_session_store redis redis://127.0.0.1 secret_file=%%DIR%%/long user=a; # <-",
        "user: needs password_file=FILE",
    ),
    (
        "certificates without TLS",
        "authentik_session_store redis redis://127.0.0.1 secret_file=%%DIR%%/long ssl_verify=on; # <-",
        "ssl_verify: has no effect with redis://; write rediss://, or drop it",
    ),
    (
        "a verification that is neither",
        "authentik_session_store redis rediss://127.0.0.1 secret_file=%%DIR%%/long ssl_verify=yes; # <-",
        "ssl_verify: \"yes\" is neither on nor off",
    ),
    (
        "certificates that nobody checks",
        "authentik_session_store redis rediss://127.0.0.1 secret_file=%%DIR%%/long ssl_verify=off
             ssl_trusted_certificate=%%DIR%%/cert.pem; # <-",
        "ssl_trusted_certificate: has no effect with ssl_verify off",
    ),
    (
        "a Sentinel in a cluster",
        "authentik_session_store redis redis://127.0.0.1 secret_file=%%DIR%%/long sentinel=m
             cluster=on; # <-",
        "sentinel and cluster exclude each other",
    ),
    (
        "a database of a cluster",
        "authentik_session_store redis redis://127.0.0.1/1 secret_file=%%DIR%%/long cluster=on; # <-",
        "a cluster has only database 0",
    ),
    (
        "an unknown parameter of redis",
        "authentik_session_store redis redis://127.0.0.1 secret_file=%%DIR%%/long retry=1; # <-",
        "unknown parameter \"retry\" of redis; there are secret_file, former_secret_file, ends_file, user, ",
    ),
    (
        "a part of a password",
        "authentik_session_store redis redis:hush=hush@127.0.0.1; # <-",
        "unknown parameter of redis; there are",
    ),
];
