"""wrk, and what it says."""

import re
import statistics
import subprocess
from typing import NamedTuple

from settings import SETTINGS


class Run(NamedTuple):
    """One short run against one case."""

    requests: int
    per_second: float
    cpu_us: float  # CPU time per request of every process that takes part
    p50_us: float
    p99_us: float


class Case(NamedTuple):
    """What is requested, and whose CPU time counts: server, authorizer, upstream."""

    name: str
    url: str
    servers: tuple
    headers: tuple = ()


def run(case, seconds=SETTINGS.seconds, connections=32, script=None):
    """Loads the case with keep-alive connections. An answer other than 2xx is an error."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    for header in case.headers:
        command += ["-H", header]
    if script:
        command += ["-s", script]
    before = sum(server.cpu_seconds() for server in case.servers)
    out = subprocess.run(
        [*command, case.url], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL
    ).stdout
    cpu = sum(server.cpu_seconds() for server in case.servers) - before
    if "Non-2xx" in out or "Socket errors" in out:
        raise RuntimeError(f"{case.name}: wrk met errors:\n{out}\n{case.servers[0].log()[-2000:]}")
    requests = int(re.search(r"(\d+) requests in", out)[1])
    return Run(
        requests=requests,
        per_second=float(re.search(r"Requests/sec:\s*([\d.]+)", out)[1]),
        cpu_us=cpu / requests * 1e6,
        p50_us=_latency(out, 50),
        p99_us=_latency(out, 99),
    )


def _latency(out, percent):
    value, unit = re.search(rf"^\s*{percent}%\s+([\d.]+)(us|ms|s)\b", out, re.M).groups()
    return float(value) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def alternate(cases, rounds=SETTINGS.rounds):
    """Runs the cases in turn, every second round backwards: drift of the machine hits all alike."""
    for case in cases:
        run(case, seconds=1)
    runs = {case.name: [] for case in cases}
    for number in range(rounds):
        for case in cases if number % 2 == 0 else reversed(cases):
            runs[case.name].append(run(case))
    return runs


def median_ratio(over, under):
    """Median of CPU per request `over` ÷ `under`, paired by round."""
    return statistics.median(a.cpu_us / b.cpu_us for a, b in zip(over, under, strict=True))


def summary(runs):
    """A line for people."""
    middle = {
        field: statistics.median(getattr(one, field) for one in runs)
        for field in ("cpu_us", "per_second", "p50_us", "p99_us")
    }
    return (
        f"{middle['cpu_us']:.2f} µs CPU/request {middle['per_second']:,.0f} requests/s "
        f"p50 {middle['p50_us']:,.0f} µs p99 {middle['p99_us']:,.0f} µs"
    )
