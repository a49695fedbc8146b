"""Instructions per request, counted by callgrind: repeatable where time is not.

valgrind hides the processor's SHA instructions from the module, which then computes SHA-256 with
ordinary ones. That share is counted apart, by the names of functions: run.sh keeps them in this module.
"""

import pathlib
import re
import socket
import tempfile
from contextlib import ExitStack
from typing import NamedTuple

import ratios
import seed
from server import Server
from visitors import connection, sign_in_in_vain

# A run with N requests and one with 2N: their difference does not include start-up.
REQUESTS = 1000
# Fewer than elsewhere: seeding takes fifty times as long under valgrind, and a lookup does not
# depend on the number (see lookup.py).
SESSIONS = 1000
# For first requests: a worker's cache has room for twice this many sessions.
FEW = 500
# But not for this many.
MANY = 5000

# The headers of a Firefox navigation, and two cookies of the application.
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
# From ring, for all its implementations.
_SHA = re.compile(".*sha256_block_data_order")
# Of glibc: how long it looks for memory depends on what has been freed in the process before.
_HEAP = re.compile(
    r"(malloc|calloc|free|memalign|posix_memalign|_int_malloc|_int_free|_int_memalign|_mid_memalign.*"
    r"|unlink_chunk.*|malloc_consolidate|sysmalloc)$"
)


class Count(NamedTuple):
    """Instructions: all, and among them those of SHA-256, and of glibc's heap."""

    all: float
    sha: float
    heap: float

    def __sub__(self, other):
        return Count(*(mine - others for mine, others in zip(self, other)))

    def __str__(self):
        return f"{self.all:,.0f}, {self.sha:,.0f} of them SHA-256 without the processor's instructions"


def added_per_request():
    """Instructions of a protected request less those of an unprotected one."""
    figures, details = {}, {}
    for key, kind, headers in (
        ("instructions_per_request", "static", PROGRAM),
        ("instructions_browser", "static", BROWSER),
        ("instructions_proxied", "proxied", PROGRAM),
    ):
        plain, protected = (_per_request(kind, headers, guarded) for guarded in (False, True))
        figures[key] = (protected - plain).all
        details[f"{key}, unprotected"] = str(plain)
        details[f"{key}, protected"] = str(protected)
    return figures, details


def first_request():
    """The same for a request whose session the worker does not know: the first one of each session, and
    any when more sessions are in use than the worker's cache has room for."""
    plain = _per_request("static", PROGRAM, False)
    first = _per_request("static", PROGRAM, True, sessions=2 * FEW, requests=FEW) - plain
    beyond = _per_request("static", PROGRAM, True, sessions=MANY, requests=MANY) - plain
    return (
        {"instructions_first": first.all, "instructions_beyond_cache": beyond.all},
        {"instructions_first, added": str(first), "instructions_beyond_cache, added": str(beyond)},
    )


def known_request(store):
    """Of a protected request whose session is in the zone, with this directive for a store. There are few
    sessions: how many instructions it takes to write them varies from run to run. The first run, which makes
    the store, does not count.

    In a process with threads, glibc's malloc and system calls take 2 % more instructions, whatever the threads
    do. A store has some from the start, and any worker has once it has asked authentik: it does so first. Which
    thread frees at exit what they share is chance: a hundred thousand instructions, of many requests."""
    _instructions("static", PROGRAM, store + seed.zone(1), 1, 1)
    return _per_request(
        "static", PROGRAM, True, requests=5 * REQUESTS, store=store, seeded=1, asks=True
    )


def _per_request(kind, headers, guarded, sessions=1, requests=REQUESTS, store="", seeded=SESSIONS, asks=False):
    http = store + seed.zone(max(seeded, sessions)) if guarded else ""
    once, twice = (
        _instructions(kind, headers, http, sessions, number, asks) for number in (requests, 2 * requests)
    )
    return Count(*(added / requests for added in twice - once))


def _instructions(kind, headers, seeded, sessions, number, asks=False):
    with ExitStack() as stack:
        out = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory())) / "callgrind"
        upstream = stack.enter_context(Server("upstream", ratios.answer()))
        http = ratios.upstreams(upstream)
        if seeded:
            body = "authentik_provider wiki;" + ratios.static("") + ratios.proxied("")
        else:
            body = ratios.static("") + ratios.proxied(ratios.fixed_headers())
        server = Server(
            f"{kind} under callgrind",
            body,
            (lambda port: seeded + seed.provider("wiki", port) + http(port)) if seeded else http,
            bool(seeded),
            ["valgrind", "--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={out}"],
        )
        stack.enter_context(server)
        if asks:
            sign_in_in_vain(connection(server.port))
        _keep_alive(server.port, kind, headers, sessions, number)
        server.stop()
        # The first thread's, which is nginx's event loop: what others do depends on time, not on requests.
        profile = out.with_name(f"{out.name}-01").read_text()
        total = int(re.search(r"^totals: (\d+)", profile, re.M)[1])
        return Count(total, *(_own_instructions(profile, wanted) for wanted in (_SHA, _HEAP)))


def _own_instructions(profile, wanted):
    """Those of the functions whose names begin like the expression, in a file of callgrind's."""
    names, total, is_wanted, is_of_call = {}, 0, False, False
    for line in profile.splitlines():
        kind, _, value = line.partition("=")
        if kind in ("fn", "cfn"):
            number, _, name = value.partition(" ")
            names[number] = name or names[number]  # a name is written only once
            is_wanted = bool(wanted.match(names[number])) if kind == "fn" else is_wanted
        elif kind == "calls":
            is_of_call = True
        elif line[:1].isdigit() or line[:1] in ("+", "-", "*"):
            # A position and its cost; after "calls=", the cost of the callee.
            total += int(line.split()[1]) if is_wanted and not is_of_call else 0
            is_of_call = False
    return total


def _keep_alive(port, kind, headers, sessions, number):
    """That many requests, one after the other, on one connection. With more than one session each request
    is of the next."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    text = f"GET /{kind}/1k HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{lines}\r\n"
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        answers = connection.makefile("rb")
        for count in range(number):
            cookie = seed.cookie(count % sessions)
            connection.sendall(text.replace(seed.COOKIE, cookie).encode())
            status = answers.readline()
            if b" 200 " not in status:
                raise RuntimeError(f"not answered with 200: {status!r}")
            length = 0
            while (line := answers.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            answers.read(length)
