"""What a store of sessions costs, and what it keeps: a file, and Redis, beside memory."""

import json
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import instructions
import load
import ratios
import seed
import standin
from server import Server, free_port
from settings import SETTINGS
from visitors import Visitors, ask, connection, sign_in

_BODY = "authentik_provider wiki;" + ratios.static("")

# Lookups: quick runs with few sessions, for one with many.
_RUNS_WITH_FEW = 5
# Sign-outs, each of a session of its own.
_SIGN_OUTS = 200
# Sign-ins in each round, and at the same time.
_SIGN_INS = 800
_PEOPLE = 16
# Renewals: sessions, each with so many parallel requests; the life of an access token, in seconds.
_SESSIONS = 4
_PARALLEL = 40
_LIFE = 12


def known_request():
    """Instructions of a request whose session is in the zone, with a store ÷ without. Those of glibc's heap
    are left out: only nginx asks it for memory, and how long it looks for some depends on what has been
    freed in the worker before."""
    memory = instructions.known_request("")
    figures, details = {}, {"known request, memory": _without_heap(memory)}
    for kind in ("file", "redis"):
        with _store(kind) as directive:
            count = instructions.known_request(directive)
        figures[f"known_{kind}_vs_memory"] = (count.all - count.heap) / (memory.all - memory.heap)
        details[f"known request, {kind}"] = _without_heap(count)
    return figures, details


def _without_heap(count):
    return f"{count.all - count.heap:,.0f} instructions, and {count.heap:,.0f} of glibc's heap"


def restarts():
    """nginx is stopped and started under load: what a visitor's first request takes then."""
    figures, details = {"restart_refused": 0}, {}
    for kind in ("file", "redis"):
        with _store(kind) as directive:
            visitors, before = _restarted(directive)
        first = list(visitors.first.values())
        figures["restart_refused"] += visitors.refused
        if kind == "file":
            figures["restart_file_p99_ms"] = _p99(first)
        details[f"restart, {kind}"] = (
            f"first request p99 {_p99(first):.2f} ms, median {statistics.median(first):.2f} ms; p99 before "
            f"{_p99(before):.2f} ms ({_p99(first) / _p99(before):.1f} times); {visitors.refused} refused; "
            f"{visitors.away} times nobody listened"
        )
    return figures, details


def _restarted(directive):
    """The visitors after a restart, and how long their requests took before."""
    with Server("restart", _BODY, _seeded(directive, seed.SESSIONS), seeded=True) as server:
        server.without(seed.seeding(seed.SESSIONS))
        with Visitors(server.port) as visitors:
            visitors.go_round(3)
            before = visitors.forget()
            server.stop()
            server.start()
            visitors.go_round(3)
    return visitors, before


def sign_outs():
    """Two hosts with one Redis: from the beginning of a sign-out on one until the other refuses."""
    took = []
    with _store("redis") as directive, ExitStack() as stack:
        settings = _seeded(directive, _SIGN_OUTS)
        here = stack.enter_context(Server("here", _BODY, settings, seeded=True))
        there = Server("there", _BODY, settings, seeded=True)
        there.without(seed.seeding(_SIGN_OUTS))
        stack.enter_context(there)
        here, there = connection(here.port), connection(there.port)
        for number in range(1, _SIGN_OUTS + 1):
            cookie = seed.cookie(number)
            known = ask(here, cookie), ask(there, cookie)
            began = time.monotonic()
            answers = *known, ask(here, cookie, "/outpost.goauthentik.io/sign_out", navigates=True)
            if answers != (200, 200, 302):
                raise RuntimeError(f"session and sign-out: {answers}")
            while ask(there, cookie) != 401:
                if time.monotonic() > began + 30:
                    raise RuntimeError("signed out here, the session goes on there")
            took.append((time.monotonic() - began) * 1000)
    details = {"sign-out, two hosts": f"median {statistics.median(took):.2f} ms, slowest {max(took):.2f} ms"}
    return {"sign_out_elsewhere_p99_ms": _p99(took)}, details


def sign_ins():
    """Sign-ins per second with a file ÷ without, paired by round. The stand-in authentik answers at once."""
    with _store("file") as directive, ExitStack() as stack:
        core = free_port()
        settings = standin.provider(core)
        servers = {
            "memory": Server("memory", _BODY, settings, module=SETTINGS.module),
            "file": Server("file", _BODY, lambda port: directive + settings(port), module=SETTINGS.module),
        }
        stack.enter_context(standin.standin(core, [server.url for server in servers.values()]))
        for server in servers.values():
            stack.enter_context(server)
            _sign_in_all(server, core)
        rates, cpu = {kind: [] for kind in servers}, {kind: [] for kind in servers}
        for number in range(SETTINGS.rounds):
            for kind in sorted(servers, reverse=number % 2 == 0):
                began, used = time.monotonic(), servers[kind].cpu_seconds()
                _sign_in_all(servers[kind], core)
                rates[kind].append(_SIGN_INS / (time.monotonic() - began))
                cpu[kind].append((servers[kind].cpu_seconds() - used) / _SIGN_INS * 1000)
    details = {
        f"sign-ins, {kind}": f"{statistics.median(rates[kind]):.0f}/s, "
        f"{statistics.median(cpu[kind]):.2f} ms CPU of nginx each"
        for kind in servers
    }
    paired = [file / memory for file, memory in zip(rates["file"], rates["memory"], strict=True)]
    return {"sign_ins_file_vs_memory": load.median(paired)}, details


