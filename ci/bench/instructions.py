"""Instructions per request, counted by callgrind: repeatable where time is not.

valgrind hides the processor's SHA instructions from the module, which then computes SHA-256 with
ordinary ones: about 2,000 more for each hash of a cookie. A request of a session that the worker knows
computes none.
"""

import re
import socket
from contextlib import ExitStack

import ratios
import seed
from server import Server

# A run with N requests and one with 2N: the difference has no start-up in it.
REQUESTS = 1000
# Fewer than elsewhere: seeding under valgrind takes fifty times as long, and a lookup does not
# depend on the number (see lookup.py).
SESSIONS = 1000

# What Firefox sends with a navigation, and two cookies of the application.
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "DNT": "1",
    "Connection": "keep-alive",
    "Cookie": f"csrftoken=Zm9vYmFyYmF6cXV4; {seed.COOKIE}; theme=dark",
    "Upgrade-Insecure-Requests": "1",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-User": "?1",
    "Priority": "u=0, i",
}
PROGRAM = {"Cookie": seed.COOKIE}


def added_per_request():
    """Instructions of a protected request less those of an unprotected one."""
    figures, details = {}, {}
    for key, kind, headers in (
        ("instructions_per_request", "static", PROGRAM),
        ("instructions_browser", "static", BROWSER),
        ("instructions_proxied", "proxied", PROGRAM),
    ):
        plain, protected = (_per_request(kind, headers, guarded) for guarded in (False, True))
        figures[key] = protected - plain
        details[f"{key}, plain"] = f"{plain:,.0f}"
        details[f"{key}, protected"] = f"{protected:,.0f}"
    return figures, details


def _per_request(kind, headers, guarded):
    once, twice = (
        _instructions(kind, headers, guarded, number) for number in (REQUESTS, 2 * REQUESTS)
    )
    return (twice - once) / REQUESTS


def _instructions(kind, headers, guarded, number):
    wrapper = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    with ExitStack() as stack:
        upstream = stack.enter_context(Server("upstream", ratios.answer()))
        http = ratios.upstreams(upstream)
        if guarded:
            body = "authentik_provider wiki;" + ratios.static("") + ratios.proxied("")
        else:
            body = ratios.static("") + ratios.proxied(ratios.fixed_headers())
        server = Server(
            f"{kind} under callgrind",
            body,
            (lambda port: seed.zone(SESSIONS) + seed.provider("wiki", port) + http(port))
            if guarded
            else http,
            guarded,
            wrapper,
        )
        stack.enter_context(server)
        _keep_alive(server.port, kind, headers, number)
        server.stop()
        return int(re.search(r"Collected : (\d+)", server.output())[1])


def _keep_alive(port, kind, headers, number):
    """That many requests, one after the other, on one connection."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"GET /{kind}/1k HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{lines}\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        answers = connection.makefile("rb")
        for _ in range(number):
            connection.sendall(request)
            status = answers.readline()
            if b" 200 " not in status:
                raise RuntimeError(f"not answered with 200: {status!r}")
            length = 0
            while (line := answers.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            answers.read(length)
