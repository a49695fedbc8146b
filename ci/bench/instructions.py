"""Instructions per request, counted by callgrind: repeatable where time is not."""

import re
import socket

import seed
from server import Server

# A run with N requests and one with 2N: the difference has no start-up in it.
REQUESTS = 1000
# Fewer than elsewhere: seeding under valgrind takes fifty times as long, and a lookup does not
# depend on the number (see lookup.py).
SESSIONS = 1000


def added_per_request():
    """Instructions of a protected request less those of an unprotected one, static file."""
    plain = _per_request("plain", "", lambda port: "", False)
    protected = _per_request(
        "protected",
        "authentik_provider wiki;",
        lambda port: seed.zone(SESSIONS) + seed.provider("wiki", port),
        True,
    )
    return (
        {"instructions_per_request": protected - plain},
        {
            "instructions, static, plain": f"{plain:,.0f}",
            "instructions, static, protected": f"{protected:,.0f}",
        },
    )


def _per_request(name, location, http, seeded):
    once, twice = (
        _instructions(name, location, http, seeded, number) for number in (REQUESTS, 2 * REQUESTS)
    )
    return (twice - once) / REQUESTS


def _instructions(name, location, http, seeded, number):
    wrapper = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    body = f"{location} location /static/ {{ alias www/; }}"
    with Server(f"{name} under callgrind", body, http, seeded, wrapper) as server:
        _keep_alive(server.port, number)
        server.stop()
        return int(re.search(r"Collected : (\d+)", server.output())[1])


def _keep_alive(port, number):
    """That many requests, one after the other, on one connection."""
    request = (
        f"GET /static/1k HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {seed.COOKIE}\r\n\r\n"
    ).encode()
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
