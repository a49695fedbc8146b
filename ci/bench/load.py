"""wrk, and what it says.

Servers and wrk have a processor each, where there are two: neither takes time from the other. A ratio
is the median of the ratios of paired runs, each pair within one round of all cases, with the interval
in which it lies with a probability of 95 %.
"""

import math
import re
import statistics
import subprocess
from typing import NamedTuple

import processors
from settings import SETTINGS

# A ratio that is not known better than this is measured again.
NARROW = 0.03


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
        [*command, case.url],
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        preexec_fn=processors.of_client,
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


class Ratio(NamedTuple):
    """A median, and the interval of 95 % around it."""

    value: float
    low: float
    high: float

    def __str__(self):
        wide = "" if self.high - self.low <= NARROW else f", wider than {NARROW}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}{wide}]"


def alternate(cases, pairs):
    """Runs the cases in turn, every second round backwards: drift of the machine hits all alike.

    `pairs` names the ratios: key to a pair of cases. Rounds go on until the interval of each is narrow.
    Gives the runs by case, and the ratios by key.
    """
    for case in cases:
        run(case, seconds=1)
    runs = {case.name: [] for case in cases}
    for number in range(SETTINGS.most_rounds):
        for case in cases if number % 2 == 0 else reversed(cases):
            runs[case.name].append(run(case))
        ratios = {key: ratio(runs[over], runs[under]) for key, (over, under) in pairs.items()}
        is_narrow = all(each.high - each.low <= NARROW for each in ratios.values())
        if number + 1 >= SETTINGS.rounds and is_narrow:
            break
    return runs, ratios


def ratio(over, under):
    """CPU per request `over` ÷ `under`, paired by round.

    The interval is that of the median by order statistics, whatever the distribution is.
    """
    ratios = sorted(a.cpu_us / b.cpu_us for a, b in zip(over, under, strict=True))
    count = len(ratios)
    rank = max(0, math.floor((count - 1.96 * math.sqrt(count)) / 2) - 1)
    return Ratio(statistics.median(ratios), ratios[rank], ratios[count - 1 - rank])


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