def _sign_in_all(server, core):
    def person(_):
        here, there = connection(server.port), connection(core)
        for _ in range(_SIGN_INS // _PEOPLE):
            sign_in(here, there)

    with ThreadPoolExecutor(_PEOPLE) as people:
        list(people.map(person, range(_PEOPLE)))


def lookups():
    """A session read from a store of 1,000,000 ÷ of 1,000: the example `stored`, which says how."""
    figures, details = {}, {}
    for kind in ("file", "redis"):
        few = [_lookup(kind, 1_000) for _ in range(_RUNS_WITH_FEW)]
        many = _lookup(kind, 1_000_000)

        def compared(field):
            under = statistics.median(run[field] for run in few)
            times = f"{under:.1f} µs among 1,000, {many[field]:.1f} µs among 1,000,000"
            return many[field] / under, f"{times} ({many[field] / under:.2f})"

        ratio, medians = compared("hot_us")
        figures[f"stored_{kind}_million_vs_thousand"] = ratio
        details[f"lookup in the store, {kind}, any session"] = f"{compared('median_us')[1]}; p99 {compared('p99_us')[1]}"
        details[f"lookup in the store, {kind}, the same 100 sessions"] = medians
    return figures, details


def _lookup(kind, sessions):
    with ExitStack() as stack:
        # In memory, where the pages of a file in use are anyway: on a disk it takes minutes to fill.
        directory = stack.enter_context(_directory("/dev/shm"))
        where = stack.enter_context(_redis(directory)) if kind == "redis" else directory / "store/sessions"
        command = [SETTINGS.stored, kind, str(where), str(sessions)]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def renewals():
    """Two hosts with four workers each and one Redis, 40 parallel requests of each session when its access
    token is about to end, and 40 when it has ended: how often authentik is asked for a new one."""
    counted = "log_format body escape=none $request_body;\n"
    with _store("redis") as directive, ExitStack() as stack:
        core = free_port()
        endpoint = stack.enter_context(
            Server(
                "token endpoint",
                f"location / {{ access_log tokens.log body; proxy_pass http://127.0.0.1:{core}; }}",
                lambda port: counted,
            )
        )
        settings = standin.provider(core, f"token_endpoint {endpoint.url}/application/o/token/;")
        hosts = [
            Server(
                f"host {number}",
                _BODY,
                lambda port: directive + settings(port),
                workers=4,
                module=SETTINGS.module,
            )
            for number in (1, 2)
        ]
        stack.enter_context(standin.standin(core, [host.url for host in hosts], "--refresh-tokens"))
        standin.change(core, access_token_validity=_LIFE)
        for host in hosts:
            stack.enter_context(host)
        cookies = [standin.sign_in(hosts[number % 2]) for number in range(_SESSIONS)]
        renewed, periods = time.monotonic(), []
        for part in (0.8, 1.2, 0.8, 1.2):
            time.sleep(max(0.0, renewed + part * _LIFE - time.monotonic()))
            renewed, before = time.monotonic(), len(_refresh_tokens(endpoint))
            _ask_in_parallel(hosts, cookies)
            time.sleep(1)
            # Each renewal of a session is with a token of its own.
            used = _refresh_tokens(endpoint)[before:]
            periods.append(max(len(used) / _SESSIONS, len(used) / max(1, len(set(used)))))
    worst = max(periods, key=lambda renewals: abs(renewals - 1))
    details = {"renewals": f"in {len(periods)} periods of {_SESSIONS} sessions: {periods}"}
    return {"renewals_per_period": worst}, details


def _refresh_tokens(endpoint):
    """Those that it was asked with."""
    asked = [re.search(r"\brefresh_token=([^&]+)", line) for line in endpoint.lines("tokens.log")]
    return [token[1] for token in asked if token]


def _ask_in_parallel(hosts, cookies):
    """All requests at the same time, each on a connection of its own, to both hosts in turn."""

    def request(number):
        return ask(connections[number], cookies[number // _PARALLEL])

    many = len(cookies) * _PARALLEL
    connections = [connection(hosts[number % len(hosts)].port) for number in range(many)]
    for one in connections:
        one.connect()
    with ThreadPoolExecutor(many) as people:
        answers = list(people.map(request, range(many)))
    for one in connections:
        one.close()
    if set(answers) != {200}:
        raise RuntimeError(f"requests with a session that is renewed: {sorted(answers)}")


def _seeded(directive, sessions):
    """Configuration with a store and sessions in it."""
    return lambda port: directive + seed.zone(sessions) + seed.provider("wiki", port)


@contextmanager
def _store(kind):
    """An empty store of this kind: its directive."""
    with ExitStack() as stack:
        directory = stack.enter_context(_directory(None))
        if kind == "file":
            yield f"authentik_session_store file {directory}/store/sessions;\n"
            return
        secret = directory / "secret"
        secret.write_text("0123456789abcdef" * 4)
        secret.chmod(0o600)
        port = stack.enter_context(_redis(directory))
        yield (
            f"authentik_session_store redis redis://127.0.0.1:{port} secret_file={secret}"
            f" ends_file={directory}/ends/list;\n"
        )


@contextmanager
def _directory(where):
    """That nginx's workers may enter."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="bench-store-", dir=where))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _redis(directory):
    """A server that writes everything to disk, as the documentation advises: its port."""
    port = free_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    command += ["--appendonly", "yes", "--dir", str(directory)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        _wait_for_redis(port, process)
        yield port
    finally:
        process.kill()
        process.wait()


def _wait_for_redis(port, process):
    patience = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < patience:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as client:
                client.sendall(b"PING\r\n")
                if client.recv(5) == b"+PONG":
                    return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("redis-server does not answer")


def _p99(milliseconds):
    return sorted(milliseconds)[int(len(milliseconds) * 0.99)]
