"""Protected beside unprotected and `auth_request`: ratios of CPU time per request."""

import statistics
from contextlib import ExitStack

import load
import seed
from load import Case
from server import FILE, Server

# The keep-alive settings for an upstream from nginx's documentation.
KEEP_ALIVE = 'proxy_http_version 1.1; proxy_set_header Connection "";'
# The headers that authentik's recipe passes on.
_AUTHORIZED = ("username", "groups", "entitlements", "email", "name", "uid")


def side_by_side():
    """The five ratios of the table's first rows, all cases alternating in one run."""
    with ExitStack() as stack:
        upstream = stack.enter_context(Server("upstream", answer()))
        authorizer = stack.enter_context(Server("authorizer", admission()))
        plain = stack.enter_context(
            Server("plain", static("") + proxied(fixed_headers()), http=upstreams(upstream))
        )
        asking = stack.enter_context(
            Server(
                "auth_request",
                auth_request("http://authorizer", KEEP_ALIVE),
                http=upstreams(upstream, authorizer),
            )
        )
        recipe = stack.enter_context(
            Server("recipe", auth_request(authorizer.url), http=upstreams(upstream))
        )
        guarded = stack.enter_context(
            Server(
                "protected",
                "authentik_provider wiki;" + static("") + proxied(""),
                http=lambda port: seed.zone(seed.SESSIONS)
                + seed.provider("wiki", port)
                + upstreams(upstream)(port),
                seeded=True,
            )
        )
        runs, figures = load.alternate(
            [
                case(f"{kind}, {server.name}", f"{server.url}/{kind}/1k", server, *others)
                for kind, behind in (("static", ()), ("proxied", (upstream,)))
                for server, others in (
                    (plain, behind),
                    (guarded, behind),
                    (asking, (*behind, authorizer)),
                    (recipe, (*behind, authorizer)),
                )
                if (kind, server) != ("proxied", recipe)
            ],
            {
                f"{kind}_vs_{other}": (f"{kind}, {other}", f"{kind}, protected")
                for kind in ("static", "proxied")
                for other in ("plain", "auth_request", "recipe")
                if (kind, other) != ("proxied", "recipe")
            },
        )
    details = {name: load.summary(these) for name, these in runs.items()}
    # The upper limit of these ratios, whatever the module does.
    for key in ("static_vs_auth_request", "static_vs_recipe", "proxied_vs_auth_request"):
        kind, other = key.split("_vs_")
        ceiling = _middle(runs[f"{kind}, {other}"]) / _middle(runs[f"{kind}, plain"])
        details[f"{key}, if the module cost nothing"] = f"{ceiling:.3f}"
    return figures, details


def _middle(runs):
    return statistics.median(run.cpu_us for run in runs)


def case(name, url, *servers):
    """Every case gets the same request, the session cookie included."""
    return Case(name, url, servers, (f"Cookie: {seed.COOKIE}",))


def answer():
    """The application. From memory: what it does for its answer is not what is compared."""
    return f'location / {{ return 200 "{FILE.decode()}"; }}'


def static(more):
    return f"location /static/ {{ alias www/; {more} }}\n"


def proxied(more):
    return f"location /proxied/ {{ proxy_pass http://upstream; {KEEP_ALIVE} {more} }}\n"


def fixed_headers():
    return "".join(
        f'proxy_set_header {name} "{value}";' for name, value in seed.identity_headers().items()
    )


def upstreams(upstream, authorizer=None):
    def text(_port):
        blocks = f"upstream upstream {{ server 127.0.0.1:{upstream.port}; keepalive 64; }}\n"
        if authorizer:
            blocks += f"upstream authorizer {{ server 127.0.0.1:{authorizer.port}; keepalive 64; }}\n"
        return blocks

    return text


def admission():
    """The cheapest outpost there could be: it lets everybody in, with the headers authentik's sends."""
    headers = "".join(
        f'add_header {name} "{value}";' for name, value in seed.identity_headers().items()
    )
    return f"location / {{ {headers} return 204; }}"


def auth_request(outpost, more=""):
    """authentik's recipe for nginx, line by line (docs/migrating.md): as documented, it opens a
    connection to the outpost for each question."""
    copied = "".join(
        f"auth_request_set $authentik_{name} $upstream_http_x_authentik_{name};"
        for name in _AUTHORIZED
    )
    sent = "".join(
        f"proxy_set_header X-authentik-{name} $authentik_{name};" for name in _AUTHORIZED
    )
    ask = (
        "auth_request /outpost.goauthentik.io/auth/nginx; error_page 401 = @goauthentik_proxy_signin;"
        "auth_request_set $auth_cookie $upstream_http_set_cookie; add_header Set-Cookie $auth_cookie;"
    )
    return (
        "proxy_buffers 8 16k; proxy_buffer_size 32k;\n"
        f"location /outpost.goauthentik.io {{ proxy_pass {outpost}; {more} proxy_set_header Host $host; "
        "proxy_set_header X-Original-URL $scheme://$http_host$request_uri; "
        "add_header Set-Cookie $auth_cookie; "
        "auth_request_set $auth_cookie $upstream_http_set_cookie; "
        'proxy_pass_request_body off; proxy_set_header Content-Length ""; }\n'
        "location @goauthentik_proxy_signin { internal; add_header Set-Cookie $auth_cookie; "
        "return 302 /outpost.goauthentik.io/start?rd=$scheme://$http_host$request_uri; }\n"
        + static(ask + copied)
        + proxied(ask + copied + sent)
    )


def providers():
    """1,000 servers with a provider each, and 1,000 servers that share one."""

    def http(number):
        def text(port):
            names = ["wiki", *(f"p{index}" for index in range(1, number))]
            defined = "".join(seed.provider(name, port) for name in names)
            used = "".join(
                f"server {{ listen 127.0.0.1:{port}; server_name s{index}.example; "
                f"authentik_provider {names[index % number]}; }}\n"
                for index in range(1, 1000)
            )
            # nginx's own hash of names; the same in both cases.
            return "server_names_hash_max_size 4096;\n" + seed.zone(1000) + defined + used

        return text

    body = "authentik_provider wiki;" + static("")
    with (
        Server("1 provider", body, http=http(1), seeded=True) as one,
        Server("1,000 providers", body, http=http(1000), seeded=True) as many,
    ):
        runs, figures = load.alternate(
            [case(server.name, f"{server.url}/static/1k", server) for server in (one, many)],
            {"thousand_providers_vs_one": (many.name, one.name)},
        )
    return figures, {n: load.summary(r) for n, r in runs.items()}
