"""What a store's commands cost its server: CPU time per command, the network included.

Starts a redis-server that writes everything to disk, as docs/several-hosts.md asks for, and sends it what the
module sends. Returns microseconds by the names that `model.py` uses.
"""

import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

_VALUE = "v" * 2_000
_TIMES = 20_000


def costs(scripts):
    """`scripts` is the text of crates/store/src/redis/scripts.rs."""
    place = pathlib.Path(tempfile.mkdtemp(prefix="scale-redis-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", place,
         "--appendonly", "yes", "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait(port)
        put, know, end = (_script(scripts, name) for name in ("PUT", "KNOW", "END"))
        life = "3600000"
        return {
            "know": _cost(port, "EVAL", know, "1", "w:__rand_int__", life, "p"),
            "put": _cost(port, "EVAL", put, "1", "s:__rand_int__", _VALUE, life),
            "get": _cost(port, "GET", "s:__rand_int__"),
            "hmget": _cost(port, "HMGET", "w:__rand_int__", "p", "*"),
            "end": _cost(port, "EVAL", end, "1", "s:__rand_int__", life),
            "xadd": _cost(port, "XADD", "ends", "MAXLEN", "~", "100000", "*", "e", "x" * 40),
            "xread": _cost(port, "XREAD", "COUNT", "1000", "STREAMS", "ends", "$"),
            "xrange": _cost(port, "XRANGE", "ends", "1-1", "1-1"),
        }
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(place, ignore_errors=True)


def _script(text, name):
    """The Lua of a constant."""
    found = re.search(rf'const {name}: &str = "\\\n(.*?)";', text, re.DOTALL)
    return found[1].replace("\\\\", "\\")


def _cost(port, *command):
    before = _cpu(port)
    subprocess.run(
        ["redis-benchmark", "-p", str(port), "-q", "-n", str(_TIMES), "-r", "5000", "-c", "16", *command],
        check=True,
        capture_output=True,
    )
    return (_cpu(port) - before) / _TIMES * 1e6


def _cpu(port):
    said = subprocess.run(
        ["redis-cli", "-p", str(port), "INFO", "cpu"], check=True, capture_output=True, text=True
    ).stdout
    return sum(float(re.search(rf"^{name}:([\d.]+)", said, re.MULTILINE)[1])
               for name in ("used_cpu_sys", "used_cpu_user"))


def _wait(port):
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("redis-server does not start")
