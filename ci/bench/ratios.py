"""Protected beside unprotected and `auth_request`: ratios of CPU time per request."""

from contextlib import ExitStack

import load
import seed
from load import Case
from server import FILE, Server

# What nginx's documentation says about keep-alive to an upstream.
_KEEP_ALIVE = 'proxy_http_version 1.1; proxy_set_header Connection "";'
_AUTHORIZED = ("username", "groups", "email", "name", "uid", "jwt")


def side_by_side():
    """The four ratios of the table's first rows, all cases alternating in one run."""
    with ExitStack() as stack:
        upstream = stack.enter_context(Server("upstream", answer()))
        authorizer = stack.enter_context(Server("authorizer", _answer_200()))
        plain = stack.enter_context(
            Server("plain", static("") + proxied(fixed_headers()), http=upstreams(upstream))
        )
        asking = stack.enter_context(
            Server("auth_request", _auth_request(), http=upstreams(upstream, authorizer))
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
                )
            ],
            {
                f"{kind}_vs_{other}": (f"{kind}, {other}", f"{kind}, protected")
                for kind in ("static", "proxied")
                for other in ("plain", "auth_request")
            },
        )
    return figures, {name: load.summary(these) for name, these in runs.items()}


def case(name, url, *servers):
    """Every case gets the same request, the session cookie included."""
    return Case(name, url, servers, (f"Cookie: {seed.COOKIE}",))


def answer():
    """The application. From memory: what it does for its answer is not what is compared."""
    return f'location / {{ return 200 "{FILE.decode()}"; }}'


def static(more):
    return f"location /static/ {{ alias www/; {more} }}\n"


def proxied(more):
    return f"location /proxied/ {{ proxy_pass http://upstream; {_KEEP_ALIVE} {more} }}\n"


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


def _answer_200():
    headers = seed.identity_headers()
    added = "".join(
        f'add_header X-authentik-{name} "{headers[f"X-authentik-{name}"]}";' for name in _AUTHORIZED
    )
    return f"location / {{ {added} return 200; }}"


def _auth_request():
    copied = "".join(
        f"auth_request_set $identity_{name} $upstream_http_x_authentik_{name};"
        for name in _AUTHORIZED
    )
    sent = "".join(
        f"proxy_set_header X-authentik-{name} $identity_{name};" for name in _AUTHORIZED
    )
    ask = f"auth_request /ask; {copied}"
    return (
        f"location = /ask {{ internal; proxy_pass http://authorizer; {_KEEP_ALIVE} "
        'proxy_pass_request_body off; proxy_set_header Content-Length ""; }\n'
        + static(ask)
        + proxied(ask + sent)
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
            # nginx's own table of names; the same in both cases.
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
