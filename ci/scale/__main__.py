"""The tables of docs/scaling.md, from what is measured here and a model.

    python3 ci/scale [NGINX MODULE DIRECTORY]

With the three (nginx, the module, the gate's example `directory`) it measures providers too, which takes two
minutes. What the requests of a session cost a shared store is counted by the integration tests
`session_store::traffic`.
"""

import json
import pathlib
import subprocess
import sys

import server

sys.path.append("ci/bench")
from queue_model import efficiency  # noqa: E402

# What a shared store is asked, by command: session_store::traffic asserts the same numbers.
_SIGN_IN = {"know": 3, "put": 1}
_LOOKUP = {"get": 1, "hmget": 3}
_SIGN_OUT = {"end": 1, "xadd": 1}
# A lease and its return cost what an end does.
_RENEWAL = {"end": 2, **_LOOKUP, **_SIGN_IN}
# Each host follows the stream: these two once a second, and once for each end that it is told of by itself.
_FOLLOW = {"xrange": 1, "xread": 1}

# A server has one thread; beyond this share of a processor, answers begin to wait.
_BUSY = 0.7


def main(*tools):
    scripts = pathlib.Path("crates/store/src/redis/scripts.rs").read_text()
    workers()
    hosts(server.costs(scripts))
    if tools:
        providers(*tools)


def workers():
    """Efficiency of N workers (docs/bench.md has the model)."""
    print("| workers | sessions in use | each session unknown to its worker | every lookup waits for memory |")
    print("|---|---|---|---|")
    for count in (1, 4, 16, 64, 256):
        row = (efficiency(count, *figures) for figures in ((16.34, 0.0), (19.0, 0.08), (19.0, 1.09)))
        print(f"| {count} | " + " | ".join(f"{percent:.1f} %" for percent in row) + " |")
    print()


def hosts(costs):
    """How busy a store is. Load grows with the number of hosts: 10,000 users for each."""
    print("| command | " + " | ".join(costs) + " |")
    print("|---" * (len(costs) + 1) + "|")
    print("| µs | " + " | ".join(f"{us:.1f}" for us in costs.values()) + " |\n")

    def us(of):
        return sum(costs[name] * times for name, times in of.items())

    print("| | commands | µs of the server |")
    print("|---|---|---|")
    for name, of in (("sign-in", _SIGN_IN), ("lookup", _LOOKUP), ("renewal", _RENEWAL),
                     ("sign-out", _SIGN_OUT), ("a host is told of an end", _FOLLOW)):
        print(f"| {name} | {sum(of.values())} | {us(of):.0f} |")
    print()
    print("| hosts | users | sign-ins/s | commands/s | the server is busy | of that, telling of ends |"
          " one host restarts: a lookup for each of its sessions | all forget |")
    print("|---|---|---|---|---|---|---|---|")
    for count in (1, 3, 10, 30, 100):
        users = 10_000 * count
        # Everybody signs in once in eight hours, is looked up by one other host, renews each hour, signs out.
        begins = users / (8 * 3600)
        told = begins * count + count
        parts = {"in": begins * us(_SIGN_IN), "look": begins * us(_LOOKUP) * min(count - 1, 1),
                 "renew": users / 3600 * us(_RENEWAL), "out": begins * us(_SIGN_OUT),
                 "told": told * us(_FOLLOW)}
        busy = sum(parts.values()) / 1e6
        commands = begins * (4 + 4 * min(count - 1, 1) + 2) + users / 3600 * 10 + told * 2
        again = 10_000 * us(_LOOKUP) / 1e6
        print(f"| {count} | {users:,} | {begins:.1f} | {commands:,.0f} | {busy:.1%} | "
              f"{parts['told'] / 1e6:.1%} | {again:.1f} s | {again * count:.0f} s |")
    print()
    for count in (10, 100, 300):
        # count · rate · follow + rate · (sign-in + lookup + sign-out) = 0.7 s
        each = count * us(_FOLLOW) + us(_SIGN_IN) + us(_LOOKUP) + us(_SIGN_OUT)
        print(f"{count} hosts: {_BUSY * 1e6 / each:,.0f} sign-ins and sign-outs a second until it is {_BUSY:.0%} busy")
    print()


def providers(nginx, module, directory):
    """In the configuration, and in an outpost."""
    print("| blocks and servers | `nginx -t`, CPU | without the module | master | without | "
          "request, any | without | reload, CPU | without |")
    print("|---|---|---|---|---|---|---|---|---|")
    measure = pathlib.Path(__file__).with_name("providers.py")
    lines = subprocess.run([sys.executable, "-B", measure, nginx, module], check=True, capture_output=True, text=True)
    for line in lines.stdout.splitlines():
        row = json.loads(line)
        having, bare = row["with"], row["without"]
        print(f"| {row['providers']:,} | {having['test_s']:.2f} s | {bare['test_s']:.2f} s | "
              f"{having['master_kib'] / 1024:.0f} MB | {bare['master_kib'] / 1024:.0f} MB | "
              f"{having['any_us']:.1f} µs | {bare['any_us']:.1f} µs | "
              f"{having['reload_cpu_s']:.2f} s | {bare['reload_cpu_s']:.2f} s |")
    print("\n| providers of an outpost | settings | made by a worker | unchanged | memory per worker |")
    print("|---|---|---|---|---|")
    for number in (20, 200, 2_000, 20_000):
        said = subprocess.run([directory, str(number)], check=True, capture_output=True).stdout
        row = json.loads(said)
        print(f"| {number:,} | {row['bytes'] / 1e6:.2f} MB | {row['made_us'] / 1000:.1f} ms | "
              f"{row['refreshed_us'] / 1000:.1f} ms | {row['kib'] / 1024:.1f} MB |")


if __name__ == "__main__":
    main(*sys.argv[1:])
